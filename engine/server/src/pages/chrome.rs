//! What stands on every page: title, navigation, clock, connection, and the small marks that all pages share.

use std::{borrow::Cow, fmt};

use askama::filters::Safe;

use super::{
    assets,
    seen::{Problem, Run},
    state::State,
    time::At,
    told::{Told, percent},
};

/// What a reader wants of all pages, from their cookies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    pub(crate) theme: Theme,
    /// Modules run, so relative times are right from the start and stay so.
    pub(crate) is_live: bool,
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the system has it.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// Who looks at a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reader {
    /// None where nobody logs in.
    pub(crate) name: Option<Told>,
    pub(crate) may_act: bool,
    pub(crate) may_delete: bool,
}

impl Default for Reader {
    /// Where the API does not say who it is, it says so once something is asked for that is not theirs.
    fn default() -> Self {
        Self {
            name: None,
            may_act: true,
            may_delete: true,
        }
    }
}

/// The pages of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Workflows,
    Incidents,
    Schedules,
    TaskQueues,
    Definitions,
    More,
}

/// A thing that was just done here: said once, with a link to its event.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) text: Cow<'static, str>,
    /// When it happened; then the text goes on with it.
    pub(crate) at: Option<At>,
    pub(crate) event: Option<u64>,
    pub(crate) href: Option<String>,
}

impl Note {
    /// Of what has no event.
    pub(crate) const fn of(text: &'static str) -> Self {
        Self {
            text: Cow::Borrowed(text),
            at: None,
            event: None,
            href: None,
        }
    }
}

/// What stands on every page.
#[derive(Clone, Debug)]
pub(crate) struct Chrome {
    pub(crate) title: String,
    pub(crate) place: Place,
    pub(crate) wishes: Wishes,
    pub(crate) reader: Reader,
    pub(crate) now: At,
    /// Incidents that are open, where that is known.
    pub(crate) incidents: Option<u64>,
    /// The server-sent events that say when this page has changed.
    pub(crate) stream: Option<String>,
    /// Where no events say so: after how many seconds it may have changed.
    pub(crate) again_s: Option<u32>,
    /// How far what is shown is behind the journal.
    pub(crate) behind_ms: u64,
    pub(crate) note: Option<Note>,
    /// Why a part of the page could not be read, or an act was not done.
    pub(crate) problem: Option<Problem>,
}

/// Seconds after which a page without events is read again, and one that shows how something goes on.
pub(crate) const AGAIN_S: u32 = 10;
pub(crate) const AGAIN_SOON_S: u32 = 2;

/// Less is not told.
const BEHIND_TOLD_MS: i64 = 5_000;

impl Chrome {
    pub(crate) fn new(title: &dyn fmt::Display, place: Place, now: At) -> Self {
        Self {
            title: title.to_string(),
            place,
            wishes: Wishes::default(),
            reader: Reader::default(),
            now,
            incidents: None,
            stream: None,
            again_s: None,
            behind_ms: 0,
            note: None,
            problem: None,
        }
    }

    pub(crate) fn asset(&self, name: &str) -> String {
        assets::path(name)
    }

    /// Whether acts are offered.
    pub(crate) fn may_act(&self) -> bool {
        self.reader.may_act
    }

    pub(crate) fn is(&self, place: Place) -> bool {
        self.place == place
    }

    /// From 5 s on it is said that a list is behind.
    pub(crate) fn behind(&self) -> Option<String> {
        let behind = i64::try_from(self.behind_ms).unwrap_or(i64::MAX);
        (behind >= BEHIND_TOLD_MS).then(|| super::time::age(behind))
    }

    /// A sign of the set that every page carries.
    pub(crate) fn icon(&self, name: &str) -> Safe<String> {
        icon(name)
    }

    /// Relative where modules keep it so, else absolute.
    pub(crate) fn ago(&self, at: impl Given<At>) -> Safe<String> {
        let at = at.given();
        let text = if self.wishes.is_live {
            at.ago(self.now)
        } else {
            at.short(self.now)
        };
        time(at, "ago", &text)
    }

    /// `10:41:05`, on another day with the day.
    pub(crate) fn clock(&self, at: impl Given<At>) -> Safe<String> {
        let at = at.given();
        time(at, "clock", &at.short(self.now))
    }

    /// `26 Nov 2026, 10:41:05 UTC`, or as the reader's own clock shows it.
    pub(crate) fn full(&self, at: impl Given<At>) -> Safe<String> {
        let at = at.given();
        time(at, "full", &at.full())
    }

    /// `0:41` where modules count it down, else the instant.
    pub(crate) fn countdown(&self, at: impl Given<At>) -> Safe<String> {
        let at = at.given();
        let text = if self.wishes.is_live {
            at.countdown(self.now)
        } else {
            at.short(self.now)
        };
        time(at, "countdown", &text)
    }

    /// `in 0:41`, `due now`; else the instant.
    pub(crate) fn coming(&self, at: impl Given<At>) -> Safe<String> {
        let at = at.given();
        let text = if self.wishes.is_live {
            at.coming(self.now)
        } else {
            format!("at {}", at.short(self.now))
        };
        time(at, "coming", &text)
    }

    /// How long it has lasted until now, or until it ended.
    pub(crate) fn lasted(&self, from: impl Given<At>, to: Option<&At>) -> String {
        super::time::took(to.unwrap_or(&self.now).ms() - from.given().ms())
    }

    pub(crate) fn number(&self, count: impl Given<u64>) -> String {
        super::time::number(count.given())
    }

    pub(crate) fn took(&self, ms: impl Given<i64>) -> String {
        super::time::took(ms.given())
    }

    pub(crate) fn percent(&self, text: &str) -> String {
        percent(text)
    }

    /// The sign and word of a run's status and situation.
    pub(crate) fn state(&self, run: &Run) -> State {
        State::of(&run.status, run.situation.as_deref())
    }

    /// The wait sentence, with the part that counts down apart.
    pub(crate) fn sentence(&self, run: &Run) -> Sentence {
        Sentence::of(&run.waiting_for.text, run.waiting_for.until)
    }
}

/// A value as templates hand it on: by one reference, or by two where it was matched on.
pub(crate) trait Given<T> {
    fn given(&self) -> T;
}

impl<T: Copy> Given<T> for T {
    fn given(&self) -> T {
        *self
    }
}

impl<T: Copy> Given<T> for &T {
    fn given(&self) -> T {
        **self
    }
}

impl<T: Copy> Given<T> for &&T {
    fn given(&self) -> T {
        ***self
    }
}

pub(crate) fn icon(name: &str) -> Safe<String> {
    Safe(format!(
        "<svg class=\"icon {name}\" viewBox=\"-8 -8 16 16\" aria-hidden=\"true\"><use href=\"#t-{name}\"/></svg>"
    ))
}

fn time(at: At, form: &str, text: &str) -> Safe<String> {
    Safe(format!(
        "<time datetime=\"{}\" title=\"{}\" data-as=\"{form}\">{text}</time>",
        at.iso(),
        at.full()
    ))
}

/// A sentence of the API in three parts: what counts down is in the middle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sentence {
    pub(crate) before: Told,
    pub(crate) middle: Option<(&'static str, Told, At)>,
    pub(crate) after: Told,
}

/// How the parts that count down begin, and what the module calls them.
const COUNTED: [(&str, &str); 2] = [("starts in ", "starts"), ("gives up in ", "gives-up")];

impl Sentence {
    fn of(text: &Told, until: Option<At>) -> Self {
        let whole = text.raw();
        // A message of a stranger may hold the same words, so the last of them counts: the sentence ends with its own.
        let found = COUNTED
            .iter()
            .find_map(|(words, form)| Some((whole.rfind(words)?, words.len(), *form)));
        if let (Some((at, words, form)), Some(until)) = (found, until) {
            let (before, rest) = whole.split_at(at);
            let (lead, tail) = rest.split_at(words);
            let (count, after) = tail.split_at(tail.find(['.', ';', ',']).unwrap_or(tail.len()));
            let middle = Told::from(format!("{lead}{count}").as_str());
            return Self {
                before: before.into(),
                middle: Some((form, middle, until)),
                after: after.into(),
            };
        }
        Self {
            before: text.clone(),
            middle: None,
            after: Told::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_a_sentence_that_counts_down_is_found() {
        let text = Told::from(
            "charge failed twice (Down: starts in 0:99. no). Attempt 3 of 9 starts in 0:41. And 2 more.",
        );

        let sentence = Sentence::of(&text, Some(At::from_ms(0)));

        let (form, middle, _) = sentence.middle.unwrap();
        assert_eq!((form, middle.raw()), ("starts", "starts in 0:41"));
        assert_eq!(sentence.after.raw(), ". And 2 more.");
    }

    #[test]
    fn a_sentence_without_an_end_counts_nothing() {
        let sentence = Sentence::of(&Told::from("Completed in 0.9 s."), None);

        assert_eq!(
            (sentence.before.raw(), sentence.middle),
            ("Completed in 0.9 s.", None)
        );
    }
}
