//! The activities, all on queue `orders`. They stand for services of a shop and decide by their input alone.
//!
//! `worker.py` has the same ones: start either, or both.

use std::{env, path::Path, time::Duration};

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

use crate::workflow::Order;

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
pub(crate) async fn charge_card(order: &Order) -> Result<Charge> {
    work().await;
    match order.card.as_str() {
        "declined" => Err(Error::new("CardDeclined", "the bank said no").non_retryable()),
        "gateway" if gateway_is_down() => Err(Error::new("GatewayDown", "connection refused")),
        _ => Ok(Charge {
            payment: format!("card-{}", order.order_id),
            amount: order.total,
        }),
    }
}

/// Gives the money back.
#[activity(queue = "orders")]
pub(crate) async fn refund_card(paid: &Charge) -> Result<()> {
    work().await;
    tracing::info!(payment = paid.payment, amount = paid.amount, "refunded");
    Ok(())
}

/// Sends the goods.
#[activity(queue = "orders")]
pub(crate) async fn ship(order: &Order) -> Result<()> {
    work().await;
    if order.courier == "refuses" {
        let message = "the courier takes no parcels today";
        return Err(Error::new("CourierRefused", message).non_retryable());
    }
    if !order.address.starts_with("Main Street") {
        let message = format!("no street \"{}\"", order.address);
        return Err(Error::new("AddressUnknown", message));
    }
    Ok(())
}

/// A real service would be called here.
async fn work() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

/// The card gateway is down while a file exists: `touch` it to break the gateway, `rm` it to repair it.
fn gateway_is_down() -> bool {
    let file = env::var("ORDER_SAGA_GATEWAY_DOWN");
    Path::new(file.as_deref().unwrap_or(".sagaline/demo/gateway-down")).exists()
}
