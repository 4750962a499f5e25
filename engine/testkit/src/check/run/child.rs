//! I13: each child has one end, the one that its own journal has; and I12 for what it leaves to undo.

use std::sync::Arc;

use sagaline_core::{
    Event, Parent, RunId,
    event::{ChildStarted, ParentClosePolicy, WorkflowStarted},
};

use super::{
    super::children::{End, Handed, Started, Told},
    Place, Run,
    undo::RegistrationState,
};
use crate::{
    Violation,
    inputs::{Asks, ChildKey, Input, StopChildAsked},
};

/// A child, also one that has ended.
#[derive(Clone, Debug)]
pub(super) struct Child {
    started: Arc<ChildStarted>,
    open: bool,
    cancel_requested: bool,
    terminate_requested: bool,
    /// What it returned.
    pub(super) result: Option<Vec<u8>>,
    /// It completed, and what it did is this run's to undo.
    took_over: bool,
}

impl Child {
    /// It is asked to stop once, and made to end at once once.
    const fn may_be_stopped(&self, at_once: bool) -> bool {
        self.open
            && match at_once {
                true => !self.terminate_requested,
                false => !self.cancel_requested,
            }
    }

    fn is_awaited(&self) -> bool {
        self.open && self.started.parent_close_policy != ParentClosePolicy::Abandon
    }
}

/// What a run has of its family.
#[derive(Clone, Debug, Default)]
pub(super) struct Family {
    pub(super) parent: Option<Parent>,
    pub(super) children: std::collections::BTreeMap<u32, Child>,
    /// Children that its end stops, and whether at once.
    pub(super) stops: Vec<(u32, bool)>,
    /// What other journals must agree with.
    pub(super) told: Vec<Told>,
    /// A completed child hands over these; they must follow.
    pub(super) handing: std::collections::VecDeque<(u32, Handed)>,
    /// The group, in its child, of the last that was handed over.
    pub(super) theirs: Option<(Option<u32>, u32)>,
}

impl Family {
    pub(super) fn of(event: &WorkflowStarted) -> Self {
        Self {
            parent: event.parent.clone(),
            ..Self::default()
        }
    }
}

impl Run {
    /// Whose child it is.
    pub(in crate::check) fn child_key(&self) -> Option<ChildKey> {
        let parent = self.family.parent.as_ref()?;
        Some((parent.run_id, parent.child_id.get()))
    }

    pub(in crate::check) fn take_told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.family.told)
    }

    /// Children that the end of it stops, and whether at once.
    pub(in crate::check) fn stops(&self) -> &[(u32, bool)] {
        &self.family.stops
    }

    /// Whether it waits, or would listen, for the end of a child.
    pub(in crate::check) fn has_open_child(&self, id: u32) -> bool {
        let child = self.family.children.get(&id);
        self.closed.is_none() && child.is_some_and(|child| child.open)
    }

    /// Whether the start of a child is still to be sent: also one that its parent's end stops, so that it can be stopped.
    pub(in crate::check) fn wants_child(&self, id: u32) -> bool {
        let child = self.family.children.get(&id);
        child.is_some_and(|child| child.open)
    }

    /// Whether it took over what a child did.
    pub(in crate::check) fn took_over(&self, id: u32) -> bool {
        let child = self.family.children.get(&id);
        child.is_some_and(|child| child.took_over)
    }

    /// Whether its parent's word changes it.
    pub(in crate::check) fn obeys(&self, asked: &StopChildAsked) -> bool {
        self.child_key() == Some(asked.of)
            && self.undo.is_none()
            && (asked.terminate || self.cancel.is_none())
    }

    pub(super) fn awaited_child(&self) -> Option<u32> {
        let mut children = self.family.children.iter();
        let awaited = children.find(|(_, child)| child.is_awaited());
        awaited.map(|(id, _)| *id)
    }

    /// Only its own parent's word moves it; and what a child hands over follows at once.
    pub(super) fn check_family(&self, place: Place<'_>, event: &Event) -> Result<(), Violation> {
        if let Some(Asks::StopChild(asked)) = place.by.map(|input| &input.asks)
            && self.child_key() != Some(asked.of)
        {
            let what = format!("{event:?}: it is no child {:?}", asked.of);
            return Err(self.violates("I13", what));
        }
        let follows = matches!(event, Event::CompensationRegistered(_));
        if !self.family.handing.is_empty() && !follows {
            let what = format!("{event:?} before {:?}", self.family.handing);
            return Err(self.violates("I12", what));
        }
        Ok(())
    }

    pub(super) fn child(&mut self, place: Place<'_>, event: &Event) -> Result<(), Violation> {
        match event {
            Event::ChildStarted(started) => self.child_started(started),
            Event::ChildCancelRequested(event) => {
                let child = self.family.children.get_mut(&event.child_id.get());
                match child {
                    Some(child) if child.may_be_stopped(event.terminate == Some(true)) => {
                        child.cancel_requested = true;
                        child.terminate_requested |= event.terminate == Some(true);
                        Ok(())
                    }
                    other => {
                        let what = format!("{event:?} of {other:?}");
                        Err(self.violates("I13", what))
                    }
                }
            }
            _ => self.child_ended(place, event),
        }
    }

    fn child_started(&mut self, started: &Arc<ChildStarted>) -> Result<(), Violation> {
        let id = started.child_id.get();
        if id != self.next_id || self.undo.is_some() || self.paused {
            let what = format!("child {id} is started, {} is next", self.next_id);
            return Err(self.violates("I13", what));
        }
        self.next_id += 1;
        let above = self.family.parent.as_ref();
        let parent = Parent {
            workflow_id: self.workflow_id.clone(),
            run_id: self.run_id,
            child_id: started.child_id,
            close_policy: started.parent_close_policy,
            root: above.map_or(&self.workflow_id, |above| &above.root).clone(),
            depth: above.map_or(0, |above| above.depth) + 1,
        };
        self.family.told.push(Told::Started(Box::new(Started {
            parent,
            event: Arc::clone(started),
        })));
        let child = Child {
            started: Arc::clone(started),
            open: true,
            cancel_requested: false,
            terminate_requested: false,
            result: None,
            took_over: false,
        };
        self.family.children.insert(id, child);
        Ok(())
    }

    /// It ended as its own journal says, and the parent was told so.
    fn child_ended(&mut self, place: Place<'_>, event: &Event) -> Result<(), Violation> {
        let Some((id, workflow_id)) = child_of(event) else {
            return Ok(());
        };
        let key = (self.run_id, id);
        let is_told = matches!(
            place.by,
            Some(Input { asks: Asks::ChildClosed(of), .. }) if *of == key
        );
        let ends = place.outside.children.ends(key);
        let end = ends.iter().find(|end| says(event, end)).cloned();
        let child = self.family.children.get_mut(&id);
        match (child, end) {
            (Some(child), Some(end))
                if child.open && is_told && child.started.workflow_id.as_str() == workflow_id =>
            {
                child.open = false;
                let abandoned = child.started.parent_close_policy == ParentClosePolicy::Abandon;
                if let End::Completed {
                    result,
                    handed_over,
                    ..
                } = end
                {
                    child.took_over = !abandoned;
                    child.result = self.undo.is_none().then_some(result);
                    let handed_over = handed_over.into_iter().filter(|_| !abandoned);
                    self.family.handing = handed_over.map(|one| (id, one)).collect();
                }
                self.check_count(event)
            }
            (child, _) => {
                let what = format!("{event:?} by {:?} of {child:?}, ends {ends:?}", place.by);
                Err(self.violates("I13", what))
            }
        }
    }

    fn check_count(&self, event: &Event) -> Result<(), Violation> {
        let handed_over = self.family.handing.len();
        match event {
            Event::ChildCompleted(event) if event.compensations as usize != handed_over => {
                let what = format!("{event:?} is to hand over {handed_over}");
                Err(self.violates("I12", what))
            }
            _ => Ok(()),
        }
    }

    /// What its end means for its children, and what its parent is to be told.
    pub(super) fn close_family(&mut self, event: &Event) {
        let children = self.family.children.iter();
        let open = children.filter(|(_, child)| child.open);
        let stops = open.filter_map(|(id, child)| match child.started.parent_close_policy {
            ParentClosePolicy::Terminate => Some((*id, true)),
            ParentClosePolicy::Cancel => Some((*id, false)),
            ParentClosePolicy::Abandon => None,
        });
        self.family.stops = stops.collect();
        if let Some(key) = self.child_key() {
            let end = self.end(event);
            self.family.told.push(Told::Ended(key, end));
        }
    }

    fn end(&self, event: &Event) -> End {
        let run_id = self.run_id;
        match event {
            Event::WorkflowCompleted(completed) => End::Completed {
                run_id,
                result: completed.result.data().to_vec(),
                handed_over: self.handed_over(),
            },
            Event::WorkflowFailed(failed) => End::Failed(run_id, Box::new(failed.failure.clone())),
            Event::WorkflowTimedOut(out) => End::Failed(run_id, Box::new(out.failure.clone())),
            Event::WorkflowCanceled(_) => End::Canceled(run_id),
            _ => End::Terminated(run_id),
        }
    }

    /// What it did that is not undone, in the order in which it was registered.
    fn handed_over(&self) -> Vec<Handed> {
        let left = self.registrations.iter();
        let left = left.filter(|one| one.state == RegistrationState::Waiting);
        let handed = left.map(|one| {
            let registered = &one.registered;
            let of_child = registered.child_workflow_id.as_ref();
            Handed {
                activity: registered.activity.to_string(),
                task_queue: registered.task_queue.to_string(),
                input: registered.input.data().to_vec(),
                workflow_id: of_child.unwrap_or(&self.workflow_id).clone(),
                step: one.step.clone(),
                group: one.group,
            }
        });
        handed.collect()
    }
}

/// Number and id of the child that an event ends.
fn child_of(event: &Event) -> Option<(u32, &str)> {
    match event {
        Event::ChildCompleted(event) => Some((event.child_id.get(), event.workflow_id.as_str())),
        Event::ChildFailed(event) => Some((event.child_id.get(), event.workflow_id.as_str())),
        Event::ChildCanceled(event) => Some((event.child_id.get(), event.workflow_id.as_str())),
        _ => None,
    }
}

/// Whether a parent's event says that its child ended so.
fn says(event: &Event, end: &End) -> bool {
    let is = |run_id: Option<RunId>, ended: &RunId| run_id == Some(*ended);
    match (event, end) {
        (Event::ChildCompleted(event), End::Completed { run_id, result, .. }) => {
            is(event.run_id, run_id) && event.result.data() == result
        }
        (Event::ChildFailed(event), End::Failed(run_id, failure)) => {
            is(event.run_id, run_id) && event.failure == **failure
        }
        (Event::ChildFailed(event), End::Terminated(run_id)) => {
            let error_type = event.failure.error_type.as_str();
            is(event.run_id, run_id) && error_type == sagaline_core::error_type::TERMINATED
        }
        (Event::ChildFailed(event), End::Refused(error_type)) => {
            event.run_id.is_none() && event.failure.error_type.as_str() == error_type
        }
        (Event::ChildCanceled(event), End::Canceled(run_id)) => is(event.run_id, run_id),
        _ => false,
    }
}
