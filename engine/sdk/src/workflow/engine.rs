//! Workflows as the engine sees them.

use sagaline_core::{Name, program::Program};

use super::Workflows;

impl sagaline_runtime::Workflows for Workflows {
    fn resolve(&self, workflow: &Name, version: Option<&str>) -> Option<Box<str>> {
        Self::resolve(self, workflow.as_str(), version).map(Box::from)
    }

    fn program(&self, workflow: &Name, version: &str) -> Option<Box<dyn Program>> {
        Self::program(self, workflow.as_str(), version)
    }

    fn names(&self) -> Vec<Name> {
        Self::names(self).map(Name::from).collect()
    }

    fn task_queues(&self) -> Vec<Name> {
        self.queues()
            .iter()
            .filter_map(|queue| Name::new(queue).ok())
            .collect()
    }
}
