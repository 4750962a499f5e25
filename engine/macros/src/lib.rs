//! `#[workflow]` and `#[activity]`: functions become calls that are data, with the implementation behind them.
//!
//! Deliberately absent: anything that runs. What is generated calls `sagaline_sdk::private` and its public types.

mod activity;
mod function;
mod name;
mod options;
mod paths;
mod workflow;
mod workflow_impl;

use proc_macro::TokenStream;
use syn::{Error, parse_macro_input};

/// Makes an activity of an `async fn`.
///
/// The function then returns an `ActivityCall` instead of running: its name, with dashes for underscores, and its input
/// as JSON. A worker runs the body.
///
/// It takes at most one input, owned or by reference, and before it, if it likes, `cx: ActivityContext`. It returns
/// `Result<T, E>`, where `E` is `sagaline`'s error or any that implements `std::error::Error`. Without a body
/// (`async fn ship(order: &Order) -> Result<()>;`) it declares an activity that a worker elsewhere has, perhaps in
/// another language.
///
/// Options: `name = "…"` for another name on the wire, `queue = "…"` for another task queue than the default one.
#[proc_macro_attribute]
pub fn activity(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as options::Options);
    let function = parse_macro_input!(item as function::Function);
    activity::expand(&options, &function)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

/// Makes a workflow of an `async fn`, or of a type with a method marked `#[run]`.
///
/// The function takes `cx: Context` and at most one input, and returns `Result<T, E>`. Called with the input alone it
/// gives a `WorkflowCall` that a client can start. It must be deterministic: what that means is said at `Context`.
///
/// On an `impl` block, the method marked `#[run]` is the workflow; it may take `self`, which begins as `Default`, or as
/// the function marked `#[init]` makes it from a reference to the input.
///
/// Options: `name = "…"`, `version = "1.2.0"` (default `1.0.0`; a run keeps the version that it began with),
/// `upgrade = "auto"` (open runs of all lower versions go on with this one, while it is the highest), and
/// `queues = ["…"]`, task queues that its activities name beside the default one.
#[proc_macro_attribute]
pub fn workflow(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as options::Options);
    let expanded = match parse_macro_input!(item as workflow::Item) {
        workflow::Item::Function(function) => workflow::expand(&options, &function),
        workflow::Item::Impl(block) => workflow_impl::expand(&options, *block),
    };
    expanded.unwrap_or_else(Error::into_compile_error).into()
}
