//! The order without Kafka: activities are the real ones, their waits pass at once.

use sagaline::{
    prelude::*,
    testing::{Answer, Env, Run},
};

use crate::{
    inventory::{self, charge_card, refund_card, release_stock, ship},
    workflow::{self, Order, Receipt},
};

fn env() -> Env {
    Env::new().activities(inventory::all())
}

/// An order whose card and courier behave so.
fn ordered(env: &Env, card: &str, courier: &str) -> Run<Receipt> {
    env.start(workflow::order(Order {
        order_id: "o-1".into(),
        total: 59.90,
        card: card.into(),
        courier: courier.into(),
        address: "Main Street 1".into(),
    }))
}

#[test]
fn an_order_is_reserved_charged_and_shipped() {
    let run = ordered(&env(), "visa", "fast");

    let receipt = serde_json::to_value(run.result().unwrap()).unwrap();

    assert_eq!(receipt["charge"]["payment"], "card-o-1");
    assert_eq!(
        run.history().attempts(),
        ["reserve-stock", "charge-card", "ship"]
    );
}

#[test]
fn an_order_that_no_courier_takes_is_refunded_and_then_released() {
    let env = env();
    let run = ordered(&env, "visa", "refuses");

    let error = run.result().unwrap_err();

    assert_eq!(error.error_type(), "CourierRefused");
    assert_eq!(
        run.history().attempts(),
        [
            "reserve-stock",
            "charge-card",
            "ship",
            "refund-card",
            "release-stock"
        ]
    );
    assert!(
        run.waiting_for()
            .ends_with("2 of 2 completed steps compensated."),
        "{}",
        run.waiting_for()
    );
}

#[test]
fn a_card_that_is_declined_releases_the_goods_alone() {
    let env = env();

    let error = ordered(&env, "declined", "fast").result().unwrap_err();

    assert_eq!(error.error_type(), "CardDeclined");
    assert_eq!(
        (env.attempts(release_stock), env.attempts(refund_card)),
        (1, 0)
    );
}

#[test]
fn a_gateway_that_is_down_is_tried_again() {
    let env = env();
    env.fail(
        charge_card,
        3,
        &Error::new("GatewayDown", "connection refused"),
    );
    env.answers(ship, [Answer::never()]);

    let run = ordered(&env, "visa", "fast");
    run.result().unwrap();

    assert_eq!((env.attempts(charge_card), env.attempts(ship)), (4, 2));
    assert_eq!(env.attempts(refund_card), 0);
}
