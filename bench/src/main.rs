//! `sagaline-bench`: whole sagas on a broker beside the bare loop that does the same, and memory of open runs.
//!
//! Deliberately absent: micro-benchmarks; they are in `benches/`. `docs/reference/benchmarks.md` has what was measured.

mod bare;
mod broker;
mod clock;
mod delay;
mod embedded;
mod http;
mod kafka;
mod memory;
mod messages;
mod process;
mod projection;
mod report;
mod saga;
mod sagaline;
mod subject;

use clap::{Parser, Subcommand};

use self::bare::Tasks;

#[derive(Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sagas per second and their latency, by Sagaline and by the bare loop on the same broker.
    Saga(saga::Options),
    /// The figures that the embedded broker is held to, beside Apache Kafka's.
    Broker(broker::Options),
    /// How late delayed records are forwarded, and how soon after a start with many waiting.
    Delay(delay::Options),
    /// Signals to one run, queries, children of one parent, and starts of schedules.
    Messages(messages::Options),
    /// How far the projection is behind the sagas that it projects, and how fast it catches up.
    Projection(projection::Options),
    /// What HTTP adds to a start, how fast pages come, and what clients of server-sent events cost.
    Http(http::Options),
    /// Bytes that an open run takes while it waits for one activity.
    Memory(memory::Options),
    #[command(hide = true)]
    BareEngine(bare::ChildOptions),
    #[command(hide = true)]
    MinimalEngine(bare::ChildOptions),
    #[command(hide = true)]
    MinimalWorker(bare::ChildOptions),
    #[command(hide = true)]
    SagalineEngine(bare::ChildOptions),
    #[command(hide = true)]
    SagalineLocalEngine(bare::ChildOptions),
    #[command(hide = true)]
    SagalineWorker(bare::ChildOptions),
    #[command(hide = true)]
    MessagesEngine(bare::ChildOptions),
    #[command(hide = true)]
    MessagesWorker(bare::ChildOptions),
    #[command(hide = true)]
    HttpEngine(http::EngineOptions),
    #[command(hide = true)]
    HttpWorker(bare::ChildOptions),
    #[command(hide = true, name = embedded::SUBCOMMAND)]
    EmbeddedBroker(sagaline::BrokerOptions),
}

/// What is printed.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    /// Aligned columns.
    Table,
    /// One object a line.
    Json,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Broker(options) => broker::run(&options),
        Command::Saga(options) => saga::run(&options),
        Command::Delay(options) => delay::run(&options),
        Command::Memory(options) => memory::run(&options),
        Command::Projection(options) => projection::run(&options),
        Command::Messages(options) => messages::run(&options),
        Command::Http(options) => http::run(&options),
        Command::HttpEngine(options) => saga::child::run(|| http::engine(&options)),
        Command::HttpWorker(options) => saga::child::run(|| http::worker(&options)),
        Command::MessagesEngine(options) => saga::child::run(|| messages::engine(&options)),
        Command::MessagesWorker(options) => saga::child::run(|| messages::worker(&options)),
        Command::BareEngine(options) => {
            saga::child::run(|| bare::engine::run(&options, Tasks::Addressed))
        }
        Command::MinimalEngine(options) => {
            saga::child::run(|| bare::engine::run(&options, Tasks::Plain))
        }
        Command::MinimalWorker(options) => saga::child::run(|| bare::worker::run(&options)),
        Command::SagalineEngine(options) => saga::child::run(|| sagaline::engine(&options)),
        Command::SagalineLocalEngine(options) => {
            saga::child::run(|| sagaline::local_engine(&options))
        }
        Command::SagalineWorker(options) => saga::child::run(|| sagaline::worker(&options)),
        Command::EmbeddedBroker(options) => saga::child::run(|| sagaline::broker(&options)),
    }
}
