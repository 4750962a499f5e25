//! A reader of Prometheus' text format that is stricter than Prometheus: whatever is not as it should be fails the test.

use std::collections::{BTreeMap, BTreeSet};

/// The samples of a page.
#[derive(Debug)]
pub(crate) struct Scrape {
    /// Value by series: name and labels, as they stand there.
    samples: BTreeMap<String, f64>,
}

impl Scrape {
    /// Reads a page.
    pub(crate) fn read(page: &str) -> Self {
        assert!(page.ends_with('\n'), "the last line ends");
        let mut samples = BTreeMap::new();
        let (mut seen, mut name, mut is_histogram) = (BTreeSet::new(), "", false);
        let mut lines = page.lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                (name, _) = help.split_once(' ').expect("a help has a text");
                assert!(is_name(name) && seen.insert(name), "{line}");
                let typed = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
                let kind = typed.and_then(|typed| typed.strip_prefix(name));
                is_histogram = kind == Some(" histogram");
                match kind.expect("a type follows the help of the same name") {
                    " gauge" => assert!(!name.ends_with("_total"), "{line}"),
                    " counter" => assert!(name.ends_with("_total"), "{line}"),
                    " histogram" => assert!(!name.ends_with("_total"), "{line}"),
                    other => panic!("{name} is of type {other}"),
                }
                let first = lines.peek().expect("a sample follows");
                assert!(!first.starts_with('#'), "{first}");
                continue;
            }
            let (series, value) = line.rsplit_once(' ').expect("a series and its value");
            let labels = series.strip_prefix(name).expect("a sample of that name");
            let labels = match is_histogram {
                true => ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|end| labels.strip_prefix(end))
                    .expect("a sample of a histogram says which"),
                false => labels,
            };
            check_labels(labels);
            let value = value.parse().expect("a number");
            let before = samples.insert(series.to_owned(), value);
            assert_eq!(before, None, "{series} is there twice");
        }
        let page = Self { samples };
        page.check_classes();
        page
    }

    /// Each class of a histogram has all that is smaller too, and the last has all.
    fn check_classes(&self) {
        for (series, all) in &self.samples {
            let Some((name, labels)) = series.split_once("_count") else {
                continue;
            };
            let inside = labels.trim_start_matches('{').trim_end_matches('}');
            let of = |le: &str| match inside {
                "" => format!("{name}_bucket{{le=\"{le}\"}}"),
                inside => format!("{name}_bucket{{{inside},le=\"{le}\"}}"),
            };
            assert_eq!(self.value(&of("+Inf")), Some(*all), "{series}");
            let begin = of("");
            let begin = begin.trim_end_matches("\"}");
            let mut classes: Vec<(f64, f64)> = self
                .samples
                .iter()
                .filter_map(|(series, count)| {
                    let bound = series.strip_prefix(begin)?.strip_suffix("\"}")?;
                    Some((bound.replace("+Inf", "inf").parse().ok()?, *count))
                })
                .collect();
            classes.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(classes.len() > 5, "{series}: {classes:?}");
            assert!(
                classes.is_sorted_by(|a, b| a.1 <= b.1),
                "{series}: {classes:?}"
            );
        }
    }

    /// The value of a series.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        self.samples.get(series).copied()
    }

    /// The sum over all series of a name.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let of_name = |series: &str| series.split('{').next() == Some(name);
        let samples = self.samples.iter().filter(|(series, _)| of_name(series));
        samples.map(|(_, value)| value).sum()
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.starts_with("sagaline_") && text.bytes().all(allowed)
}

/// Nothing, or `{label="value",…}` with what is special in a value escaped.
fn check_labels(labels: &str) {
    if labels.is_empty() {
        return;
    }
    let inside = labels
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let mut rest = inside.expect("labels stand in braces");
    let mut names = BTreeSet::new();
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").expect("a label has a value");
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()));
        assert!(names.insert(name), "{name} is there twice: {labels}");
        let end = end_of_value(value).expect("a value ends");
        rest = &value[end + 1..];
        if let Some(more) = rest.strip_prefix(',') {
            assert!(!more.is_empty(), "{labels}");
            rest = more;
        }
    }
}

/// Where the quote is that ends a value.
fn end_of_value(value: &str) -> Option<usize> {
    let mut escapes = false;
    for (at, one) in value.char_indices() {
        match (escapes, one) {
            (true, '\\' | '"' | 'n') => escapes = false,
            (true, other) => panic!("\\{other} escapes nothing"),
            (false, '\\') => escapes = true,
            (false, '"') => return Some(at),
            (false, _) => {}
        }
    }
    None
}
