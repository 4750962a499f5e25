//! What a run that sends a signal, and the run that it goes to, tell each other.

use sagaline_journal::{
    NewRecord,
    wire::{ce_type, header},
};

use crate::inputs::{Asks, Input, SignalAsked, SignalKey};

pub(super) fn input(record: &NewRecord) -> Option<Input> {
    let text = |name| std::str::from_utf8(record.headers.get(name)?).ok();
    let ce_type = text(header::CE_TYPE).filter(|one| one.starts_with(ce_type::SIGNAL_PREFIX))?;
    let of: SignalKey = (
        text(header::SENDER_RUN_ID)?.parse().ok()?,
        text(header::SIGNAL_ID)?.parse().ok()?,
    );
    let asks = match ce_type {
        ce_type::SIGNAL_EXTERNAL => {
            let signal = SignalAsked {
                signal: text(header::SIGNAL)?.to_owned(),
                input: record.value.clone().unwrap_or_default(),
                wants_reply: false,
            };
            Asks::SignalOf(of, signal)
        }
        ce_type::SIGNAL_DELIVERED => Asks::SignalTold(of, None),
        _ => Asks::SignalTold(of, Some(text(header::ERROR_TYPE)?.to_owned())),
    };
    Input::of_engine(record, asks)
}
