//! From instants to positions, in percent of the width.
//!
//! Where more happens there is more room: a stretch between two neighbouring instants is as wide as the square root of
//! its length, so that an attempt of 300 ms is seen beside a wait of a minute. A stretch that would take more room than
//! all others together is folded. What is to come has a part of its own, behind the line of now.

use super::lanes::Timeline;
use crate::pages::time::{At, took};

/// A stretch shorter than this is not folded.
const FOLDED_MS_MIN: i64 = 15_000;

/// Most folds.
const FOLDS_MAX: usize = 12;

/// What a folded stretch is as wide as, of all that is not folded.
const FOLD_WIDTH: f64 = 0.22;

/// Marks of the axis.
const TICKS: u32 = 7;

/// Where things begin, in percent.
const LEFT: f64 = 1.5;

/// Instants of a picture, as positions.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    points: Vec<(i64, f64)>,
    pub(crate) folds: Vec<Fold>,
    pub(crate) ticks: Vec<Tick>,
    /// The line of now, of a run that is open.
    pub(crate) now: Option<f64>,
    /// Where what has happened ends.
    pub(crate) right: f64,
}

/// A stretch of which little is drawn.
#[derive(Clone, Debug)]
pub(crate) struct Fold {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) label: String,
}

/// A mark of the axis.
#[derive(Clone, Debug)]
pub(crate) struct Tick {
    pub(crate) at: At,
    pub(crate) x: f64,
    pub(crate) label: String,
}

impl Axis {
    pub(crate) fn of(timeline: &Timeline) -> Self {
        let past = instants(timeline);
        let mut future = coming(timeline);
        // What is overdue is still to come.
        let has_future = !future.is_empty();
        future.retain(|at| *at > timeline.until());
        let right = match (timeline.ended.is_some(), !has_future) {
            (true, _) => 86.0,
            (false, true) => 95.0,
            (false, false) => 78.0,
        };
        let mut axis = Self {
            points: Vec::with_capacity(past.len() + future.len()),
            folds: Vec::new(),
            ticks: Vec::new(),
            now: timeline.ended.is_none().then_some(right),
            right,
        };
        axis.place_past(&past);
        axis.place_future(timeline.until(), &future);
        axis.ticks = axis.ticks_of(timeline);
        axis
    }

    /// Where an instant is.
    pub(crate) fn x(&self, at: At) -> f64 {
        let ms = at.ms();
        let after = self.points.partition_point(|(point, _)| *point <= ms);
        let (before, after) = (
            after.checked_sub(1).and_then(|at| self.points.get(at)),
            self.points.get(after),
        );
        match (before, after) {
            (Some(&(from, left)), Some(&(to, right))) => {
                left + (right - left) * share(ms - from, to - from)
            }
            (Some(&(_, x)), None) | (None, Some(&(_, x))) => x,
            (None, None) => LEFT,
        }
    }

    /// Which instant is there.
    fn at(&self, x: f64) -> i64 {
        let after = self.points.partition_point(|(_, point)| *point <= x);
        match (
            after.checked_sub(1).and_then(|at| self.points.get(at)),
            self.points.get(after),
        ) {
            (Some(&(from, left)), Some(&(to, right))) => {
                let part = if right > left {
                    (x - left) / (right - left)
                } else {
                    0.0
                };
                from + scaled(to - from, part)
            }
            (Some(&(ms, _)), None) | (None, Some(&(ms, _))) => ms,
            (None, None) => 0,
        }
    }

    fn place_past(&mut self, past: &[i64]) {
        let gaps: Vec<i64> = past
            .iter()
            .zip(past.iter().skip(1))
            .map(|(from, to)| to - from)
            .collect();
        let (mut weights, folded) = weights(&gaps);
        let open: f64 = weights
            .iter()
            .zip(&folded)
            .filter(|(_, is)| !**is)
            .map(|(weight, _)| weight)
            .sum();
        for (weight, _) in weights.iter_mut().zip(&folded).filter(|(_, is)| **is) {
            *weight = open.max(1.0) * FOLD_WIDTH;
        }
        let total = weights.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let mut x = LEFT;
        self.points.extend(past.first().map(|first| (*first, x)));
        for (((weight, is_folded), gap), ms) in weights
            .iter()
            .zip(&folded)
            .zip(&gaps)
            .zip(past.iter().skip(1))
        {
            let to = x + (self.right - LEFT) * weight / total;
            if *is_folded {
                self.folds.push(Fold {
                    from: x,
                    to,
                    label: took(*gap),
                });
            }
            x = to;
            self.points.push((*ms, x));
        }
        // A run that has just begun: all of it is at one instant.
        if gaps.is_empty() {
            self.points
                .extend(past.first().map(|first| (first + 1, self.right)));
        }
    }

    fn place_future(&mut self, until: At, future: &[At]) {
        let last = future
            .iter()
            .map(|at| at.ms() - until.ms())
            .max()
            .unwrap_or(1);
        for at in future {
            let part = share(at.ms() - until.ms(), last).sqrt();
            self.points
                .push((at.ms(), self.right + 3.0 + (89.0 - self.right - 3.0) * part));
        }
    }

    fn ticks_of(&self, timeline: &Timeline) -> Vec<Tick> {
        let (start, end) = (timeline.started.ms(), timeline.until().ms());
        let is_short = end - start < 10_000;
        let is_long = end - start >= 86_400_000;
        let mut ticks: Vec<Tick> = Vec::new();
        for step in 0..TICKS {
            let target = LEFT + (self.right - LEFT) * f64::from(step) / f64::from(TICKS);
            let ms = self.at(target);
            let unit = if is_short { 100 } else { 1_000 };
            let ms = if step == 0 {
                start
            } else {
                start + (ms - start).div_euclid(unit) * unit
            };
            let at = At::from_ms(ms);
            let x = self.x(at);
            let is_crowded = ticks.last().is_some_and(|last| x - last.x < 8.0);
            let is_folded = self
                .folds
                .iter()
                .any(|fold| x > fold.from - 1.0 && x < fold.to - 4.0);
            if is_crowded || (is_folded && step > 0) || self.now.is_some_and(|now| now - x < 9.0) {
                continue;
            }
            let label = match ticks.last() {
                None if is_long => at.short(timeline.now),
                None => at.clock(),
                Some(_) if is_short => format!("+{}", took(ms - start)),
                Some(_) if is_long => at.short(timeline.now),
                Some(last) if same_minute(last.at, at) => format!(":{}", at.clock().split_off(6)),
                Some(_) => at.clock(),
            };
            ticks.push(Tick { at, x, label });
        }
        ticks
    }
}

fn same_minute(one: At, other: At) -> bool {
    one.ms().div_euclid(60_000) == other.ms().div_euclid(60_000)
}

/// The instants at which something of the picture begins or ends, up to now.
fn instants(timeline: &Timeline) -> Vec<i64> {
    let until = timeline.until();
    let mut all = vec![timeline.started, until];
    for lane in &timeline.lanes {
        let shown = super::attempts::shown_attempts(lane);
        for attempt in shown.attempts() {
            all.push(attempt.sent);
            all.extend(attempt.started);
            all.extend(attempt.ended);
        }
        for stretch in lane.stretches.iter().chain(&lane.incidents) {
            all.push(stretch.from);
            all.extend(stretch.to);
        }
        all.push(lane.start);
        all.extend(lane.ended);
        all.extend(lane.marks.iter().map(|mark| mark.at));
        let tallies = lane.tallies.len().div_ceil(20).max(1);
        all.extend(lane.tallies.iter().step_by(tallies).map(|(at, _)| *at));
    }
    for pause in &timeline.pauses {
        all.push(pause.from);
        all.extend(pause.to);
    }
    all.extend(timeline.undo.iter().map(|undo| undo.at));
    let mut all: Vec<i64> = all
        .into_iter()
        .filter(|at| *at <= until)
        .map(At::ms)
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The instants of what is to come.
fn coming(timeline: &Timeline) -> Vec<At> {
    if timeline.ended.is_some() {
        return Vec::new();
    }
    let mut all: Vec<At> = Vec::new();
    for lane in &timeline.lanes {
        all.extend(lane.coming.iter().map(|coming| coming.due));
        let open = lane.stretches.iter().filter(|stretch| stretch.to.is_none());
        all.extend(open.filter_map(|stretch| stretch.due));
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// How wide each gap wants to be, and whether it is folded: the widest, as long as it is wider than all others.
fn weights(gaps: &[i64]) -> (Vec<f64>, Vec<bool>) {
    let weights: Vec<f64> = gaps.iter().map(|gap| real(*gap).sqrt()).collect();
    let mut folded = vec![false; gaps.len()];
    let mut rest: f64 = weights.iter().sum();
    let mut widest: Vec<usize> = (0..gaps.len()).collect();
    widest.sort_by(|one, other| gaps.get(*other).cmp(&gaps.get(*one)));
    for index in widest.into_iter().take(FOLDS_MAX) {
        let (gap, weight) = (
            gaps.get(index).copied().unwrap_or_default(),
            weights.get(index).copied().unwrap_or_default(),
        );
        rest -= weight;
        if gap < FOLDED_MS_MIN || weight <= rest {
            break;
        }
        if let Some(folded) = folded.get_mut(index) {
            *folded = true;
        }
    }
    (weights, folded)
}

fn share(part: i64, whole: i64) -> f64 {
    match whole {
        ..=0 => 1.0,
        whole => real(part) / real(whole),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "positions on a picture need no more than 53 bits"
)]
const fn real(ms: i64) -> f64 {
    ms as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "an instant within the stretch, to a pixel"
)]
fn scaled(span: i64, part: f64) -> i64 {
    (span as f64 * part) as i64
}
