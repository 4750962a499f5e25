//! The stock binary: an app without workflows. It looks into every namespace and acts on every workflow.

use std::process::ExitCode;

fn main() -> ExitCode {
    sagaline::app().build(env!("CARGO_PKG_VERSION")).run()
}
