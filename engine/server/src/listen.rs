//! The socket: what is accepted, for how long, and how much of it.

mod files;
mod open;
mod tls;

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::{
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use sagaline_journal::{Error, ErrorKind};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    select,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use self::open::{Connection, Open};
pub use self::tls::Tls;
use crate::{api::Api, hosts::Hosts, routes::routes, secure::Told};

/// Most connections at a time, 10,000 streams among them; for another one, that which was longest without a request ends.
const CONNECTIONS_MAX: usize = 10_500;

/// Most bytes of a request's line and headers.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Pause before the next connection when one could not be accepted: there may be too many open files.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How long things may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// What comes before the first request where there is TLS.
    handshake: Duration,
    /// A request's line and headers, and the pause before them.
    head: Duration,
    /// A connection, which then answers what it was asked and ends.
    connection: Duration,
    /// That answer.
    last_answer: Duration,
    /// The same where another connection needs the place.
    unwanted: Duration,
}

impl Patience {
    const DEFAULT: Self = Self {
        handshake: Duration::from_secs(10),
        head: Duration::from_secs(10),
        connection: Duration::from_secs(300),
        last_answer: Duration::from_secs(70),
        unwanted: Duration::from_millis(500),
    };
}

/// A socket that listens, and the hosts that it answers to. Nothing is answered before [`Self::serve`].
#[derive(Debug)]
pub struct HttpListener {
    socket: std::net::TcpListener,
    address: SocketAddr,
    hosts: Hosts,
    tls: Option<Tls>,
    is_behind_proxy: bool,
}

impl HttpListener {
    /// Listens on the first of these hosts, an address or a name of one; port 0 is a free one. The names of all are
    /// answered to.
    ///
    /// # Errors
    /// Code `http-address`. [`ErrorKind::Conflict`]: the port is in use. [`ErrorKind::Unavailable`]: the address cannot be
    /// listened on, or there is none.
    pub fn bind(hosts: &[String], port: u16) -> Result<Self, Error> {
        let host = hosts.first().map_or("", String::as_str);
        let listen = || {
            let socket = std::net::TcpListener::bind((host, port))?;
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            Ok((socket, address))
        };
        let (socket, address) = listen().map_err(|error| cannot_listen(host, port, &error))?;
        Ok(Self {
            socket,
            address,
            hosts: Hosts::new(hosts, address.ip()),
            tls: None,
            is_behind_proxy: false,
        })
    }

    /// Answers https with this certificate, and plain HTTP no more.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Takes the word of `X-Forwarded-Proto` for whether a browser came by TLS: where only a proxy that sets it can connect.
    #[must_use]
    pub const fn behind_proxy(mut self) -> Self {
        self.is_behind_proxy = true;
        self
    }

    /// Where it answers, as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = self.tls.as_ref().map_or("http", |_| "https");
        format!("{scheme}://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is dropped; runs on tokio, with I/O and time.
    ///
    /// # Errors
    /// Code `http-address`: the socket cannot be used.
    pub async fn serve(self, api: Api) -> Result<(), Error> {
        let routes = routes(api.clone(), self.hosts.clone());
        select! {
            ended = self.answer(routes, Patience::DEFAULT) => ended,
            never = api.connect_early() => match never {},
        }
    }

    async fn answer(self, routes: Router, patience: Patience) -> Result<(), Error> {
        let most = files::connections_max(CONNECTIONS_MAX);
        self.answer_at_most(most, routes, patience).await
    }

    async fn answer_at_most(
        self,
        most: usize,
        routes: Router,
        patience: Patience,
    ) -> Result<(), Error> {
        let address = self.address;
        let socket = TcpListener::from_std(self.socket)
            .map_err(|error| cannot_listen(&address.ip().to_string(), address.port(), &error))?;
        let slots = Arc::new(Semaphore::new(most));
        let mut open = Open::default();
        loop {
            match socket.accept().await {
                Ok((stream, _)) => {
                    if slots.available_permits() == 0 {
                        open.make_room();
                    }
                    let Ok(slot) = slots.clone().acquire_owned().await else {
                        return Ok(());
                    };
                    let connection = open.connection();
                    let routes = routes.clone();
                    let conversation = Conversation {
                        told: Told {
                            by_connection: self.tls.is_some(),
                            by_header: self.is_behind_proxy,
                        },
                        open: connection,
                        routes,
                        patience,
                        _slot: slot,
                    };
                    tokio::spawn(conversation.begin(stream, self.tls.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "an HTTP connection cannot be accepted");
                    sleep(ACCEPT_AGAIN_AFTER).await;
                }
            }
        }
    }
}

/// One connection, as long as it lasts.
struct Conversation {
    told: Told,
    open: Arc<Connection>,
    routes: Router,
    patience: Patience,
    _slot: OwnedSemaphorePermit,
}

impl Conversation {
    async fn begin(self, stream: TcpStream, tls: Option<Tls>) {
        // Without it answers are a little later, no more.
        drop(stream.set_nodelay(true));
        let Some(tls) = tls else {
            return self.answer(stream).await;
        };
        let stream = select! {
            stream = timeout(self.patience.handshake, tls.accept(stream)) => stream.ok().flatten(),
            () = self.open.is_unwanted() => None,
        };
        if let Some(stream) = stream {
            self.answer(stream).await;
        }
    }

    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Self {
            told,
            open,
            routes,
            patience,
            _slot,
        } = self;
        let routes = TowerToHyperService::new(routes);
        let service = service_fn(|mut request: hyper::Request<_>| {
            open.used();
            let secure = told.of(request.headers());
            request.extensions_mut().insert(secure);
            routes.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience.head)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let last_answer = select! {
            // What fails here is the client's, or that it has gone.
            _ = connection.as_mut() => return,
            () = sleep(patience.connection) => patience.last_answer,
            () = open.is_unwanted() => patience.unwanted,
        };
        connection.as_mut().graceful_shutdown();
        drop(timeout(last_answer, connection).await);
    }
}

fn cannot_listen(host: &str, port: u16, error: &io::Error) -> Error {
    let (kind, text) = match error.kind() {
        io::ErrorKind::AddrInUse => (ErrorKind::Conflict, format!("port {port} is in use")),
        _ => (
            ErrorKind::Unavailable,
            format!("cannot listen for HTTP on {host}, port {port}: {error}"),
        ),
    };
    Error::new(kind, "http-address", text)
}

#[cfg(test)]
mod tests;
