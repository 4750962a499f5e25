//! Due times: what cron and calendars mean, where clocks are changed, and a search by brute force that must agree.

use std::time::Duration;

use proptest::prelude::*;
use sagaline_core::{Millis, Timestamp};

use super::{
    Action, Calendar, Exclusion, Overlap, Schedule, Spec,
    book::{Book, Order, Planned},
    spec::{Next, Times},
};

mod oracle;

fn at(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_micros(instant.as_microsecond())
}

fn spec(json: &str) -> Spec {
    serde_json::from_str(json).unwrap()
}

fn times(json: &str) -> Times {
    spec(json).times().unwrap()
}

/// The first due times later than `after`, as people write them.
fn due(json: &str, after: &str, many: usize) -> Vec<String> {
    let times = times(json);
    let mut after = at(after);
    let mut found = Vec::new();
    while found.len() < many
        && let Next::At(next) = times.next_after(after)
    {
        found.push(super::Instant(next).to_rfc3339());
        after = next;
    }
    found
}

fn refused(json: &str) -> String {
    let spec: Result<Spec, _> = serde_json::from_str(json);
    match spec {
        Ok(spec) => spec.times().unwrap_err().text(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn cron_has_five_fields_or_six_or_seven_or_a_word() {
    let first = |cron: &str| {
        due(
            &format!(r#"{{"cron":["{cron}"]}}"#),
            "2026-01-01T00:00:00Z",
            2,
        )
    };

    assert_eq!(
        first("*/20 * * * *"),
        ["2026-01-01T00:20:00Z", "2026-01-01T00:40:00Z"]
    );
    assert_eq!(
        first("*/5 * * * * *"),
        ["2026-01-01T00:00:05Z", "2026-01-01T00:00:10Z"]
    );
    assert_eq!(first("0 0 12 1 1 ? 2028"), ["2028-01-01T12:00:00Z"]);
    assert_eq!(
        first("@daily # every night"),
        ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]
    );
    assert_eq!(
        first("@every 1h/15m"),
        ["2026-01-01T00:15:00Z", "2026-01-01T01:15:00Z"]
    );
    assert_eq!(
        first("0 9 L * *"),
        ["2026-01-31T09:00:00Z", "2026-02-28T09:00:00Z"]
    );
}

#[test]
fn a_day_of_the_month_and_one_of_the_week_match_on_either_in_cron_and_on_both_in_a_calendar() {
    assert_eq!(
        due(r#"{"cron":["0 0 13 * FRI"]}"#, "2026-02-01T00:00:00Z", 3),
        [
            "2026-02-06T00:00:00Z",
            "2026-02-13T00:00:00Z",
            "2026-02-20T00:00:00Z"
        ]
    );
    assert_eq!(
        due(
            r#"{"calendars":[{"day_of_month":13,"day_of_week":"FRI"}]}"#,
            "2026-02-01T00:00:00Z",
            2
        ),
        ["2026-02-13T00:00:00Z", "2026-03-13T00:00:00Z"]
    );
}

#[test]
fn a_time_that_clocks_pass_over_is_taken_at_the_end_of_the_gap() {
    for (zone, cron, before, taken) in [
        (
            "Europe/Zurich",
            "30 2 * * *",
            "2026-03-28T12:00:00Z",
            "2026-03-29T01:00:00Z",
        ),
        (
            "America/New_York",
            "15 2 * * *",
            "2026-03-07T12:00:00Z",
            "2026-03-08T07:00:00Z",
        ),
        (
            "Australia/Lord_Howe",
            "10 2 * * *",
            "2026-10-02T18:00:00Z",
            "2026-10-03T15:30:00Z",
        ),
        // At midnight, and a whole day that one island left out.
        (
            "America/Santiago",
            "0 0 * * *",
            "2026-09-05T12:00:00Z",
            "2026-09-06T04:00:00Z",
        ),
        (
            "Pacific/Apia",
            "0 12 30 * *",
            "2011-12-01T00:00:00Z",
            "2011-12-30T10:00:00Z",
        ),
    ] {
        let json = format!(r#"{{"cron":["{cron}"],"time_zone":"{zone}"}}"#);
        assert_eq!(due(&json, before, 1), [taken], "{zone}");
    }
    // Several of the gap are one, also together with the one at its end.
    assert_eq!(
        due(
            r#"{"cron":["*/30 * * * *"],"time_zone":"Europe/Zurich"}"#,
            "2026-03-29T00:29:00Z",
            3
        ),
        [
            "2026-03-29T00:30:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-29T01:30:00Z"
        ]
    );
}

#[test]
fn a_time_that_exists_twice_is_taken_once_the_first_time() {
    for (zone, cron, before, taken) in [
        (
            "Europe/Zurich",
            "30 2 * * *",
            "2026-10-24T12:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        (
            "America/New_York",
            "0 1 * * *",
            "2026-10-31T12:00:00Z",
            ["2026-11-01T05:00:00Z", "2026-11-02T06:00:00Z"],
        ),
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2026-04-04T00:00:00Z",
            ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
        ),
    ] {
        let json = format!(r#"{{"cron":["{cron}"],"time_zone":"{zone}"}}"#);
        assert_eq!(due(&json, before, 2), taken, "{zone}");
    }
    // Asked within the hour that comes again.
    assert_eq!(
        due(
            r#"{"cron":["* * * * * *"],"time_zone":"Europe/Zurich"}"#,
            "2026-10-25T01:10:00.5Z",
            1
        ),
        ["2026-10-25T02:00:00Z"]
    );
}

#[test]
fn intervals_count_from_the_epoch_and_know_no_clocks_on_walls() {
    assert_eq!(
        due(
            r#"{"intervals":[{"every":"1h","offset":"19m"}],"time_zone":"Europe/Zurich"}"#,
            "2026-03-29T00:19:00Z",
            2
        ),
        ["2026-03-29T01:19:00Z", "2026-03-29T02:19:00Z"]
    );
    assert_eq!(
        due(
            r#"{"intervals":[{"every":"7d"}]}"#,
            "1969-12-31T00:00:00Z",
            2
        ),
        ["1970-01-01T00:00:00Z", "1970-01-08T00:00:00Z"]
    );
}

#[test]
fn exclusions_take_whole_days_and_cost_one_look_each() {
    assert_eq!(
        due(
            r#"{"intervals":[{"every":"1s"}],"exclude":[{"day_of_week":"SAT,SUN"}]}"#,
            "2026-01-02T23:59:58Z",
            2
        ),
        ["2026-01-02T23:59:59Z", "2026-01-05T00:00:00Z"]
    );
    assert_eq!(
        due(
            r#"{"cron":["0 9 * * *"],"exclude":["0 9 2 * *"]}"#,
            "2026-01-01T00:00:00Z",
            2
        ),
        ["2026-01-01T09:00:00Z", "2026-01-03T09:00:00Z"]
    );
}

#[test]
fn bounds_include_their_ends() {
    let json = r#"{"intervals":[{"every":"1h"}],
        "start_at":"2026-01-01T02:00:00Z","end_at":"2026-01-01T03:00:00Z"}"#;

    let all = due(json, "2025-01-01T00:00:00Z", 9);

    assert_eq!(all, ["2026-01-01T02:00:00Z", "2026-01-01T03:00:00Z"]);
}

#[test]
fn what_never_comes_ends_the_search() {
    let never = |json: &str| times(json).next_after(at("2026-01-01T00:00:00Z"));

    assert_eq!(never(r#"{"cron":["0 0 30 2 *"]}"#), Next::Never);
    assert_eq!(never(r#"{"calendars":[{"year":2020}]}"#), Next::Never);
    assert_eq!(never("{}"), Next::Never);
    // All is excluded: it says how far it looked.
    let excluded = r#"{"cron":["0 0 * * *"],"exclude":[{"comment":"never"}]}"#;
    assert!(
        matches!(never(excluded), Next::NotBefore(until) if until > at("2050-01-01T00:00:00Z"))
    );
    assert_eq!(
        spec(excluded)
            .next_after(at("2026-01-01T00:00:00Z"))
            .unwrap(),
        None
    );
    // A leap day that is a Sunday comes, over the end of a century without one.
    assert_eq!(
        due(
            r#"{"calendars":[{"month":2,"day_of_month":29,"day_of_week":0}]}"#,
            "2088-03-01T00:00:00Z",
            1
        ),
        ["2128-02-29T00:00:00Z"]
    );
}

#[test]
fn jitter_is_the_same_each_time_and_ends_before_the_next() {
    let times = times(r#"{"intervals":[{"every":"10s"}],"jitter":"1h"}"#);
    let due = at("2026-01-01T00:00:00Z");

    let begins: Vec<Timestamp> = (0..100)
        .map(|n| times.begins_at("nightly", due.plus(Millis::from_secs(10 * n))))
        .collect();

    for (n, begins) in begins.iter().enumerate() {
        let due = due.plus(Millis::from_secs(10 * n as u64));
        assert!(*begins >= due && *begins < due.plus(Millis::from_secs(10)));
        assert_eq!(*begins, times.begins_at("nightly", due));
    }
    let lateness: std::collections::BTreeSet<u64> = begins
        .iter()
        .map(|at| at.as_micros().unsigned_abs() % 10_000_000)
        .collect();
    assert!(lateness.len() > 90, "{lateness:?}");
    assert_ne!(times.begins_at("other", due), begins[0]);
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_what_is_allowed() {
    for (json, said) in [
        (
            r#"{"cron":["0 9 * * *","61 * * * *"]}"#,
            "cron[1]: `61 * * * *`: minute: `61`: 0 to 59 are allowed",
        ),
        (
            r#"{"cron":["* * *"]}"#,
            "cron[0]: `* * *`: 3 fields; 5 are allowed",
        ),
        (r#"{"cron":["@reboot"]}"#, "@yearly, @monthly"),
        (
            r#"{"cron":["TZ=UTC * * * * *"]}"#,
            "say the time zone in `time_zone`",
        ),
        (
            r#"{"cron":["@every 1ms"]}"#,
            "every: `1ms`: 1s to 36525d are allowed",
        ),
        (
            r#"{"intervals":[{"every":"0s"}]}"#,
            "intervals[0]: every: `0s`: 1s to 36525d",
        ),
        (
            r#"{"intervals":[{"every":"1h","offset":"1h"}]}"#,
            "offset: `1h`: less than `every`",
        ),
        (
            r#"{"intervals":[{"every":"1 fortnight"}]}"#,
            "write a number and ms, s, m, h or d",
        ),
        (
            r#"{"calendars":[{"hour":24}]}"#,
            "calendars[0]: hour: `24`: 0 to 23 are allowed",
        ),
        (
            r#"{"exclude":[{"month":"MAI"}]}"#,
            "exclude[0]: month: `MAI`: 1 to 12 are allowed, and JAN to DEC",
        ),
        (
            r#"{"exclude":["@every 1h"]}"#,
            "exclude[0]: an exclusion is a calendar",
        ),
        (r#"{"exclude":[{"monht":1}]}"#, "unknown field `monht`"),
        (
            r#"{"crons":[]}"#,
            "unknown field `crons`, expected one of `cron`",
        ),
        (
            r#"{"time_zone":"Mars/Olympus"}"#,
            "time_zone: `Mars/Olympus`: a name of the IANA list",
        ),
        (
            r#"{"jitter":"366d"}"#,
            "jitter: `366d`: up to 365d is allowed",
        ),
        (r#"{"start_at":"tomorrow"}"#, "`tomorrow`: an instant as"),
        (
            r#"{"start_at":"2026-01-02T00:00:00Z","end_at":"2026-01-01T00:00:00Z"}"#,
            "end_at:",
        ),
    ] {
        let text = refused(json);
        assert!(text.contains(said), "{json}: {text}");
    }
    let many = format!(r#"{{"cron":[{}"@daily"]}}"#, r#""@daily","#.repeat(100));
    assert_eq!(refused(&many), "cron: 101 entries; 100 are allowed");
}

#[test]
fn a_specification_reads_back_as_it_was_written() {
    let json = r#"{"cron":["0 9 * * *"],"intervals":[{"every":"1h","offset":"5m"}],
        "calendars":[{"minute":"*/15","comment":"often"}],"exclude":["0 9 1 1 *",{"year":"2027"}],
        "start_at":"2026-01-01T00:00:00Z","jitter":"30s","time_zone":"Asia/Tokyo"}"#;

    let written = serde_json::to_value(spec(json)).unwrap();

    assert_eq!(
        written,
        serde_json::from_str::<serde_json::Value>(json).unwrap()
    );
}

#[test]
fn of_very_many_side_by_side_all_are_started_and_a_thousand_are_followed() {
    let mut book = Book::default();
    let schedule = Schedule::new(
        Spec::every(Duration::from_secs(60)),
        Action::new("chore", &()),
    );
    let now = at("2026-01-01T00:00:00Z");
    book.open("tidy", schedule, None, now).unwrap();

    for _ in 0..1_010 {
        let planned = book.trigger(Some(Overlap::AllowAll), now);
        assert!(matches!(planned, Some(Planned::Started(_))), "{planned:?}");
    }

    let orders = book.orders();
    let let_go = |order: &&Order| matches!(order, Order::LetGo { .. });
    assert_eq!(orders.iter().filter(let_go).count(), 10);
    let kept = book.kept.unwrap();
    assert_eq!((kept.running.len(), kept.counts.taken), (1_000, 1_010));
    let largest = serde_json::to_vec(&kept).unwrap().len();
    assert!(largest < 256 * 1024, "{largest}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Over clock changes of six zones, each search gives what walking along the line gives.
    #[test]
    fn the_search_agrees_with_walking_minute_by_minute(case in oracle::cases()) {
        let found = case.searched();
        let walked = case.walked();

        prop_assert_eq!(found, walked, "{:?}", case);
    }
}

/// A calendar of lists, for the search by brute force.
fn calendar(fields: &oracle::Fields) -> Calendar {
    let list = |values: &[i8]| {
        let texts: Vec<String> = values.iter().map(i8::to_string).collect();
        Some(texts.join(",").into())
    };
    Calendar {
        minute: list(&fields.minutes),
        hour: list(&fields.hours),
        day_of_month: list(&fields.days),
        day_of_week: list(&fields.days_of_week),
        ..Calendar::default()
    }
}

fn exclusion(fields: &oracle::Fields) -> Exclusion {
    Exclusion::Calendar(calendar(fields))
}
