//! A history of any length is a page of bounded size, and what is looked for in it is found.

use serde_json::{Value, json};

use super::Shop;

/// A page takes no more than this.
const PAGE_BYTES_MAX: usize = 200_000;

const FULL: &str = "/workflows/x/runs/r?tab=history&show=full";

/// So many signals, each with a value of so many bytes.
fn signals(count: u64, bytes: usize) -> Value {
    let value = "v".repeat(bytes);
    let events = (1..=count).map(|seq| {
        json!({"seq": seq, "at": "2026-11-26T18:45:48.123456Z", "type": "SignalReceived", "partition": 3, "offset": 123_456,
            "cause": {"source": "sagaline.http/ada"}, "attributes": {"signal": "tick", "input": {"n": seq, "value": value}}})
    });
    json!({"events": events.collect::<Vec<_>>(), "next_page_token": "next"})
}

fn long(count: u64, bytes: usize) -> Shop {
    let mut shop = Shop::open();
    shop.history = signals(count, bytes);
    shop.run["history_events"] = json!(100_000);
    shop
}

#[tokio::test]
async fn a_window_of_a_long_history_is_a_small_page_however_large_its_values_are() {
    for (tab, count) in [
        ("history&show=full&at=40000", 200),
        ("history&show=json", 200),
        ("messages", 100),
    ] {
        let shop = long(count, 5_000);

        let (_, html) = shop.get(&format!("/workflows/x/runs/r?tab={tab}")).await;

        assert!(html.len() < PAGE_BYTES_MAX, "{tab}: {}", html.len());
        assert!(
            html.contains(&format!("-{count}\"")),
            "{tab}: the last is shown"
        );
    }
}

#[tokio::test]
async fn links_of_a_picture_do_not_repeat_a_long_id() {
    let mut shop = Shop::new();
    let before = shop.get("/workflows/x/runs/r").await.1.len();
    shop.run["workflow_id"] = json!("<".repeat(255));

    let (_, html) = shop.get("/workflows/x/runs/r").await;

    assert!(html.len() - before < 40_000, "{} and {before}", html.len());
    assert!(html.contains("<a href=\"?tab=history&amp;show=full&amp;at=1#event-1\""));
}

#[tokio::test]
async fn windows_lead_to_those_before_and_after_them_to_the_first_and_to_the_last() {
    let mut shop = long(200, 1);
    let events = shop.history["events"].as_array_mut().unwrap();
    for event in events {
        event["seq"] = json!(event["seq"].as_u64().unwrap() + 400);
    }

    let (_, html) = shop.get(&format!("{FULL}&at=401")).await;

    for (at, word) in [
        (1, "« first"),
        (201, "‹ earlier"),
        (601, "later ›"),
        (99_801, "last »"),
    ] {
        let link = format!("href=\"?tab=history&#38;show=full&#38;at={at}\">{word}</a>");
        assert!(html.contains(&link), "{link}");
    }
    assert!(html.contains("data-total=\"100000\""));
}

#[tokio::test]
async fn a_search_that_has_looked_at_much_and_found_nothing_goes_on() {
    let mut shop = long(0, 0);
    let (_, further) = shop.get(&format!("{FULL}&find=needle&only=failures")).await;
    shop.history["next_page_token"] = Value::Null;
    let (_, over) = shop.get(&format!("{FULL}&find=needle")).await;

    assert!(further.contains("Nothing in the events that were looked at."));
    assert!(further.contains(
        "show=full&#38;find=needle&#38;only=failures&#38;token=next\">look further ›</a>"
    ));
    assert!(!further.contains("No event matches."));
    assert!(over.contains("No event matches.") && !over.contains("look further"));
}

#[tokio::test]
async fn a_search_keeps_what_is_looked_for_from_window_to_window() {
    let (_, html) = long(200, 1)
        .get(&format!("{FULL}&find=tick&type=SignalReceived"))
        .await;

    let link = "href=\"?tab=history&#38;show=full&#38;find=tick&#38;type=SignalReceived&#38;at=201\">later ›</a>";
    assert!(html.contains(link));
    assert!(
        !html.contains("data-total"),
        "what is filtered is not scrolled by position"
    );
}

#[tokio::test]
async fn messages_are_counted_where_all_of_them_are_known() {
    let count = |html: &str| {
        html.split_once(">Messages")
            .unwrap()
            .1
            .split_once("</a>")
            .unwrap()
            .0
            .to_owned()
    };
    let mut few = long(3, 1);
    few.history["next_page_token"] = Value::Null;

    let (_, other_tab) = few.get("/workflows/x/runs/r").await;
    let (_, few) = few.get("/workflows/x/runs/r?tab=messages").await;
    let (_, many) = long(100, 1).get("/workflows/x/runs/r?tab=messages").await;

    assert_eq!(count(&other_tab), "");
    assert_eq!(count(&few), " <span class=\"count\">3</span>");
    assert_eq!(count(&many), "");
    assert!(many.contains("The newest 100.") && many.contains("All messages in the history"));
}

#[tokio::test]
async fn a_value_that_the_api_shortened_is_told_by_its_beginning_and_shown_whole_when_asked_for() {
    let mut shop = long(1, 1);
    shop.history["events"][0]["attributes"] =
        json!({"signal": "raw", "input": {"$short": "{\"total\":4", "bytes": 4_000}});

    let (_, html) = shop.get(FULL).await;

    assert!(
        html.contains("<summary>raw, {&#34;total&#34;:4</summary>"),
        "{html}"
    );
    assert!(html.contains("all=event-1#event-1\">show all</a>"));
}
