//! Text of strangers is text, on every page, and as long as it may be.

use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::{EVIL, Shop};

const TABS: [&str; 7] = [
    "",
    "?tab=history",
    "?tab=history&show=full",
    "?tab=history&show=json",
    "?tab=children",
    "?tab=messages",
    "?tab=definition",
];

/// All strings of a value but those that are words or instants of the API.
fn poison(value: &mut Value) {
    const WORDS: [&str; 11] = [
        "from",
        "to",
        "status",
        "situation",
        "state",
        "kind",
        "at",
        "since",
        "started_at",
        "closed_at",
        "type",
    ];
    match value {
        Value::String(text) => *text = EVIL.to_owned(),
        Value::Array(all) => all.iter_mut().for_each(poison),
        Value::Object(all) => {
            for (name, value) in all {
                if !(value.is_string()
                    && (WORDS.contains(&name.as_str())
                        || name.ends_with("_at")
                        || name.ends_with("as_of")
                        || name.ends_with("_time")))
                {
                    poison(value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What a page shows: without what forms send back, which must be as it was.
fn shown(html: &str) -> String {
    let mut shown = String::new();
    let mut rest = html;
    while let Some((before, after)) = rest.split_once(" value=\"") {
        shown.push_str(before);
        rest = after.split_once('"').map_or("", |(_, rest)| rest);
    }
    shown.push_str(rest);
    match shown.split_once("<span id=\"full-id\" hidden>") {
        Some((before, after)) => format!("{before}{}", after.split_once("</span>").unwrap().1),
        None => shown,
    }
}

fn is_harmless(html: &str, page: &str) {
    assert!(
        !html.contains("<script>") && !html.contains("<img"),
        "{page}: markup of a stranger"
    );
    let shown = shown(html);
    assert!(
        !shown.contains(['\u{1b}', '\u{202e}']),
        "{page}: unseen characters"
    );
    assert!(
        shown.contains("␛[31m⟨U+202E⟩"),
        "{page}: nothing of the stranger is shown"
    );
}

#[tokio::test]
async fn text_of_strangers_is_text_on_every_page() {
    let mut shop = Shop::open();
    shop.run["incidents"] = json!([{"id": "i", "workflow_id": "w", "run_id": "r", "workflow": "o", "version": "1", "kind": "panic", "activity": "a",
        "activity_id": 1, "error_type": "E", "message": "m", "input": {"a": "b"}, "attributes": {"x": "y"}, "times": 2,
        "resolution": null}]);
    shop.run["pending_activities"] = json!([{"activity": "a", "activity_id": 3, "attempt": 2, "state": "retrying", "task_queue": "q",
        "last_failure": {"type": "t", "message": "m\nsecond", "details": {"d": "e"}, "worker": "w"}, "failures": [{"type": "t", "count": 2}],
        "idempotency_key": "k", "input": "text"}]);
    shop.run["waits"] = json!([{"kind": "signal", "name": "n", "choices": [{"label": "Yes", "input": {"a": "b"}}]}]);
    shop.run["attributes"] = json!({"customer": "ada"});
    shop.run["failure"] =
        json!({"type": "t", "message": "m", "details": {"a": "b"}, "non_retryable": false});
    poison(&mut shop.run);
    poison(&mut shop.schedule);
    poison(&mut shop.queue);
    shop.history["events"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .for_each(|event| {
            poison(&mut event["attributes"]);
            poison(&mut event["cause"]);
            event["attributes"]["failure"]["type"] = json!(EVIL);
        });

    for tab in TABS {
        let page = format!("/workflows/x/runs/r{tab}");
        is_harmless(&shop.get(&page).await.1, &page);
    }
    let acts = [
        "cancel",
        "terminate",
        "pause",
        "signal",
        "activities/3/fail",
        "activities/3/complete",
        "activities/3/retry",
    ];
    let acts = acts.map(|act| format!("/workflows/x/runs/r/{act}"));
    let others = [
        "/workflows",
        "/workflows?columns=last_failure,queue,attributes",
        "/workflows?columns=customer",
        "/incidents",
        "/incidents/i",
        "/incidents/i/skip",
        "/incidents/i/fail",
        "/schedules",
        "/schedules/nightly",
        "/schedules/nightly/pause",
        "/task-queues/x",
        "/task-queues/x/pause",
        "/task-queues/x/resume?activity=y",
        "/inputs",
    ];
    // What a form sends back is as it was.
    let (_, form) = shop.get("/schedules/nightly/edit").await;
    assert!(!form.contains("<script>") && !form.contains("<img"));
    for page in acts.iter().map(String::as_str).chain(others) {
        let (status, html) = shop.get(page).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        is_harmless(&html, page);
    }
}

#[tokio::test]
async fn a_query_of_a_stranger_is_text() {
    let evil = crate::pages::told::percent(EVIL);

    for page in [
        format!("/workflows?query={evil}"),
        format!("/workflows?sort={evil}&columns={evil}"),
        format!("/workflows?columns=%60{evil}%60"),
        format!("/task-queues/x/pause?activity={evil}"),
        format!("/incidents?query={evil}"),
        format!("/workflows/gone?x={evil}"),
    ] {
        let (_, html) = Shop::new().get(&page).await;
        assert!(
            !html.contains("<script>") && !html.contains("<img"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn a_value_of_a_megabyte_is_cut_until_it_is_asked_for() {
    let mut shop = Shop::new();
    shop.run["input"] = json!({"text": "x".repeat(1_200_000)});
    shop.run["failure"] = json!({"type": "E", "message": "y".repeat(1_000_000), "details": null, "non_retryable": true});

    let long = "z".repeat(1_000_000);
    shop.run["waiting_for"]["text"] = json!(long);
    shop.run["attributes"] = json!({"customer": long});
    shop.run["incidents"] = json!([{"id": "i", "workflow_id": "w", "run_id": "r", "workflow": "o", "version": "1", "kind": "panic",
        "activity": long, "activity_id": 1, "input": {"a": long}, "error_type": long, "message": long, "times": 1, "attributes": {"a": long}, "resolution": null}]);
    shop.history["events"][0]["attributes"] = json!({"input": {"text": long}});
    shop.history["events"][1]["attributes"] = json!({"failure": {"type": long, "message": long}});

    let (_, cut) = shop.get("/workflows/x/runs/r").await;
    let (_, whole) = shop.get("/workflows/x/runs/r?all=input").await;

    for page in [
        "/workflows",
        "/workflows?columns=attributes",
        "/workflows?columns=customer",
        "/workflows/x/runs/r",
        "/workflows/x/runs/r?tab=history",
        "/workflows/x/runs/r?tab=history&show=full",
        "/incidents",
        "/incidents/i",
    ] {
        let (_, html) = shop.get(page).await;
        assert!(html.len() < 100_000, "{page}: {}", html.len());
    }
    assert!(cut.contains("show all (1.2 MB)"));
    assert!(whole.len() > 1_200_000);
}

#[tokio::test]
async fn ids_that_browsers_would_fold_have_pages_and_acts() {
    let mut shop = Shop::open();
    shop.run["workflow_id"] = json!("..");
    shop.run["run_id"] = json!("r");

    let (_, list) = shop.get("/workflows").await;
    let (status, html) = shop.get("/workflows/~../runs/r").await;
    shop.send(Method::POST, "/workflows/~../runs/r/cancel", "")
        .await;
    let (_, headers, _) = shop.send(Method::GET, "/workflows/open?id=..", "").await;

    assert!(list.contains("<a class=\"id\" href=\"/workflows/~../runs/r\">..</a>"));
    assert_eq!(status, StatusCode::OK);
    assert!(
        html.contains("data-stream=\"/read/stream/workflows/~..\""),
        "{html}"
    );
    assert!(
        html.contains("action=\"/workflows/~../runs/r/")
            || html.contains("href=\"/workflows/~../runs/r/cancel\"")
    );
    let asked = shop.asked.lock().unwrap()[0].1.clone();
    assert_eq!(asked, "/api/v1/workflows/../cancel?run_id=r");
    assert_eq!(headers[header::LOCATION], "/workflows/~..");
}

#[tokio::test]
async fn links_that_filter_by_text_with_quotes_say_it_as_the_filter_language_does() {
    let mut shop = Shop::open();
    shop.run["workflow_id"] = json!("a\"b\\c");
    shop.run["attributes"] = json!({"customer": "a\"b\\c", "Status": 7});
    shop.run["children"] =
        json!({"total": 1, "running": 1, "completed": 0, "failed": 0, "canceled": 0});

    let (_, html) = shop.get("/workflows/x/runs/r?tab=children").await;

    for filter in [
        "customer%20%3D%20%22a%22%22b%5Cc%22",
        "%60Status%60%20%3D%207",
        "ParentWorkflowId%20%3D%20%22a%22%22b%5Cc%22",
    ] {
        assert!(
            html.contains(&format!("/workflows?query={filter}\"")),
            "{filter}: {html}"
        );
    }
}
