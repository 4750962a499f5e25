//! Rows: a figure, what each broker has of it, what it is to be, and whether it is.

use std::io::Write as _;

use anyhow::Result;
use serde::Serialize;

use crate::{Output, report::round};

/// Something that is measured.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) unit: &'static str,
    pub(super) target: Target,
}

/// What the embedded broker's figure is to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// Anything: it explains others.
    Any,
    /// No more than Apache Kafka's.
    KafkaAtMost,
    /// No less than Apache Kafka's.
    KafkaAtLeast,
    /// Less than this.
    Below(f64),
    /// None of it.
    Zero,
}

impl Figure {
    pub(super) fn new(name: impl Into<String>, unit: &'static str, target: Target) -> Self {
        Self {
            name: name.into(),
            unit,
            target,
        }
    }
}

/// One figure of both brokers.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    figure: String,
    unit: &'static str,
    embedded: Option<f64>,
    kafka: Option<f64>,
    /// The embedded broker's by Apache Kafka's.
    ratio: Option<f64>,
    target: Option<String>,
    met: Option<bool>,
}

impl Row {
    pub(super) fn new(figure: Figure, embedded: Option<f64>, kafka: Option<f64>) -> Self {
        let ratio = embedded.zip(kafka).filter(|(_, kafka)| *kafka > 0.0);
        Self {
            figure: figure.name,
            unit: figure.unit,
            embedded: embedded.map(short),
            kafka: kafka.map(short),
            ratio: ratio.map(|(embedded, kafka)| round(embedded / kafka, 2)),
            target: figure.target.text(),
            met: figure.target.is_met(embedded, kafka),
        }
    }
}

impl Target {
    fn text(self) -> Option<String> {
        match self {
            Self::Any => None,
            Self::KafkaAtMost => Some("<= kafka".to_owned()),
            Self::KafkaAtLeast => Some(">= kafka".to_owned()),
            Self::Below(bound) => Some(format!("< {bound}")),
            Self::Zero => Some("0".to_owned()),
        }
    }

    /// `None` where there is nothing to compare with.
    fn is_met(self, embedded: Option<f64>, kafka: Option<f64>) -> Option<bool> {
        match self {
            Self::Any => None,
            Self::KafkaAtMost => Some(embedded? <= kafka?),
            Self::KafkaAtLeast => Some(embedded? >= kafka?),
            Self::Below(bound) => Some(embedded? < bound),
            Self::Zero => Some(embedded? == 0.0),
        }
    }
}

/// Three digits or all before the point.
fn short(figure: f64) -> f64 {
    match figure.abs() {
        100.0.. => round(figure, 0),
        10.0.. => round(figure, 1),
        1.0.. => round(figure, 2),
        _ => round(figure, 3),
    }
}

/// Rows as they are printed.
#[derive(Debug)]
pub(super) struct Table {
    output: Output,
    printed: usize,
    missed: Vec<String>,
}

impl Table {
    pub(super) const fn new(output: Output) -> Self {
        Self {
            output,
            printed: 0,
            missed: Vec::new(),
        }
    }

    /// Prints rows, below the heads of the columns when they are the first.
    pub(super) fn print(&mut self, rows: Vec<Row>) -> Result<()> {
        let mut out = std::io::stdout();
        for row in rows {
            match self.output {
                Output::Json => writeln!(out, "{}", serde_json::to_string(&row)?)?,
                Output::Table => {
                    if self.printed == 0 {
                        let heads = ["figure", "unit", "embedded", "kafka", "ratio", "target"];
                        writeln!(out, "{}  met", line(heads.map(str::to_owned)))?;
                    }
                    writeln!(out, "{}", row.line())?;
                }
            }
            self.printed += 1;
            if row.met == Some(false) {
                self.missed.push(row.figure);
            }
        }
        Ok(())
    }

    /// The figures that missed their targets.
    pub(super) fn missed(&self) -> &[String] {
        &self.missed
    }
}

impl Row {
    fn line(&self) -> String {
        let number =
            |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |it| it.to_string());
        let cells = [
            self.figure.clone(),
            self.unit.to_owned(),
            number(self.embedded),
            number(self.kafka),
            number(self.ratio),
            self.target.clone().unwrap_or_else(|| "-".to_owned()),
        ];
        let met = match self.met {
            None => "-",
            Some(true) => "yes",
            Some(false) => "no",
        };
        format!("{}  {met}", line(cells))
    }
}

fn line([figure, unit, embedded, kafka, ratio, target]: [String; 6]) -> String {
    format!("{figure:<36} {unit:<9} {embedded:>10} {kafka:>10} {ratio:>6}  {target:<8}")
}

#[cfg(test)]
mod tests {
    use super::{Figure, Row, Target};

    #[test]
    fn a_target_is_met_missed_or_not_judged_without_a_broker_to_compare_with() {
        let cases = [
            (Target::KafkaAtMost, Some(1.0), Some(1.0), Some(true)),
            (Target::KafkaAtMost, Some(1.1), Some(1.0), Some(false)),
            (Target::KafkaAtMost, Some(1.0), None, None),
            (Target::KafkaAtLeast, Some(0.9), Some(1.0), Some(false)),
            (Target::KafkaAtLeast, Some(1.0), Some(1.0), Some(true)),
            (Target::Below(40.0), Some(40.0), None, Some(false)),
            (Target::Below(40.0), Some(39.9), Some(1_000.0), Some(true)),
            (Target::Zero, Some(0.0), None, Some(true)),
            (Target::Zero, Some(1.0), None, Some(false)),
            (Target::Any, Some(1.0), Some(2.0), None),
        ];

        for (target, embedded, kafka, met) in cases {
            let row = Row::new(Figure::new("figure", "ms", target), embedded, kafka);
            assert_eq!(row.met, met, "{target:?}: {embedded:?}, {kafka:?}");
        }
    }
}
