//! Why a command did not do what it was asked: an exit code, a message, and often a way out.

use std::{fmt, io, process::ExitCode};

use sagaline_journal::ErrorKind;

/// What a command's work comes to.
pub(crate) type Outcome<T = ()> = Result<T, Fault>;

/// The exit codes, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was done; also when the reader of our output has gone.
    Done = 0,
    /// What was asked about failed.
    Failed = 1,
    /// The command or a setting is wrong.
    Usage = 2,
    /// Kafka cannot be reached, or nobody answers.
    Unreachable = 3,
    /// Not found, in conflict, forbidden.
    Refused = 4,
    /// Time ran out while waiting.
    TimedOut = 5,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Fault {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(Exit::Refused, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Says it on stderr.
    pub(crate) fn report(&self) -> ExitCode {
        if self.exit != Exit::Done {
            let mut stderr = io::stderr().lock();
            // Nobody is left to be told when this fails.
            let _ = io::Write::write_fmt(&mut stderr, format_args!("{self}\n"));
        }
        ExitCode::from(self.exit as u8)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// A setting that cannot be.
impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        Self::usage(format!("{error:#}"))
    }
}

impl From<sagaline_journal::Error> for Fault {
    fn from(error: sagaline_journal::Error) -> Self {
        let fault = |exit| Self::new(exit, error.message());
        match (error.kind(), error.code()) {
            (ErrorKind::Invalid, "kafka-denied") => fault(Exit::Refused)
                .hint("the principal lacks a right: see the ACLs in docs/operating"),
            (ErrorKind::Invalid, _) => fault(Exit::Usage),
            (ErrorKind::NotFound, "kafka-topic-missing") => fault(Exit::Refused)
                .hint("is the namespace right? the engine makes its topics when it starts"),
            (ErrorKind::NotFound | ErrorKind::Conflict, _) => fault(Exit::Refused),
            (ErrorKind::Unavailable, _) => fault(Exit::Unreachable)
                .hint("is Kafka running there? --kafka or SAGALINE_KAFKA names its brokers"),
            (ErrorKind::Fenced | ErrorKind::Corrupt | ErrorKind::Internal, _) => {
                fault(Exit::Failed)
            }
        }
    }
}

/// Output that cannot be written. Whoever closed the pipe has seen enough.
impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::Done, ""),
            _ => Self::new(Exit::Failed, error.to_string()),
        }
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::from(io::Error::from(error))
    }
}
