//! What of a partition is still needed: the histories of open runs, and of those that closed not long ago or that somebody
//! shows; and all behind the last effect that is known to have arrived.

use std::collections::HashMap;

use sagaline_core::{Event, Millis, RunId, Timestamp, WorkflowId, show::Shown};
use sagaline_journal::{Batch, Item, JournalReader, Journaled};
use serde::{Serialize, Serializer};

use crate::{
    fault::Outcome,
    journal::Journal,
    output::{Output, Progress},
};

/// What is needed of a partition.
#[derive(Debug)]
pub(super) struct Needed {
    /// Offset of the first record that is needed; the end, if none is.
    until: i64,
    /// Effects of batches up to this have arrived.
    effects_done: u64,
    oldest: Option<Oldest>,
}

/// The run, or the reader, that needs the first record.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Oldest {
    /// Offset of its first record.
    offset: i64,
    #[serde(flatten)]
    who: Who,
}

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
enum Who {
    OpenRun {
        workflow_id: WorkflowId,
        run_id: RunId,
    },
    ClosedRun {
        workflow_id: WorkflowId,
        run_id: RunId,
        #[serde(serialize_with = "shown")]
        closed_at: Timestamp,
    },
    Database,
    /// The first batch of which not everything is known to have arrived.
    Undelivered {
        batch: u64,
    },
}

fn shown<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    Shown(at).serialize(serializer)
}

/// Which closed runs are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) now: Timestamp,
    /// So long after they closed.
    pub(super) keep: Millis,
}

impl Oldest {
    /// For a table.
    pub(super) fn in_words(&self, output: Output) -> String {
        match &self.who {
            Who::OpenRun { workflow_id, .. } => format!("{workflow_id}, open"),
            Who::ClosedRun {
                workflow_id,
                closed_at,
                ..
            } => format!("{workflow_id}, closed {}", output.time(*closed_at)),
            Who::Database => "what the database has or has not read".to_owned(),
            Who::Undelivered { batch } => {
                format!("effects of batch {batch}, which did not arrive yet")
            }
        }
    }
}

/// Where runs begin that are open as far as one has read.
struct Open(HashMap<RunId, (WorkflowId, i64)>);

impl Needed {
    /// Reads a partition to its end as it is now. `shown`: the first record that a database
    /// needs.
    pub(super) fn of(
        journal: &Journal,
        partition: i32,
        (kept, shown): (Kept, Option<i64>),
        progress: &Progress,
    ) -> Outcome<Self> {
        let beginning = journal.beginning(partition)?;
        let from = beginning.next_offset();
        let runs = beginning.state.runs().into_iter();
        let mut open = Open(
            runs.map(|(id, run)| (run.run_id, (id.clone(), from)))
                .collect(),
        );
        let footer = beginning.footer();
        let mut effects_done = footer.map_or(0, |footer| footer.effects_done);
        let mut oldest = shown.map(|offset| Oldest {
            offset: offset.max(from),
            who: Who::Database,
        });
        let mut reader = JournalReader::after(beginning.footing());
        let mut items = Vec::new();
        journal.read((partition, from), |record| {
            progress.one();
            reader.read(record, &mut items)?;
            for item in items.drain(..) {
                let Item::Batch(batch) = item else { continue };
                effects_done = effects_done.max(batch.footer.effects_done);
                open.batch(&batch, |closed, at| {
                    if kept.now.since(at) < kept.keep {
                        keep_older(&mut oldest, closed);
                    }
                });
            }
            Ok(())
        })?;
        for (run_id, (workflow_id, offset)) in open.0 {
            let who = Who::OpenRun {
                workflow_id,
                run_id,
            };
            keep_older(&mut oldest, Oldest { offset, who });
        }
        let end = reader.footing().offset.saturating_add(1);
        Ok(Self {
            until: oldest.as_ref().map_or(end, |oldest| oldest.offset),
            effects_done,
            oldest,
        })
    }

    /// Offset of the first record that is needed.
    pub(super) const fn until(&self) -> i64 {
        self.until
    }

    /// Whether the journal may begin behind this batch; if only what it sent keeps it, that is what is needed.
    pub(super) fn allows(&mut self, batch: &Batch) -> bool {
        // Behind a mark, what it announces would be lost.
        if batch.footer_offset >= self.until || batch.transitions.is_empty() {
            return false;
        }
        let has_arrived = batch.batch_no <= self.effects_done;
        if !has_arrived {
            let who = Who::Undelivered {
                batch: batch.batch_no,
            };
            let offset = batch.first_offset;
            keep_older(&mut self.oldest, Oldest { offset, who });
        }
        has_arrived
    }

    /// What needs that record.
    pub(super) fn oldest(&self) -> Option<Oldest> {
        self.oldest.clone()
    }
}

fn keep_older(oldest: &mut Option<Oldest>, one: Oldest) {
    if oldest
        .as_ref()
        .is_none_or(|oldest| one.offset < oldest.offset)
    {
        *oldest = Some(one);
    }
}

impl Open {
    /// Takes a batch; gives the runs that closed with it, and when.
    fn batch(&mut self, batch: &Batch, mut closed: impl FnMut(Oldest, Timestamp)) {
        for Journaled {
            transition, offset, ..
        } in &batch.transitions
        {
            let (Some(run_id), Some(workflow_id)) = (transition.run_id, &transition.workflow_id)
            else {
                continue;
            };
            for event in &transition.events {
                if matches!(event, Event::WorkflowStarted(_)) {
                    self.0.insert(run_id, (workflow_id.clone(), *offset));
                } else if event.closes()
                    && let Some((workflow_id, offset)) = self.0.remove(&run_id)
                {
                    let who = Who::ClosedRun {
                        workflow_id,
                        run_id,
                        closed_at: transition.at,
                    };
                    closed(Oldest { offset, who }, transition.at);
                }
            }
        }
    }
}

/// How many inputs that could not be taken a batch tells of.
pub(super) fn rejections(batch: &Batch) -> u64 {
    let events = batch.transitions.iter();
    let events = events.flat_map(|one| &one.transition.events);
    events
        .filter(|event| matches!(event, Event::InputRejected(_)))
        .count() as u64
}
