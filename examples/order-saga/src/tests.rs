//! The orders without Kafka: activities are the real ones, their waits pass at once.

use sagaline::{
    prelude::*,
    testing::{Answer, Env, Run},
};
use serde_json::{Value, json};

use crate::{
    inventory::{self, charge_card, refund_card, release_stock, ship},
    workflow::{self, Batch, Order, Receipt, Tally},
};

fn env() -> Env {
    Env::new()
        .workflows(workflows![workflow::order, workflow::order_batch])
        .activities(inventory::all())
}

fn an_order() -> Order {
    Order {
        order_id: "o-1".into(),
        total: 59.90,
        card: "visa".into(),
        courier: "fast".into(),
        address: "Main Street 1".into(),
    }
}

/// An order of which something is changed.
fn ordered(env: &Env, change: impl FnOnce(&mut Order)) -> Run<Receipt> {
    let mut order = an_order();
    change(&mut order);
    env.start(workflow::order(order))
}

#[test]
fn an_order_is_reserved_charged_and_shipped() {
    let run = ordered(&env(), |_| {});

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
    let run = ordered(&env, |order| order.courier = "refuses".into());

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
fn a_bank_that_is_busy_pays_back_when_asked_again() {
    let env = env();

    let run = ordered(&env, |order| {
        order.courier = "refuses".into();
        order.card = "busy".into();
    });

    assert_eq!(run.result().unwrap_err().error_type(), "CourierRefused");
    assert_eq!(
        (env.attempts(refund_card), env.attempts(release_stock)),
        (2, 1)
    );
}

#[test]
fn a_card_that_is_declined_releases_the_goods_alone() {
    let env = env();

    let error = ordered(&env, |order| order.card = "declined".into())
        .result()
        .unwrap_err();

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

    let run = ordered(&env, |_| {});
    run.result().unwrap();

    assert_eq!((env.attempts(charge_card), env.attempts(ship)), (4, 2));
    assert_eq!(env.attempts(refund_card), 0);
}

#[test]
fn a_gateway_that_stays_down_waits_for_a_person_after_an_hour_and_a_half() {
    let env = env();
    let (begin, down) = (env.now(), Error::new("GatewayDown", "connection refused"));
    env.fail(charge_card, 100, &down);

    let run = ordered(&env, |_| {});
    let incident = run.wait_for_incident().unwrap();

    assert_eq!(incident.activity(), Some("charge-card"));
    assert_eq!(env.attempts(charge_card), 100);
    let (earliest, latest) = (begin.after(85.minutes()), begin.after(105.minutes()));
    assert!((earliest..latest).contains(&env.now()), "{:?}", env.now());
}

#[test]
fn an_address_that_nobody_knows_waits_for_a_person_who_corrects_it() {
    let run = ordered(&env(), |order| order.address = "Mian Street 1".into());
    let incident = run.wait_for_incident().unwrap();
    assert_eq!(
        run.waiting_for(),
        "Waiting for you: ship used up its 3 attempts (AddressUnknown). Retry, skip or fail it."
    );

    incident.retry_with(&an_order()).unwrap();

    run.result().unwrap();
    assert_eq!(run.history().attempts()[2..], ["ship"; 4]);
}

#[test]
fn an_order_above_a_thousand_is_charged_once_somebody_approves_it() {
    let env = env();
    let large = || ordered(&env, |order| order.total = 1_200.0);
    for (input, charged) in [
        (json!({"approved": true}), true),
        (json!(true), true),
        (Value::Null, true),
        (json!({"approved": false}), false),
        (json!(false), false),
    ] {
        let run = large();
        env.skip(1.seconds());
        let waits = &run.describe()["waits"][0];
        assert_eq!(waits["name"], "approve");
        assert_eq!(waits["choices"][0]["input"], json!({"approved": true}));
        assert_eq!(waits["choices"][1]["label"], "Reject");
        assert_eq!(run.history().attempts(), ["reserve-stock"]);

        run.signal("approve", &input).unwrap();

        let kind = run
            .result()
            .err()
            .map(|error| error.error_type().to_owned());
        assert_eq!(kind.is_none(), charged, "{input}: {kind:?}");
        let released = run.history().attempts().contains(&"release-stock");
        assert_eq!(released, !charged, "{input}");
    }
}

#[test]
fn an_order_that_nobody_approves_for_a_day_is_given_up() {
    let env = env();
    let begin = env.now();
    let run = ordered(&env, |order| order.total = 1_200.0);

    let error = run.result().unwrap_err();

    assert_eq!(error.error_type(), "NotApproved");
    assert!(env.now() >= begin.after(24.hours()));
    assert_eq!(env.attempts(release_stock), 1);
}

/// A batch of so many orders, two at a time, of which the third is taken by no courier.
fn batched(env: &Env, orders: usize) -> Run<Tally> {
    let orders = (1..=orders).map(|number| Order {
        courier: if number == 3 { "refuses" } else { "bicycle" }.into(),
        ..an_order()
    });
    env.start(workflow::order_batch(Batch {
        window: 2,
        orders: orders.collect(),
    }))
}

#[test]
fn a_batch_counts_its_orders_and_one_that_fails_is_undone_alone() {
    let env = env();

    let run = batched(&env, 10);

    let (done, failed) = (9, 1);
    assert_eq!(run.result().unwrap(), Tally { done, failed });
    assert_eq!(env.attempts(refund_card), 1);
    let third: Run<Receipt> = env.run(&format!("{}/3", run.workflow_id())).unwrap();
    assert_eq!(third.result().unwrap_err().error_type(), "CourierRefused");
}

#[test]
fn a_batch_that_is_stopped_undoes_no_order_and_begins_no_other() {
    let env = env();
    env.answers(
        ship,
        [
            Answer::ok(()),
            Answer::ok(()).after(10.seconds()),
            Answer::ok(()).after(10.seconds()),
        ],
    );
    let run = batched(&env, 10);
    env.skip(2.seconds());
    assert_eq!(
        run.waiting_for(),
        "Waiting for 10 children: 1 completed, 2 running, 7 not started."
    );

    run.cancel("enough");

    assert!(run.result().unwrap_err().is_canceled());
    env.skip(1.minutes());
    assert_eq!((env.attempts(ship), env.attempts(refund_card)), (3, 0));
}
