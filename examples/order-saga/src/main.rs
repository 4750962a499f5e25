//! An order saga: one binary that is its engine, its worker and its command line.

mod demo;
mod inventory;
#[cfg(test)]
mod tests;
#[expect(
    clippy::redundant_closure,
    reason = "a closure shows that a compensation is made from the step's result"
)]
mod workflow;

use std::process::ExitCode;

fn main() -> ExitCode {
    sagaline::app()
        .workflow(workflow::order)
        .workflow(workflow::order_batch)
        .waits_for("order", ["approve"])
        .activities(inventory::all())
        .demo(demo::demo())
        .run()
}
