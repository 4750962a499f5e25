//! Schedules: what is shown of one, and what its forms ask of the API.

use axum::http::{Method, StatusCode, header};
use serde_json::json;

use super::Shop;

#[tokio::test]
async fn a_schedule_says_what_comes_next_and_what_it_started() {
    let (status, html) = Shop::new().get("/schedules/nightly").await;

    assert_eq!(status, StatusCode::OK);
    for told in [
        "0 3 * * * in Europe/Zurich",
        "One is under way; the next is due",
        "27 Nov 2026, 02:00:00 UTC",
        "href=\"/workflows/nightly%2F1\"",
        "Down: refused",
        "by hand",
        "5 started, 1 failed, 1 skipped, 2 missed",
        "start it once the other has ended; one may wait",
    ] {
        assert!(html.contains(told), "{told}: {html}");
    }
    assert!(!html.contains("Resume"));
}

#[tokio::test]
async fn a_schedule_that_is_paused_can_be_resumed() {
    let mut shop = Shop::new();
    shop.schedule["schedule"]["paused"] = json!(true);
    shop.schedule["next"] = json!([]);

    let (_, html) = shop.get("/schedules/nightly").await;
    let (_, headers, _) = shop
        .send(Method::POST, "/schedules/nightly/resume", "")
        .await;

    assert!(html.contains("Paused: nothing is started by itself.") && html.contains("Resume"));
    assert_eq!(headers[header::LOCATION], "/schedules/nightly?done=resume");
}

#[tokio::test]
async fn acts_on_a_schedule_are_asked_of_the_api() {
    let shop = Shop::new();
    for (act, form) in [
        ("pause", "note=too+many"),
        ("trigger", "overlap=allow_all"),
        (
            "backfill",
            "from=2026-01-01T00%3A00%3A00Z&to=2026-01-02T00%3A00%3A00Z&overlap=",
        ),
        ("delete", "note="),
    ] {
        let uri = format!("/schedules/nightly/{act}");
        let (status, _, _) = shop.send(Method::POST, &uri, form).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{act}");
    }

    let asked: Vec<String> = shop
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|(method, path, body)| format!("{method} {path} {body}"))
        .collect();
    assert_eq!(
        asked,
        [
            r#"POST /api/v1/schedules/nightly/pause {"note":"too many"}"#,
            r#"POST /api/v1/schedules/nightly/trigger {"overlap":"allow_all"}"#,
            r#"POST /api/v1/schedules/nightly/backfill {"from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z"}"#,
            "DELETE /api/v1/schedules/nightly {}",
        ]
    );
}

#[tokio::test]
async fn a_name_that_is_taken_makes_no_other_schedule() {
    let shop = Shop::new();

    let (status, _, html) = shop
        .send(
            Method::POST,
            "/new-schedule",
            "name=nightly&cron=%40daily&workflow=order",
        )
        .await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(html.contains("schedule_exists") && html.contains("@daily"));
    assert!(shop.asked.lock().unwrap().is_empty());

    let (status, headers, _) = shop
        .send(
            Method::POST,
            "/new-schedule",
            "name=other&cron=%40daily&workflow=order",
        )
        .await;
    assert_eq!(
        (status, &headers[header::LOCATION]),
        (
            StatusCode::SEE_OTHER,
            &"/schedules/other?done=create".parse().unwrap()
        )
    );
}

#[tokio::test]
async fn a_change_that_is_refused_stays_in_the_form() {
    let shop = Shop {
        refuses: Some("invalid_schedule"),
        ..Shop::new()
    };

    let (status, _, html) = shop
        .send(
            Method::POST,
            "/schedules/nightly/edit",
            "cron=never&workflow=order",
        )
        .await;

    assert_eq!(status, StatusCode::CONFLICT);
    assert!(html.contains("invalid_schedule") && html.contains(">never</textarea>"));
}
