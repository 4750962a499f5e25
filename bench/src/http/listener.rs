//! A client of server-sent events: a socket, what it waits to hear of, and when it did.
//!
//! Deliberately absent: parsing of events. What is looked for stands within one event, which names each run that changed; a
//! client has no buffer of its own while nothing comes.

use std::{
    io::ErrorKind,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};

use super::connection::{ANSWER_MAX, get, head};
use crate::clock;

/// Most that is read at once.
const READ_BYTES_MAX: usize = 16 * 1024;

/// What is kept of it: more than the name of a run takes, which may lie across two reads.
const KEPT_BYTES_MAX: usize = 64;

/// What the list of a browser shows.
const LIST: &str = "/read/stream/workflows?query=ParentWorkflowId%20IS%20NULL";

/// The runs that change have ids that end in their number, from 1.
pub(super) fn watched(number: u32) -> String {
    format!("watched-{number}")
}

/// What a client looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// All runs without a parent.
    List,
    /// The run of this number.
    Run(u32),
}

impl About {
    fn path(self) -> String {
        match self {
            Self::List => LIST.to_owned(),
            Self::Run(number) => format!("/read/stream/workflows/{}", watched(number)),
        }
    }
}

/// What all clients have heard.
#[derive(Debug, Default)]
pub(super) struct Ears {
    /// The run that is about to change; 0: none.
    number: AtomicU32,
    heard: Mutex<Heard>,
    ended: AtomicUsize,
}

/// When clients heard that it has changed.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) of_list: Vec<Instant>,
    pub(super) of_run: Vec<Instant>,
}

impl Ears {
    /// From now on they listen for the change of this run.
    pub(super) fn listen_for(&self, number: u32) {
        self.number.store(number, Ordering::Relaxed);
    }

    /// How many have heard of it.
    pub(super) fn count(&self) -> usize {
        let heard = self.heard();
        heard.of_list.len() + heard.of_run.len()
    }

    /// Who has heard of it, for once.
    pub(super) fn take(&self) -> Heard {
        std::mem::take(&mut *self.heard())
    }

    /// Streams that the server has ended.
    pub(super) fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client.
#[derive(Debug)]
pub(super) struct Listener {
    stream: TcpStream,
    about: About,
    ears: Arc<Ears>,
    /// The last run that it has heard of.
    heard: u32,
    kept: Vec<u8>,
}

impl Listener {
    /// Opens a stream, up to its first event.
    pub(super) async fn open(address: SocketAddr, about: About, ears: Arc<Ears>) -> Result<Self> {
        let path = about.path();
        let opening = timeout(ANSWER_MAX, greeted(address, &path));
        let opened = opening.await.context("it took too long");
        Ok(Self {
            stream: opened.flatten().with_context(|| path)?,
            about,
            ears,
            heard: 0,
            kept: Vec::with_capacity(KEPT_BYTES_MAX),
        })
    }

    /// Listens until the server ends the stream.
    pub(super) async fn listen(mut self) {
        while self.stream.readable().await.is_ok() && self.take() {}
        self.ears.ended.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes what is there; false at the end.
    fn take(&mut self) -> bool {
        let mut buffer = [0; READ_BYTES_MAX];
        let (before, free) = buffer.split_at_mut(self.kept.len());
        before.copy_from_slice(&self.kept);
        let end = match self.stream.try_read(free) {
            Ok(0) => return false,
            Ok(read) => before.len() + read,
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        };
        let come = &buffer[..end];
        self.look_through(come, clock::now());
        self.kept.clear();
        self.kept
            .extend_from_slice(&come[end.saturating_sub(KEPT_BYTES_MAX)..]);
        true
    }

    fn look_through(&mut self, come: &[u8], at: Instant) {
        let number = self.ears.number.load(Ordering::Relaxed);
        let says = format!("\"workflow_id\":\"{}\"", watched(number));
        if self.heard == number || !String::from_utf8_lossy(come).contains(&says) {
            return;
        }
        self.heard = number;
        let mut heard = self.ears.heard();
        match self.about {
            About::List => heard.of_list.push(at),
            About::Run(_) => heard.of_run.push(at),
        }
    }
}

/// A stream that has greeted.
async fn greeted(address: SocketAddr, path: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let request = get(address, path, "text/event-stream");
    stream.write_all(request.as_bytes()).await?;
    let mut stream = BufReader::new(stream);
    let status = head(&mut stream).await?.status()?;
    ensure!(status == 200, "not 200 but {status}");
    let mut come = Vec::new();
    while !String::from_utf8_lossy(&come).contains("event: hello\n") {
        ensure!(come.len() < READ_BYTES_MAX, "a stream that does not greet");
        let read = stream.read_buf(&mut come).await?;
        ensure!(read > 0, "the server ended the stream");
    }
    // Nothing follows until a run changes.
    Ok(stream.into_inner())
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, net::TcpListener};

    use super::*;

    /// How many times a client of the list, which waits for run 3, hears of it when this comes, read by read; no two reads
    /// that follow one another are the same.
    fn heard(reads: &[&str]) -> usize {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let server = TcpListener::bind("127.0.0.1:0").unwrap();
            let stream = TcpStream::connect(server.local_addr().unwrap());
            let stream = stream.await.unwrap();
            let (mut sender, _) = server.accept().unwrap();
            let ears = Arc::new(Ears::default());
            ears.listen_for(3);
            let mut listener = Listener {
                stream,
                about: About::List,
                ears: ears.clone(),
                heard: 0,
                kept: Vec::new(),
            };
            for come in reads {
                sender.write_all(come.as_bytes()).unwrap();
                let mut looked = false;
                while !looked {
                    listener.stream.readable().await.unwrap();
                    let before = listener.kept.clone();
                    assert!(listener.take());
                    looked = listener.kept != before;
                }
            }
            ears.count()
        })
    }

    #[test]
    fn a_run_is_heard_of_once_also_when_its_name_comes_in_two_reads() {
        let name = "{\"workflow_id\":\"watched-3\"";

        assert_eq!(heard(&[&format!("{name},"), &format!("{name}}}")]), 1);
        assert_eq!(heard(&["{\"workflow_id\":\"watc", "hed-3\"}"]), 1);
        assert_eq!(heard(&["{\"workflow_id\":\"watched-31\"}"]), 0);
    }
}
