//! The database is gone: what is known is shown, the rest says why not.

use axum::http::StatusCode;

use super::Shop;

fn gone() -> Shop {
    Shop {
        is_gone: true,
        ..Shop::open()
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_read_says_why_and_opens_a_run_by_its_id() {
    let (status, html) = gone().get("/workflows").await;

    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let told = "<strong>The list cannot be read: its database does not answer</strong> <code>(projection_unavailable)</code>. \
                Workflows run on. Open a run by its id:";
    assert!(html.contains(told), "{html}");
    assert!(html.contains("action=\"/workflows/open\"") && html.contains(">Try again</a>"));
}

#[tokio::test]
async fn a_run_is_told_by_its_owner_while_the_database_does_not_answer() {
    let shop = gone();
    let sentence = shop.run["waiting_for"]["text"].as_str().unwrap();

    let (status, html) = shop.get("/workflows/x/runs/r").await;

    assert_eq!(status, StatusCode::OK);
    assert!(html.contains(sentence), "{html}");
    assert!(html.contains("What happened in this run cannot be read"));
}
