//! The history of a run that is to be reset, read from the journal: state does not hold it.
//!
//! The act waits in front of the inputs until what was read reaches the state that it is decided on: it is the first input
//! of its batch, and nothing was appended since the read began its last stretch. A new owner begins anew; nothing of it is
//! durable. Meanwhile the inputs of this partition wait, and other lanes work.

use std::{collections::HashMap, sync::Arc};

use sagaline_core::{Act, Command, Event, Run, RunId, Transition, WorkflowId};
use sagaline_journal::{
    Batch, Error, ErrorKind, Footing, Item, JournalReader, LanePort, Snapshots, Tag,
};

use super::{Lane, ReadBack, Taken, making::Making};
use crate::input::Input;

/// What was read of a run so far.
#[derive(Debug)]
pub(super) struct HistoryRead {
    /// Offset of the act in the inbox.
    act_at: i64,
    workflow_id: WorkflowId,
    run_id: RunId,
    /// Behind this lies all that there is of it.
    from: Footing,
    /// Set while one looks where the journal begins now: it was trimmed since this lane folded it.
    trimmed: Option<Snapshots>,
    /// It is not there any more, and nothing in its place.
    is_gone: bool,
    reader: JournalReader,
    /// What lies before was read.
    next: i64,
    /// The stretch that is being read, and where it ends.
    stretch: Option<(Tag, i64)>,
    found: Vec<Transition>,
    /// Runs of the id, each with the one in whose place it goes on.
    before: HashMap<RunId, Option<RunId>>,
}

impl HistoryRead {
    fn new(act_at: i64, workflow_id: WorkflowId, run_id: RunId, from: Footing) -> Self {
        Self {
            act_at,
            workflow_id,
            run_id,
            from,
            trimmed: None,
            is_gone: false,
            reader: JournalReader::after(from),
            next: from.offset + 1,
            stretch: None,
            found: Vec::new(),
            before: HashMap::new(),
        }
    }

    fn is_for(&self, act_at: i64, workflow_id: &WorkflowId, run_id: RunId) -> bool {
        self.act_at == act_at && self.workflow_id == *workflow_id && self.run_id == run_id
    }

    /// The same from elsewhere on.
    fn again(&self, from: Footing) -> Self {
        Self::new(self.act_at, self.workflow_id.clone(), self.run_id, from)
    }

    fn was_read(&mut self, read: ReadBack) -> Result<(), Error> {
        if self.trimmed.is_some() {
            return self.beginning_was_read(read);
        }
        let mut items = Vec::new();
        for record in read.records {
            self.reader.read(record, &mut items)?;
        }
        for item in items {
            if let Item::Batch(batch) = item {
                self.batch(batch);
            }
        }
        match (read.error, self.stretch) {
            (Some(error), _) if error.kind() == ErrorKind::NotFound => {
                *self = Self {
                    trimmed: Some(Snapshots::of_footings()),
                    ..self.again(self.from)
                };
            }
            (Some(error), _) => {
                tracing::warn!(workflow_id = %self.workflow_id, %error, "the history of a run to be reset could not be read; trying again");
                *self = self.again(self.from);
            }
            (None, Some((_, to))) if read.done => {
                self.next = to;
                self.stretch = None;
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes what the topic `state` says of where the journal begins.
    fn beginning_was_read(&mut self, read: ReadBack) -> Result<(), Error> {
        let Some(snapshots) = &mut self.trimmed else {
            return Ok(());
        };
        for record in &read.records {
            snapshots.record(record)?;
        }
        if read.done || read.error.is_some() {
            let beyond = snapshots.footing(self.from.offset.saturating_add(2));
            *self = match beyond {
                Some(from) => self.again(from),
                // Nobody knows what was there: it is refused for want of its first events.
                None => Self {
                    is_gone: true,
                    ..self.again(self.from)
                },
            };
        }
        Ok(())
    }

    /// Keeps what is the run's, each input's events together, and that it was deleted.
    fn batch(&mut self, batch: Batch) {
        let its_id = |one: &Transition| one.workflow_id.as_ref() == Some(&self.workflow_id);
        let transitions = batch.transitions.into_iter().map(|one| one.transition);
        let of_id: Vec<Transition> = transitions.filter(its_id).collect();
        for mut transition in of_id {
            match transition.run_id {
                None if self.is_deleted_by(&transition) => self.found.push(transition),
                None => {}
                Some(run_id) => {
                    if let Some(Event::WorkflowStarted(started)) = transition.events.first() {
                        self.before.insert(run_id, started.continued_from());
                    }
                    match self.found.last_mut() {
                        _ if run_id != self.run_id => {}
                        Some(last) if transition.continues(last) => {
                            last.events.append(&mut transition.events);
                        }
                        _ => self.found.push(transition),
                    }
                }
            }
        }
    }

    /// Whether an event says that the run was deleted: with a run go those in whose place it went on.
    fn is_deleted_by(&self, transition: &Transition) -> bool {
        let deleted = transition.events.iter().find_map(|event| match event {
            Event::WorkflowDeleted(deleted) => Some(deleted.run_id),
            _ => None,
        });
        let before = |run_id: &RunId| self.before.get(run_id).copied().flatten();
        std::iter::successors(deleted, before).any(|run_id| run_id == self.run_id)
    }
}

impl Lane {
    /// Reads what the act in front needs, if it is one that needs any.
    pub(super) fn read_history(&mut self, port: &mut dyn LanePort) {
        let Some((act_at, workflow_id, run_id)) = self.wants_history() else {
            return;
        };
        let tag = self.next_tag + 1;
        let to = self.fold.next_offset();
        let known = self.history.take();
        let known = known.filter(|read| read.is_for(act_at, &workflow_id, run_id));
        let from = self.history_from(&workflow_id, run_id);
        let mut read = known.unwrap_or_else(|| HistoryRead::new(act_at, workflow_id, run_id, from));
        if read.stretch.is_none() && read.next < to && !read.is_gone {
            self.next_tag = tag;
            read.stretch = Some((tag, to));
            let (topic, from, to) = match read.trimmed {
                None => (&self.shared.journal, read.next, Some(to)),
                Some(_) => (&self.shared.state, 0, None),
            };
            port.read(topic.clone(), self.partition, tag, from, to);
        }
        self.history = Some(read);
    }

    /// Takes what came back, if it is of such a read.
    pub(super) fn history_was_read(&mut self, read: ReadBack) -> Option<ReadBack> {
        let is_its = |history: &&mut HistoryRead| {
            let stretch = history.stretch;
            stretch.is_some_and(|(tag, _)| tag == read.tag)
        };
        let Some(history) = self.history.as_mut().filter(is_its) else {
            return Some(read);
        };
        if let Err(error) = history.was_read(read) {
            self.fail(error);
        }
        None
    }

    /// Whether the input in front must wait, for its history or for a batch of its own.
    pub(super) fn waits_for_history(&mut self, making: &Making) -> bool {
        let Some((act_at, workflow_id, run_id)) = self.wants_history() else {
            return false;
        };
        let is_first = making.records.is_empty();
        let end = self.fold.next_offset();
        let is_read = |read: &HistoryRead| {
            let is_whole = read.stretch.is_none() && (read.next == end || read.is_gone);
            read.is_for(act_at, &workflow_id, run_id) && is_whole
        };
        let Some(read) = self.history.take_if(|read| is_first && is_read(read)) else {
            return true;
        };
        let front = self.inputs.queue.front_mut();
        if let Some(Input::Command { command, .. }) = front.map(|taken| &mut taken.input)
            && let Command::Operate(operate) = &mut **command
            && let Act::Reset(to) = &mut operate.act
        {
            to.history = Arc::from(read.found);
        }
        false
    }

    /// Where the journal may first say something of a run: of one in the chain of the open one that is known.
    fn history_from(&self, workflow_id: &WorkflowId, run_id: RunId) -> Footing {
        let open = self.fold.state.run(workflow_id);
        let is_of_chain = |run: &&Run| [run.run_id, run.first_run_id()].contains(&run_id);
        let open = open.filter(is_of_chain);
        open.map_or(self.fold.beginning(), |run| {
            self.fold.before(run.execution_started_at())
        })
    }

    /// Of which run the act in front needs the history, and where that act lies.
    fn wants_history(&self) -> Option<(i64, WorkflowId, RunId)> {
        let Taken { record, input } = self.inputs.front()?;
        let Input::Command { command, .. } = input else {
            return None;
        };
        let (workflow_id, run_id) = command.run_to_read(&self.fold.state)?;
        Some((record.offset, workflow_id.clone(), run_id))
    }
}
