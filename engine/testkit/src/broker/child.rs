//! What runs and their children tell each other, as the checks know it.

use sagaline_core::{IdConflict, IdReuse};
use sagaline_journal::{
    NewRecord,
    wire::{ce_type, header},
};

use crate::{
    inputs::{Asks, ChildKey, Input, StartAsked, StopChildAsked},
    programs::RARE,
};

pub(super) fn input(record: &NewRecord) -> Option<Input> {
    let text = |name| std::str::from_utf8(record.headers.get(name)?).ok();
    let ce_type = text(header::CE_TYPE).filter(|one| one.starts_with(ce_type::CHILD_PREFIX))?;
    let of: ChildKey = (
        text(header::RUN_ID)?.parse().ok()?,
        text(header::CHILD_ID)?.parse().ok()?,
    );
    let asks = match ce_type {
        ce_type::CHILD_START => {
            let reuse = text(header::ID_REUSE)?;
            let all = [
                IdReuse::RejectDuplicate,
                IdReuse::AllowDuplicate,
                IdReuse::AllowDuplicateFailedOnly,
            ];
            Asks::Start(StartAsked {
                id_conflict: IdConflict::Fail,
                id_reuse: all.into_iter().find(|one| one.as_str() == reuse)?,
                wants_reply: false,
                may_be_unknown: text(header::WORKFLOW) == Some(RARE),
                parent: Some(of),
            })
        }
        ce_type::CHILD_STOP => Asks::StopChild(StopChildAsked {
            of,
            terminate: text(header::ACT) == Some("terminate"),
        }),
        _ => Asks::ChildClosed(of),
    };
    Input::of_engine(record, asks)
}
