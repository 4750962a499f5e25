//! Versions of workflows, compared by their numbers: `2` comes before `10`, and `1` is `1.0.0`.

use alloc::boxed::Box;
use core::{cmp::Ordering, fmt};

/// A version as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(Box<str>);

impl Version {
    /// Takes a version: one to three numbers, then perhaps `-` and what comes before it, as `2.0.0-beta.1` has it.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        Parts::read(text).map(|_| Self(text.into()))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Compares two versions; none where one of the texts is no version.
pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Parts::read(a)?, Parts::read(b)?);
    Some(
        a.numbers
            .cmp(&b.numbers)
            .then_with(|| compare_early(a.early, b.early)),
    )
}

struct Parts<'a> {
    numbers: [u64; 3],
    /// `beta.1`; empty of what is out.
    early: &'a str,
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (text, _build) = text.split_once('+').unwrap_or((text, ""));
        let (text, early) = match text.split_once('-') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (text, ""),
        };
        let mut numbers = [0; 3];
        let mut places = numbers.iter_mut();
        for part in text.split('.') {
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            *places.next()? = is_number.then(|| part.parse().ok()).flatten()?;
        }
        Some(Self { numbers, early })
    }
}

/// What is out comes after what came before it; numbers in the name come before words, as Semantic Versioning 2.0 has it.
fn compare_early(a: &str, b: &str) -> Ordering {
    if a.is_empty() || b.is_empty() {
        return a.is_empty().cmp(&b.is_empty());
    }
    let (mut a, mut b) = (a.split('.').map(rank), b.split('.').map(rank));
    loop {
        // The shorter name comes first: nothing is less than something.
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) if a != b => return a.cmp(&b),
            (_, _) => {}
        }
    }
}

/// Numbers by their size, before words by their letters.
fn rank(part: &str) -> (bool, u64, &str) {
    match part.parse() {
        Ok(number) => (false, number, ""),
        Err(_) => (true, 0, part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        let ascending = [
            "0.9",
            "1-alpha",
            "1-alpha.1",
            "1-alpha.2",
            "1-alpha.10",
            "1-alpha.beta",
            "1-beta",
            "1",
            "1.0.1",
            "1.2",
            "2",
            "10.0.0",
        ];

        for (at, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                assert_eq!(compare(a, b), Some(at.cmp(&other)), "{a} and {b}");
            }
        }
        assert_eq!(compare("1", "1.0.0+build.7"), Some(Ordering::Equal));
    }

    #[test]
    fn anything_else_is_no_version() {
        for bad in ["", "v1", "1.", "1.2.3.4", "1-", "-1", "one", "1..2"] {
            assert!(Version::new(bad).is_none(), "{bad}");
        }
    }
}
