//! The app that is measured: runs that end at once, sagas that go well, are undone or wait for a person, long ones, and
//! ones that others watch.

use anyhow::Result;
use sagaline::{future::join_window, prelude::*};
use serde::{Deserialize, Serialize};

use crate::{
    bare::ChildOptions,
    kafka::{BATCH_INPUTS_MAX, PARTITIONS},
    sagaline::run_app,
};

/// Name of the signal that ends a watched run.
pub(super) const GO: &str = "go";

/// Activities, or children, of one run that are open at a time.
const OPEN_MAX: usize = 100;

/// What the engine is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EngineOptions {
    #[command(flatten)]
    child: ChildOptions,
    /// Where HTTP is answered.
    #[arg(long)]
    http_port: u16,
    /// What it is answered from.
    #[arg(long)]
    database: String,
}

/// What somebody orders.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    customer: String,
    sku: String,
    amount: String,
    courier: Courier,
}

impl Order {
    pub(super) fn by(courier: Courier) -> Self {
        Self {
            customer: "customer-4711".to_owned(),
            sku: "keyboard".to_owned(),
            amount: "129.90".to_owned(),
            courier,
        }
    }
}

/// What becomes of the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Courier {
    /// It is done.
    Delivers,
    /// It fails, and what was done is undone.
    Refuses,
    /// It waits for a person.
    IsAway,
}

#[activity]
async fn reserve_stock(order: Order) -> sagaline::Result<Order> {
    Ok(order)
}

#[activity]
async fn release_stock(order: Order) -> sagaline::Result<Order> {
    Ok(order)
}

#[activity]
async fn charge_card(order: Order) -> sagaline::Result<Order> {
    Ok(order)
}

#[activity]
async fn refund_card(order: Order) -> sagaline::Result<Order> {
    Ok(order)
}

#[activity]
async fn ship(order: Order) -> sagaline::Result<Order> {
    let failed = |name: &str| Error::new(name, "the parcel is not on its way").non_retryable();
    match order.courier {
        Courier::Delivers => Ok(order),
        Courier::Refuses => Err(failed("CourierRefused")),
        Courier::IsAway => Err(failed("CourierAway").park_when_exhausted()),
    }
}

/// Three activities; the first two are undone when the third fails.
#[workflow]
pub(super) async fn order(cx: Context, order: Order) -> sagaline::Result<Order> {
    let order = cx
        .run(reserve_stock(order))
        .compensate_with(|order| release_stock(order.clone()))
        .await?;
    let order = cx
        .run(charge_card(order))
        .compensate_with(|order| refund_card(order.clone()))
        .await?;
    cx.run(ship(order)).await
}

/// Says what it was given.
#[activity]
async fn echo(number: u32) -> sagaline::Result<u32> {
    Ok(number)
}

/// Ends at once.
#[workflow]
pub(super) async fn begin(_cx: Context, order: Order) -> sagaline::Result<Order> {
    Ok(order)
}

/// One activity.
#[workflow]
pub(super) async fn item(cx: Context, number: u32) -> sagaline::Result<u32> {
    cx.run(echo(number)).await
}

/// So many children.
#[workflow]
pub(super) async fn parent(cx: Context, count: u32) -> sagaline::Result<u32> {
    cx.expect_children(count.into());
    let children = (1..=count).map(|number| {
        let id = format!("{}/{number}", cx.workflow_id());
        cx.child(item(number)).id(id)
    });
    let ended = join_window(OPEN_MAX, children).await;
    ended.into_iter().try_for_each(|one| one.map(drop))?;
    Ok(count)
}

/// So many activities.
#[workflow]
pub(super) async fn long(cx: Context, count: u32) -> sagaline::Result<u32> {
    let steps = (1..=count).map(|number| cx.run(echo(number)));
    let ended = join_window(OPEN_MAX, steps).await;
    ended.into_iter().try_for_each(|one| one.map(drop))?;
    Ok(count)
}

/// Waits until it is told to end.
#[workflow]
pub(super) async fn watched(cx: Context) -> sagaline::Result<()> {
    cx.signal::<()>(GO).await
}

/// Runs the engine until the process is ended.
pub(crate) fn engine(options: &EngineOptions) -> Result<()> {
    run(
        &options.child,
        &[
            "server",
            "--partitions",
            &PARTITIONS.to_string(),
            "--http-port",
            &options.http_port.to_string(),
            "--database",
            &options.database,
        ],
    )
}

/// Runs the worker until the process is ended.
pub(crate) fn worker(options: &ChildOptions) -> Result<()> {
    run(
        options,
        &["worker", "--max-in-flight", &BATCH_INPUTS_MAX.to_string()],
    )
}

fn run(options: &ChildOptions, command: &[&str]) -> Result<()> {
    let app = sagaline::app()
        .workflow(order)
        .workflow(begin)
        .workflow(item)
        .workflow(parent)
        .workflow(long)
        .workflow(watched)
        .activities(activities![
            reserve_stock,
            release_stock,
            charge_card,
            refund_card,
            ship,
            echo,
        ]);
    run_app(app, options, command)
}
