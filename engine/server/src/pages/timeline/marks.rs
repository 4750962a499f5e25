//! The parts of the picture: bars, numbers, words. Its icons are in `templates/marks.svg`, once on each page.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

use askama::filters::{Escaper as _, Html};

use super::lane::Attempt;
use crate::pages::told::Told;

/// A position or a width, in percent.
pub(super) struct P(pub(super) f64);

impl fmt::Display for P {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}%", self.0.clamp(0.0, 100.0))
    }
}

/// Text within the picture.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Into<'a, 'b>(&'a mut fmt::Formatter<'b>);
        impl Write for Into<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                Html.write_escaped_str(&mut *self.0, text)
            }
        }
        write!(Into(f), "{}", self.0)
    }
}

/// A bar; one of no width is still seen.
pub(super) fn bar(out: &mut String, class: &str, (from, to): (f64, f64), y: usize) -> fmt::Result {
    if to - from < 0.01 && class.ends_with("queue") {
        return Ok(());
    }
    write!(
        out,
        "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"14\"/>",
        P(from),
        y - 7,
        P((to - from).max(0.25))
    )
}

/// `× 87: GatewayDown × 86, CardDeclined × 1`
pub(super) fn folded_in_words(folded: &[Attempt]) -> String {
    let mut types: BTreeMap<&Told, usize> = BTreeMap::new();
    for failure in folded.iter().filter_map(|attempt| attempt.failure.as_ref()) {
        *types.entry(&failure.r#type).or_default() += 1;
    }
    let mut types: Vec<(&Told, usize)> = types.into_iter().collect();
    types.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let types: Vec<String> = types
        .iter()
        .take(3)
        .map(|(name, count)| format!("{} × {count}", name.line()))
        .collect();
    let separator = if types.is_empty() { "" } else { ", " };
    format!("× {}{separator}{}", folded.len(), types.join(", "))
}

/// So many of so many, as a share of a height.
#[expect(clippy::cast_precision_loss, reason = "pixels of a picture")]
pub(super) fn part(count: u64, total: u64, height: u32) -> f64 {
    count as f64 / total as f64 * f64::from(height)
}

#[expect(clippy::cast_precision_loss, reason = "pixels of a picture")]
pub(super) const fn pixels(y: usize) -> f64 {
    y as f64
}
