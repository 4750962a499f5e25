//! The broker's thread: opens the data, listens, and ends in order.

use std::{
    fs::{self, File},
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{atomic::Ordering, mpsc},
    thread,
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::LocalSet,
    time::timeout,
};

use crate::{
    Error, ErrorKind, connection, descriptors::Descriptors, log, maintenance, node::Node, store,
    transactor,
};

/// When an append counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flush {
    /// When the operating system has it: it survives the end of the process, as with Kafka's defaults.
    #[default]
    Os,
    /// When the disk has it: it survives a power failure. What arrives while the disk syncs is synced together.
    Fsync,
}

/// What a broker is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of its data; made if it is not there.
    pub data: PathBuf,
    /// Where it listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// When an append counts as durable.
    pub flush: Flush,
}

/// A running broker. It ends when this is dropped.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    #[cfg(feature = "faults")]
    faults: crate::Faults,
    /// How long the last clients may take to go.
    stop: Option<oneshot::Sender<Duration>>,
    thread: Option<thread::JoinHandle<()>>,
    /// Closed when the thread has ended.
    alive: watch::Receiver<()>,
}

impl Broker {
    /// Starts a broker on a thread of its own; it serves when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`]: another broker has the data, or another process the address.
    /// [`ErrorKind::Unavailable`]: the folder or the address cannot be used. [`ErrorKind::Corrupt`]: the data was not written
    /// by a broker.
    pub fn start(options: Options) -> Result<Self, Error> {
        let (ready, started) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let (living, alive) = watch::channel(());
        let thread = thread::Builder::new()
            .name("broker".to_owned())
            .spawn(move || {
                let _living = living;
                run(&options, &ready, stopped);
            })
            .map_err(|error| no_thread(&error))?;
        let started = started.recv().map_err(|_gone| {
            Error::new(
                ErrorKind::Internal,
                "broker-start",
                "the broker's thread ended",
            )
        })??;
        Ok(Self {
            address: started.address,
            #[cfg(feature = "faults")]
            faults: started.faults,
            stop: Some(stop),
            thread: Some(thread),
            alive,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ready when the broker has ended by itself, which is a mistake of ours: its log says which.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut alive = self.alive.clone();
        async move { while alive.changed().await.is_ok() {} }
    }

    /// What makes it misbehave, for tests alone.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn faults(&self) -> crate::Faults {
        self.faults.clone()
    }

    /// Ends the broker once no client is connected, or after `patience`: everything is on the disk when this returns.
    pub fn stop(mut self, patience: Duration) {
        self.end(patience);
    }

    fn end(&mut self, patience: Duration) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself.
            let _ = stop.send(patience);
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the broker's thread panicked");
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// One for the cleaner, one for look-ups of times, one for looks into batches, one that removes deleted topics.
const BLOCKING_THREADS: usize = 4;

/// A broker that serves.
struct Started {
    address: SocketAddr,
    #[cfg(feature = "faults")]
    faults: crate::Faults,
}

type Ready = mpsc::Sender<Result<Started, Error>>;

fn run(options: &Options, ready: &Ready, stopped: oneshot::Receiver<Duration>) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return tell(ready, Err(no_thread(&error))),
    };
    let local = LocalSet::new();
    let ended = local.block_on(&runtime, async {
        let (node, listener, lock) = match open(options).await {
            Ok(opened) => opened,
            Err(error) => {
                tell(ready, Err(error));
                return None;
            }
        };
        let address = listener
            .local_addr()
            .map_err(|error| cannot_listen(options, &error));
        let started = address.map(|address| Started {
            address,
            #[cfg(feature = "faults")]
            faults: node.faults.clone(),
        });
        tell(ready, started);
        tokio::task::spawn_local(keep(node.clone(), maintenance::keep_groups));
        tokio::task::spawn_local(keep(node.clone(), maintenance::keep_logs));
        tokio::task::spawn_local(keep(node.clone(), maintenance::clean_logs));
        tokio::task::spawn_local(keep(node.clone(), maintenance::remove_folders));
        tokio::task::spawn_local(keep(node.clone(), transactor::keep_transactions));
        tokio::select! {
            () = accept(&node, &listener) => {}
            () = crash(&node) => return None,
            () = end(stopped, &node) => {}
        }
        node.stopping.store(true, Ordering::Relaxed);
        Some((node, lock))
    });
    // Requests that wait hold partitions: they end first.
    drop(local);
    if let Some((node, _lock)) = ended {
        close(&node);
    }
}

fn tell(ready: &Ready, outcome: Result<Started, Error>) {
    // Nobody waits for it any more: then the broker ends by itself.
    drop(ready.send(outcome));
}

async fn open(options: &Options) -> Result<(Rc<Node>, TcpListener, File), Error> {
    let data = &options.data;
    fs::create_dir_all(data).map_err(|error| Error::storage("make", data, &error))?;
    let lock = lock(data)?;
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| cannot_listen(options, &error))?;
    let descriptors = Descriptors::of_process();
    log::set_files_max(descriptors.files);
    let node = Node::open(data, options.flush, descriptors.connections)?;
    if let Err(code) = transactor::abort_unknown(&node) {
        tracing::error!(
            ?code,
            "an unknown transaction stays open until the next start"
        );
    }
    Ok((Rc::new(node), listener, lock))
}

/// The data is this broker's for as long as the file is open. It names the process, for people.
fn lock(data: &Path) -> Result<File, Error> {
    let path = data.join("lock");
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| Error::storage("write", &path, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Err(locked(data, &path)),
        Err(fs::TryLockError::Error(error)) => return Err(Error::storage("lock", &path, &error)),
    }
    file.set_len(0)
        .and_then(|()| write!(&file, "{}", std::process::id()))
        .map_err(|error| Error::storage("write", &path, &error))?;
    Ok(file)
}

fn locked(data: &Path, lock: &Path) -> Error {
    let process = fs::read_to_string(lock).ok();
    let process = process.and_then(|text| text.parse::<u32>().ok());
    let by = process.map_or_else(
        || "another process".to_owned(),
        |process| format!("process {process}"),
    );
    let text = format!("{} is used by {by}", data.display());
    Error::new(ErrorKind::Conflict, "broker-locked", text)
}

fn cannot_listen(options: &Options, error: &io::Error) -> Error {
    let (kind, text) = match error.kind() {
        io::ErrorKind::AddrInUse => {
            let text = format!("port {} is in use", options.listen.port());
            (ErrorKind::Conflict, text)
        }
        _ => {
            let text = format!("cannot listen on {}: {error}", options.listen);
            (ErrorKind::Unavailable, text)
        }
    };
    Error::new(kind, "broker-address", text)
}

fn no_thread(error: &io::Error) -> Error {
    let text = format!("start a thread: {error}");
    Error::new(ErrorKind::Unavailable, "thread", text)
}

/// Until the broker is told to end, and its clients have gone or had their time.
async fn end(stopped: oneshot::Receiver<Duration>, node: &Node) {
    let patience = stopped.await.unwrap_or_default();
    // Some stay: so be it.
    let _ = timeout(patience, node.connections.until_none()).await;
}

async fn accept(node: &Rc<Node>, listener: &TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::task::spawn_local(connection::serve(node.clone(), stream));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                // The process may have as many files open as it may.
                node.connections.end_silent();
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Returns when the broker is to end as it stands.
#[cfg(feature = "faults")]
async fn crash(node: &Node) {
    node.faults.crashed().await;
}

#[cfg(not(feature = "faults"))]
async fn crash(_: &Node) {
    std::future::pending().await
}

/// Runs what never ends; should it panic all the same, it begins again.
async fn keep<F: Future<Output = ()> + 'static>(node: Rc<Node>, work: fn(Rc<Node>) -> F) {
    loop {
        if let Err(error) = tokio::task::spawn_local(work(node.clone())).await {
            tracing::error!(%error, "the broker's upkeep failed and begins again");
        }
        tokio::time::sleep(KEEP_PAUSE).await;
    }
}

/// How long upkeep rests after it has failed.
const KEEP_PAUSE: Duration = Duration::from_secs(1);

/// How long nobody is accepted after that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Everything goes to the disk, so that the next start verifies nothing.
fn close(node: &Node) {
    if let Some(path) = node.topics.unsynced() {
        node.topics.synced(store::sync(&path));
    }
    for topic in node.topics.all() {
        for partition in topic.partitions.borrow_mut().drain(..) {
            partition.end();
            match Rc::try_unwrap(partition) {
                Ok(partition) => {
                    if let Err(error) = partition.close() {
                        tracing::warn!(topic = topic.name, %error, "a log is not closed in order");
                    }
                }
                Err(partition) => drop(partition),
            }
        }
    }
}
