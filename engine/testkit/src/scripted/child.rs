//! The children of a program: started with a stage, awaited or not, asked to stop.

use sagaline_core::{
    ActivityId, Payload, StartChild, Stop,
    program::{Job, ProgramCommand},
};

use super::{Scripted, name};
use crate::{
    plan::Child,
    programs::{RARE, SAGA},
};

impl Scripted {
    pub(super) fn start_child(&mut self, child: &Child, commands: &mut Vec<ProgramCommand>) {
        let Ok(workflow_id) = sagaline_core::WorkflowId::new(&child.id) else {
            return;
        };
        let child_id = self.next_id();
        commands.push(ProgramCommand::StartChild(Box::new(StartChild {
            child_id,
            workflow: name(if child.rare { RARE } else { SAGA }.to_owned()),
            version: None,
            workflow_id,
            input: Payload::json(serde_json::to_vec(&child.plan).unwrap_or_default()),
            close_policy: child.close_policy,
            id_reuse: child.id_reuse,
            attributes: None,
            memo: None,
            run_timeout_ms: child.run_timeout_ms,
            execution_timeout_ms: None,
            start_at: None,
            retry: None,
        })));
        commands.extend(child.regrets.iter().map(|at_once| {
            let how = match at_once {
                true => Stop::Terminate,
                false => Stop::Cancel,
            };
            ProgramCommand::CancelChild { child_id, how }
        }));
        self.children.insert(child_id, child.awaited);
    }

    /// A child has ended; its numbers were taken before.
    pub(super) fn child_ended(&mut self, job: &Job) {
        match job {
            Job::ChildCompleted {
                child_id, result, ..
            } => {
                let text = String::from_utf8_lossy(result.data()).into_owned();
                self.results.push((child_id.get(), text));
                self.children.remove(child_id);
            }
            Job::ChildFailed { child_id, failure } => {
                // Whom nobody awaits may fail.
                let awaited = self.children.remove(child_id) == Some(true);
                let failed = awaited.then(|| (**failure).clone());
                self.failure = self.failure.take().or(failed);
            }
            Job::ChildCanceled { child_id } => {
                self.children.remove(child_id);
            }
            _ => {}
        }
    }

    /// Engines number what children hand over before anything that the program commands.
    pub(super) fn skip_numbers(&mut self, jobs: &[Job]) {
        for job in jobs {
            if let Job::ChildCompleted { numbers, .. } = job {
                self.next_id += numbers;
            }
        }
    }

    pub(super) fn awaits_child(&self) -> bool {
        self.children.values().any(|awaited| *awaited)
    }

    /// Asks the children to stop that it awaits.
    pub(super) fn cancel_children(&self, commands: &mut Vec<ProgramCommand>) {
        let awaited = self.children.iter().filter(|(_, awaited)| **awaited);
        let stop = |(child_id, _): (&ActivityId, &bool)| ProgramCommand::CancelChild {
            child_id: *child_id,
            how: Stop::Cancel,
        };
        commands.extend(awaited.map(stop));
    }
}
