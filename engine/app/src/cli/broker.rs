//! `broker`: the embedded broker alone.

use std::{
    io::{self, Write},
    net::IpAddr,
    path::PathBuf,
    time::Duration,
};

use clap::{Args, ValueEnum};
use sagaline_broker::{Broker, Flush, Options};

use crate::{
    fault::{Exit, Fault, Outcome},
    signals,
    work::runtime,
};

/// What `broker` takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct BrokerArgs {
    /// Folder of its data; made if it is not there
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Port that it listens on, 0 for a free one
    #[arg(long)]
    port: u16,
    /// Address that it listens on
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// When an append counts as durable: when the system has it, or the disk
    #[arg(long, value_enum, default_value_t)]
    flush: FlushArg,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum FlushArg {
    /// It survives the end of the process
    #[default]
    Os,
    /// It survives a power failure
    Fsync,
}

/// Serves until it is told to stop; prints its address once it serves.
pub(crate) fn broker(args: &BrokerArgs) -> Outcome {
    let broker = Broker::start(Options {
        data: args.data.clone(),
        listen: (args.host, args.port).into(),
        flush: match args.flush {
            FlushArg::Os => Flush::Os,
            FlushArg::Fsync => Flush::Fsync,
        },
    })
    .map_err(|error| match error.code() {
        "broker-address" => {
            Fault::from(error).hint("another broker may be running; --port 0 picks a free one")
        }
        _ => Fault::from(error),
    })?;
    // Whoever reads the address may stop the broker from then on.
    let stop = signals::stop()?;
    runtime()?.block_on(async {
        tracing::info!(kafka = %broker.address(), "broker serves");
        writeln!(io::stdout(), "{}", broker.address())?;
        tokio::select! {
            () = stop => Ok(()),
            () = broker.ended() => Err(broken()),
        }
    })?;
    broker.stop(Duration::ZERO);
    Ok(())
}

/// The broker ended by itself.
pub(crate) fn broken() -> Fault {
    Fault::new(Exit::Failed, "the broker ended by itself; its log says why")
        .hint("its data is whole: start it again, and report what the log says")
}
