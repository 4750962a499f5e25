//! The list: views that people keep, children below their parent, and what it says while it is empty.

use axum::http::{Method, StatusCode, header};
use serde_json::json;

use super::{Caller, Shop};
use crate::{offer::DemoOffer, pages::Welcome};

#[tokio::test]
async fn a_view_that_is_kept_is_listed_and_shown_by_its_name() {
    let shop = Shop::open();

    let (_, html) = shop.get("/workflows?view=big%2Fones").await;

    assert!(html.contains("value=\"total &#62; 1\""), "{html}");
    assert!(html.contains("href=\"/workflows?view=big%2Fones\" aria-current=\"true\""));
    assert!(html.contains("class=\"c-took\"") && !html.contains("class=\"c-attempt\""));
    let (_, other) = shop
        .get("/workflows?view=big%2Fones&query=total%20%3E%202")
        .await;
    assert!(
        other.contains("value=\"total &#62; 2\"") && !other.contains("big%2Fones\" aria-current")
    );
}

#[tokio::test]
async fn a_list_is_kept_under_a_name_with_filter_order_and_columns() {
    let shop = Shop::new();

    let form = "name=big%2Fones&query=order-7&sort=-took&columns=took,queue";
    let (_, headers, _) = shop.send(Method::POST, "/views", form).await;
    let (status, ..) = shop
        .send(Method::POST, "/views/big%2Fones/delete", "")
        .await;
    let (unnamed, ..) = shop.send(Method::POST, "/views", "name=+&query=").await;

    assert_eq!(
        headers[header::LOCATION],
        "/workflows?view=big%2Fones&done=view"
    );
    assert_eq!(
        (status, unnamed),
        (StatusCode::SEE_OTHER, StatusCode::BAD_REQUEST)
    );
    let asked = shop.asked.lock().unwrap().clone();
    let body = json!({"query": "WorkflowId CONTAINS \"order-7\"", "sort": "-took", "columns": ["took", "queue"]});
    assert_eq!(
        asked,
        [
            (
                Method::PUT,
                "/api/v1/views/big%2Fones".to_owned(),
                body.to_string()
            ),
            (
                Method::DELETE,
                "/api/v1/views/big%2Fones".to_owned(),
                String::new()
            )
        ]
    );
}

/// The main part of a page, with its form for columns and what it says of itself.
async fn main_of(shop: &Shop, path: &str) -> String {
    let (status, html) = shop.get(path).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    html.split_once("<main").unwrap().1.to_owned()
}

#[tokio::test]
async fn attributes_are_columns_that_are_offered_shown_sorted_by_and_kept() {
    let mut shop = Shop::open();
    shop.run["attributes"] =
        json!({"customer": "ada & co", "amount": 49.90, "queue": ["a", "b"], "no name": 1});

    let usual = main_of(&shop, "/workflows").await;
    let path =
        "/workflows?query=&columns=customer,attempt,%60queue%60,amount,missing&sort=-%60amount%60";
    let html = main_of(&shop, path).await;

    for name in ["customer", "amount", "`queue`"] {
        let offered = format!("name=\"column\" value=\"{name}\" data-column=\"{name}\"");
        assert!(usual.contains(&offered), "{offered}: {usual}");
        assert!(html.contains(&format!("{offered} checked")), "{html}");
    }
    assert!(!usual.contains("no name"), "{usual}");
    assert!(!usual.contains("c-attribute") && html.contains("c-attempt"));
    for told in [
        // Text is without its quotes; lists are as they are written.
        "data-title=\"customer\">ada &#38; co</td>",
        "data-title=\"amount\">49.9</td>",
        "data-title=\"queue\">[&#34;a&#34;,&#34;b&#34;]</td>",
        "data-title=\"missing\"><span class=\"quiet\">–</span></td>",
        "aria-sort=\"descending\"><a href=\"/workflows?query=&#38;sort=%60amount%60&#38;columns=customer%2Cattempt%2C%60queue%60%2Camount%2Cmissing\">amount</a>",
        "sort=-%60customer%60",
        // What is kept as a view.
        "name=\"columns\" value=\"customer,attempt,`queue`,amount,missing\"",
    ] {
        assert!(html.contains(told), "{told}: {html}");
    }
}

#[tokio::test]
async fn columns_are_chosen_by_a_form_without_modules_and_stand_in_the_address() {
    let shop = Shop::open();
    let choose = async |columns: &str| {
        let uri = format!("/workflows?query=a+%3D+1&sort=-took{columns}");
        let (status, headers, _) = shop.send(Method::GET, &uri, "").await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        headers[header::LOCATION].to_str().unwrap().to_owned()
    };
    let base = "/workflows?query=a%20%3D%201&sort=-took&columns=";

    let some = choose("&column=attempt&column=started&column=customer").await;
    let none = choose("&column=").await;

    assert_eq!(some, format!("{base}attempt%2Cstarted%2Ccustomer"));
    assert_eq!(none, format!("{base}workflow"));
}

#[tokio::test]
async fn children_are_folded_under_their_parent() {
    let mut shop = Shop::open();
    shop.run["workflow_id"] = json!("batch/1");
    shop.run["children"] =
        json!({"total": 600, "running": 4, "completed": 590, "failed": 2, "canceled": 0});

    let (_, folded) = shop.get("/workflows").await;
    let (_, open) = shop.get("/workflows?unfold=batch%2F1").await;

    assert!(folded.contains("▸ 600 children") && folded.contains("unfold=batch%2F1"));
    assert!(!folded.contains("class=\"run child\""));
    assert!(open.contains("▾ 600 children") && open.contains("class=\"run child\""));
    assert!(open.contains("all children of batch/1 in the list"));
}

/// A list without a run, as the API has none.
fn empty(demo: Option<DemoOffer>, caller: Option<Caller>) -> Shop {
    Shop {
        is_empty: true,
        caller,
        welcome: Welcome {
            program: "target/debug/my-app".to_owned(),
            kafka: "127.0.0.1:9092".to_owned(),
            namespace: "shop".to_owned(),
            demo,
        },
        ..Shop::new()
    }
}

#[tokio::test]
async fn where_there_is_no_run_yet_a_newcomer_is_told_how_to_begin() {
    let demo = DemoOffer::default();
    let shop = empty(Some(demo.clone()), None);

    let (_, html) = shop.get("/").await;
    for told in [
        "No runs yet.",
        "Start the demo",
        "target/debug/my-app workflow start --type order",
        "kcat -P -b 127.0.0.1:9092 -t shop.inbox -k o-2",
    ] {
        assert!(html.contains(told), "{told}: {html}");
    }
    let (status, headers, _) = shop.send(Method::POST, "/demo", "").await;
    assert_eq!(
        (status, &headers[header::LOCATION]),
        (
            StatusCode::SEE_OTHER,
            &"/workflows?done=demo".parse().unwrap()
        )
    );
    demo.wanted().await;
    assert!(!shop.get("/").await.1.contains("Start the demo"));
}

#[tokio::test]
async fn no_demo_is_begun_that_is_not_offered_or_not_allowed() {
    let reader = Caller {
        name: None,
        may_act: false,
        may_delete: false,
    };
    let demo = DemoOffer::default();
    for shop in [empty(None, None), empty(Some(demo.clone()), Some(reader))] {
        assert!(!shop.get("/").await.1.contains("Start the demo"));
        let (status, ..) = shop.send(Method::POST, "/demo", "").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    assert!(demo.is_open());
}

#[tokio::test]
async fn a_rejected_input_says_why_and_is_sent_again() {
    let shop = Shop::new();

    let (_, html) = shop.get("/inputs?workflow_id=o%2F1").await;
    let (_, headers, _) = shop.send(Method::POST, "/inputs/1-12/redrive", "").await;

    assert!(
        html.contains("unknown-workflow") && html.contains("sagaline.inbox"),
        "{html}"
    );
    assert!(html.contains("action=\"/inputs/1-12/redrive\""));
    assert!(
        html.contains("href=\"/inputs?workflow_id=o%2F1&#38;after=t%2F1\""),
        "{html}"
    );
    assert_eq!(headers[header::LOCATION], "/inputs?done=redrive");
    let asked = shop.asked.lock().unwrap().clone();
    let path = "/api/v1/inputs/rejected/1-12/redrive".to_owned();
    assert_eq!(asked, [(Method::POST, path, "{}".to_owned())]);
}

#[tokio::test]
async fn pages_without_events_are_read_again_and_forms_are_not() {
    for (page, again) in [
        ("/task-queues/payments", Some("10")),
        ("/definitions", Some("10")),
        ("/batches/b-1", Some("2")),
        ("/new-schedule", None),
        ("/workflows/new", None),
        ("/task-queues/payments/limit", None),
    ] {
        let (_, html) = Shop::open().get(page).await;

        let told = html
            .split_once(" data-again=\"")
            .map(|(_, rest)| rest.split('"').next().unwrap());
        assert_eq!(told, again, "{page}");
    }
}

#[tokio::test]
async fn a_list_is_sorted_by_its_fixed_columns_sized_and_exported() {
    let (_, html) = Shop::open()
        .get("/workflows?query=a%20%3D%201&sort=status&size=100")
        .await;

    for told in [
        "aria-sort=\"ascending\"><a href=\"/workflows?query=a%20%3D%201&#38;sort=-status&#38;size=100\">Status</a>",
        "<a href=\"/workflows?query=a%20%3D%201&#38;sort=workflow_id&#38;size=100\">Workflow id</a>",
        ">1 shown</span>",
        ">3 open, 0 closed</span>",
        "<a href=\"/workflows?query=a%20%3D%201&#38;sort=status&#38;size=25\">25</a>",
        "href=\"/read/workflows?query=a%20%3D%201&#38;sort=status&#38;page_size=500\" download",
    ] {
        assert!(html.contains(told), "{told}: {html}");
    }
}

#[tokio::test]
async fn children_are_a_tree_of_three_levels() {
    let mut shop = Shop::open();
    shop.run["children"] =
        json!({"total": 1, "running": 1, "completed": 0, "failed": 0, "canceled": 0});

    let (_, html) = shop.get("/workflows/x/runs/r?tab=children").await;

    for level in ["level-1", "level-2", "level-3"] {
        assert!(html.contains(&format!("class=\"{level}\"")), "{level}");
    }
    assert!(!html.contains("level-4"));
}

#[tokio::test]
async fn a_filter_is_chosen_from_menus_or_added_by_a_form() {
    let shop = Shop::open();

    let html = main_of(&shop, "/workflows?query=Open%20%3D%20true&sort=-took").await;
    let (status, headers, _) = shop
        .send(
            Method::GET,
            "/workflows?query=o-7&sort=-took&field=+amount&operator=%3E%3D&value=100.50",
            "",
        )
        .await;

    for link in [
        "query=Open%20%3D%20true%20AND%20WorkflowType%20%3D%20%22order%22&#38;sort=-took\">order</a>",
        "<summary class=\"quiet\">workflow: <b>any</b></summary>",
        "<summary class=\"quiet\">started: <b>any time</b></summary>",
        "<option value=\"LastFailureType\">",
        "AND%20StartTime%20%3E%3D%20%22",
    ] {
        assert!(html.contains(link), "{link}: {html}");
    }
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(
        headers[header::LOCATION],
        "/workflows?query=WorkflowId%20CONTAINS%20%22o-7%22%20AND%20amount%20%3E%3D%20100.50&sort=-took"
    );
}
