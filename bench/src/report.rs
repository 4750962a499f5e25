//! Durations and figures as they are printed.

use std::{io::Write as _, time::Duration};

use anyhow::Result;

use crate::Output;

/// One figure: what it is of, and its parts.
pub(crate) type Row = (String, Vec<(&'static str, f64)>);

/// Prints one, as a line.
pub(crate) fn print((what, parts): &Row, output: Output) -> Result<()> {
    let mut out = std::io::stdout();
    match output {
        Output::Json => {
            let mut row = serde_json::Map::from_iter([("what".to_owned(), what.as_str().into())]);
            row.extend(
                parts
                    .iter()
                    .map(|(name, part)| ((*name).to_owned(), (*part).into())),
            );
            writeln!(out, "{}", serde_json::Value::Object(row))?;
        }
        Output::Table => {
            let parts = parts.iter().map(|(name, part)| format!("{name} {part}"));
            writeln!(out, "{what}: {}", parts.collect::<Vec<_>>().join(", "))?;
        }
    }
    Ok(())
}

/// The latency that this share of all stays within, in milliseconds.
pub(crate) fn percentile(sorted: &[Duration], share: f64) -> Option<f64> {
    let index = (sorted.len() as f64 * share) as usize;
    let latency = sorted.get(index.min(sorted.len().checked_sub(1)?))?;
    Some(round(latency.as_secs_f64() * 1_000.0, 3))
}

/// With so many digits after the point.
pub(crate) fn round(figure: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (figure * factor).round() / factor
}
