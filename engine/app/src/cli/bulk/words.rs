//! What a person is asked before many are acted on: by name and number.

use std::collections::BTreeSet;

use sagaline_core::{Name, RunId, Seq};

use super::target::{Covered, Scope, Target};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Runs are asked to stop.
    Cancel { compensate: bool },
    /// Runs are ended.
    Terminate { compensate: bool },
    /// Runs are sent a message.
    Signal,
    /// Runs are held up.
    Pause,
    /// Runs go on.
    Resume,
    /// Runs end, and others go on from that event.
    Reset { event_seq: Seq },
    /// The next attempts now.
    RetryActivity,
    /// As if workers had returned a result.
    CompleteActivity,
    /// As if they had failed for good.
    FailActivity,
    /// No attempts.
    PauseActivity,
    /// They go on.
    ResumeActivity,
    /// Other time-outs, another retry policy.
    UpdateOptions,
    /// Fresh sets of attempts.
    RetryIncident,
    /// As if they had returned a result.
    SkipIncident,
    /// They fail.
    FailIncident,
}

impl Doing {
    /// What it is done on.
    pub(super) const fn scope(self) -> Scope {
        match self {
            Self::Cancel { .. }
            | Self::Terminate { .. }
            | Self::Signal
            | Self::Pause
            | Self::Resume
            | Self::Reset { .. } => Scope::Runs,
            Self::RetryActivity
            | Self::CompleteActivity
            | Self::FailActivity
            | Self::PauseActivity
            | Self::ResumeActivity
            | Self::UpdateOptions => Scope::Activities,
            Self::RetryIncident | Self::SkipIncident | Self::FailIncident => Scope::Incidents,
        }
    }

    /// What will happen, as a question.
    pub(super) fn question(self, targets: &[Target]) -> String {
        self.ask(&Counted::of(targets))
    }

    /// The same where only numbers are known.
    pub(super) fn question_by_numbers(self, matched: usize, covered: &Covered) -> String {
        self.ask(&Counted::by_numbers(self.scope(), matched, covered))
    }

    fn ask(self, of: &Counted<'_>) -> String {
        let Counted {
            runs,
            steps,
            compensated,
            in_flight,
            ..
        } = of;
        let what = of.what();
        match self {
            Self::Cancel { compensate: true } => format!(
                "Cancel {runs}? Each is asked to stop and its completed steps are compensated in reverse \
                 order.{} Runs that close before their turn are skipped.",
                of.without_compensation()
            ),
            Self::Cancel { compensate: false } => format!(
                "Cancel {runs}? Each is asked to stop; {steps} done. Runs that close before their \
                 turn are skipped."
            ),
            Self::Terminate { compensate: false } => {
                format!("Terminate {runs}? They end at once. Nothing is compensated; {steps} done.")
            }
            Self::Terminate { compensate: true } => {
                format!("Terminate {runs}? They end once {compensated} compensated.")
            }
            Self::Signal => format!("Send {runs} this signal?"),
            Self::Pause => format!(
                "Pause {runs}? No new activity, retry, timer or child starts; {in_flight} in flight may \
                 finish. Time-outs of the runs go on."
            ),
            Self::Resume => format!("Resume {runs}? What was due meanwhile starts now."),
            Self::Reset { event_seq } => format!(
                "Reset {runs} to event {event_seq}? They end, and others go on from there; {in_flight} in flight \
                 are asked to stop."
            ),
            Self::RetryActivity => format!("Retry {what} now? Each uses up an attempt."),
            Self::CompleteActivity => format!(
                "Complete {what} with this result? The workflows go on as if workers had sent it. Later \
                 answers are ignored."
            ),
            Self::FailActivity => format!(
                "Fail {what} now? No attempt follows. Unless the workflows handle the error they fail, and \
                 {compensated} compensated."
            ),
            Self::PauseActivity => {
                format!("Pause {what}? No attempt starts; {in_flight} in flight may finish.")
            }
            Self::ResumeActivity => {
                format!("Resume {what}? Attempts that were due meanwhile start now.")
            }
            Self::UpdateOptions => {
                format!("Change the options of {what}? Attempts that wait are judged anew.")
            }
            Self::RetryIncident => format!("Retry all {}?{}", number(of.matched), of.attempts()),
            Self::SkipIncident => format!(
                "Skip {what} with this result? The workflows go on as if {name} had returned it; {name} is \
                 not done.",
                name = of.name.as_ref().map_or("each", |name| name.as_str())
            ),
            Self::FailIncident => {
                format!("Fail {what}? They fail and {compensated} compensated.")
            }
        }
    }
}

/// What is meant, in numbers.
struct Counted<'a> {
    targets: &'a [Target],
    matched: usize,
    runs: String,
    /// What is acted on, where runs are not.
    parts: Option<String>,
    /// `74 completed steps stay`.
    steps: String,
    /// `74 completed steps are`, as many as would be compensated.
    compensated: String,
    in_flight: String,
    /// The activity that all are about, once in each run.
    name: Option<Name>,
    /// Runs of which nothing would be compensated.
    uncovered: usize,
}

impl<'a> Counted<'a> {
    fn of(targets: &'a [Target]) -> Self {
        let runs: BTreeSet<RunId> = targets.iter().map(|one| one.run_id).collect();
        let first = targets.first().and_then(|one| one.activity.as_ref());
        let is_one =
            runs.len() == targets.len() && targets.iter().all(|one| one.activity.as_ref() == first);
        let covered = Covered::of(targets);
        Self {
            targets,
            matched: targets.len(),
            parts: None,
            runs: counted(runs.len(), "run"),
            steps: those(covered.completed_steps, ["stays", "stay"]),
            compensated: those(covered.registered, ["is", "are"]),
            in_flight: counted(targets.iter().map(|one| one.in_flight).sum(), "attempt"),
            name: first.filter(|_| is_one).cloned(),
            uncovered: covered.without_compensation,
        }
    }

    /// How many attempts are in flight, and in how many runs, is not known.
    fn by_numbers(scope: Scope, matched: usize, covered: &Covered) -> Self {
        let parts = match scope {
            Scope::Runs => None,
            Scope::Activities if matched == 1 => Some("1 activity".to_owned()),
            Scope::Activities => Some(format!("{} activities", number(matched))),
            Scope::Incidents => Some(counted(matched, "incident")),
        };
        Self {
            targets: &[],
            matched,
            runs: counted(matched, "run"),
            parts,
            steps: those(covered.completed_steps, ["stays", "stay"]),
            compensated: those(covered.registered, ["is", "are"]),
            in_flight: "attempts".to_owned(),
            name: None,
            uncovered: covered.without_compensation,
        }
    }

    /// `ship in 37 runs`, or `40 in 37 runs`.
    fn what(&self) -> String {
        let runs = &self.runs;
        match (&self.name, &self.parts) {
            (_, Some(parts)) => parts.clone(),
            (Some(name), None) => format!("{name} in {runs}"),
            (None, None) => format!("{} in {runs}", number(self.matched)),
        }
    }

    fn without_compensation(&self) -> String {
        match self.uncovered {
            0 => String::new(),
            1 => " 1 has none to compensate.".to_owned(),
            count => format!(" {} have none to compensate.", number(count)),
        }
    }

    /// What a retry gives: attempts to activities, another try to programs.
    fn attempts(&self) -> String {
        let mut sets: Vec<u32> = self.targets.iter().filter_map(|one| one.attempts).collect();
        let programs = self.targets.len() - sets.len();
        sets.sort_unstable();
        sets.dedup();
        let of_activities = match *sets {
            [] => String::new(),
            [1] => " Each gets one more attempt.".to_owned(),
            [set] if set > 0 => format!(" Each gets a fresh set of {set} attempts."),
            _ => " Each gets a fresh set of its attempts.".to_owned(),
        };
        match programs {
            0 => of_activities,
            1 => format!("{of_activities} 1 program is activated again."),
            _ => format!(
                "{of_activities} {} programs are activated again.",
                number(programs)
            ),
        }
    }
}

/// Completed steps, with a word for one and one for several.
fn those(count: usize, [one, several]: [&str; 2]) -> String {
    let word = if count == 1 { one } else { several };
    format!("{} {word}", counted(count, "completed step"))
}

/// `1 run`, `1,204 runs`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{} {noun}s", number(count)),
    }
}

/// `1,204`.
pub(crate) fn number(count: usize) -> String {
    let digits = count.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ships(count: u8) -> Vec<Target> {
        let numbers = 0..count;
        numbers
            .map(|n| Target::scripted(n, Some("ship"), Some(3)))
            .collect()
    }

    #[test]
    fn numbers_have_a_comma_at_every_thousand() {
        let numbers = [0, 37, 999, 1_204, 12_953, 1_000_000].map(number);

        assert_eq!(numbers, ["0", "37", "999", "1,204", "12,953", "1,000,000"]);
    }

    #[test]
    fn acts_on_runs_say_what_becomes_of_completed_steps() {
        let question = |doing: Doing| doing.question(&ships(37));

        assert_eq!(
            question(Doing::Cancel { compensate: true }),
            "Cancel 37 runs? Each is asked to stop and its completed steps are compensated in reverse order. \
             1 has none to compensate. Runs that close before their turn are skipped."
        );
        assert_eq!(
            question(Doing::Terminate { compensate: false }),
            "Terminate 37 runs? They end at once. Nothing is compensated; 74 completed steps stay done."
        );
        assert_eq!(
            question(Doing::Pause),
            "Pause 37 runs? No new activity, retry, timer or child starts; 37 attempts in flight may finish. \
             Time-outs of the runs go on."
        );
    }

    #[test]
    fn where_only_numbers_are_known_only_they_are_told() {
        let covered = Covered {
            completed_steps: 74,
            registered: 36,
            without_compensation: 1,
        };
        let question = |doing: Doing| doing.question_by_numbers(37, &covered);

        assert_eq!(
            question(Doing::Cancel { compensate: true }),
            Doing::Cancel { compensate: true }.question(&ships(37))
        );
        assert_eq!(
            question(Doing::PauseActivity),
            "Pause 37 activities? No attempt starts; attempts in flight may finish."
        );
        assert_eq!(question(Doing::RetryIncident), "Retry all 37?");
        assert_eq!(
            question(Doing::FailIncident),
            "Fail 37 incidents? They fail and 36 completed steps are compensated."
        );
    }

    #[test]
    fn acts_on_incidents_name_the_activity_where_there_is_one() {
        let mut several = ships(2);
        several.push(Target::scripted(1, Some("charge"), Some(3)));

        assert_eq!(
            Doing::SkipIncident.question(&ships(37)),
            "Skip ship in 37 runs with this result? The workflows go on as if ship had returned it; ship is \
             not done."
        );
        assert_eq!(
            Doing::FailIncident.question(&ships(37)),
            "Fail ship in 37 runs? They fail and 36 completed steps are compensated."
        );
        assert_eq!(
            Doing::FailIncident.question(&several),
            "Fail 3 in 2 runs? They fail and 1 completed step is compensated."
        );
    }

    #[test]
    fn a_retry_says_what_each_is_given() {
        let question = |targets: &[Target]| Doing::RetryIncident.question(targets);
        let program = Target::scripted(9, None, None);
        let mut mixed = ships(2);
        mixed.push(program.clone());
        let two_sets = [
            Target::scripted(1, Some("ship"), Some(3)),
            Target::scripted(2, Some("ship"), Some(5)),
        ];

        assert_eq!(
            question(&ships(37)),
            "Retry all 37? Each gets a fresh set of 3 attempts."
        );
        assert_eq!(
            question(&two_sets),
            "Retry all 2? Each gets a fresh set of its attempts."
        );
        assert_eq!(
            question(&mixed),
            "Retry all 3? Each gets a fresh set of 3 attempts. 1 program is activated again."
        );
        assert_eq!(
            question(&[program]),
            "Retry all 1? 1 program is activated again."
        );
    }
}
