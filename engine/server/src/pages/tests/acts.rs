//! Acts: what a form asks of the API, and where that leads.

use axum::http::{Method, StatusCode, header};
use serde_json::json;

use super::Shop;

#[tokio::test]
async fn an_act_is_asked_of_the_api_and_leads_back_to_its_event() {
    let shop = Shop::open();

    let (status, headers, _) = shop
        .send(
            Method::POST,
            "/workflows/o%2F1/runs/r/cancel",
            "reason=twice",
        )
        .await;

    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(
        headers[header::LOCATION],
        "/workflows/o%2F1/runs/r?done=cancel&event=12"
    );
    let asked = shop.asked.lock().unwrap().clone();
    let body = r#"{"compensate":true,"reason":"twice"}"#.to_owned();
    assert_eq!(
        asked,
        [(
            Method::POST,
            "/api/v1/workflows/o%2F1/cancel?run_id=r".to_owned(),
            body
        )]
    );
    let (_, html) = shop
        .get("/workflows/o%2F1/runs/r?done=cancel&event=12")
        .await;
    assert!(html.contains("The run is asked to stop.") && html.contains("event 12"));
}

#[tokio::test]
async fn a_note_says_only_what_the_program_says() {
    let (_, html) = Shop::open()
        .get("/workflows/x/runs/r?done=Call%20555&event=1")
        .await;

    assert!(!html.contains("Call 555") && !html.contains("id=\"note\""));
}

#[tokio::test]
async fn an_act_that_is_refused_says_why() {
    let shop = Shop {
        refuses: Some("attempt_running"),
        ..Shop::open()
    };

    let (status, _, html) = shop
        .send(Method::POST, "/workflows/x/runs/r/activities/3/retry", "")
        .await;

    assert_eq!(status, StatusCode::CONFLICT);
    assert!(html.contains("attempt_running") && html.contains("look"));
    assert!(!html.contains("<script>"));
}

#[tokio::test]
async fn a_choice_sends_what_the_run_says_and_not_what_the_form_says() {
    let mut shop = Shop::open();
    shop.run["waits"] = json!([{"kind": "signal", "name": "approve", "choices": [{"label": "Approve", "input": {"yes": 1.50}}]}]);

    let uri = "/workflows/x/runs/r/signal?choice=Approve&name=approve";
    shop.send(Method::POST, uri, "name=evil&input=666").await;
    let (status, _, _) = shop
        .send(
            Method::POST,
            "/workflows/x/runs/r/signal?choice=Other&name=approve",
            "",
        )
        .await;

    let asked = shop.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0].1.as_str(), asked[0].2.as_str()),
        (
            "/api/v1/workflows/x/signals/approve?run_id=r",
            r#"{"yes":1.5}"#
        )
    );
    assert_eq!(status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn an_act_on_many_is_confirmed_first_and_then_done_to_each() {
    let shop = Shop::open();
    let rows = "act=terminate&id=a%252F1/r1&id=b/r2";

    let (_, _, question) = shop.send(Method::POST, "/acts", rows).await;
    assert!(question.contains("Terminate 2 runs?") && shop.asked.lock().unwrap().is_empty());
    let (_, _, outcome) = shop
        .send(Method::POST, "/acts", &format!("{rows}&confirmed=yes"))
        .await;

    let paths: Vec<String> = shop
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|(_, path, _)| path.clone())
        .collect();
    assert_eq!(
        paths,
        [
            "/api/v1/workflows/a%2F1/terminate?run_id=r1",
            "/api/v1/workflows/b/terminate?run_id=r2"
        ]
    );
    assert!(outcome.contains("2 of 2 done."));
}

#[tokio::test]
async fn an_act_on_all_that_match_says_how_many_and_wants_the_number_typed() {
    let shop = Shop::open();
    let form = "act=cancel&all=true&query=total%20%3E%201";
    let wrong = format!("{form}&confirmed=yes&typed=203");
    let right = format!("{form}&confirmed=yes&typed=204&reason=recall");

    let (_, _, question) = shop.send(Method::POST, "/acts", form).await;
    let (_, _, again) = shop.send(Method::POST, "/acts", &wrong).await;
    let (status, headers, _) = shop.send(Method::POST, "/acts", &right).await;

    for html in [question, again] {
        assert!(html.contains("Cancel 204 runs?") && html.contains("37 have none to compensate"));
    }
    assert_eq!(
        (status, &headers[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/batches/b-1".parse().unwrap())
    );
    let asked = shop.asked.lock().unwrap().clone();
    let real: Vec<&String> = asked
        .iter()
        .map(|(_, _, body)| body)
        .filter(|body| !body.contains("\"dry_run\":true"))
        .collect();
    assert_eq!(real.len(), 1);
    assert!(
        real[0].contains("\"query\":\"total > 1\"") && real[0].contains("\"reason\":\"recall\""),
        "{}",
        real[0]
    );
}

#[tokio::test]
async fn a_start_that_is_refused_keeps_what_was_filled_in() {
    let shop = Shop {
        refuses: Some("invalid_body"),
        ..Shop::new()
    };

    let (status, _, html) = shop
        .send(
            Method::POST,
            "/workflows/new",
            "workflow=order&input=%7Bbroken",
        )
        .await;

    assert_eq!(status, StatusCode::CONFLICT);
    assert!(html.contains("{broken") && html.contains("invalid_body"));
}

/// An incident with an input, which is sent back by forms with the lines that browsers send.
fn with_incident() -> Shop {
    let mut shop = Shop::open();
    shop.run["incidents"] = json!([{"id": "i", "workflow_id": "w", "run_id": "r", "workflow": "o", "version": "1", "kind": "attempts-exhausted",
        "activity": "ship", "activity_id": 1, "error_type": "E", "message": "m", "times": 1, "resolution": null,
        "input": {"address": "Mian Street 1", "n": 1}}]);
    shop
}

#[tokio::test]
async fn a_changed_input_is_shown_before_it_is_sent() {
    let shop = with_incident();
    let same =
        "input=%7B%0D%0A++%22address%22%3A+%22Mian+Street+1%22%2C%0D%0A++%22n%22%3A+1%0D%0A%7D";
    let changed = "input=%7B%22address%22%3A%22Main+Street+1%22%2C%22n%22%3A1%7D&reason=typo";
    let seen = format!("{changed}&seen=%7B%22address%22%3A%22Main+Street+1%22%2C%22n%22%3A1%7D");
    let uri = "/incidents/i/retry?follow=h&group=none";

    let (status, _, review) = shop.send(Method::POST, uri, changed).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        review.contains("<del>-   &#34;address&#34;: &#34;Mian Street 1&#34;,</del>"),
        "{review}"
    );
    assert!(review.contains("<ins>+   &#34;address&#34;: &#34;Main Street 1&#34;,</ins>"));
    assert!(review.contains("value=\"typo\"") && review.contains("name=\"seen\""));
    assert!(
        review.contains("action=\"/incidents/i/retry?group=none&#38;follow=h\""),
        "{review}"
    );
    let (_, _, broken) = shop.send(Method::POST, uri, "input=%7Bbroken").await;
    assert!(broken.contains("The input is no JSON") && broken.contains("{broken"));
    assert!(
        shop.asked.lock().unwrap().is_empty(),
        "nothing is sent that was not seen"
    );

    let (status, headers, _) = shop.send(Method::POST, uri, &seen).await;
    assert_eq!(
        (status, &headers[header::LOCATION]),
        (
            StatusCode::SEE_OTHER,
            &"/incidents?done=retry&follow=i%2Ch&group=none"
                .parse()
                .unwrap()
        )
    );
    shop.send(Method::POST, uri, same).await;
    let bodies: Vec<String> = shop
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|(_, _, body)| body.clone())
        .collect();
    assert_eq!(
        bodies[0],
        r#"{"reason":"typo","input":{"address":"Main Street 1","n":1}}"#
    );
    assert_eq!(bodies.len(), 2, "what is not changed is sent at once");
}

#[tokio::test]
async fn an_incident_that_was_acted_on_stays_and_says_what_becomes_of_it() {
    let mut shop = with_incident();
    shop.run["incidents"][0]["resolution"] =
        json!({"act": "retry", "actor": "ada", "at": "2026-11-26T18:45:48Z"});
    shop.run["pending_activities"] = json!([{"activity": "ship", "activity_id": 1, "attempt": 4, "maximum_attempts": 6, "state": "running", "task_queue": "q"}]);

    let (_, going) = shop.get("/incidents?follow=i").await;
    shop.run["pending_activities"] = json!([]);
    let (_, over) = shop.get("/incidents?follow=i").await;

    assert!(going.contains("Retrying: attempt 4 of 6 is running") && !going.contains("data-over"));
    assert!(over.contains("Solved") && over.contains("data-over=\"i\""));
}

#[tokio::test]
async fn many_are_reset_to_an_event_and_a_signal_goes_to_all_as_it_was_written() {
    let shop = Shop::open();
    let reset = "act=reset&all=true&query=total%20%3E%201&confirmed=yes&typed=204&event_seq=7";
    let signal =
        "act=signal&all=true&query=total%20%3E%201&confirmed=yes&typed=204&name=go&input=1.50";

    let (_, _, question) = shop.send(Method::POST, "/acts", "act=reset&id=b/r2").await;
    assert!(question.contains("Reset 1 run?") && question.contains("name=\"event_seq\""));
    shop.send(
        Method::POST,
        "/acts",
        "act=reset&id=b/r2&confirmed=yes&event_seq=4",
    )
    .await;
    shop.send(Method::POST, "/acts", reset).await;
    shop.send(Method::POST, "/acts", signal).await;
    let (status, ..) = shop
        .send(
            Method::POST,
            "/acts",
            "act=reset&all=true&query=a&event_seq=x",
        )
        .await;

    assert_eq!(status, StatusCode::BAD_REQUEST);
    let asked = shop.asked.lock().unwrap().clone();
    let bodies: Vec<&str> = asked
        .iter()
        .map(|(_, _, body)| body.as_str())
        .filter(|body| !body.contains("\"dry_run\":true"))
        .collect();
    assert_eq!(
        bodies,
        [
            r#"{"event_seq":4}"#,
            r#"{"query":"total > 1","act":"reset","arguments":{"event_seq":7},"dry_run":false}"#,
            r#"{"query":"total > 1","act":"signal","arguments":{"name":"go","input":1.50},"dry_run":false}"#,
        ]
    );
}

#[tokio::test]
async fn a_batch_that_goes_on_is_stopped() {
    let shop = Shop::new();

    let (_, html) = shop.get("/batches/b-1").await;
    let (status, headers, _) = shop.send(Method::POST, "/batches/b-1/cancel", "").await;

    assert!(html.contains("action=\"/batches/b-1/cancel\"") && html.contains("Stop this batch"));
    assert_eq!(
        (status, &headers[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/batches/b-1".parse().unwrap())
    );
}

#[tokio::test]
async fn each_incident_by_itself_is_a_row_of_its_own_and_can_be_selected() {
    let mut shop = Shop::open();
    let one = |id: &str| {
        json!({"id": id, "workflow_id": id, "run_id": "r", "workflow": "o", "version": "1", "kind": "attempts-exhausted",
            "activity": "ship", "activity_id": 1, "error_type": "E", "message": "m", "times": 1, "resolution": null})
    };
    shop.run["incidents"] = json!([one("i-1"), one("i-2"), one("i-3")]);

    let (_, alone) = shop.get("/incidents?group=none").await;
    let (_, together) = shop.get("/incidents").await;

    let ids = |html: &str| -> std::collections::BTreeSet<String> {
        let groups = html.split("id=\"group-").skip(1);
        groups
            .map(|group| group.split('"').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!((ids(&alone).len(), ids(&together).len()), (3, 1));
    for html in [&alone, &together] {
        assert_eq!(html.matches("type=\"checkbox\" name=\"id\"").count(), 3);
        assert!(
            html.contains("<form method=\"post\" action=\"/acts\" class=\"bulk\" id=\"some\">")
        );
    }
}

#[tokio::test]
async fn a_retry_says_which_attempt_was_sent_and_when() {
    let mut shop = Shop::open();
    shop.history = json!({"events": [
        {"seq": 12, "at": "2026-11-26T18:45:48Z", "type": "ReplyRequested", "cause": {"id": "a"}, "attributes": {}},
        {"seq": 13, "at": "2026-11-26T18:45:48Z", "type": "ActivityAttemptScheduled", "cause": {"id": "a"},
            "attributes": {"activity_id": 3, "attempt": 9}},
        {"seq": 14, "at": "2026-11-26T18:45:49Z", "type": "ActivityAttemptScheduled", "cause": {"id": "b"},
            "attributes": {"activity_id": 3, "attempt": 10}}], "next_page_token": null});

    let (_, html) = shop
        .get("/workflows/x/runs/r?done=activity-retry&event=12")
        .await;
    let (_, other) = shop
        .get("/workflows/x/runs/r?tab=children&done=activity-retry&event=12")
        .await;

    let note = html.split_once("id=\"note\"").unwrap().1;
    let note = note.split_once("</p>").unwrap().0;
    assert!(
        note.contains("Attempt 9 sent at <time")
            && note.contains(">18:45:48</time>.")
            && note.contains("#event-13\">event 13</a>"),
        "{note}"
    );
    assert!(other.contains("The next attempt is sent."));
}

#[tokio::test]
async fn a_pending_activity_tells_who_reads_its_queue_and_can_be_retried_on_its_dot() {
    let mut shop = Shop::open();
    shop.run["pending_activities"] = json!([{"activity": "charge", "activity_id": 3, "attempt": 2, "state": "retrying",
        "task_queue": "payments", "next_attempt_at": "2026-11-26T18:46:48Z"}]);
    shop.history = json!({"events": [
        {"seq": 1, "at": "2026-11-26T18:45:48Z", "type": "ActivityScheduled", "attributes": {"activity_id": 3, "activity": "charge"}},
        {"seq": 2, "at": "2026-11-26T18:45:48Z", "type": "ActivityAttemptScheduled", "attributes": {"activity_id": 3, "attempt": 2}},
        {"seq": 3, "at": "2026-11-26T18:45:49Z", "type": "ActivityAttemptFailed", "attributes": {"activity_id": 3, "attempt": 2,
            "failure": {"type": "Down", "message": ""}, "next_attempt_at": "2026-11-26T18:46:48Z"}}], "next_page_token": null});

    let (_, html) = shop.get("/workflows/x/runs/r").await;
    shop.queue["workers"] = json!([]);
    shop.queue["backlog"] = json!(null);
    shop.queue["limits"] = json!(null);
    let (_, unread) = shop.get("/workflows/x/runs/r").await;
    shop.queue["workers"] = json!(null);
    let (_, unknown) = shop.get("/workflows/x/runs/r").await;

    let queue = |html: &str| {
        let line = html.split_once("<dt>Queue</dt>").unwrap().1;
        line.split_once("</dd>").unwrap().0.to_owned()
    };
    assert!(queue(&html).contains("waiting, "), "{}", queue(&html));
    assert!(
        queue(&unread).contains(">no worker, all attempts"),
        "{}",
        queue(&unread)
    );
    assert!(
        queue(&unknown).contains("\"quiet\">all attempts"),
        "{}",
        queue(&unknown)
    );
    assert!(
        html.contains("<a href=\"#activity-3\" data-retry"),
        "{html}"
    );
    assert!(html.contains("<article class=\"activity\" id=\"activity-3\">"));
}

#[tokio::test]
async fn a_message_without_a_name_is_not_sent() {
    let shop = Shop::open();

    for act in ["signal", "query", "update"] {
        let path = format!("/workflows/x/runs/r/{act}");
        let (status, _, html) = shop.send(Method::POST, &path, "name=+&input=1").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{act}");
        assert!(html.contains("a message needs a name"), "{html}");
    }
    assert!(shop.asked.lock().unwrap().is_empty());
}
