//! The saga: hold the goods, take the money, ship. What was done is undone, last first, when a later step fails.

use sagaline::{ParentClose, future::join_window, prelude::*};
use serde::{Deserialize, Serialize};

use crate::inventory::{
    Charge, Stock, charge_card, refund_card, release_stock, reserve_stock, ship,
};

/// What a customer ordered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The shop's number.
    pub(crate) order_id: String,
    /// What it costs; above 1,000 somebody has to approve it.
    pub(crate) total: f64,
    /// `declined`: the bank says no. `gateway`: it cannot be reached now and then. `busy`: the bank pays back when asked a
    /// second time. Any other pays.
    pub(crate) card: String,
    /// `refuses`: takes no parcels. `bicycle`: packing and riding take half a second more each. Any other ships
    /// at once.
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
    if order.total > 1_000.0 {
        approved(&cx).await?;
    }
    let charge = cx
        .run(charge_card(&order))
        .retry(until_the_gateway_is_back())
        .compensate_with(|paid| refund_card(paid))
        .await?;
    cx.run(ship(&order))
        .retry(until_somebody_looks())
        .start_to_close(30.seconds())
        .await?;
    Ok(Receipt { stock, charge })
}

/// Two seconds, then twice as long each time, a minute at most; for an hour and a half. Then a person looks.
fn until_the_gateway_is_back() -> Retry {
    Retry::default()
        .initial_interval(2.seconds())
        .maximum_interval(1.minutes())
        .maximum_attempts(100)
        .park_when_exhausted()
}

/// What three attempts do not bring, a person can correct.
fn until_somebody_looks() -> Retry {
    Retry::default()
        .initial_interval(500.milliseconds())
        .backoff_coefficient(1.0)
        .maximum_attempts(3)
        .park_when_exhausted()
}

/// What somebody answers who is asked to approve an order.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Verdict {
    Said {
        approved: bool,
    },
    Word(bool),
    /// The signal alone, whose name says it.
    Nothing(()),
}

impl Verdict {
    const fn approves(self) -> bool {
        match self {
            Self::Said { approved } | Self::Word(approved) => approved,
            Self::Nothing(()) => true,
        }
    }
}

/// Waits for a person, for a day.
async fn approved(cx: &Context) -> Result<()> {
    let answer = |approved| Verdict::Said { approved };
    let verdict = cx
        .signal::<Verdict>("approve")
        .choice("Approve", &answer(true))
        .choice("Reject", &answer(false))
        .timeout(24.hours())
        .await?;
    match verdict.map(Verdict::approves) {
        Some(true) => Ok(()),
        Some(false) => Err(Error::new("Rejected", "somebody said no")),
        None => Err(Error::new("NotApproved", "nobody answered for a day")),
    }
}

/// Many orders, so many at a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Batch {
    pub(crate) window: usize,
    pub(crate) orders: Vec<Order>,
}

/// How they went.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) done: u32,
    pub(crate) failed: u32,
}

/// Each order is a child that stands for itself: one that fails ends nothing, and a batch that is stopped undoes none.
#[workflow]
pub(crate) async fn order_batch(cx: Context, batch: Batch) -> Result<Tally> {
    cx.expect_children(batch.orders.len() as u64);
    let children = (1..).zip(batch.orders).map(|(number, one)| {
        cx.child(order(one))
            .id(format!("{}/{number}", cx.workflow_id()))
            .on_parent_close(ParentClose::Abandon)
    });
    let mut tally = Tally::default();
    for ended in join_window(batch.window, children).await {
        match ended {
            Ok(_) => tally.done += 1,
            Err(error) if error.is_canceled() => return Err(error),
            Err(_) => tally.failed += 1,
        }
    }
    Ok(tally)
}
