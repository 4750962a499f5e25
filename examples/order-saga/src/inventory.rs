//! The activities, all on queue `orders`. They stand for services of a shop and decide by their input alone.
//!
//! `worker.py` has the same ones: start either, or both.

use std::{env, path::Path, time::Duration};

use sagaline::{DemoFolder, prelude::*};
use serde::{Deserialize, Serialize};

use crate::workflow::Order;

/// The card gateway is down while this file of the demo's folder exists: `touch` it to break the gateway, `rm` it to repair it.
pub(crate) const GATEWAY_DOWN: &str = "gateway-down";

/// All of them, for a worker.
pub(crate) fn all() -> Activities {
    activities![reserve_stock, release_stock, charge_card, refund_card, ship]
}

/// Goods that are held for an order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stock {
    reservation: String,
}

/// Money that was taken.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Charge {
    payment: String,
    amount: f64,
}

/// Holds the goods.
#[activity(queue = "orders")]
pub(crate) async fn reserve_stock(order: &Order) -> Result<Stock> {
    work().await;
    for_a_bicycle(order).await;
    Ok(Stock {
        reservation: format!("stock-{}", order.order_id),
    })
}

/// Gives the goods back.
#[activity(queue = "orders")]
pub(crate) async fn release_stock(held: &Stock) -> Result<()> {
    work().await;
    tracing::info!(reservation = held.reservation, "released");
    Ok(())
}

/// Takes the money.
#[activity(queue = "orders")]
pub(crate) async fn charge_card(cx: ActivityContext, order: &Order) -> Result<Charge> {
    work().await;
    let account = match order.card.as_str() {
        "declined" => return Err(for_good("CardDeclined", "the bank said no")),
        "gateway" if gateway_is_down(&cx) => {
            return Err(Error::new("GatewayDown", "connection refused"));
        }
        "busy" => "busy",
        _ => "card",
    };
    Ok(Charge {
        payment: format!("{account}-{}", order.order_id),
        amount: order.total,
    })
}

/// Gives the money back.
#[activity(queue = "orders")]
pub(crate) async fn refund_card(cx: ActivityContext, paid: &Charge) -> Result<()> {
    work().await;
    if paid.payment.starts_with("busy-") && cx.attempt() == 1 {
        return Err(Error::new("BankBusy", "ask again"));
    }
    tracing::info!(payment = paid.payment, amount = paid.amount, "refunded");
    Ok(())
}

/// Sends the goods.
#[activity(queue = "orders")]
pub(crate) async fn ship(order: &Order) -> Result<()> {
    work().await;
    if order.courier == "refuses" {
        let message = "the courier takes no parcels today";
        return Err(for_good("CourierRefused", message));
    }
    if !order.address.starts_with("Main Street") {
        let message = format!("no street \"{}\"", order.address);
        return Err(Error::new("AddressUnknown", message));
    }
    for_a_bicycle(order).await;
    Ok(())
}

/// Neither another attempt nor a person can help: the workflow shall see it.
fn for_good(error_type: &str, message: &str) -> Error {
    Error::new(error_type, message)
        .non_retryable()
        .fail_when_exhausted()
}

/// A real service would be called here.
async fn work() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

/// Packing for a bicycle takes longer, and so does the ride.
async fn for_a_bicycle(order: &Order) {
    if order.courier == "bicycle" {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Looks for the file in the folder of this `dev`; elsewhere where `ORDER_SAGA_GATEWAY_DOWN` says, or where `dev` has it
/// unless told otherwise.
fn gateway_is_down(cx: &ActivityContext) -> bool {
    if let Ok(file) = env::var("ORDER_SAGA_GATEWAY_DOWN") {
        return Path::new(&file).exists();
    }
    match cx.data::<DemoFolder>() {
        Ok(folder) => folder.file(GATEWAY_DOWN).exists(),
        Err(_) => Path::new(".sagaline/demo").join(GATEWAY_DOWN).exists(),
    }
}
