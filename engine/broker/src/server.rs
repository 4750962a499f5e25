//! The broker's thread: opens the data, listens, and ends in order.

use std::{
    cell::Cell,
    fs::{self, File},
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    rc::Rc,
    sync::mpsc,
    thread,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot, watch},
    task::LocalSet,
    time::{sleep, timeout},
};

use crate::{
    Error, ErrorKind, connection, limits::CONNECTIONS_MAX, maintenance, node::Node, transactor,
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
        let address = started.recv().map_err(|_gone| {
            Error::new(
                ErrorKind::Internal,
                "broker-start",
                "the broker's thread ended",
            )
        })??;
        Ok(Self {
            address,
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

type Ready = mpsc::Sender<Result<SocketAddr, Error>>;

fn run(options: &Options, ready: &Ready, stopped: oneshot::Receiver<Duration>) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
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
        tell(ready, address);
        tokio::task::spawn_local(maintenance::keep_groups(node.clone()));
        tokio::task::spawn_local(maintenance::keep_logs(node.clone()));
        tokio::task::spawn_local(transactor::keep_transactions(node.clone()));
        let clients = Rc::new(Clients::default());
        tokio::select! {
            () = accept(&node, &listener, &clients) => {}
            () = end(stopped, &clients) => {}
        }
        Some((node, lock))
    });
    // Requests that wait hold partitions: they end first.
    drop(local);
    if let Some((node, _lock)) = ended {
        close(&node);
    }
}

fn tell(ready: &Ready, outcome: Result<SocketAddr, Error>) {
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
    let node = Node::open(data, options.flush)?;
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

/// Clients that are connected.
#[derive(Debug, Default)]
struct Clients {
    open: Cell<usize>,
    last_gone: Notify,
}

/// Until the broker is told to end, and its clients have gone or had their time.
async fn end(stopped: oneshot::Receiver<Duration>, clients: &Clients) {
    let patience = stopped.await.unwrap_or_default();
    let all_gone = async {
        while clients.open.get() > 0 {
            clients.last_gone.notified().await;
        }
    };
    // Some stay: so be it.
    let _ = timeout(patience, all_gone).await;
}

async fn accept(node: &Rc<Node>, listener: &TcpListener, clients: &Rc<Clients>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if clients.open.get() < CONNECTIONS_MAX => {
                serve(node.clone(), stream, clients);
            }
            Ok((_, client)) => {
                tracing::warn!(%client, "there are {CONNECTIONS_MAX} connections, as many as may be");
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn serve(node: Rc<Node>, stream: TcpStream, clients: &Rc<Clients>) {
    let client = Client::of(clients);
    tokio::task::spawn_local(async move {
        connection::serve(node, stream).await;
        drop(client);
    });
}

/// One of the clients, until this is dropped, were it by a panic.
struct Client(Rc<Clients>);

impl Client {
    fn of(clients: &Rc<Clients>) -> Self {
        clients.open.update(|open| open + 1);
        Self(clients.clone())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.0.open.update(|open| open - 1);
        if self.0.open.get() == 0 {
            self.0.last_gone.notify_one();
        }
    }
}

/// Everything goes to the disk, so that the next start verifies nothing.
fn close(node: &Node) {
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
