//! Task queues: what is shown of one, and what its forms ask of the API.

use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::{Caller, Shop};

#[tokio::test]
async fn a_queue_says_what_limits_it_who_paused_what_and_who_reads_it() {
    let (status, html) = Shop::new().get("/task-queues/payments").await;

    assert_eq!(status, StatusCode::OK);
    for told in [
        "At most 10 at once and 30 a minute go to workers.",
        "1,204 pending",
        "query=TaskQueue%20%3D%20%22payments%22",
        "href=\"/task-queues/payments/resume?activity=charge\"",
        "the bank is down",
        "the bank is slow",
        "payments-1",
        "sagaline task-queue describe payments",
    ] {
        assert!(html.contains(told), "{told}: {html}");
    }
}

#[tokio::test]
async fn a_queue_that_was_never_limited_and_one_that_kafka_is_silent_about_are_shown() {
    let mut shop = Shop::new();
    shop.queue = json!({"name": "payments", "workers": null, "backlog": null, "pending": 0, "oldest_ms": null, "rates": null,
        "limits": null});

    let (_, html) = shop.get("/task-queues/payments").await;

    for told in [
        "Nothing limits it.",
        "It was never limited.",
        "Kafka did not say in time.",
    ] {
        assert!(html.contains(told), "{told}: {html}");
    }
    shop.queue["limits"] =
        json!({"paused": [{"activity": null, "since": null, "by": "ada", "reason": null}]});
    let (_, html) = shop.get("/task-queues/payments").await;
    assert!(html.contains("Paused: no task of it goes out until it is resumed."));
    assert!(html.contains("href=\"/task-queues/payments/resume\" data-act>"));
}

#[tokio::test]
async fn a_dialog_says_what_will_happen_to_the_queue_and_has_what_is_in_force() {
    let shop = Shop::new();
    let get = async |path: &str| shop.get(&format!("/task-queues/payments/{path}")).await.1;

    let pause = get("pause").await;
    let resume = get("resume").await;
    let one = get("resume?activity=charge").await;
    let limit = get("limit").await;

    let pending = "1,204 activities are pending; 3 tasks are with workers.";
    for (html, told) in [
        (&pause, "Pause payments?"),
        (&pause, "No further task goes out until it is resumed"),
        (&pause, pending),
        (&pause, "name=\"activity\" value=\"\""),
        (&resume, "Resume payments?"),
        (&resume, "activities that are paused by name stay so"),
        (&one, "Resume charge of payments?"),
        (&one, "name=\"activity\" value=\"charge\""),
        (&one, "task-queue resume payments --type charge"),
        (&limit, "Limit payments?"),
        (&limit, "Nothing is taken back that has gone out."),
        (&limit, "name=\"max_outstanding\" value=\"10\""),
        (&limit, "name=\"rate\" value=\"30\""),
        (&limit, "<option value=\"min\" selected>"),
    ] {
        assert!(html.contains(told), "{told}: {html}");
    }
    let (status, _) = shop.get("/task-queues/payments/empty").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn acts_on_a_queue_are_asked_of_the_api() {
    let shop = Shop::new();
    for (act, form) in [
        ("pause", "activity=&reason=the+bank+is+down"),
        ("pause", "activity=a%2Fb&reason="),
        ("resume", "activity=&reason="),
        ("resume", "activity=charge&reason="),
        ("limit", "max_outstanding=+10+&rate=30&unit=min&reason=slow"),
        ("limit", "max_outstanding=&rate=&unit=s&reason="),
    ] {
        let uri = format!("/task-queues/pay%2Fments/{act}");
        let (status, headers, _) = shop.send(Method::POST, &uri, form).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{act}");
        let back = format!("/task-queues/pay%2Fments?done={act}");
        assert_eq!(headers[header::LOCATION], back);
    }

    let asked: Vec<String> = shop
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|(method, path, body)| format!("{method} {path} {body}"))
        .collect();
    let base = "/api/v1/task-queues/pay%2Fments";
    assert_eq!(
        asked,
        [
            format!(r#"POST {base}/pause {{"reason":"the bank is down"}}"#),
            format!("POST {base}/activities/a%2Fb/pause {{}}"),
            format!("POST {base}/resume {{}}"),
            format!("POST {base}/activities/charge/resume {{}}"),
            format!(
                r#"PUT {base}/limits {{"max_outstanding":10,"rate_per_second":0.5,"reason":"slow"}}"#
            ),
            format!(r#"PUT {base}/limits {{"max_outstanding":null,"rate_per_second":null}}"#),
        ]
    );
}

#[tokio::test]
async fn a_limit_that_is_no_number_lifts_none() {
    let shop = Shop::new();
    for form in [
        "max_outstanding=ten&rate=&unit=s",
        "max_outstanding=-1&rate=&unit=s",
        "max_outstanding=0&rate=&unit=s",
        "max_outstanding=&rate=NaN&unit=s",
        "max_outstanding=&rate=inf&unit=s",
        "max_outstanding=&rate=0&unit=s",
        "max_outstanding=&rate=<script>&unit=s",
    ] {
        let uri = "/task-queues/payments/limit";
        let (status, _, html) = shop.send(Method::POST, uri, form).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{form}");
        assert!(
            html.contains("or nothing") && !html.contains("<script>"),
            "{html}"
        );
    }
    assert!(shop.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn readers_see_a_queue_and_no_act_on_it() {
    let shop = Shop {
        caller: Some(Caller {
            name: Some("rita".into()),
            may_act: false,
            may_delete: false,
        }),
        ..Shop::new()
    };

    let (_, html) = shop.get("/task-queues/payments").await;

    let main = html.split_once("<main").unwrap().1;
    assert!(main.contains("the bank is down"));
    assert!(
        !main.contains("data-act") && !main.contains("<form"),
        "{main}"
    );
}

/// A queue with something of everything.
pub(super) fn queue() -> Value {
    json!({"name": "payments", "workers": [{"id": "payments-1-7", "client_id": "payments-1", "host": "10.0.0.7"}],
        "backlog": 3, "pending": 1204, "oldest_ms": 4000,
        "rates": {"added_per_second": 4.25, "taken_per_second": 3.9, "over_ms": 5000},
        "limits": {"max_outstanding": 10, "rate_per_second": 0.5, "is_paused": true,
            "paused": [{"activity": "charge", "since": "2026-11-26T18:45:48Z", "by": "ada", "reason": "the bank is down"}],
            "waiting": 11, "held_back": 2, "outstanding": 3, "home_partition": 1, "changed_at": "2026-11-26T18:45:48Z",
            "changed_by": "bob", "reason": "the bank is slow"}})
}
