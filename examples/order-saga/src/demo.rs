//! Six runs for newcomers, `dev --demo`: ordinary orders, told apart by their input alone.

use sagaline::Demo;

use crate::{
    inventory::GATEWAY_DOWN,
    workflow::{self, Batch, Order},
};

/// Orders in the batch, and how many of them are under way at the same time.
const ORDERS: usize = 600;
const WINDOW: usize = 4;

/// Those of the batch that no courier takes.
const REFUSED: [usize; 3] = [5, 250, 450];

/// All of them.
pub(crate) fn demo() -> Demo {
    let one = |id: &str, change: fn(&mut Order)| workflow::order(ordered(id, change));
    let batch = workflow::order_batch(Batch {
        window: WINDOW,
        orders: (1..=ORDERS).map(of_batch).collect(),
    });
    Demo::new()
        .example("order", "examples/order-saga/input.json")
        .start(
            "demo-completed",
            "three steps, done in a second",
            one("demo-completed", |_| {}),
        )
        .start(
            "demo-retrying",
            "the card gateway is down: watch it count down",
            one("demo-retrying", |order| order.card = "gateway".into()),
        )
        .file(GATEWAY_DOWN, "repair it")
        .start(
            "demo-compensated",
            "the courier refused: two steps compensated, last first",
            one("demo-compensated", |order| {
                order.courier = "refuses".into();
                order.card = "busy".into();
            }),
        )
        .start(
            "demo-approval",
            "above 1,000: waits for you to press Approve",
            one("demo-approval", |order| order.total = 1_200.0),
        )
        .start(
            "demo-incident",
            "wrong address: correct the input, retry",
            one("demo-incident", |order| {
                order.address = "Mian Street 1".into();
            }),
        )
        .start(
            "demo-batch",
            "600 orders as children, four at a time",
            batch,
        )
}

/// An order that goes well, but for what is changed.
fn ordered(id: &str, change: impl FnOnce(&mut Order)) -> Order {
    let mut order = Order {
        order_id: id.into(),
        total: 49.90,
        card: "4242".into(),
        courier: "pigeon post".into(),
        address: "Main Street 1".into(),
    };
    change(&mut order);
    order
}

fn of_batch(number: usize) -> Order {
    ordered(&format!("demo-batch/{number}"), |order| {
        order.courier = match REFUSED.contains(&number) {
            true => "refuses".into(),
            false => "bicycle".into(),
        };
    })
}
