//! Prometheus' text format, version 0.0.4.

use std::fmt::Write as _;

/// What `Content-Type` says of it.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One metric of each thing of a kind.
pub(super) struct Family<T> {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    /// Its value; none: there is nothing to say of this thing.
    value: fn(&T) -> Option<f64>,
}

#[derive(Clone, Copy)]
enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only goes up, and begins at 0 with the process or with a take-over.
    Counter,
}

impl<T> Family<T> {
    pub(super) const fn gauge(
        name: &'static str,
        help: &'static str,
        value: fn(&T) -> Option<f64>,
    ) -> Self {
        Self {
            name,
            kind: Kind::Gauge,
            help,
            value,
        }
    }

    pub(super) const fn counter(
        name: &'static str,
        help: &'static str,
        value: fn(&T) -> Option<f64>,
    ) -> Self {
        Self {
            name,
            kind: Kind::Counter,
            help,
            value,
        }
    }
}

/// A page being written.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    /// Adds these families, with a sample of each thing that has a value. No two things have the same labels.
    pub(super) fn add<'a, T: 'a, const N: usize>(
        &mut self,
        families: &[Family<T>],
        things: impl Iterator<Item = &'a T> + Clone,
        labels: impl Fn(&T) -> [(&'static str, String); N],
    ) {
        for family in families {
            let samples = things.clone();
            let samples = samples.filter_map(|thing| Some((thing, (family.value)(thing)?)));
            let mut is_first = true;
            for (thing, value) in samples {
                if is_first {
                    self.head(family.name, family.kind, family.help);
                    is_first = false;
                }
                self.sample(family.name, &labels(thing), value);
            }
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn head(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&'static str, String)], value: f64) {
        debug_assert!(value.is_finite(), "{name} is {value}");
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        match labels.is_empty() {
            true => self.line(format_args!("{name} {value}")),
            false => self.line(format_args!("{name}{{{}}} {value}", labels.join(","))),
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// A label's value as it stands between quotes.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for one in value.chars() {
        match one {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            // Nothing in the format forbids it, and not every reader takes it: its code is shown.
            other if other.is_control() => {
                escaped.push('\\');
                escaped.extend(other.escape_unicode());
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing(&'static str, Option<f64>);

    const FAMILIES: &[Family<Thing>] = &[
        Family::gauge("things_bytes", "How large.", |thing| thing.1),
        Family::counter("things_total", "How many.", |thing| {
            thing.1.map(|value| value * 2.0)
        }),
    ];

    fn page(things: &[Thing]) -> String {
        let mut page = Page::default();
        page.add(FAMILIES, things.iter(), |thing| {
            [("name", thing.0.to_owned())]
        });
        page.finish()
    }

    #[test]
    fn each_family_has_one_head_and_a_sample_of_each_thing() {
        let page = page(&[
            Thing("a", Some(0.25)),
            Thing("b", None),
            Thing("c", Some(-3.0)),
        ]);

        assert_eq!(
            page,
            "# HELP things_bytes How large.\n# TYPE things_bytes gauge\n\
             things_bytes{name=\"a\"} 0.25\nthings_bytes{name=\"c\"} -3\n\
             # HELP things_total How many.\n# TYPE things_total counter\n\
             things_total{name=\"a\"} 0.5\nthings_total{name=\"c\"} -6\n"
        );
    }

    #[test]
    fn a_family_of_which_there_is_nothing_to_say_is_left_out() {
        assert_eq!(page(&[Thing("a", None)]), "");
    }

    #[test]
    fn whatever_a_label_says_stays_between_its_quotes() {
        let page = page(&[Thing("a\\b\"c\nd} 1\u{e9}\0", Some(1.0))]);

        assert!(
            page.contains("things_bytes{name=\"a\\\\b\\\"c\\nd} 1\u{e9}\\\\u{0}\"} 1\n"),
            "{page}"
        );
        assert_eq!(page.lines().count(), 6);
    }

    #[test]
    fn a_thing_without_labels_has_no_braces() {
        let mut page = Page::default();
        page.add(FAMILIES, [Thing("a", Some(1e15))].iter(), |_| []);

        assert!(page.finish().contains("\nthings_bytes 1000000000000000\n"));
    }
}
