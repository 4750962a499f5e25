//! `dev`: broker, engine and activities in one process, until it is told to stop.

use std::{
    fs, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use sagaline_broker::{Broker, Flush, Options};
use serde::Serialize;

use crate::{
    App,
    cli::{Global, dev::DevArgs},
    fault::{Exit, Fault, Outcome},
    inbox::new_id,
    server,
};

/// What the ready file has.
#[derive(Serialize)]
struct Addresses {
    kafka: SocketAddr,
    /// There is no HTTP server yet.
    http: Option<String>,
}

/// Runs everything until SIGTERM or SIGINT.
pub(crate) fn dev(global: Global, app: App, args: &DevArgs) -> Outcome {
    if global.names_brokers() {
        return Err(Fault::usage("`dev` has a broker of its own")
            .hint("`server` and `worker` run on the brokers that --kafka names"));
    }
    let folder = Folder::of(args)?;
    let broker = Broker::start(Options {
        data: folder.path.clone(),
        listen: (args.host, args.kafka_port).into(),
        flush: Flush::Os,
    })?;
    let kafka = reachable(broker.address());
    let session = global.session(args.layer(kafka.to_string()))?;
    let with_worker = app.activities.names().next().is_some();
    let ready = || {
        tracing::info!(%kafka, data = %folder.path.display(), "everything runs; Ctrl-C ends it");
        match &args.ready_file {
            Some(path) => write(path, &Addresses { kafka, http: None }),
            None => Ok(()),
        }
    };
    let ran = server::run(&session, app, with_worker, ready);
    broker.stop();
    ran
}

/// The address that clients on this host use: one of "any address" is none.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other.ip(),
    };
    SocketAddr::new(ip, address.port())
}

/// Written beside and renamed, so that who waits for the file reads all of it.
fn write(path: &Path, addresses: &Addresses) -> Outcome {
    let beside = path.with_extension(format!("{}.new", new_id()));
    let written = serde_json::to_vec(addresses)
        .map_err(io::Error::from)
        .and_then(|json| fs::write(&beside, json))
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        let text = format!("cannot write {}: {error}", path.display());
        Fault::new(Exit::Refused, text)
    })
}

/// The folder of the data; a temporary one goes when this is dropped.
struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Folder {
    fn of(args: &DevArgs) -> Outcome<Self> {
        let path = match (&args.data, args.ephemeral) {
            (_, true) => std::env::temp_dir().join(format!("sagaline-{}", new_id())),
            (Some(data), _) => data.clone(),
            (None, false) => PathBuf::from(".sagaline"),
        };
        let path = std::path::absolute(path)?;
        Ok(Self {
            path,
            is_temporary: args.ephemeral,
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(folder = %self.path.display(), %error, "the temporary folder stays");
        }
    }
}
