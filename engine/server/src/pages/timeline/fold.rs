//! What is drawn of a long history: children in one lane, calls by name, the first and last of many.

use std::collections::BTreeMap;

use super::{
    lane::{End, Lane, LaneKind, Mark, Tally},
    lanes::{CHILD_LANES_MAX, LANES_MAX, MARKS_MAX, Timeline},
};
use crate::pages::{time::At, told::Told};

/// The tally of a group is drawn at so many instants at most, and at least.
const TALLIES_MAX: usize = 120;
const TALLIES_MIN: usize = 12;

/// Marks of all lanes, and tallies of all groups, together.
const DRAWN_MAX: usize = 2_000;

/// A lane has at least so many marks.
const MARKS_MIN: usize = 9;

/// Makes a timeline small enough to draw.
pub(super) fn fold(timeline: &mut Timeline) {
    let children = timeline
        .lanes
        .iter()
        .filter(|lane| lane.kind == LaneKind::Child)
        .count();
    if children > CHILD_LANES_MAX {
        let name = |_: &Lane| Told::from("children");
        group(
            &mut timeline.lanes,
            LaneKind::Child,
            LaneKind::Children,
            name,
        );
    }
    if timeline.lanes.len() > LANES_MAX {
        group(
            &mut timeline.lanes,
            LaneKind::Activity,
            LaneKind::Group,
            |lane| lane.name.clone(),
        );
        group(
            &mut timeline.lanes,
            LaneKind::Timer,
            LaneKind::Group,
            |lane| lane.name.clone(),
        );
    }
    timeline.lanes_left_out = timeline.lanes.len().saturating_sub(LANES_MAX);
    timeline.lanes.truncate(LANES_MAX);
    let share = DRAWN_MAX / timeline.lanes.len().max(1);
    let marks = share.clamp(MARKS_MIN, MARKS_MAX);
    for lane in &mut timeline.lanes {
        ends(&mut lane.stretches, marks);
        ends(&mut lane.incidents, marks);
        ends(&mut lane.marks, marks);
        thin(&mut lane.tallies, share.clamp(TALLIES_MIN, TALLIES_MAX));
    }
    ends(&mut timeline.pauses, MARKS_MAX);
}

/// At most so many of them and the last, evenly.
fn thin(tallies: &mut Vec<(At, Tally)>, most: usize) {
    let step = tallies.len().div_ceil(most).max(1);
    let last = tallies.last().copied();
    let mut kept: Vec<(At, Tally)> = tallies.drain(..).step_by(step).collect();
    kept.extend(last.filter(|last| kept.last() != Some(last)));
    *tallies = kept;
}

/// The first and the last of them.
fn ends<T>(all: &mut Vec<T>, most: usize) {
    if all.len() > most {
        let first = most / 3;
        all.drain(first..all.len() - (most - first));
    }
}

/// Puts the lanes of a kind together, by name, each group where its first lane was.
fn group(lanes: &mut Vec<Lane>, kind: LaneKind, into: LaneKind, name: impl Fn(&Lane) -> Told) {
    let mut members: BTreeMap<Told, Vec<Lane>> = BTreeMap::new();
    let mut places: Vec<Result<Lane, Told>> = Vec::new();
    for lane in lanes.drain(..) {
        if lane.kind != kind {
            places.push(Ok(lane));
            continue;
        }
        let name = name(&lane);
        let of = members.entry(name.clone()).or_default();
        if of.is_empty() {
            places.push(Err(name));
        }
        of.push(lane);
    }
    let of = |place: Result<Lane, Told>| match place {
        Ok(lane) => Some(lane),
        Err(name) => match members.remove(&name)? {
            one if one.len() == 1 => one.into_iter().next(),
            many => Some(together(into, name, many)),
        },
    };
    lanes.extend(places.into_iter().filter_map(of));
}

fn together(kind: LaneKind, name: Told, members: Vec<Lane>) -> Lane {
    let first = members.iter().min_by_key(|lane| lane.seq);
    let (seq, start) = first.map_or((0, At::from_ms(0)), |lane| (lane.seq, lane.start));
    let mut group = Lane::new(kind, name, seq, start);
    let mut changes: Vec<(At, End)> = Vec::new();
    for lane in members {
        changes.push((lane.start, End::Open));
        if let Some(ended) = lane.ended {
            changes.push((ended, lane.end));
        }
        if lane.end == End::Failed {
            let icon = "failed";
            let what = format!("{} failed", lane.name.line());
            group.marks.extend(lane.ended.map(|at| Mark {
                at,
                icon,
                what,
                seq: lane.seq,
            }));
        }
        group.incidents.extend(lane.incidents);
    }
    group.marks.sort_by_key(|mark| mark.at);
    group.incidents.sort_by_key(|incident| incident.from);
    group.tallies = tallies(changes);
    if let Some((at, tally)) = group.tallies.last().copied() {
        group.note = Some(tally.in_words());
        if tally.open == 0 {
            group.close(
                if tally.failed > 0 {
                    End::Failed
                } else {
                    End::Done
                },
                at,
            );
        }
    }
    group
}

/// How a group stood after each change.
fn tallies(mut changes: Vec<(At, End)>) -> Vec<(At, Tally)> {
    changes.sort_by_key(|(at, end)| (*at, *end != End::Open));
    let mut tally = Tally::default();
    let mut all: Vec<(At, Tally)> = Vec::with_capacity(changes.len());
    for (at, end) in changes {
        match end {
            End::Open => tally.open += 1,
            End::Done => (tally.open, tally.done) = (tally.open.saturating_sub(1), tally.done + 1),
            End::Failed | End::TimedOut | End::Canceled => {
                (tally.open, tally.failed) = (tally.open.saturating_sub(1), tally.failed + 1);
            }
        }
        match all.last_mut() {
            Some(last) if last.0 == at => last.1 = tally,
            _ => all.push((at, tally)),
        }
    }
    all
}
