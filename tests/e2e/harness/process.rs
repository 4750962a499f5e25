//! A process of a test: its log in a file, ended with this, whose tail a failing test prints.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

use super::wait::until_true;

/// How much of a log a failing test prints.
const TAIL_LINES: usize = 40;

/// A running process.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

/// Signals that tests send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The polite end.
    Term,
    /// Ctrl-C.
    #[cfg(not(feature = "apache"))]
    Int,
    /// Files are to be read anew.
    Hup,
    /// Freezes it.
    Stop,
    /// Thaws it.
    Cont,
}

impl Process {
    /// Starts it; everything that it writes goes to `log`.
    pub(crate) fn spawn(name: &str, command: &mut Command, log: &Path) -> Self {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log can be written");
        let copy = file.try_clone().expect("a file has more than one handle");
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(copy)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}: {command:?}"));
        guard('+', child.id());
        Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            ended: None,
        }
    }

    /// Its name in the test.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    #[cfg(not(feature = "apache"))]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&mut self, signal: Signal) {
        assert!(
            !self.has_ended(),
            "{} has ended: {:?}",
            self.name,
            self.ended
        );
        let name = match signal {
            Signal::Term => "TERM",
            #[cfg(not(feature = "apache"))]
            Signal::Int => "INT",
            Signal::Hup => "HUP",
            Signal::Stop => "STOP",
            Signal::Cont => "CONT",
        };
        let sent = Command::new("sh")
            .args(["-c", "kill -$0 $1", name, &self.child.id().to_string()])
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "{name} to {}",
            self.name
        );
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        if self.ended.is_none() {
            // An error means that it has gone by itself.
            drop(self.child.kill());
            let status = self.child.wait().expect("a child can be waited for");
            self.note(status);
        }
    }

    /// Whether it has ended, by itself or by a signal.
    pub(crate) fn has_ended(&mut self) -> bool {
        if self.ended.is_none()
            && let Some(status) = self.child.try_wait().expect("a child can be asked for")
        {
            self.note(status);
        }
        self.ended.is_some()
    }

    /// Waits for its end and says how it ended.
    pub(crate) fn end(&mut self) -> ExitStatus {
        until_true(&format!("{} ends", self.name), || self.has_ended());
        self.ended.expect("it has just ended")
    }

    /// Everything that it has written.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// How many lines of its log have this in them.
    pub(crate) fn said(&self, text: &str) -> usize {
        self.log()
            .lines()
            .filter(|line| line.contains(text))
            .count()
    }

    fn note(&mut self, status: ExitStatus) {
        guard('-', self.child.id());
        self.ended = Some(status);
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "cargo prints it with the failure")]
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
            let Self {
                name, ended, log, ..
            } = self;
            eprintln!("--- {name}, {ended:?}, end of {}\n{tail}", log.display());
        }
    }
}

/// Tells the guard of a process that began (`+`) or ended (`-`): it kills the living when this test run is gone.
fn guard(what: char, pid: u32) {
    static GUARD: OnceLock<Mutex<Child>> = OnceLock::new();
    let guard = GUARD.get_or_init(|| {
        let guard = Command::new(env!("CARGO_BIN_EXE_guard"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What is sent to the test run's group must not end it first.
            .process_group(0)
            .spawn();
        Mutex::new(guard.expect("the guard was built with this test"))
    });
    let mut guard = guard.lock().unwrap_or_else(PoisonError::into_inner);
    let input = guard.stdin.as_mut().expect("it was asked for");
    writeln!(input, "{what}{pid}").expect("the guard lives as long as this process");
}
