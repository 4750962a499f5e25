//! `#[workflow]`, `#[activity]`, `#[signal]`, `#[query]` and `#[update]`: functions become calls that are data, with the implementation behind them.
//!
//! Deliberately absent: anything that runs. What is generated calls `sagaline_sdk::private` and its public types.

mod activity;
mod function;
mod message;
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
/// Options: `signals(…)`, `queries(…)` and `updates(…)`, the handlers of its messages, which work on the state `S` of its
/// `cx: Context<S>`; `name = "…"`, `version = "1.2.0"` (default `1.0.0`; a run keeps the version that it began with),
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

/// Makes a handler of a signal of a `fn` on the run's state.
///
/// The function takes `&mut S`, the state of the workflow that lists it in `#[workflow(signals(…))]`, and at most one
/// input. Called with the input alone it gives a `SignalCall`, which a client sends. Without a body and without the state
/// (`fn approve(by: &str);`) it declares a signal of a workflow elsewhere.
///
/// Options: `name = "…"` for another name on the wire.
#[proc_macro_attribute]
pub fn signal(options: TokenStream, item: TokenStream) -> TokenStream {
    message(message::Kind::Signal, options, item)
}

/// Makes the answer to a query of a `fn` on the run's state.
///
/// The function takes `&S`, the state of the workflow that lists it in `#[workflow(queries(…))]`, and at most one input;
/// it returns any value, or a `Result` of one. Called with the input alone it gives a `QueryCall`, which a client asks.
/// Without a body and without the state it declares a query of a workflow elsewhere.
///
/// Options: `name = "…"` for another name on the wire.
#[proc_macro_attribute]
pub fn query(options: TokenStream, item: TokenStream) -> TokenStream {
    message(message::Kind::Query, options, item)
}

/// Makes a handler of an update of a `fn` on the run's state.
///
/// The function takes `&mut S`, the state of the workflow that lists it in `#[workflow(updates(…))]`, and at most one
/// input; it returns a `Result`. One that is an `async fn` takes `cx: Context<S>` instead, and may run activities and
/// wait. Called with the input alone it gives an `UpdateCall`, which a client sends. Without a body and without the state
/// it declares an update of a workflow elsewhere.
///
/// Options: `name = "…"` for another name on the wire; `validate = check`, a `fn(&S, &Input) -> Result<()>` that may
/// refuse the update before it becomes part of the run's history.
#[proc_macro_attribute]
pub fn update(options: TokenStream, item: TokenStream) -> TokenStream {
    message(message::Kind::Update, options, item)
}

fn message(kind: message::Kind, options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as options::Options);
    let function = parse_macro_input!(item as function::Function);
    message::expand(kind, &options, &function)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}
