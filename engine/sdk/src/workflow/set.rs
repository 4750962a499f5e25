//! The workflows of a program, by name and version.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use sagaline_core::{Name, OUR_NAMES, Payload, program::Program};
use semver::Version;

use super::{
    Workflow, WorkflowCall, WorkflowInterceptor,
    coded::Coded,
    desk,
    executor::{Definition, RustProgram},
    handler::Handled,
    intercept::Around,
};
use crate::{Codec, Result, codec::Coding, json};

/// Workflows that an engine can run.
///
/// # Example: two versions, while runs of the older one are open
/// ```
/// use sagaline_sdk::{Context, Result, Workflows, workflow};
///
/// #[workflow(name = "order", version = "1.9.0")]
/// async fn order_before(_cx: Context) -> Result<()> {
///     Ok(())
/// }
///
/// #[workflow(version = "1.10.0")]
/// async fn order(_cx: Context) -> Result<()> {
///     Ok(())
/// }
///
/// let workflows = Workflows::new().with(order_before).with(order);
///
/// assert_eq!(workflows.resolve("order", None), Some("1.10.0"));
/// assert_eq!(workflows.resolve("order", Some("1.9.0")), Some("1.9.0"));
/// assert!(workflows.program("order", "1.9.0").is_some());
/// assert_eq!(workflows.resolve("refund", None), None);
/// ```
#[derive(Clone)]
pub struct Workflows {
    by_name: BTreeMap<&'static str, BTreeMap<Version, Definition>>,
    queues: BTreeSet<&'static str>,
    default_queue: Name,
    coding: Coding,
}

/// What stands for a workflow: a function that `#[workflow]` made, or a value of a type that it was put on.
#[diagnostic::on_unimplemented(
    message = "this is no workflow that an engine could run",
    label = "neither a function marked `#[workflow]` nor a value of such a type"
)]
pub trait WorkflowFn<Arguments> {
    /// The workflow.
    type Workflow: Workflow;
}

impl<F: Fn() -> WorkflowCall<R, W>, R, W: Workflow> WorkflowFn<(R, W)> for F {
    type Workflow = W;
}

impl<F: Fn(I) -> WorkflowCall<R, W>, I, R, W: Workflow> WorkflowFn<(I, R, W)> for F {
    type Workflow = W;
}

impl<W: Workflow> WorkflowFn<()> for W {
    type Workflow = W;
}

impl Workflows {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            by_name: BTreeMap::new(),
            queues: BTreeSet::new(),
            default_queue: Name::from("default"),
            coding: Coding::default(),
        }
    }

    /// The same with one more; the macro [`workflows!`](crate::workflows) does it for several.
    ///
    /// # Panics
    /// When another of the same name and version is there, the version is none, the name begins with `sagaline.`, or two of
    /// its handlers have one name.
    #[must_use]
    pub fn with<Arguments, F: WorkflowFn<Arguments>>(self, workflow: F) -> Self {
        let _ = workflow;
        self.with_type::<F::Workflow>()
    }

    /// Those that every engine has: schedules and batches.
    #[must_use]
    pub fn built_in() -> Self {
        fn one<Arguments, F: WorkflowFn<Arguments>>(workflows: Workflows, _: F) -> Workflows {
            workflows.with_ours::<F::Workflow>()
        }
        let schedules = one(Self::new(), crate::schedule::schedule);
        one(schedules, crate::batch::workflow::batch)
    }

    /// The same with a workflow that is known by its type.
    pub(crate) fn with_type<W: Workflow>(self) -> Self {
        assert!(
            !W::NAME.starts_with(OUR_NAMES),
            "workflow `{}`: names that begin with `{OUR_NAMES}` are Sagaline's own",
            W::NAME
        );
        self.with_ours::<W>()
    }

    fn with_ours<W: Workflow>(mut self) -> Self {
        self.queues.extend(W::QUEUES);
        // Two handlers of one name are found now, not when the first run begins.
        let handled = Arc::new(W::handlers().names());
        self.add(Definition {
            workflow: W::NAME,
            version: W::VERSION,
            takes_over: W::TAKES_OVER,
            check: check::<W>,
            begin: desk::begin::<W>,
            around: Around::default(),
            handled,
        })
    }

    /// The same with all of the others; the default queue stays this one's.
    ///
    /// # Panics
    /// When two have the same name and version.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.queues.extend(others.queues);
        let definitions = others.by_name.into_values().flat_map(BTreeMap::into_values);
        definitions.fold(self, Self::add)
    }

    /// Puts an interceptor around every run of these: around those, too, that were put there before.
    #[must_use]
    pub fn intercept(mut self, interceptor: impl WorkflowInterceptor) -> Self {
        let interceptor: Arc<dyn WorkflowInterceptor> = Arc::new(interceptor);
        let versions = self.by_name.values_mut().flat_map(BTreeMap::values_mut);
        versions.for_each(|one| one.around.add(interceptor.clone()));
        self
    }

    /// Sends activities that name no queue to this one; `default` unless said.
    #[must_use]
    pub fn default_queue(mut self, queue: Name) -> Self {
        self.default_queue = queue;
        self
    }

    /// Encodes their payloads by this codec; else they are as they are written, JSON.
    ///
    /// # Panics
    /// Its content type is one of JSON.
    #[must_use]
    pub fn codec(self, codec: impl Codec) -> Self {
        self.coding(Coding::by(codec))
    }

    /// The same with a codec that others have, too.
    #[doc(hidden)]
    #[must_use]
    pub fn coding(mut self, coding: Coding) -> Self {
        self.coding = coding;
        self
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.by_name.keys().copied()
    }

    /// Names and versions, sorted.
    pub fn versions(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let definitions = self.by_name.values().flat_map(BTreeMap::values);
        definitions.map(|one| (one.workflow, one.version))
    }

    /// What a workflow of that version handles: signals, queries and updates.
    ///
    /// # Example: what people may send a run
    /// ```
    /// use sagaline_sdk::{Context, Result, Workflows, signal, workflow};
    ///
    /// #[derive(Default)]
    /// struct Order {
    ///     approved: bool,
    /// }
    ///
    /// #[signal]
    /// fn approve(order: &mut Order) {
    ///     order.approved = true;
    /// }
    ///
    /// #[workflow(signals(approve))]
    /// async fn order(_cx: Context<Order>) -> Result<()> {
    ///     Ok(())
    /// }
    ///
    /// let workflows = Workflows::new().with(order);
    /// let version = workflows.resolve("order", None).unwrap();
    ///
    /// assert_eq!(workflows.handled("order", version).unwrap().signals, ["approve"]);
    /// assert_eq!(workflows.handled("refund", "1.0.0"), None);
    /// ```
    #[must_use]
    pub fn handled(&self, name: &str, version: &str) -> Option<&Handled> {
        let version = Version::parse(version).ok()?;
        let definition = self.by_name.get(name)?.get(&version)?;
        Some(&definition.handled)
    }

    /// The task queues that the workflows name, with the default one.
    #[must_use]
    pub fn queues(&self) -> BTreeSet<String> {
        let named = self.queues.iter().copied();
        named
            .chain([self.default_queue.as_str()])
            .map(String::from)
            .collect()
    }

    /// The version that a start gets: the one asked for, or the highest by semantic versioning.
    #[must_use]
    pub fn resolve(&self, name: &str, version: Option<&str>) -> Option<&'static str> {
        let versions = self.by_name.get(name)?;
        match version {
            None => versions.values().next_back().map(|one| one.version),
            Some(wanted) => versions
                .get(&Version::parse(wanted).ok()?)
                .map(|one| one.version),
        }
    }

    /// A program for one run, which began with that version: that version's, or the highest one's where it takes over.
    #[must_use]
    pub fn program(&self, name: &str, version: &str) -> Option<Box<dyn Program>> {
        let versions = self.by_name.get(name)?;
        let began_with = Version::parse(version).ok()?;
        let highest = versions.last_key_value();
        let takes_over = highest.filter(|(highest, one)| one.takes_over && **highest > began_with);
        let definition = match takes_over {
            Some((_, definition)) => definition,
            None => versions.get(&began_with)?,
        };
        let default_queue = self.default_queue.clone();
        let program = RustProgram::new(definition.clone(), version, default_queue);
        if self.coding.is_plain() {
            return Some(Box::new(program));
        }
        Some(Box::new(Coded {
            program: Box::new(program),
            coding: self.coding.clone(),
        }))
    }

    fn add(mut self, definition: Definition) -> Self {
        let Definition {
            workflow, version, ..
        } = definition;
        let parsed = Version::parse(version)
            .unwrap_or_else(|error| panic!("workflow `{workflow}`: version `{version}`: {error}"));
        let before = self
            .by_name
            .entry(workflow)
            .or_default()
            .insert(parsed, definition);
        assert!(
            before.is_none(),
            "two workflows are named `{workflow}` {version}"
        );
        self
    }
}

/// Whether an input is one of that workflow.
fn check<W: Workflow>(input: &Payload) -> Result<()> {
    let what = format!("input of `{}`, to continue as new", W::NAME);
    json::decode::<W::Input>(&what, input).map(drop)
}

impl Default for Workflows {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Workflows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.versions()).finish()
    }
}

/// Collects workflows into [`Workflows`].
#[macro_export]
macro_rules! workflows {
    ($($workflow:expr),* $(,)?) => {
        $crate::Workflows::new()$(.with($workflow))*
    };
}
