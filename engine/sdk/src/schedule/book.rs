//! What a schedule knows and decides: which due times are taken, wait or are skipped. Pure: it is given `now` and the due
//! times that history holds, and says what is to be done.
//!
//! ```text
//! due ─▶ admit: paused, used up, missed? ─▶ overlap: start | wait | skip, stop others ─▶ orders ─▶ the workflow
//!                                             ▲ ended: the next that waits ◀───────────────────────┘
//! ```

use std::{collections::VecDeque, mem};

use sagaline_core::Timestamp;
use serde::{Deserialize, Serialize};

mod look;

pub(super) use self::look::{Filled, Look};
use super::{
    Backfill, Instant, Overlap, Schedule,
    description::{Counts, Mode, Status, Taken, Upcoming, Waiting},
    invalid::Invalid,
    spec::Times,
};

/// Most that wait for those before them.
pub(super) const WAITING_MAX: usize = 1_000;

/// Most that are under way and whose end is awaited; those beyond are started and not followed.
const RUNNING_MAX: usize = 1_000;

/// Ended ones that are shown.
const RECENT_MAX: usize = 10;

/// Backfills that are under way at once.
const BACKFILLS_MAX: usize = 10;

/// What is carried from run to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(super) created_at: Instant,
    pub(super) changed_at: Instant,
    /// Due times up to it were looked at.
    looked_until: Instant,
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) running: Vec<Taken>,
    pub(super) recent: VecDeque<Taken>,
    pub(super) backfills: VecDeque<Backfill>,
    pub(super) counts: Counts,
    /// Of the last that was asked for by hand: no two have the same.
    asked_at: Instant,
}

/// What the workflow is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order {
    Start {
        workflow_id: String,
    },
    /// Start it, and hear no more of it.
    LetGo {
        workflow_id: String,
    },
    Cancel {
        workflow_id: String,
    },
    Terminate {
        workflow_id: String,
    },
}

/// A schedule at work.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(super) name: String,
    pub(super) schedule: Schedule,
    times: Option<Times>,
    pub(super) kept: Option<Kept>,
    pub(super) next: Option<Upcoming>,
    again_at: Option<Instant>,
    orders: Vec<Order>,
    /// An update came that the workflow has not looked at.
    pub(super) is_changed: bool,
}

impl Book {
    /// Opens it, anew or where the run before left it.
    pub(super) fn open(
        &mut self,
        name: &str,
        schedule: Schedule,
        kept: Option<Kept>,
        now: Timestamp,
    ) -> Result<(), Invalid> {
        let at = Instant(now);
        name.clone_into(&mut self.name);
        self.schedule = schedule;
        match (self.schedule.checked(), &kept) {
            (Ok(times), _) => self.times = Some(times),
            // What was right once: its time zone is gone from the list. It waits for a person.
            (Err(wrong), Some(_)) => {
                self.schedule.paused = true;
                self.schedule.note = wrong.text();
            }
            (Err(wrong), None) => return Err(wrong),
        }
        self.kept = Some(kept.unwrap_or_else(|| Kept {
            created_at: at,
            changed_at: at,
            looked_until: at,
            waiting: VecDeque::new(),
            running: Vec::new(),
            recent: VecDeque::new(),
            backfills: VecDeque::new(),
            counts: Counts::default(),
            asked_at: Instant(Timestamp::from_micros(0)),
        }));
        self.again_at = Some(at);
        Ok(())
    }

    /// When the workflow is to look again, if ever. One that takes nothing by itself rests.
    pub(super) fn wakes_at(&self) -> Option<Timestamp> {
        if !self.admits(Mode::Time) {
            return None;
        }
        let next = self.next.as_ref().map(|next| next.begins_at.0);
        let again = self.again_at.map(|at| at.0);
        next.into_iter().chain(again).min()
    }

    /// Takes what a look found.
    pub(super) fn take(&mut self, look: Look, now: Timestamp) {
        self.next = look.next;
        self.again_at = look.again_at;
        let Some(kept) = &mut self.kept else { return };
        kept.looked_until = look.until.unwrap_or(kept.looked_until);
        kept.counts.missed += look.missed;
        for due in look.due {
            self.plan(due, self.schedule.overlap, Mode::Time, now);
        }
        if self.admits(Mode::Time) {
            self.count(|counts| counts.skipped += look.more);
        }
    }

    /// Takes what a backfill found.
    pub(super) fn take_filled(&mut self, filled: Filled, now: Timestamp) {
        let Some(kept) = &mut self.kept else { return };
        let Some(overlap) = kept.backfills.front().map(|one| one.overlap) else {
            return;
        };
        match (filled.until, kept.backfills.front_mut()) {
            (Some(until), Some(backfill)) => {
                backfill.from = Instant(Timestamp::from_micros(until.0.as_micros() + 1));
            }
            (_, _) => {
                kept.backfills.pop_front();
            }
        }
        for due in filled.due {
            self.plan(due, overlap, Mode::Backfill, now);
        }
    }

    /// One that somebody asks for now. Its due time is that of no other.
    pub(super) fn trigger(&mut self, overlap: Option<Overlap>, now: Timestamp) -> Option<Planned> {
        let kept = self.kept.as_mut()?;
        let next = Timestamp::from_micros(kept.asked_at.0.as_micros() + 1_000);
        let due = Instant(now.max(next));
        kept.asked_at = due;
        let overlap = overlap.unwrap_or(self.schedule.overlap);
        Some(self.plan(due, overlap, Mode::Hand, now))
    }

    /// Begins with a backfill.
    pub(super) fn backfill(&mut self, backfill: Backfill) -> Result<(), Invalid> {
        let Some(kept) = &mut self.kept else {
            return Ok(());
        };
        if kept.backfills.len() >= BACKFILLS_MAX {
            let text = format!("{BACKFILLS_MAX} are under way; no more are allowed");
            return Err(Invalid::new(text).within("backfill"));
        }
        kept.backfills.push_back(backfill);
        Ok(())
    }

    /// Goes by another schedule from now on; what waits and what is under way stays.
    pub(super) fn change(&mut self, schedule: Schedule, now: Timestamp) -> Result<(), Invalid> {
        self.times = Some(schedule.checked()?);
        self.schedule = schedule;
        self.look_from(now);
        Ok(())
    }

    pub(super) fn pause(&mut self, paused: bool, note: String, now: Timestamp) {
        let was_paused = self.schedule.paused;
        self.schedule.paused = paused;
        self.schedule.note = note;
        if was_paused && !paused {
            // What was due meanwhile is nobody's.
            self.next = None;
            self.look_from(now);
        } else if let Some(kept) = &mut self.kept {
            kept.changed_at = Instant(now);
        }
    }

    /// Looks for what is due after now; or for what is due already, and was to begin later.
    fn look_from(&mut self, now: Timestamp) {
        let due = self.next.take().map(|next| next.due_at.0);
        let due = due.filter(|due| *due <= now);
        let before = |due: Timestamp| Timestamp::from_micros(due.as_micros().saturating_sub(1));
        self.again_at = Some(Instant(now));
        if let Some(kept) = &mut self.kept {
            kept.changed_at = Instant(now);
            kept.looked_until = Instant(due.map_or(now, before));
        }
    }

    /// Something that it started has ended.
    pub(super) fn ended(
        &mut self,
        workflow_id: &str,
        end: (Status, Option<String>),
        now: Timestamp,
    ) {
        let Some(kept) = &mut self.kept else { return };
        let Some(place) = kept
            .running
            .iter()
            .position(|one| one.workflow_id == workflow_id)
        else {
            return;
        };
        let (status, failure) = end;
        let ended = Taken {
            status,
            closed_at: Some(Instant(now)),
            failure,
            ..kept.running.remove(place)
        };
        if status == Status::AlreadyStarted {
            kept.counts.taken -= 1;
            kept.counts.repeated += 1;
            if let (Mode::Time, Some(remaining)) = (ended.mode, &mut self.schedule.remaining) {
                *remaining += 1;
            }
        }
        if status.is_failure() {
            kept.counts.failed += 1;
            if self.schedule.pause_on_failure {
                let why = ended.failure.as_deref().unwrap_or_default();
                self.schedule.note = format!("paused because {workflow_id} failed: {why}");
                self.schedule.paused = true;
            }
        }
        kept.recent.push_back(ended);
        if kept.recent.len() > RECENT_MAX {
            kept.recent.pop_front();
        }
        self.start_waiting(now);
    }

    /// What is to be done now.
    pub(super) fn orders(&mut self) -> Vec<Order> {
        mem::take(&mut self.orders)
    }

    fn plan(&mut self, due_at: Instant, overlap: Overlap, mode: Mode, now: Timestamp) -> Planned {
        if !self.admits(mode) {
            return Planned::Skipped;
        }
        let waiting = Waiting {
            due_at,
            overlap,
            mode,
        };
        let Some(kept) = &mut self.kept else {
            return Planned::Skipped;
        };
        let is_free = kept.running.is_empty() && kept.waiting.is_empty();
        if overlap == Overlap::AllowAll || is_free {
            return self.start(&waiting, now);
        }
        let room = match overlap {
            Overlap::Skip | Overlap::AllowAll => 0,
            Overlap::BufferOne => 1,
            Overlap::BufferAll => WAITING_MAX,
            Overlap::CancelOther | Overlap::TerminateOther => {
                kept.counts.skipped += kept.waiting.len() as u64;
                kept.waiting.clear();
                let running = kept.running.iter().map(|one| one.workflow_id.clone());
                let stop = |workflow_id| match overlap == Overlap::CancelOther {
                    true => Order::Cancel { workflow_id },
                    false => Order::Terminate { workflow_id },
                };
                self.orders.extend(running.map(stop));
                1
            }
        };
        if kept.waiting.len() < room {
            kept.waiting.push_back(waiting);
            return Planned::Waits;
        }
        kept.counts.skipped += 1;
        Planned::Skipped
    }

    /// Whether it takes one now.
    fn admits(&self, mode: Mode) -> bool {
        mode != Mode::Time || (!self.schedule.paused && self.schedule.remaining != Some(0))
    }

    fn start(&mut self, waiting: &Waiting, now: Timestamp) -> Planned {
        let workflow_id = format!("{}/{}", self.name, waiting.due_at.to_rfc3339());
        let Some(kept) = &mut self.kept else {
            return Planned::Skipped;
        };
        let is_running = kept
            .running
            .iter()
            .any(|one| one.workflow_id == workflow_id);
        if is_running {
            kept.counts.skipped += 1;
            return Planned::Skipped;
        }
        kept.counts.taken += 1;
        if let (Mode::Time, Some(remaining)) = (waiting.mode, &mut self.schedule.remaining) {
            *remaining = remaining.saturating_sub(1);
        }
        if kept.running.len() >= RUNNING_MAX {
            self.orders.push(Order::LetGo {
                workflow_id: workflow_id.clone(),
            });
            return Planned::Started(workflow_id);
        }
        kept.running.push(Taken {
            workflow_id: workflow_id.clone(),
            due_at: waiting.due_at,
            mode: waiting.mode,
            started_at: Instant(now),
            status: Status::Running,
            closed_at: None,
            failure: None,
        });
        self.orders.push(Order::Start {
            workflow_id: workflow_id.clone(),
        });
        Planned::Started(workflow_id)
    }

    /// Starts those that wait, as far as nothing is under way.
    fn start_waiting(&mut self, now: Timestamp) {
        while let Some(kept) = &mut self.kept
            && kept.running.is_empty()
            && let Some(waiting) = kept.waiting.pop_front()
        {
            match self.admits(waiting.mode) {
                true => {
                    self.start(&waiting, now);
                }
                false => self.count(|counts| counts.skipped += 1),
            }
        }
    }

    fn count(&mut self, count: impl FnOnce(&mut Counts)) {
        if let Some(kept) = &mut self.kept {
            count(&mut kept.counts);
        }
    }
}

/// What became of one that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Planned {
    Started(String),
    Waits,
    Skipped,
}
