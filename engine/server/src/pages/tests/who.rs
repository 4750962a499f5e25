//! Who looks at a page: what readers are not offered, and how far what is shown is behind.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::json;

use super::{Behind, Caller, Shop};
use crate::secure::Secure;

fn caller(name: Option<&str>, may_act: bool) -> Option<Caller> {
    Some(Caller {
        name: name.map(Box::from),
        may_act,
        may_delete: may_act,
    })
}

/// A run of which everything can be done.
fn busy() -> Shop {
    let mut shop = Shop::open();
    shop.run["pending_activities"] = json!([{"activity": "a", "activity_id": 3, "attempt": 2, "state": "retrying", "task_queue": "q"}]);
    shop.run["waits"] = json!([{"kind": "signal", "name": "n", "choices": [{"label": "Approve", "input": {"a": "b"}}]}]);
    shop.run["incidents"] = json!([{"id": "i", "workflow_id": "w", "run_id": "r", "workflow": "o", "version": "1", "kind": "panic",
        "activity": "ship", "activity_id": 1, "error_type": "E", "message": "m", "times": 1, "resolution": null}]);
    shop
}

#[tokio::test]
async fn readers_are_offered_no_act_on_any_page() {
    let reads = Shop {
        caller: caller(Some("rita"), false),
        ..busy()
    };
    let acts = Shop {
        caller: caller(Some("otto"), true),
        ..busy()
    };
    for page in [
        "/workflows",
        "/workflows/x/runs/r",
        "/workflows/x/runs/r?tab=history&show=full",
        "/workflows/x/runs/r?tab=messages",
        "/incidents",
        "/incidents/i",
        "/schedules",
        "/schedules/nightly",
        "/task-queues",
        "/task-queues/payments",
        "/batches",
    ] {
        let (_, html) = reads.get(page).await;
        assert!(html.contains("Signed in as rita"), "{page}");
        // Questions change nothing.
        let main = html.split_once("<main").unwrap().1;
        let posts = main.matches("method=\"post\"").count();
        assert_eq!(posts, usize::from(page.ends_with("messages")), "{page}");
        assert!(
            !html.contains("/cancel\"") && !html.contains(">Retry<") && !html.contains("Approve"),
            "{page}"
        );
    }
    let (_, html) = acts.get("/workflows/x/runs/r").await;
    assert!(html.contains("Retry") && html.contains("Approve") && html.contains("otto"));
    assert!(!html.contains("id=\"reads\""));
}

#[tokio::test]
async fn where_nobody_can_sign_in_it_says_why_nothing_can_be_done() {
    let shop = Shop {
        caller: caller(None, false),
        ..busy()
    };

    let (_, html) = shop.get("/workflows").await;

    assert!(html.contains("Nobody can sign in here, so nothing can be changed here."));
}

#[tokio::test]
async fn a_list_that_is_behind_says_so_from_five_seconds_on() {
    let with = |ms| Shop {
        behind: Some(Behind(ms)),
        ..Shop::new()
    };

    assert!(
        with(12_400)
            .get("/workflows")
            .await
            .1
            .contains("list 12 s behind")
    );
    assert!(!with(4_999).get("/workflows").await.1.contains("behind"));
}

/// Events are read by the cookie, as browsers send it with an event stream.
#[tokio::test]
async fn events_come_to_who_has_the_cookie_and_to_nobody_else() {
    let stream = "/read/stream/workflows?query=a%20%3D%201";
    let shop = Shop {
        wants: Some("Bearer t-1"),
        ..Shop::new()
    };
    let request = axum::http::Request::builder()
        .uri(stream)
        .header(header::COOKIE, "sl_token=t-1")
        .header("last-event-id", "h-7");
    let service = TowerToHyperService::new(shop.pages());
    let response = service
        .call(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let other = Shop {
        wants: Some("Bearer t-2"),
        ..Shop::new()
    };

    assert_eq!(response.status(), StatusCode::OK);
    let body = axum::body::to_bytes(response.into_body(), 1 << 10)
        .await
        .unwrap();
    assert_eq!(body, "event: hello\ndata: Some(\"h-7\")\n\n");
    assert_eq!(other.get(stream).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_cookie_goes_by_tls_only_where_the_browser_came_by_it() {
    let send = async |path: &str, origin: &str, is_secure: bool| {
        let request = axum::http::Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, "sagas.example")
            .header(header::ORIGIN, origin);
        let request = request.extension(Secure(is_secure));
        let request = request.body(Body::from("token=t-2&to=/incidents")).unwrap();
        let service = TowerToHyperService::new(Shop::new().pages());
        let response = service.call(request).await.unwrap();
        let cookie = response.headers().get(header::SET_COOKIE).cloned();
        (
            response.status(),
            cookie.map(|cookie| cookie.to_str().unwrap().to_owned()),
        )
    };

    assert_eq!(
        send("/sign-in", "https://sagas.example", true)
            .await
            .1
            .unwrap(),
        "sl_token=t-2; Path=/; HttpOnly; SameSite=Strict; Secure"
    );
    // What a browser calls its page says nothing of how it came.
    assert_eq!(
        send("/sign-in", "https://sagas.example", false)
            .await
            .1
            .unwrap(),
        "sl_token=t-2; Path=/; HttpOnly; SameSite=Strict"
    );
    assert_eq!(
        send("/sign-in", "https://evil.example", true).await,
        (StatusCode::FORBIDDEN, None)
    );
    assert_eq!(
        send("/sign-out", "http://sagas.example", false)
            .await
            .1
            .unwrap(),
        "sl_token=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"
    );
}
