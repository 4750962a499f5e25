//! Cron expressions: five fields, six with the second before them, seven with the year behind them; and words as `@daily`.
//!
//! Each becomes calendars, so that there is one search. As POSIX has it, an expression that restricts both the day of the
//! month and the day of the week matches on either: these are two calendars.

use super::{calendar::Calendar, field::Values, interval::Interval, invalid::Invalid, span::Span};

/// What an expression says.
#[derive(Debug)]
pub(super) enum Cron {
    Calendars(Vec<Calendar>),
    Interval(Interval),
}

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Cron, Invalid> {
    let read = || {
        let expression = text.split('#').next().unwrap_or_default().trim();
        match expression.strip_prefix("@every ") {
            Some(interval) => every(interval).map(Cron::Interval),
            None => calendars(spelled_out(expression)?).map(Cron::Calendars),
        }
    };
    read().map_err(|invalid| invalid.within(format!("`{text}`")))
}

/// `5m` or, with an offset, `1h/15m`.
fn every(text: &str) -> Result<Interval, Invalid> {
    let span = |text: &str| {
        let read: Result<Span, _> = text.trim().parse();
        read.map_err(|wrong: sagaline_core::InvalidSpan| Invalid::new(wrong.to_string()))
    };
    let (every, offset) = match text.split_once('/') {
        Some((every, offset)) => (span(every)?, span(offset)?),
        None => (span(text)?, Span::default()),
    };
    let interval = Interval { every, offset };
    interval.check()?;
    Ok(interval)
}

fn spelled_out(expression: &str) -> Result<&str, Invalid> {
    Ok(match expression {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        word if word.starts_with('@') => {
            return Err(Invalid::new(
                "@yearly, @monthly, @weekly, @daily, @hourly and @every SPAN are allowed",
            ));
        }
        zoned if zoned.starts_with("TZ=") || zoned.starts_with("CRON_TZ=") => {
            return Err(Invalid::new(
                "say the time zone in `time_zone`, not in the expression",
            ));
        }
        fields => fields,
    })
}

fn calendars(expression: &str) -> Result<Vec<Calendar>, Invalid> {
    let fields: Vec<&str> = expression.split_whitespace().collect();
    let (second, fields, year) = match fields.as_slice() {
        five @ [_, _, _, _, _] => ("0", five, "*"),
        [second, five @ ..] if five.len() == 5 => (*second, five, "*"),
        [second, five @ .., year] if five.len() == 5 => (*second, five, *year),
        other => {
            return Err(Invalid::new(format!(
                "{} fields; 5 are allowed (minute, hour, day of month, month, day of week), 6 with the second before them, 7 \
                 with the year behind them",
                other.len()
            )));
        }
    };
    let [minute, hour, day_of_month, month, day_of_week] = fields else {
        return Err(Invalid::new("5 fields are allowed"));
    };
    let said = |text: &str| Some(Values::new(text));
    let both = Calendar {
        second: said(second),
        minute: said(minute),
        hour: said(hour),
        day_of_month: said(day_of_month),
        month: said(month),
        year: said(year),
        day_of_week: said(day_of_week),
        comment: String::new(),
    };
    both.included()?;
    if Values::new(*day_of_month).is_open() || Values::new(*day_of_week).is_open() {
        return Ok(vec![both]);
    }
    let by_day_of_month = Calendar {
        day_of_week: said("*"),
        ..both.clone()
    };
    let by_day_of_week = Calendar {
        day_of_month: said("*"),
        ..both
    };
    Ok(vec![by_day_of_month, by_day_of_week])
}
