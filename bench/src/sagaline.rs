//! The same sagas by Sagaline: an app with one workflow of three activities, as anybody would write it.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};
use sagaline::{App, prelude::*};
use serde::{Deserialize, Serialize};

use crate::{
    bare::{ChildOptions, STEPS},
    kafka::{BATCH_INPUTS_MAX, PARTITIONS},
};

/// Name of the workflow.
pub(crate) const WORKFLOW: &str = "order";

/// Its activities, in their order.
pub(crate) const ACTIVITIES: [&str; STEPS as usize] = ["reserve-stock", "charge-card", "ship"];

/// What the load generator orders.
#[derive(Serialize, Deserialize)]
struct Order {
    order: String,
    customer: String,
    sku: String,
    quantity: u32,
    amount: String,
}

#[activity]
async fn reserve_stock(order: Order) -> sagaline::Result<Order> {
    Ok(order)
}

#[activity]
async fn charge_card(order: Order) -> sagaline::Result<Order> {
    Ok(order)
}

#[activity]
async fn ship(order: Order) -> sagaline::Result<Order> {
    Ok(order)
}

#[workflow]
async fn order(cx: Context, order: Order) -> sagaline::Result<Order> {
    let order = cx.run(reserve_stock(order)).await?;
    let order = cx.run(charge_card(order)).await?;
    cx.run(ship(order)).await
}

#[workflow(name = "order")]
async fn local_order(cx: Context, order: Order) -> sagaline::Result<Order> {
    let order = cx.run(reserve_stock(order)).local().await?;
    let order = cx.run(charge_card(order)).local().await?;
    cx.run(ship(order)).local().await
}

/// Runs the engine of an app whose activities are local, until the process is ended.
pub(crate) fn local_engine(options: &ChildOptions) -> Result<()> {
    let (partitions, most) = (PARTITIONS.to_string(), BATCH_INPUTS_MAX.to_string());
    run(
        sagaline::app().workflow(local_order),
        options,
        &[
            "server",
            "--partitions",
            &partitions,
            "--max-local-in-flight",
            &most,
        ],
    )
}

/// Runs the engine until the process is ended.
pub(crate) fn engine(options: &ChildOptions) -> Result<()> {
    run(
        sagaline::app().workflow(order),
        options,
        &["server", "--partitions", &PARTITIONS.to_string()],
    )
}

/// Runs the worker until the process is ended.
pub(crate) fn worker(options: &ChildOptions) -> Result<()> {
    run(
        sagaline::app().workflow(order),
        options,
        &["worker", "--max-in-flight", &BATCH_INPUTS_MAX.to_string()],
    )
}

/// What the embedded broker is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BrokerOptions {
    /// The folder of its data.
    #[arg(long)]
    data: PathBuf,
    /// Where it listens; 0 is a free port.
    #[arg(long)]
    port: u16,
}

/// Runs the embedded broker until the process is ended; it prints its address.
pub(crate) fn broker(options: &BrokerOptions) -> Result<()> {
    let data = options.data.as_os_str().to_owned();
    let port = options.port.to_string();
    let arguments = [
        "broker".into(),
        "--data".into(),
        data,
        "--port".into(),
        port.into(),
    ];
    run_with(sagaline::app(), &arguments)
}

fn run(app: App, options: &ChildOptions, command: &[&str]) -> Result<()> {
    let app = app.activities(activities![reserve_stock, charge_card, ship]);
    run_app(app, options, command)
}

/// Runs a command of an app on the broker and in the namespace that a child was given.
pub(crate) fn run_app(app: App, options: &ChildOptions, command: &[&str]) -> Result<()> {
    let address = ["--kafka", &options.kafka, "--namespace", &options.namespace];
    let arguments: Vec<OsString> = command.iter().chain(&address).map(Into::into).collect();
    run_with(app, &arguments)
}

fn run_with(app: App, arguments: &[OsString]) -> Result<()> {
    let program = OsString::from("sagaline-bench");
    let all = std::iter::once(&program).chain(arguments);
    if app.run_with(all.cloned()) != ExitCode::SUCCESS {
        bail!("{} failed", arguments[0].display());
    }
    Ok(())
}
