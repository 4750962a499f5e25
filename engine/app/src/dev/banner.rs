//! What `dev` says once everything runs, and when it stops.

use std::{collections::BTreeSet, fmt, net::SocketAddr, path::Path};

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
        row(f, "Kafka", &self.kafka.to_string(), &reach)?;
        if let Some(http) = self.http {
            row(f, "HTTP", http, "/healthz, /readyz, /metrics")?;
        }
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

    fn to_try(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = self.program;
        let kafka = match self.kafka.to_string().as_str() {
            DEFAULT_KAFKA => String::new(),
            other => format!("--kafka {other} "),
        };
        match self.workflows.first() {
            Some(workflow) => writeln!(
                f,
                "  Try      {program} {kafka}workflow start --type {workflow} --input '{{…}}'"
            )?,
            None => writeln!(f, "  Try      {program} {kafka}doctor")?,
        }
        writeln!(f, "           {program} {kafka}workflow list")?;
        if self.data.is_some() {
            let kill = format!("kill -9 {}", self.process);
            writeln!(
                f,
                "           {kill:18} then start again: every run goes on where it was"
            )?;
        }
        Ok(())
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

/// Where commands look for brokers when nobody says otherwise.
const DEFAULT_KAFKA: &str = "127.0.0.1:9092";

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn it_says_where_things_are_and_what_to_try() {
        let (workflows, queues) = (names(&["order", "refund"]), names(&["orders"]));
        let banner = Banner {
            program: "order-saga",
            kafka: ([127, 0, 0, 1], 9092).into(),
            http: Some("http://127.0.0.1:8080"),
            namespace: "sagaline",
            partitions: 4,
            data: Some(Path::new(".sagaline")),
            workflows: &workflows,
            queues: &queues,
            process: 12_345,
            spacing: Spacing::Wide,
        };

        assert_eq!(
            banner
                .to_string()
                .replace("0.1.0", env!("CARGO_PKG_VERSION")),
            "
  Sagaline 0.1.0, development mode: embedded broker, one process, no login

  Kafka    127.0.0.1:9092           any client; namespace sagaline, 4 partitions
  HTTP     http://127.0.0.1:8080    /healthz, /readyz, /metrics
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
    fn a_program_without_workflows_on_a_free_port_has_less_to_say() {
        let none = BTreeSet::new();
        let banner = Banner {
            program: "sagaline",
            kafka: ([127, 0, 0, 1], 40_001).into(),
            http: None,
            namespace: "shop",
            partitions: 1,
            data: None,
            workflows: &none,
            queues: &none,
            process: 1,
            spacing: Spacing::Dense,
        };

        let said = banner.to_string();

        assert!(!said.contains("\n\n") && !said.starts_with('\n'), "{said}");
        assert!(said.contains("--kafka 127.0.0.1:40001 doctor"), "{said}");
        assert!(
            said.contains("nothing is kept") && !said.contains("kill"),
            "{said}"
        );
    }
}
