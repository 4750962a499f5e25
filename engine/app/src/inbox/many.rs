//! Many requests at once: sent together, their answers taken as they come.

use std::{cell::RefCell, ops::ControlFlow, time::Duration};

use sagaline_journal::Record;

use super::{Answer, Inbox, Question, REPLY_PARTITION, new_id};
use crate::clock::Deadline;

/// What was said to a request.
#[derive(Debug)]
pub(crate) enum Told {
    /// The first answer.
    Answer(Answer),
    /// It could not be sent, or is not known to be.
    Unsent(String),
    /// No answer came.
    Silent,
}

impl Inbox {
    /// Sends requests and waits for the first answer to each; what was said, in their order. Gives up waiting when
    /// nothing was said to any of them for `silence`, or when answers cannot be read any more.
    pub(crate) fn ask_all(&self, questions: Vec<Question>, silence: Duration) -> Vec<Told> {
        let answers_from = match self.reader.end(&self.replies, REPLY_PARTITION) {
            Ok(end) => end,
            Err(error) => {
                let unsent = |_| Told::Unsent(error.message().to_owned());
                return questions.into_iter().map(unsent).collect();
            }
        };
        let stem = new_id();
        let told = self.send_all(questions, &stem);
        let mut answers = Answers::new(stem, told, silence);
        if answers.are_all() {
            return answers.told;
        }
        // Two closures share it, of which one is called at a time.
        let shared = RefCell::new(&mut answers);
        let read = self.reader.tail(
            &self.replies,
            REPLY_PARTITION,
            answers_from,
            |record| shared.borrow_mut().take(record),
            || shared.borrow().go_on(),
        );
        if let Err(error) = read {
            tracing::debug!(%error, "answers cannot be read");
        }
        answers.told
    }

    /// Sends requests, each with its place as correlation. What was sent is silent so far.
    fn send_all(&self, questions: Vec<Question>, stem: &str) -> Vec<Told> {
        let mut records = Vec::with_capacity(questions.len());
        let mut told = Vec::with_capacity(questions.len());
        for (at, question) in questions.into_iter().enumerate() {
            told.push(match self.record(question, &format!("{stem}/{at}")) {
                Ok(drafted) => {
                    records.push(drafted.record);
                    Told::Silent
                }
                Err(fault) => Told::Unsent(fault.message().to_owned()),
            });
        }
        let sent = self.producer.send_all_blocking(records);
        let drafted = told.iter_mut().filter(|told| matches!(told, Told::Silent));
        for (told, sent) in drafted.zip(sent) {
            if let Err(error) = sent {
                *told = Told::Unsent(error.message().to_owned());
            }
        }
        told
    }
}

/// The answers so far.
struct Answers {
    stem: String,
    told: Vec<Told>,
    /// How many are still to come.
    open: usize,
    silence: Duration,
    deadline: Deadline,
}

impl Answers {
    fn new(stem: String, told: Vec<Told>, silence: Duration) -> Self {
        let open = told.iter().filter(|told| matches!(told, Told::Silent));
        Self {
            open: open.count(),
            stem,
            told,
            silence,
            deadline: Deadline::after(Some(silence)),
        }
    }

    const fn are_all(&self) -> bool {
        self.open == 0
    }

    fn go_on(&self) -> ControlFlow<()> {
        match self.are_all() || self.deadline.passed() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// Takes a record, which may be an answer to somebody else, or one that was heard already.
    fn take(&mut self, record: &Record) -> ControlFlow<()> {
        let answer = Answer::of(record).and_then(|(correlation, answer)| {
            let at = correlation.strip_prefix(&self.stem)?.strip_prefix('/')?;
            Some((at.parse().ok()?, answer))
        });
        if let Some((at, answer)) = answer
            && let Some(told) = self.told.get_mut::<usize>(at)
            && matches!(told, Told::Silent)
        {
            *told = Told::Answer(answer);
            self.open -= 1;
            self.deadline = Deadline::after(Some(self.silence));
        }
        self.go_on()
    }
}

#[cfg(test)]
mod tests {
    use sagaline_core::Timestamp;
    use sagaline_journal::wire::{ce_type, header, outcome};

    use super::*;

    fn reply(correlation: &str) -> Record {
        let mut record = Record::new("ns.replies".into(), 0, 0, Timestamp::default(), 100);
        for (name, value) in [
            (header::CE_TYPE, ce_type::REPLY),
            (header::CORRELATION, correlation),
            (header::OUTCOME, outcome::ACCEPTED),
        ] {
            record.push_header(name, Some(value.as_bytes()));
        }
        record
    }

    #[test]
    fn each_answer_goes_to_its_request_once_until_all_are_there() {
        let told = vec![Told::Silent, Told::Unsent("no".to_owned()), Told::Silent];
        let mut answers = Answers::new("s".to_owned(), told, Duration::from_secs(60));

        for foreign in ["s/2/1", "t/0", "s/9", "s/", "s"] {
            assert!(answers.take(&reply(foreign)).is_continue(), "{foreign}");
        }
        assert!(answers.take(&reply("s/2")).is_continue());
        assert!(answers.take(&reply("s/2")).is_continue());
        assert!(answers.take(&reply("s/1")).is_continue());
        assert!(answers.take(&reply("s/0")).is_break());

        let heard = |told: &Told| matches!(told, Told::Answer(_));
        assert_eq!(
            answers.told.iter().map(heard).collect::<Vec<_>>(),
            [true, false, true]
        );
    }

    #[test]
    fn it_gives_up_after_a_silence() {
        let answers = Answers::new("s".to_owned(), vec![Told::Silent], Duration::ZERO);

        assert!(answers.go_on().is_break());
    }
}
