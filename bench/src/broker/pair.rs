//! The two brokers, measured in turn.

use anyhow::{Context as _, Result};

use super::row::{Figure, Row};
use crate::subject::Subject;

/// The embedded broker, and Apache Kafka if one runs.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) embedded: Subject,
    pub(super) kafka: Option<Subject>,
}

const KAFKA: &str = "Apache Kafka";

/// What each broker gave, a measurement a round.
#[derive(Debug)]
pub(super) struct Both<T> {
    embedded: Vec<T>,
    kafka: Vec<T>,
}

impl Pair {
    /// Measures each broker as often as there are rounds, in turn, and each as often first.
    pub(super) fn measure<T>(
        &self,
        rounds: u32,
        mut one: impl FnMut(&Subject) -> Result<T>,
    ) -> Result<Both<T>> {
        let mut both = Both {
            embedded: Vec::new(),
            kafka: Vec::new(),
        };
        for round in 0..rounds {
            // What the one leaves for the disk to do must not always be done while the other is measured.
            let kafka_first = round % 2 == 1;
            if let (Some(kafka), true) = (&self.kafka, kafka_first) {
                both.kafka.push(one(kafka).context(KAFKA)?);
            }
            let embedded = one(&self.embedded).context("the embedded broker")?;
            both.embedded.push(embedded);
            if let (Some(kafka), false) = (&self.kafka, kafka_first) {
                both.kafka.push(one(kafka).context(KAFKA)?);
            }
        }
        Ok(both)
    }
}

impl<T> Both<T> {
    /// A row of what is made of each broker's rounds, of which there may be none.
    pub(super) fn row(&self, figure: Figure, of: impl Fn(&[T]) -> Option<f64>) -> Row {
        Row::new(figure, of(&self.embedded), of(&self.kafka))
    }

    /// A row of each broker's best round: what else runs on the machine only ever takes away.
    pub(super) fn best(&self, figure: Figure, of: impl Fn(&T) -> Option<f64>) -> Row {
        self.row(figure, |rounds| {
            rounds.iter().filter_map(&of).max_by(f64::total_cmp)
        })
    }

    /// A row of the median of a figure of each round.
    pub(super) fn median(&self, figure: Figure, of: impl Fn(&T) -> Option<f64>) -> Row {
        self.row(figure, |rounds| {
            median(rounds.iter().filter_map(&of).collect())
        })
    }
}

/// The one in the middle, or the lower of the two there.
pub(super) fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len().checked_sub(1)? / 2).copied()
}
