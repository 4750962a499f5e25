//! What `dev` says once everything runs, and when it stops.

use std::{collections::BTreeSet, fmt, net::SocketAddr, path::Path};

use crate::{
    demo::{Example, Line},
    output::visible,
    settings::ADDRESS_DEFAULT,
};

/// What is said once everything runs.
#[derive(Debug)]
pub(super) struct Banner<'a> {
    /// How this program was called.
    pub(super) program: &'a str,
    pub(super) kafka: SocketAddr,
    /// Where HTTP is answered, if it is.
    pub(super) http: Option<&'a str>,
    pub(super) namespace: &'a str,
    /// Those that there are, whatever this start was told.
    pub(super) partitions: i32,
    /// The folder; none when it goes with the process.
    pub(super) data: Option<&'a Path>,
    pub(super) workflows: &'a BTreeSet<String>,
    pub(super) queues: &'a BTreeSet<String>,
    /// The runs of the demo, if it was asked for.
    pub(super) demo: &'a [Line],
    /// An input to begin with, if there is one.
    pub(super) example: Option<&'a Example>,
    pub(super) process: u32,
    /// Whether a person reads it: then there are lines between its parts.
    pub(super) spacing: Spacing,
}

/// Whether there are empty lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spacing {
    Wide,
    Dense,
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = env!("CARGO_PKG_VERSION");
        self.gap(f)?;
        writeln!(
            f,
            "  Sagaline {version}, development mode: embedded broker, one process, no login"
        )?;
        self.gap(f)?;
        self.addresses(f)?;
        self.gap(f)?;
        self.runs(f)?;
        self.to_try(f)?;
        self.gap(f)?;
        writeln!(f, "  Ctrl-C stops.")?;
        self.gap(f)
    }
}

impl Banner<'_> {
    fn gap(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.spacing {
            Spacing::Wide => writeln!(f),
            Spacing::Dense => Ok(()),
        }
    }

    fn addresses(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (namespace, partitions) = (self.namespace, self.partitions);
        let reach = format!("any client; namespace {namespace}, {partitions} partitions");
        if let Some(http) = self.http {
            writeln!(f, "  UI       {http}")?;
        }
        row(f, "Kafka", &self.kafka.to_string(), &reach)?;
        match self.data {
            Some(data) => {
                let text = "kept when you stop; --ephemeral keeps nothing";
                row(f, "Data", &data.display().to_string(), text)?;
            }
            None => row(f, "Data", "none", "nothing is kept when you stop")?,
        }
        writeln!(f, "  Serves   {}", self.serves())
    }

    fn serves(&self) -> String {
        if self.workflows.is_empty() {
            return "no workflows: this program has none".to_owned();
        }
        let workflows = listed("workflow", self.workflows);
        match self.queues.is_empty() {
            true => format!("{workflows}; activities are served by other programs"),
            false => format!(
                "{workflows}; activities on {}",
                listed("queue", self.queues)
            ),
        }
    }

    /// The runs of the demo, and how one of them is changed.
    fn runs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = std::iter::once("Demo").chain(std::iter::repeat(""));
        for (head, run) in heads.zip(self.demo) {
            let (id, says) = (&run.workflow_id, &run.says);
            writeln!(f, "  {head:8} {id:18} {says}")?;
            if let Some((removing, path)) = &run.file {
                let path = word(path);
                writeln!(f, "  {:8} {:18} {removing}:  rm {path}", "", "")?;
            }
        }
        match self.demo.is_empty() {
            true => Ok(()),
            false => self.gap(f),
        }
    }

    fn to_try(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = self.program;
        let lines = [self.to_look_at(), self.to_start(), self.to_list()];
        let heads = std::iter::once("Try").chain(std::iter::repeat(""));
        for (head, command) in heads.zip(lines.into_iter().flatten()) {
            let way = self.way(&command);
            writeln!(f, "  {head:8} {program} {way}{command}")?;
        }
        if self.data.is_some() {
            let kill = format!("kill -9 {}", self.process);
            writeln!(
                f,
                "           {kill:18} then start again: every run goes on where it was"
            )?;
        }
        Ok(())
    }

    /// How a command finds this process, where it would not by itself.
    fn way(&self, command: &str) -> String {
        match (self.http, self.kafka.to_string()) {
            (Some(ADDRESS_DEFAULT), _) if command != DOCTOR => String::new(),
            (Some(http), _) if command != DOCTOR => format!("--address {http} "),
            (_, kafka) if command == DOCTOR && kafka == DEFAULT_KAFKA => String::new(),
            (_, kafka) => format!("--kafka {kafka} "),
        }
    }

    /// The run of the demo that a person can change; else the first.
    fn to_look_at(&self) -> Option<String> {
        let changed = self.demo.iter().find(|run| run.file.is_some());
        let run = changed.or(self.demo.first())?;
        Some(format!("workflow describe {}", run.workflow_id))
    }

    fn to_start(&self) -> Option<String> {
        let (workflow, input) = match self.example {
            Some(example) => {
                let path = format!("@{}", example.input.display());
                (&example.workflow, word(Path::new(&path)))
            }
            None => (self.workflows.first()?, "'{…}'".to_owned()),
        };
        Some(format!("workflow start --type {workflow} --input {input}"))
    }

    /// What there is to see without a demo.
    fn to_list(&self) -> Option<String> {
        let command = match self.workflows.is_empty() {
            true => DOCTOR,
            false => "workflow list",
        };
        self.demo.is_empty().then(|| command.to_owned())
    }
}

/// A path as a shell takes it for one word.
fn word(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@+:,".contains(c);
    match path.chars().all(plain) {
        true => path,
        false => format!("'{}'", visible(&path).replace('\'', "'\\''")),
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: &str, text: &str) -> fmt::Result {
    writeln!(f, "  {name:8} {value:24} {text}")
}

/// `workflow order`, `workflows order, refund`.
fn listed(noun: &str, names: &BTreeSet<String>) -> String {
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("{noun}{plural} {}", names.join(", "))
}

/// The command that asks the brokers, whatever else there is.
const DOCTOR: &str = "doctor";

/// Where it looks for brokers when nobody says otherwise.
const DEFAULT_KAFKA: &str = "127.0.0.1:9092";

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    /// What the program serves.
    fn served() -> [BTreeSet<String>; 2] {
        [names(&["order", "refund"]), names(&["orders"])]
    }

    fn banner([workflows, queues]: &[BTreeSet<String>; 2]) -> Banner<'_> {
        Banner {
            program: "order-saga",
            kafka: ([127, 0, 0, 1], 9092).into(),
            http: Some("http://127.0.0.1:8080"),
            namespace: "sagaline",
            partitions: 4,
            data: Some(Path::new(".sagaline")),
            workflows,
            queues,
            demo: &[],
            example: None,
            process: 12_345,
            spacing: Spacing::Wide,
        }
    }

    fn said(banner: &Banner<'_>) -> String {
        let said = banner.to_string();
        said.replace(env!("CARGO_PKG_VERSION"), "0.1.0")
    }

    fn run(id: &str, says: &str, file: Option<(&str, &str)>) -> Line {
        Line {
            workflow_id: id.to_owned(),
            says: says.to_owned(),
            file: file.map(|(removing, path)| (removing.to_owned(), path.into())),
        }
    }

    #[test]
    fn it_says_where_things_are_and_what_to_try() {
        assert_eq!(
            said(&banner(&served())),
            "
  Sagaline 0.1.0, development mode: embedded broker, one process, no login

  UI       http://127.0.0.1:8080
  Kafka    127.0.0.1:9092           any client; namespace sagaline, 4 partitions
  Data     .sagaline                kept when you stop; --ephemeral keeps nothing
  Serves   workflows order, refund; activities on queue orders

  Try      order-saga workflow start --type order --input '{…}'
           order-saga workflow list
           kill -9 12345      then start again: every run goes on where it was

  Ctrl-C stops.

"
        );
    }

    #[test]
    fn a_demo_is_told_run_by_run_with_what_a_person_can_do() {
        let down = Some(("repair it", ".sagaline/demo/gateway-down"));
        let runs = [
            run("demo-completed", "three steps, done in a second", None),
            run("demo-retrying", "the card gateway is down", down),
            run("demo-batch", "600 orders as children", None),
        ];
        let example = Example {
            workflow: "order".to_owned(),
            input: "examples/order-saga/input.json".into(),
        };

        let said = said(&Banner {
            demo: &runs,
            example: Some(&example),
            ..banner(&served())
        });

        let (_, said) = said.split_once("queue orders\n").expect("it is there");
        assert_eq!(
            said,
            "
  Demo     demo-completed     three steps, done in a second
           demo-retrying      the card gateway is down
                              repair it:  rm .sagaline/demo/gateway-down
           demo-batch         600 orders as children

  Try      order-saga workflow describe demo-retrying
           order-saga workflow start --type order --input @examples/order-saga/input.json
           kill -9 12345      then start again: every run goes on where it was

  Ctrl-C stops.

"
        );
    }

    #[test]
    fn who_is_no_terminal_gets_no_empty_lines() {
        let runs = [run("demo-completed", "three steps", None)];

        let said = said(&Banner {
            demo: &runs,
            spacing: Spacing::Dense,
            ..banner(&served())
        });

        assert!(!said.contains("\n\n") && !said.starts_with('\n'), "{said}");
        assert!(!said.contains('\u{1b}'), "{said}");
        assert!(said.contains("workflow describe demo-completed"), "{said}");
    }

    #[test]
    fn a_program_without_workflows_on_a_free_port_has_less_to_say() {
        let said = said(&Banner {
            kafka: ([127, 0, 0, 1], 40_001).into(),
            data: None,
            ..banner(&Default::default())
        });

        assert!(said.contains("--kafka 127.0.0.1:40001 doctor"), "{said}");
        assert!(
            said.contains("nothing is kept") && !said.contains("kill"),
            "{said}"
        );
    }

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        for (path, expected) in [
            (".sagaline/demo/down", ".sagaline/demo/down"),
            ("my data/down", "'my data/down'"),
            ("it's; rm -r x", "'it'\\''s; rm -r x'"),
            ("a\nb", "'a␊b'"),
        ] {
            assert_eq!(word(Path::new(path)), expected);
        }
    }
}
