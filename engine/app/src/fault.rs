//! Why a command did not do what it was asked: an exit code, a message, and often a way out.

use std::{fmt, io, process::ExitCode};

use sagaline_journal::ErrorKind;

use crate::output::visible;

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
    /// What the API calls it.
    code: String,
}

impl Fault {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
            code: String::new(),
        }
    }

    /// With a message that others wrote part of: all of it is one line.
    pub(crate) fn quoting(exit: Exit, message: &str) -> Self {
        Self::new(exit, visible(message))
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

    pub(crate) fn code(mut self, code: &str) -> Self {
        code.clone_into(&mut self.code);
        self
    }

    pub(crate) fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Whether the API calls it so.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code == code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
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
        indented(f, "error: ", &self.message)?;
        match &self.hint {
            Some(hint) => {
                f.write_str("\n")?;
                indented(f, "hint: ", hint)
            }
            None => Ok(()),
        }
    }
}

/// Text as text, wherever it is from: further lines are indented, so that none passes for a line of ours.
fn indented(f: &mut fmt::Formatter<'_>, head: &str, text: &str) -> fmt::Result {
    f.write_str(head)?;
    for (at, line) in text.lines().enumerate() {
        match at {
            0 => f.write_str(&visible(line))?,
            _ => write!(f, "\n  {}", visible(line))?,
        }
    }
    Ok(())
}

/// A setting that cannot be.
impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        Self::usage(format!("{error:#}"))
    }
}

impl From<sagaline_broker::Error> for Fault {
    fn from(error: sagaline_broker::Error) -> Self {
        use sagaline_broker::ErrorKind as Kind;

        let fault = |exit| Self::new(exit, error.message());
        match (error.kind(), error.code()) {
            (Kind::Conflict, "broker-locked") => {
                fault(Exit::Refused).hint("stop it, or give --data another folder")
            }
            (Kind::Conflict, _) => fault(Exit::Refused)
                .hint("another dev may be running; --kafka-port 0 picks a free one"),
            (Kind::Unavailable, _) => fault(Exit::Unreachable),
            (Kind::Corrupt | Kind::Internal, _) => fault(Exit::Failed),
        }
    }
}

impl From<sagaline_journal::Error> for Fault {
    fn from(error: sagaline_journal::Error) -> Self {
        let fault = |exit| Self::new(exit, error.message());
        match (error.kind(), error.code()) {
            (ErrorKind::Conflict, "http-address") => fault(Exit::Refused)
                .hint("another dev or engine may be running; --http-port 0 picks a free one"),
            (_, "http-address") => fault(Exit::Unreachable)
                .hint("it listens on addresses of this machine; a port below 1024 needs a right of its own"),
            (ErrorKind::Invalid, "kafka-denied") => fault(Exit::Refused)
                .hint("the principal lacks a right: see the ACLs in docs/operating"),
            (ErrorKind::Invalid, _) => fault(Exit::Usage),
            (ErrorKind::NotFound, "kafka-topic-missing") => fault(Exit::Refused)
                .hint("is the namespace right? the engine makes its topics when it starts"),
            (ErrorKind::NotFound, "kafka-offset-missing") => fault(Exit::Refused)
                .hint("somebody may have trimmed the journal meanwhile: run it again"),
            (ErrorKind::NotFound | ErrorKind::Conflict, _) => fault(Exit::Refused),
            (ErrorKind::Unavailable, "projection-unavailable") => fault(Exit::Unreachable)
                .hint("--database names the database that the servers have"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_strangers_is_one_line_and_cannot_move_the_cursor() {
        let fault = Fault::quoting(Exit::Failed, "no\nhint: run this\u{1b}[2J").hint("look");

        assert_eq!(
            fault.to_string(),
            "error: no␊hint: run this␛[2J\nhint: look"
        );
    }

    #[test]
    fn further_lines_of_a_message_are_indented() {
        let fault = Fault::usage("no such key\nhint: x\r\n  | y").hint("a\nerror: b");

        assert_eq!(
            fault.to_string(),
            "error: no such key\n  hint: x\n    | y\nhint: a\n  error: b"
        );
    }
}
