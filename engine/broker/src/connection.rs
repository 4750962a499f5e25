//! One client's connection: requests are answered one after the other, in order, as Kafka does it.
//!
//! A client that waits for an answer and goes away is noticed: what waits for it is dropped. Requests that arrive meanwhile
//! stay in the socket, but for one read-ahead.
//!
//! Invariant: no more memory is reserved for a request than bytes of it have come, times two, and what all connections hold
//! of requests and answers is bounded: `connections.rs` says how.

use std::{io, net::SocketAddr, rc::Rc, time::Duration};

use bytes::{Buf, BytesMut};
use tokio::{
    io::AsyncReadExt,
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

#[cfg(not(feature = "faults"))]
use crate::api::answer;
#[cfg(feature = "faults")]
use crate::faults::answer;
use crate::{
    connections::Place,
    limits::{
        ANSWER_TIME_MAX, FRAME_BYTES_MAX, FRAME_TIME_MAX, IDLE_TIME_MAX, PLAIN_FRAME_BYTES_MAX,
    },
    node::Node,
    wire::{self, Answer, Frame, Garbled},
};

/// Where a request came from and what it was called under.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The client's address.
    pub(crate) client: SocketAddr,
    /// The address that it connected to: where it is told that the broker is.
    pub(crate) broker: SocketAddr,
}

/// Serves a connection until either side ends it.
pub(crate) async fn serve(node: Rc<Node>, stream: TcpStream) {
    let peer = match addresses(&stream) {
        Ok(peer) => peer,
        Err(error) => return tracing::debug!(%error, "a connection ended before it began"),
    };
    let place = Rc::new(node.connections.enter(peer.client.ip()));
    let (read, write) = stream.into_split();
    let mut connection = Connection {
        node,
        peer,
        place: place.clone(),
        read,
        write,
        received: BytesMut::new(),
    };
    let ended = tokio::select! {
        ended = connection.run() => ended,
        why = place.ended() => Err(End::Slow(why)),
    };
    match ended {
        Ok(()) => {}
        Err(End::Io(error)) => tracing::debug!(client = %peer.client, %error, "a connection ended"),
        Err(End::Garbled(reason)) => {
            tracing::warn!(client = %peer.client, %reason, "a connection was closed: that was no request");
        }
        Err(End::Slow(what)) => {
            tracing::info!(client = %peer.client, "a connection was closed: {what}");
        }
    }
}

fn addresses(stream: &TcpStream) -> io::Result<Peer> {
    stream.set_nodelay(true)?;
    Ok(Peer {
        client: stream.peer_addr()?,
        broker: stream.local_addr()?,
    })
}

struct Connection {
    node: Rc<Node>,
    peer: Peer,
    place: Rc<Place>,
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    /// What came and is no whole request yet.
    received: BytesMut,
}

/// Why a connection ends, if not because the client closed it between two requests.
enum End {
    Io(io::Error),
    Garbled(Garbled),
    Slow(&'static str),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Garbled> for End {
    fn from(error: Garbled) -> Self {
        Self::Garbled(error)
    }
}

/// Bytes that are read at least when there is nothing to go by.
const READ_BYTES: usize = 4_096;

/// A buffer that a large request has left behind is given back.
const KEPT_BYTES_MAX: usize = 64 * 1024;

impl Connection {
    async fn run(&mut self) -> Result<(), End> {
        while let Some(size) = self.size().await? {
            let body = within(FRAME_TIME_MAX, "its request does not end", self.body(size)).await?;
            let frame = Frame::parse(body?.freeze())?;
            let memory = self.place.hold(frame.bytes_max());
            within(FRAME_TIME_MAX, "there is no memory for it", memory).await?;
            let Some(answer) = self.answer(frame).await? else {
                return Ok(());
            };
            self.place.hold_made(answer.remaining());
            let sent = answer.send(&mut self.write);
            within(ANSWER_TIME_MAX, "it does not read", sent).await??;
            self.place.rest();
        }
        Ok(())
    }

    /// The size of the next request; `None` when the client has closed.
    async fn size(&mut self) -> Result<Option<usize>, End> {
        let mut patience = match self.received.is_empty() {
            true => IDLE_TIME_MAX,
            false => FRAME_TIME_MAX,
        };
        while self.received.len() < 4 {
            self.received.reserve(READ_BYTES);
            let read = self.read.read_buf(&mut self.received);
            if within(patience, "it says nothing", read).await?? == 0 {
                return match self.received.is_empty() {
                    true => Ok(None),
                    false => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                };
            }
            patience = FRAME_TIME_MAX;
        }
        let size = self.received.get_i32();
        match usize::try_from(size) {
            Ok(size) if size <= FRAME_BYTES_MAX => Ok(Some(size)),
            _ => Err(Garbled::size(size).into()),
        }
    }

    /// The request itself, for which memory is taken as it comes.
    async fn body(&mut self, size: usize) -> Result<BytesMut, End> {
        while self.received.len() < size {
            if size > PLAIN_FRAME_BYTES_MAX && wire::is_produce(&self.received) == Some(false) {
                return Err(Garbled::long(size).into());
            }
            let missing = size - self.received.len();
            let step = missing.min(self.received.len().max(READ_BYTES));
            self.place.hold(self.received.len() + step).await;
            self.received.reserve(step);
            if self.read.read_buf(&mut self.received).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
        let body = self.received.split_to(size);
        if self.received.is_empty() && size > KEPT_BYTES_MAX {
            self.received = BytesMut::new();
        }
        Ok(body)
    }

    /// The answer, empty when none is wanted; `None` when the client went away meanwhile.
    async fn answer(&mut self, frame: Frame) -> Result<Option<Answer>, End> {
        let node = self.node.clone();
        let place = self.place.clone();
        let answer = answer(&node, (self.peer, &place), frame);
        tokio::pin!(answer);
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return Ok(Some(answer?)),
                read = async {
                    self.received.reserve(READ_BYTES);
                    self.read.read_buf(&mut self.received).await
                }, if self.received.len() < KEPT_BYTES_MAX => {
                    if read? == 0 {
                        return Ok(None);
                    }
                }
            }
        }
    }
}

async fn within<T>(
    time: Duration,
    what: &'static str,
    work: impl Future<Output = T>,
) -> Result<T, End> {
    timeout(time, work)
        .await
        .map_err(|_elapsed| End::Slow(what))
}
