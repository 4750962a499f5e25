//! Prometheus' text format, version 0.0.4.

use std::fmt::Write as _;

use sagaline_runtime::figures::Reading;

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
    /// Counts by size, which only go up.
    Histogram,
}

/// One distribution of each thing of a kind.
pub(super) struct Histogram<T> {
    name: &'static str,
    help: &'static str,
    /// What one of the page's units is in the reading's.
    unit: f64,
    reading: fn(&T) -> &Reading,
}

impl<T> Histogram<T> {
    /// Of a reading in milliseconds.
    pub(super) const fn seconds(
        name: &'static str,
        help: &'static str,
        reading: fn(&T) -> &Reading,
    ) -> Self {
        Self {
            name,
            help,
            unit: 1_000.0,
            reading,
        }
    }

    /// Of a reading of counts.
    pub(super) const fn count(
        name: &'static str,
        help: &'static str,
        reading: fn(&T) -> &Reading,
    ) -> Self {
        Self {
            name,
            help,
            unit: 1.0,
            reading,
        }
    }
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

    /// Adds these distributions of each thing, classes cumulated as Prometheus has it.
    pub(super) fn add_histograms<'a, T: 'a, const N: usize>(
        &mut self,
        histograms: &[Histogram<T>],
        things: impl Iterator<Item = &'a T> + Clone,
        labels: impl Fn(&T) -> [(&'static str, String); N],
    ) {
        for histogram in histograms {
            let mut is_first = true;
            for thing in things.clone() {
                if is_first {
                    self.head(histogram.name, Kind::Histogram, histogram.help);
                    is_first = false;
                }
                self.classes(histogram, (histogram.reading)(thing), &labels(thing));
            }
        }
    }

    fn classes<T>(
        &mut self,
        histogram: &Histogram<T>,
        reading: &Reading,
        labels: &[(&'static str, String)],
    ) {
        let Histogram { name, unit, .. } = histogram;
        let bounds = reading.bounds.iter();
        let bounds = bounds.map(|&bound| (bound as f64 / unit).to_string());
        let mut so_far = 0;
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(&reading.counts) {
            so_far += count;
            let mut labels = labels.to_vec();
            labels.push(("le", bound));
            self.sample(&format!("{name}_bucket"), &labels, so_far as f64);
        }
        self.sample(&format!("{name}_sum"), labels, reading.sum as f64 / unit);
        self.sample(&format!("{name}_count"), labels, so_far as f64);
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn head(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
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
    fn classes_of_a_histogram_have_all_that_is_smaller_too() {
        const HISTOGRAMS: &[Histogram<Reading>] =
            &[Histogram::seconds("took_seconds", "How long.", |reading| {
                reading
            })];
        let reading = Reading {
            bounds: &[5, 1_000],
            counts: vec![3, 2, 1],
            sum: 2_500,
        };
        let mut page = Page::default();

        page.add_histograms(HISTOGRAMS, [reading].iter(), |_| [("of", "a".to_owned())]);

        assert_eq!(
            page.finish(),
            "# HELP took_seconds How long.\n# TYPE took_seconds histogram\n\
             took_seconds_bucket{of=\"a\",le=\"0.005\"} 3\ntook_seconds_bucket{of=\"a\",le=\"1\"} 5\n\
             took_seconds_bucket{of=\"a\",le=\"+Inf\"} 6\ntook_seconds_sum{of=\"a\"} 2.5\n\
             took_seconds_count{of=\"a\"} 6\n"
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
