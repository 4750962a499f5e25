//! Randomness that replay sees again: a stream of numbers that the run's id begins.
//!
//! Not for secrets: whoever knows the run's id knows every number.

use std::ops::Range;

use sagaline_core::RunId;

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014), which needs no more state
/// than a counter.
#[derive(Clone, Debug)]
pub(crate) struct Stream(u64);

impl Stream {
    pub(crate) fn of(run_id: RunId) -> Self {
        let id = u128::from_be_bytes(*run_id.as_bytes());
        let (high, low) = ((id >> 64) as u64, id as u64);
        Self(mix(high) ^ low)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Below the range's length without bias: Lemire's multiplication, 2019, with rejection.
    pub(crate) fn within(&mut self, range: Range<u64>) -> u64 {
        let width = range.end.saturating_sub(range.start);
        if width == 0 {
            return range.start;
        }
        let unfair = width.wrapping_neg() % width;
        loop {
            let product = u128::from(self.next()) * u128::from(width);
            if product as u64 >= unfair {
                return range.start + (product >> 64) as u64;
            }
        }
    }
}

fn mix(seed: u64) -> u64 {
    let mut z = seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Types that [`Context::random`](super::Context::random) gives: integers, `bool`, `f64` from 0 to below 1, bytes.
pub trait Random: Sized {
    /// Makes one from as many numbers as it needs.
    #[doc(hidden)]
    fn from_numbers(next: &mut dyn FnMut() -> u64) -> Self;
}

macro_rules! random_integers {
    ($($integer:ty),*) => { $(
        impl Random for $integer {
            fn from_numbers(next: &mut dyn FnMut() -> u64) -> Self {
                next() as Self
            }
        }
    )* };
}

random_integers!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl Random for u128 {
    fn from_numbers(next: &mut dyn FnMut() -> u64) -> Self {
        (Self::from(next()) << 64) | Self::from(next())
    }
}

impl Random for bool {
    fn from_numbers(next: &mut dyn FnMut() -> u64) -> Self {
        next() >> 63 == 1
    }
}

impl Random for f64 {
    fn from_numbers(next: &mut dyn FnMut() -> u64) -> Self {
        const STEPS: f64 = (1_u64 << 53) as f64;
        (next() >> 11) as Self / STEPS
    }
}

/// As a seed for another generator, say.
impl<const N: usize> Random for [u8; N] {
    fn from_numbers(next: &mut dyn FnMut() -> u64) -> Self {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&next().to_le_bytes()[..chunk.len()]);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sagaline_core::WorkflowId;

    fn stream(start: &[u8]) -> Stream {
        Stream::of(RunId::derive("t", &WorkflowId::new("w").unwrap(), start))
    }

    /// From the reference implementation (Vigna, `splitmix64.c`), seed 1234567.
    #[test]
    fn splitmix_gives_the_known_numbers() {
        let mut stream = Stream(1_234_567);

        let numbers: Vec<u64> = (0..3).map(|_| stream.next()).collect();

        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn a_run_sees_the_same_numbers_again_and_another_run_sees_others() {
        let take = |mut stream: Stream| (0..8).map(|_| stream.next()).collect::<Vec<_>>();

        assert_eq!(take(stream(b"1")), take(stream(b"1")));
        assert_ne!(take(stream(b"1")), take(stream(b"2")));
    }

    #[test]
    fn a_range_is_covered_and_not_left() {
        let mut stream = stream(b"1");
        let mut seen = [0_u32; 5];
        for _ in 0..5_000 {
            seen[(stream.within(10..15) - 10) as usize] += 1;
        }

        assert!(seen.iter().all(|&n| n > 800), "{seen:?}");
        assert_eq!(stream.within(7..7), 7);
        assert!(stream.within(0..u64::MAX) < u64::MAX);
    }

    #[test]
    fn fractions_are_below_one_and_bytes_are_all_filled() {
        let mut stream = stream(b"1");
        let mut next = || stream.next();

        for _ in 0..1_000 {
            let fraction = f64::from_numbers(&mut next);
            assert!((0.0..1.0).contains(&fraction));
        }
        let bytes = <[u8; 37]>::from_numbers(&mut next);
        assert!(bytes[32..].iter().any(|&byte| byte != 0));
    }
}
