//! What an app shows to newcomers: runs that `dev --demo` starts, and files by which a person changes what they meet.
//!
//! Each id is started only while the engine knows no run of it, so that a restart doubles nothing. The files are made with
//! the folder that has them, once: what a person has removed stays removed.
//! Deliberately absent: any way for a workflow to know that it is shown. What a demo's run meets is for its input to say,
//! and for activities, which find the folder as [`DemoFolder`].

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use sagaline_journal::ErrorKind;
use sagaline_sdk::{
    BoxFuture, WorkflowCall,
    client::{Client, ClientError},
};
use serde_json::value::RawValue;
use tokio::task::JoinSet;

use crate::{
    fault::{Exit, Fault, Outcome},
    inbox::new_id,
};

/// Runs that `dev --demo` starts, in the order in which the terminal tells of them; [`App::demo`](crate::App::demo) takes it.
///
/// # Example: one run that goes well, and one whose gateway a person repairs
/// ```no_run
/// use std::process::ExitCode;
///
/// use sagaline::{Demo, DemoFolder, prelude::*};
///
/// #[activity]
/// async fn pay(cx: ActivityContext, card: &str) -> Result<()> {
///     let folder = cx.data::<DemoFolder>();
///     let is_down = folder.is_ok_and(|folder| folder.file("gateway-down").exists());
///     match card {
///         "gateway" if is_down => Err(Error::new("GatewayDown", "connection refused")),
///         _ => Ok(()),
///     }
/// }
///
/// #[workflow]
/// async fn order(cx: Context, card: String) -> Result<()> {
///     cx.run(pay(&card)).await
/// }
///
/// fn main() -> ExitCode {
///     let demo = Demo::new()
///         .start("demo-paid", "one step, done at once", order("4242".into()))
///         .start("demo-retrying", "the gateway is down", order("gateway".into()))
///         .file("gateway-down", "repair it");
///     sagaline::app().workflow(order).activities(activities![pay]).demo(demo).run()
/// }
/// ```
#[derive(Default)]
#[must_use = "a demo is shown by an app: `.demo(…)`"]
pub struct Demo {
    starts: Vec<Start>,
    example: Option<Example>,
}

/// Longest example that the API tells.
const EXAMPLE_BYTES_MAX: u64 = 64 * 1024;

/// A run.
struct Start {
    workflow_id: String,
    /// What a person sees in it.
    says: String,
    begin: Begin,
    file: Option<Switch>,
    workflow: String,
    /// What it is given, unless that is large.
    input: Option<Box<RawValue>>,
}

type Begin = Box<dyn FnOnce(Client) -> BoxFuture<'static, Result<(), ClientError>> + Send>;

/// A file that is there until a person removes it.
struct Switch {
    name: String,
    /// What a person does who removes it.
    removing: String,
}

/// Another input to begin with.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    pub(crate) workflow: String,
    pub(crate) input: PathBuf,
}

/// An example that is JSON and not large.
fn told(bytes: &[u8]) -> Option<Box<RawValue>> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let is_small = u64::try_from(text.len()).is_ok_and(|bytes| bytes <= EXAMPLE_BYTES_MAX);
    RawValue::from_string(text.to_owned())
        .ok()
        .filter(|_| is_small)
}

impl Demo {
    /// Begins a demo without runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts this under that id. What it shows is told in a few words, beside the id.
    pub fn start<R: 'static, W: 'static>(
        mut self,
        workflow_id: &str,
        says: &str,
        call: WorkflowCall<R, W>,
    ) -> Self {
        let id = workflow_id.to_owned();
        self.starts.push(Start {
            workflow_id: id.clone(),
            says: says.to_owned(),
            workflow: call.workflow().to_owned(),
            input: call.input().and_then(|input| told(input.data())),
            begin: Box::new(move |client| {
                Box::pin(async move { client.start(call, id).await.map(drop) })
            }),
            file: None,
        });
        self
    }

    /// Makes a file in the demo's folder, for the run that was added last: the terminal says that removing it does this to it.
    ///
    /// # Panics
    /// No run was added before, or the name is none of a file in that folder.
    pub fn file(mut self, name: &str, removing: &str) -> Self {
        assert!(
            Path::new(name).file_name() == Some(name.as_ref()),
            "{name:?} is the name of a file, without a folder"
        );
        let last = self.starts.last_mut().expect("a file is for a run");
        last.file = Some(Switch {
            name: name.to_owned(),
            removing: removing.to_owned(),
        });
        self
    }

    /// Says where an input for another run of this workflow lies, as seen from where the program is usually called.
    pub fn example(mut self, workflow: &str, input: impl Into<PathBuf>) -> Self {
        self.example = Some(Example {
            workflow: workflow.to_owned(),
            input: input.into(),
        });
        self
    }

    /// Another input to begin with, if it is where it is said to be.
    pub(crate) fn example_here(&self) -> Option<Example> {
        let example = self.example.clone();
        example.filter(|example| example.input.is_file())
    }

    /// Inputs to begin with, as the API has them beside their workflows: the JSON in that file, and of each workflow what the first
    /// run of it is given.
    pub(crate) fn example_inputs(&self) -> Vec<(String, Box<RawValue>)> {
        let mut inputs: Vec<(String, Box<RawValue>)> = Vec::new();
        if let Some(Example { workflow, input }) = &self.example {
            let bytes = fs::metadata(input).map_or(u64::MAX, |file| file.len());
            let text = (bytes <= EXAMPLE_BYTES_MAX).then(|| fs::read(input));
            let input = text.and_then(|text| told(&text.ok()?));
            inputs.extend(input.map(|input| (workflow.clone(), input)));
        }
        for start in &self.starts {
            let is_known = inputs
                .iter()
                .any(|(workflow, _)| *workflow == start.workflow);
            if let Some(input) = start.input.as_ref().filter(|_| !is_known) {
                inputs.push((start.workflow.clone(), input.clone()));
            }
        }
        inputs
    }

    /// Makes the folder with its files, unless it is there.
    pub(crate) fn lay_out(&self, folder: &DemoFolder) -> Outcome {
        let path = folder.path();
        if path.exists() {
            return Ok(());
        }
        // Beside and renamed: it is there as a whole or not at all.
        let beside = path.with_extension(format!("{}.new", new_id()));
        let made = self.write_files(&beside);
        made.and_then(|()| fs::rename(&beside, path))
            .map_err(|error| {
                let text = format!("cannot make the demo's folder {}: {error}", path.display());
                Fault::new(Exit::Refused, text)
            })
    }

    fn write_files(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        for start in &self.starts {
            if let Some(Switch { name, removing }) = &start.file {
                let (id, says) = (&start.workflow_id, &start.says);
                let text = format!("{id}: {says}\n{removing}: remove this file\n");
                fs::write(folder.join(name), text)?;
            }
        }
        Ok(())
    }

    /// What is told of its runs, while their files are there.
    pub(crate) fn lines(&self, folder: &DemoFolder) -> Vec<Line> {
        let line = |start: &Start| {
            let file = start.file.as_ref();
            let file = file.map(|switch| (switch.removing.clone(), folder.file(&switch.name)));
            Line {
                workflow_id: start.workflow_id.clone(),
                says: start.says.clone(),
                file: file.filter(|(_, path)| path.exists()),
            }
        };
        self.starts.iter().map(line).collect()
    }

    /// Starts those of which no run is known, all at once.
    pub(crate) async fn begin(self, client: &Client) -> Outcome {
        let mut begun = JoinSet::new();
        for start in self.starts {
            let client = client.clone();
            begun.spawn(async move {
                let id = start.workflow_id.clone();
                let ended = start.begin_once(client).await;
                ended.map_err(|error| Fault::refused(format!("the demo's {id}: {error}")))
            });
        }
        while let Some(one) = begun.join_next().await {
            one.map_err(|error| Fault::new(Exit::Failed, format!("the demo: {error}")))??;
        }
        Ok(())
    }
}

impl Start {
    /// Asks first: a start that is refused would be in the journal as a refusal.
    async fn begin_once(self, client: Client) -> Result<(), ClientError> {
        match client.describe(&self.workflow_id).await {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => {}
            Err(error) => return Err(error),
        }
        match (self.begin)(client).await {
            // Somebody was faster.
            Err(error) if error.kind() == Some(ErrorKind::Conflict) => Ok(()),
            begun => begun,
        }
    }
}

/// What is told of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) workflow_id: String,
    pub(crate) says: String,
    /// What removing a file does, and which.
    pub(crate) file: Option<(String, PathBuf)>,
}

impl fmt::Debug for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.starts.iter().map(|start| &start.workflow_id);
        f.debug_list().entries(ids).finish()
    }
}

/// Where the files of a [`Demo`] are: under `dev` activities of an app that has one find it as their data, with `--demo` and
/// without. A `worker` or `server` gives none.
#[derive(Clone, Debug)]
pub struct DemoFolder(PathBuf);

impl DemoFolder {
    pub(crate) fn of_data(data: &Path) -> Self {
        Self(data.join("demo"))
    }

    /// The folder, which may not be there.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where a file of that name is, or would be.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

#[cfg(test)]
mod tests {
    use sagaline_sdk::call_workflow;

    use super::*;

    /// A demo whose second run has a file.
    fn demo() -> Demo {
        Demo::new()
            .start("good", "goes well", call_workflow::<()>("order", &()))
            .start("bad", "goes wrong", call_workflow::<()>("order", &()))
            .file("down", "repair it")
    }

    /// A folder of a test's own.
    fn data(name: &str) -> PathBuf {
        let name = format!("sagaline-demo-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn a_file_that_was_removed_is_not_made_again() {
        let data = data("once");
        let folder = DemoFolder::of_data(&data);
        demo().lay_out(&folder).unwrap();
        let made = fs::read_to_string(folder.file("down")).unwrap();

        fs::remove_file(folder.file("down")).unwrap();
        demo().lay_out(&folder).unwrap();

        assert!(made.contains("repair it: remove this file"), "{made}");
        assert!(!folder.file("down").exists());
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "nothing else");
        fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn a_file_is_told_of_while_it_is_there() {
        let data = data("told");
        let folder = DemoFolder::of_data(&data);
        let files = |demo: &Demo| {
            let lines = demo.lines(&folder).into_iter();
            lines.map(|line| line.file.is_some()).collect::<Vec<_>>()
        };

        assert_eq!(files(&demo()), [false, false]);
        demo().lay_out(&folder).unwrap();
        assert_eq!(files(&demo()), [false, true]);
        fs::remove_dir_all(data).unwrap();
    }

    #[test]
    #[should_panic(expected = "without a folder")]
    fn a_file_lies_in_no_other_folder() {
        drop(demo().file("../down", "repair it"));
    }

    #[test]
    fn an_example_that_is_not_there_is_not_told_of() {
        // Where cargo runs tests: in the crate's folder.
        let here = demo().example("order", "Cargo.toml");
        let there = demo().example("order", "no/such/input.json");

        assert!(there.example_here().is_none());
        assert!(here.example_here().is_some());
    }

    #[test]
    fn an_input_to_begin_with_is_that_of_the_file_or_of_the_first_run() {
        let data = data("example");
        let json = data.join("input.json");
        fs::write(&json, " {\"n\": 1}\n").unwrap();
        let of = |file: &Path| {
            let inputs = demo().example("order", file).example_inputs().into_iter();
            let inputs = inputs.map(|(workflow, input)| format!("{workflow} {}", input.get()));
            inputs.collect::<Vec<_>>()
        };

        // One is no JSON, and one is not there.
        assert_eq!(of(Path::new("Cargo.toml")), ["order null"]);
        assert_eq!(of(&data.join("none")), ["order null"]);
        assert_eq!(of(&json), ["order {\"n\": 1}"]);
        fs::remove_dir_all(data).unwrap();
    }
}
