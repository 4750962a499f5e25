//! The saga: hold the goods, take the money, ship. What was done is undone, last first, when a later step fails.

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

use crate::inventory::{
    Charge, Stock, charge_card, refund_card, release_stock, reserve_stock, ship,
};

/// What a customer ordered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The shop's number.
    pub(crate) order_id: String,
    /// What it costs.
    pub(crate) total: f64,
    /// `declined`: the bank says no. `gateway`: it cannot be reached now and then. Any other pays.
    pub(crate) card: String,
    /// `refuses`: takes no parcels. Any other does.
    pub(crate) courier: String,
    /// Where it goes; the courier knows Main Street only.
    pub(crate) address: String,
}

/// What the customer gets.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Receipt {
    stock: Stock,
    charge: Charge,
}

#[workflow]
pub(crate) async fn order(cx: Context, order: Order) -> Result<Receipt> {
    let stock = cx
        .run(reserve_stock(&order))
        .compensate_with(|held| release_stock(held))
        .await?;
    let charge = cx
        .run(charge_card(&order))
        .retry(Retry::default().maximum_attempts(5))
        .compensate_with(|paid| refund_card(paid))
        .await?;
    cx.run(ship(&order)).start_to_close(30.seconds()).await?;
    Ok(Receipt { stock, charge })
}
