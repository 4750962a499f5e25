//! The environment of a test: what its workflows and activities are, and its time.

use std::{cell::RefCell, fmt, rc::Rc, time::Duration};

use sagaline_core::{Command, IdConflict, IdReuse, Millis, Reply, Start, Timestamp, WorkflowId};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    answer::{Answer, Erased},
    run::Run,
    world::{self, Waited, World},
};
use crate::{
    Activities, Activity, ActivityFn, ActivityInfo, Codec, Error, Result, Retry, Workflow,
    WorkflowCall, Workflows,
    codec::Coding,
    duration::millis,
    json,
    schedule::{
        Schedule,
        workflow::{self as built_in, Begin},
        workflow_id,
    },
    workflow::ErasedWorkflowCall,
};

/// Where workflows run in memory and time passes when there is nothing else to do.
///
/// A handle: a clone is the same environment, so methods can be chained, and a mock can hold one. Its tests are `#[test]`s,
/// not `#[tokio::test]`s: it runs activities itself.
#[derive(Clone)]
pub struct Env {
    pub(super) world: Rc<RefCell<World>>,
}

/// How a run is started, beside its input.
#[derive(Clone, Debug, Default)]
#[must_use = "a start is given it"]
pub struct StartOptions {
    id: Option<String>,
    run_timeout: Option<Duration>,
    execution_timeout: Option<Duration>,
    start_at: Option<Timestamp>,
    start_delay: Option<Duration>,
    retry: Option<Retry>,
}

impl StartOptions {
    /// None: an id of its own, and no time-out.
    pub fn new() -> Self {
        Self::default()
    }

    /// The workflow's id; `w-1`, `w-2` … unless said.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Lets the run take this long; for ever unless said.
    pub fn run_timeout(mut self, limit: Duration) -> Self {
        self.run_timeout = Some(limit);
        self
    }

    /// Lets the run and those that continue it take this long together; for ever unless said.
    pub fn execution_timeout(mut self, limit: Duration) -> Self {
        self.execution_timeout = Some(limit);
        self
    }

    /// Lets it begin then, and not before; in the past: at once. Until then it is open, and can be signalled, paused, cancelled.
    pub fn start_at(mut self, at: Timestamp) -> Self {
        self.start_at = Some(at);
        self
    }

    /// The same, counted from when it is started.
    pub fn start_delay(mut self, delay: Duration) -> Self {
        self.start_delay = Some(delay);
        self
    }

    /// Tries it again when it fails or its run time-out passes, as a new run of the same id with the same input, once what it
    /// had done is undone; never unless said. Whoever waits for the result hears of the last run alone.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }
}

impl Env {
    /// An empty one. Its time begins on 1 January 2030, 00:00 UTC.
    #[must_use]
    pub fn new() -> Self {
        Self::starting_at(START)
    }

    /// An empty one whose time begins then.
    #[must_use]
    pub fn starting_at(now: Timestamp) -> Self {
        Self {
            world: Rc::new(RefCell::new(World::new(now))),
        }
    }

    /// Makes attempts of these activities by their own code, right here, unless they are mocked.
    ///
    /// What they wait for by tokio's clock takes virtual time only. All else that they do is real: their requests go out,
    /// and a time-out of tokio's around one is over at once. Such an activity is better mocked.
    ///
    /// # Panics
    /// When one of the same name was given before.
    pub fn activities(&self, activities: Activities) -> Self {
        self.world.borrow_mut().mocks.add(activities);
        self.clone()
    }

    /// Gives activities a value, as a worker's builder does: [`ActivityContext::data`](crate::ActivityContext::data) finds it.
    pub fn data<T: Send + Sync + 'static>(&self, value: T) -> Self {
        let mut world = self.world.borrow_mut();
        world.data = world.data.clone().with(value);
        drop(world);
        self.clone()
    }

    /// Encodes payloads by this codec, as the app does: what leaves a workflow or an activity is seen so in the history.
    ///
    /// # Panics
    /// Its content type is one of JSON.
    pub fn codec(&self, codec: impl Codec) -> Self {
        let mut world = self.world.borrow_mut();
        world.coding = Coding::by(codec);
        let workflows = world.lane.workflows.clone();
        world.deploy(workflows);
        drop(world);
        self.clone()
    }

    /// Makes every attempt of an activity by `mock` from now on. It is given the input as the type that it names.
    ///
    /// ```
    /// # use sagaline_sdk::{prelude::*, testing::Env};
    /// # #[activity]
    /// # async fn charge(cents: u32) -> Result<String> { Ok(cents.to_string()) }
    /// let env = Env::new();
    /// env.mock(charge, |cents: u32| match cents {
    ///     0 => Err(Error::new("NothingToPay", "it costs nothing").non_retryable()),
    ///     _ => Ok(format!("paid {cents}")),
    /// });
    /// ```
    pub fn mock<Arguments, F, I>(
        &self,
        activity: F,
        mut mock: impl FnMut(I) -> Result<F::Output> + 'static,
    ) -> Self
    where
        F: ActivityFn<Arguments, Output: Serialize>,
        I: DeserializeOwned,
    {
        self.mock_with(activity, move |_, input| Answer::from(mock(input)))
    }

    /// The same for an activity that is known by its name alone.
    pub fn mock_named<I: DeserializeOwned, R: Serialize>(
        &self,
        activity: &str,
        mut mock: impl FnMut(I) -> Result<R> + 'static,
    ) -> Self {
        self.behave(activity, move |_, input| Answer::from(mock(input)))
    }

    /// The same with a mock that sees which attempt it is, and says when or whether it answers.
    ///
    /// ```
    /// # use sagaline_sdk::{prelude::*, testing::{Answer, Env}};
    /// # #[activity]
    /// # async fn charge(cents: u32) -> Result<String> { Ok(cents.to_string()) }
    /// let env = Env::new();
    /// env.mock_with(charge, |attempt, cents: u32| match attempt.attempt {
    ///     1 => Answer::never(),
    ///     _ => Answer::ok(format!("paid {cents}")).after(2.hours()),
    /// });
    /// ```
    pub fn mock_with<Arguments, F, I>(
        &self,
        activity: F,
        mock: impl FnMut(&ActivityInfo, I) -> Answer<F::Output> + 'static,
    ) -> Self
    where
        F: ActivityFn<Arguments, Output: Serialize>,
        I: DeserializeOwned,
    {
        let _ = activity;
        self.behave(F::Activity::NAME, mock)
    }

    /// Says what the next attempts of an activity come to, in order; those after them are made as before.
    pub fn answers<Arguments, F>(
        &self,
        activity: F,
        answers: impl IntoIterator<Item = Answer<F::Output>>,
    ) -> Self
    where
        F: ActivityFn<Arguments, Output: Serialize>,
    {
        let _ = activity;
        let name = F::Activity::NAME;
        let answers = answers.into_iter().map(|answer| answer.erase(name));
        self.world.borrow_mut().mocks.queue(name, answers);
        self.clone()
    }

    /// Lets the next `times` attempts of an activity fail; those after them are made as before.
    pub fn fail<Arguments, F>(&self, activity: F, times: u32, error: &Error) -> Self
    where
        F: ActivityFn<Arguments, Output: Serialize>,
    {
        let fail = |_| {
            let error = Error::from_failure(error.failure().clone());
            Answer::err(error)
        };
        self.answers(activity, (0..times).map(fail))
    }

    /// How many attempts of an activity were made.
    pub fn attempts<Arguments, F: ActivityFn<Arguments>>(&self, activity: F) -> u32 {
        let _ = activity;
        self.world.borrow().mocks.attempts(F::Activity::NAME)
    }

    /// Has these workflows too: for those that are started by their name alone, and for other versions.
    ///
    /// # Panics
    /// When one of the same name and version is there.
    pub fn workflows(&self, workflows: Workflows) -> Self {
        let mut world = self.world.borrow_mut();
        let all = world.lane.workflows.clone().and(workflows);
        world.deploy(all);
        drop(world);
        self.clone()
    }

    /// Has these workflows and no others from now on, as after a deploy: open runs go on with this code.
    pub fn deploy(&self, workflows: Workflows) {
        let all = workflows.and(Workflows::built_in());
        self.world.borrow_mut().deploy(all);
    }

    /// Starts a workflow; whatever takes no time has happened when this returns.
    ///
    /// # Panics
    /// When its input cannot be written as JSON, or what happens at once does not end.
    pub fn start<R, W: Workflow>(&self, call: WorkflowCall<R, W>) -> Run<R> {
        self.start_with(StartOptions::new(), call)
    }

    /// The same with an id of your own, or time-outs.
    ///
    /// # Panics
    /// As [`Self::start`]; and when the id is none, or one of an open run, or of one that closed within seven days.
    pub fn start_with<R, W: Workflow>(
        &self,
        options: StartOptions,
        call: WorkflowCall<R, W>,
    ) -> Run<R> {
        self.know::<W>();
        self.begin(options, call.erase())
    }

    /// The same for a workflow that is called by its name alone; [`Self::workflows`] gave it.
    ///
    /// # Panics
    /// As [`Self::start_with`]; and when no such workflow was given.
    pub fn start_named<R>(&self, options: StartOptions, call: WorkflowCall<R>) -> Run<R> {
        self.begin(options, call.erase())
    }

    /// Has a schedule of that name: what it starts begins as time passes. Its [`Description`](crate::schedule::Description)
    /// is what the query `describe` answers.
    ///
    /// # Panics
    /// When it says what is not allowed; and as [`Self::start`].
    pub fn schedule(&self, name: &str, schedule: Schedule) -> Run<()> {
        let id = workflow_id(name).and_then(|id| schedule.check().map(|()| id));
        let id = id.unwrap_or_else(|error| panic!("{error}"));
        let begin = built_in::schedule(Begin::new(schedule));
        self.begin(StartOptions::new().id(id), begin.erase())
    }

    /// The newest run of an id: of a child, which its parent started. None as long as there is none.
    #[must_use]
    pub fn run<R>(&self, workflow_id: &str) -> Option<Run<R>> {
        let world = self.world.borrow();
        let newest = world.lane.runs.newest_of(workflow_id)?;
        let (workflow_id, run_id) = (newest.workflow_id.clone(), newest.run.run_id);
        drop(world);
        Some(Run::new(Rc::clone(&self.world), workflow_id, run_id))
    }

    /// What time it is here.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.world.borrow().now
    }

    /// Lets a span pass, and all happen that is due within it.
    ///
    /// # Panics
    /// When that takes more steps than [`Self::steps_max`] allows.
    pub fn skip(&self, span: Duration) {
        let until = self.now().plus(Millis(millis(span)));
        let waited = world::wait(&self.world, until, |_| false);
        assert_ne!(
            waited,
            Waited::Endless,
            "more happens in {span:?} than one wait may take"
        );
        self.world.borrow_mut().now = until;
    }

    /// Stops the engine, and starts it again: all that it knows comes back from the journal. Workers go on.
    pub fn crash(&self) {
        self.world.borrow_mut().lane.crash();
    }

    /// Stops the workers: of attempts that are under way nobody hears again. Those that follow have new workers.
    pub fn crash_workers(&self) {
        self.world.borrow_mut().lose_attempts();
    }

    /// Lets one wait take this many steps: tasks that are taken, answers, deadlines. [`STEPS_MAX`](super::STEPS_MAX) unless said.
    pub fn steps_max(&self, steps: u32) -> Self {
        self.world.borrow_mut().steps_max = steps;
        self.clone()
    }

    fn behave<I: DeserializeOwned, R: Serialize>(
        &self,
        activity: &str,
        mut mock: impl FnMut(&ActivityInfo, I) -> Answer<R> + 'static,
    ) -> Self {
        let name = activity.to_owned();
        let behaviour = move |attempt: &ActivityInfo, input: &_| -> Erased {
            let input = json::decode(&format!("input of the mock of `{name}`"), input);
            let answer = match input {
                Ok(input) => mock(attempt, input),
                Err(error) => Answer::err(error),
            };
            answer.erase(&name)
        };
        let behaviour = Rc::new(RefCell::new(behaviour));
        self.world.borrow_mut().mocks.set(activity, behaviour);
        self.clone()
    }

    /// Has this workflow, too.
    pub(super) fn know<W: Workflow>(&self) {
        let mut world = self.world.borrow_mut();
        let known = world.lane.workflows.resolve(W::NAME, Some(W::VERSION));
        if known.is_none() {
            let all = world.lane.workflows.clone().with_type::<W>();
            world.deploy(all);
        }
    }

    fn begin<R>(&self, options: StartOptions, call: ErasedWorkflowCall) -> Run<R> {
        let start = self.start_of(options, call);
        self.started(&Command::Start(start)).0
    }

    pub(super) fn start_of(&self, options: StartOptions, call: ErasedWorkflowCall) -> Start {
        let mut world = self.world.borrow_mut();
        world.started += 1;
        let id = options.id.unwrap_or_else(|| format!("w-{}", world.started));
        let delay = options.start_delay.map(|delay| Millis(millis(delay)));
        let delayed = delay.map(|delay| world.now.plus(delay));
        let retry = options.retry.map(|retry| {
            let policy = retry.into_workflow_policy();
            policy.unwrap_or_else(|out| panic!("retry of workflow `{id}`: {out}"))
        });
        Start {
            workflow_id: WorkflowId::new(&id).unwrap_or_else(|error| panic!("{error}")),
            workflow: call.workflow,
            version: call.version.map(String::into_boxed_str),
            input: (call.input)
                .and_then(|input| world.coding.encode(input))
                .unwrap_or_else(|error| panic!("{error}")),
            id_conflict: IdConflict::Fail,
            id_reuse: IdReuse::RejectDuplicate,
            reply: None,
            trace: None,
            attributes: None,
            memo: None,
            run_timeout: options.run_timeout.map(|limit| Millis(millis(limit))),
            execution_timeout: options.execution_timeout.map(|limit| Millis(millis(limit))),
            start_at: options.start_at.or(delayed),
            retry: retry.map(Box::new),
            parent: None,
            appended_at: world.now,
        }
    }

    /// The run that an input starts, or finds, and what is answered.
    pub(super) fn started<R>(&self, command: &Command) -> (Run<R>, Vec<Reply>) {
        let (done, replies) = self.world.borrow_mut().input(command);
        let workflow_id = command.workflow_id().expect("a start names one").clone();
        let run_id = done.transitions.last().and_then(|one| one.run_id);
        let run_id = run_id.unwrap_or_else(|| {
            let why = done.rejected.map(|rejected| rejected.message);
            let why = why.unwrap_or_else(|| "its id is in use, or was within seven days".into());
            let workflow = match command {
                Command::Start(start) => start.workflow.as_str(),
                Command::StartWith(with) => with.start.workflow.as_str(),
                _ => "?",
            };
            panic!("workflow `{workflow}` with id `{workflow_id}` does not start: {why}")
        });
        settle(&self.world);
        (
            Run::new(Rc::clone(&self.world), workflow_id, run_id),
            replies,
        )
    }
}

/// Lets all happen that takes no time.
///
/// # Panics
/// It does not end.
pub(super) fn settle(world: &RefCell<World>) {
    let now = world.borrow().now;
    let waited = world::wait(world, now, |_| false);
    assert_ne!(waited, Waited::Endless, "what happens at once does not end");
}

/// 1 January 2030, 00:00 UTC.
const START: Timestamp = Timestamp::from_millis(1_893_456_000_000);

impl Default for Env {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("now", &self.now().to_rfc3339())
            .finish_non_exhaustive()
    }
}
