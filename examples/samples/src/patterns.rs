//! Workflow patterns that no sample shows already. `docs/reference/workflow-patterns.md` has all forty-three.

pub mod instances;
pub mod joins;
pub mod loops;
pub mod sections;
pub mod triggers;
pub mod withdrawal;

use sagaline::prelude::*;

/// A task of a pattern; what it is called is its input.
#[activity]
pub async fn task(name: &str) -> Result<String> {
    Ok(name.to_owned())
}

/// A step that may take a day.
fn step(cx: &Context, name: impl AsRef<str>) -> sagaline::RunActivity<String> {
    cx.run(task(name.as_ref())).start_to_close(1.days())
}

#[cfg(test)]
mod plan {
    use std::{cell::RefCell, rc::Rc, time::Duration};

    use sagaline::{
        prelude::*,
        testing::{Answer, Env},
    };

    use super::task;

    /// What began and ended when, in hours: `a 0-3`.
    #[derive(Clone, Debug, Default)]
    pub(super) struct Seen(Rc<RefCell<Vec<(String, u64, u64)>>>);

    impl Seen {
        /// The tasks in the order in which they began.
        pub(super) fn tasks(&self) -> Vec<String> {
            let seen = self.0.borrow();
            let words = seen
                .iter()
                .map(|(name, from, to)| format!("{name} {from}-{to}"));
            words.collect()
        }

        /// Their names alone.
        pub(super) fn names(&self) -> Vec<String> {
            self.0.borrow().iter().map(|one| one.0.clone()).collect()
        }
    }

    /// An environment in which each task takes as many hours as `hours` says of its name.
    pub(super) fn takes(hours: impl Fn(&str) -> u64 + 'static) -> (Env, Seen) {
        let (env, seen) = (Env::new(), Seen::default());
        let (clock, log) = (env.clone(), seen.clone());
        env.mock_with(task, move |_, name: String| {
            let (from, span) = (self::hours(&clock), hours(&name));
            log.0.borrow_mut().push((name.clone(), from, from + span));
            Answer::ok(name).after(span.hours())
        });
        (env, seen)
    }

    /// How many hours have passed.
    pub(super) fn hours(env: &Env) -> u64 {
        let passed: Duration = crate::seen::after(Env::new().now(), env.now());
        passed.as_secs() / 3_600
    }
}
