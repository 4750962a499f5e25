//! A walk through a run's history, some events at a time: their places from the projection, their records from the journal.
//!
//! Invariant: a record that reaches into the next window is read twice, and each of its events is told once.

use std::ops::Range;

use sagaline_core::{Event, Seq, Transition, view::HistoryEvent};
use sagaline_projection::StoredRun;
use serde::{Deserialize, Serialize};

use super::{Api, journal::Told, reads::unread_error};
use crate::problem::Problem;

/// Events whose places are read at once.
const WINDOW: u64 = 250;

/// Which end comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    #[serde(rename = "asc")]
    Ascending,
    #[serde(rename = "desc")]
    Descending,
}

/// What is left of a walk.
pub(super) struct Walk<'a> {
    api: &'a Api,
    run: &'a StoredRun,
    left: Range<Seq>,
    order: Order,
}

/// Some events, as they are read at once.
pub(super) struct Window {
    seqs: Range<Seq>,
    records: Vec<Told>,
    partition: i32,
    order: Order,
}

impl<'a> Walk<'a> {
    /// Through all events of a run, the first one first.
    pub(super) fn through(api: &'a Api, run: &'a StoredRun) -> Self {
        Self::within(api, run, (1..Seq::MAX, Order::Ascending))
    }

    /// Through those at these positions.
    pub(super) fn within(
        api: &'a Api,
        run: &'a StoredRun,
        (seqs, order): (Range<Seq>, Order),
    ) -> Self {
        let end = seqs.end.min(run.run.seq.saturating_add(1));
        Self {
            api,
            run,
            left: seqs.start..end,
            order,
        }
    }

    /// The next events; none: the walk is at its end.
    pub(super) async fn next(&mut self) -> Result<Option<Window>, Problem> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let Range { start, end } = self.left;
        let seqs = match self.order {
            Order::Ascending => start..end.min(start.saturating_add(WINDOW)),
            Order::Descending => start.max(end.saturating_sub(WINDOW))..end,
        };
        let mut records = records(self.api, self.run, seqs.clone()).await?;
        match self.order {
            Order::Ascending => self.left.start = seqs.end,
            Order::Descending => {
                self.left.end = seqs.start;
                records.reverse();
            }
        }
        Ok(Some(Window {
            seqs,
            records,
            partition: self.run.partition,
            order: self.order,
        }))
    }

    /// Where another walk goes on; none: there is nothing left.
    pub(super) fn edge(&self) -> Option<Seq> {
        let edge = match self.order {
            Order::Ascending => self.left.start,
            Order::Descending => self.left.end,
        };
        (!self.left.is_empty()).then_some(edge)
    }
}

impl Window {
    /// How many positions it has.
    pub(super) fn len(&self) -> u64 {
        self.seqs.end - self.seqs.start
    }

    /// Its events, each with the record that it came in, as the journal has them.
    pub(super) fn events(&self) -> impl Iterator<Item = (&Transition, &Event)> {
        let all = self.records.iter().flat_map(|one| {
            let events = (one.transition.first_seq..).zip(&one.transition.events);
            events.map(|(seq, event)| (seq, &one.transition, event))
        });
        let here = all.filter(|(seq, ..)| self.seqs.contains(seq));
        here.map(|(_, transition, event)| (transition, event))
    }

    /// Its events as they are shown, in the order of the walk.
    pub(super) fn shown(&self) -> impl Iterator<Item = (Seq, HistoryEvent<'_>)> {
        let all = self.records.iter().flat_map(|one| self.in_order(one));
        all.filter(|(seq, _)| self.seqs.contains(seq))
    }

    fn in_order<'a>(&self, one: &'a Told) -> Vec<(Seq, HistoryEvent<'a>)> {
        let events = HistoryEvent::of(&one.transition, self.partition, one.offset);
        let mut events: Vec<_> = (one.transition.first_seq..).zip(events).collect();
        if self.order == Order::Descending {
            events.reverse();
        }
        events
    }
}

/// The records in which these positions are.
pub(super) async fn records(
    api: &Api,
    run: &StoredRun,
    seqs: Range<Seq>,
) -> Result<Vec<Told>, Problem> {
    let places = api.projection().places(run, seqs).await;
    let places = places.map_err(|error| unread_error(&error))?;
    let mut offsets: Vec<i64> = places.iter().map(|place| place.offset).collect();
    offsets.dedup();
    let told = api.journal().read(run.partition, offsets).await;
    let mut told = told.map_err(|error| unread_error(&error))?;
    told.retain(|one| one.transition.run_id == Some(run.run.run_id));
    Ok(told)
}
