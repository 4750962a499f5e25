//! HTTP/1.1 as far as this needs it, by hand: a kept connection, a request, its answer.
//!
//! By hand because the client shares two cores and the memory with the server that it measures, and ten thousand streams of a
//! library's client, each with its pool and buffers, would take more of both than the server does. It also counts every
//! byte. Deliberately absent: TLS, redirects, compression, bodies whose length is not said.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};

/// Most bytes of a status line with headers.
pub(super) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Most bytes of a body.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long an answer may take.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A connection that is used for one request after the other.
#[derive(Debug)]
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    /// All that was transferred: status line, headers and body.
    pub(super) bytes: usize,
    pub(super) body: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            address,
        })
    }

    pub(super) async fn get(&mut self, path: &str) -> Result<Answer> {
        let request = get(self.address, path, "*/*");
        self.ask(path, &request).await
    }

    pub(super) async fn post(&mut self, path: &str, json: &str) -> Result<Answer> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
            self.address,
            json.len()
        );
        self.ask(path, &request).await
    }

    async fn ask(&mut self, path: &str, request: &str) -> Result<Answer> {
        let answer = timeout(ANSWER_MAX, async {
            self.stream.write_all(request.as_bytes()).await?;
            self.answer().await
        });
        let answer = answer.await.context("it took too long");
        answer.flatten().with_context(|| path.to_owned())
    }

    async fn answer(&mut self) -> Result<Answer> {
        let head = head(&mut self.stream).await?;
        let length = head.header("content-length");
        let length = length.context("an answer whose length is not said")?;
        let length: usize = length.parse().context("its length is no number")?;
        ensure!(length <= BODY_BYTES_MAX, "a body of {length} bytes");
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok(Answer {
            status: head.status()?,
            bytes: head.0.len() + length,
            body,
        })
    }
}

impl Answer {
    /// The same if it has this status.
    pub(super) fn with(self, status: u16) -> Result<Self> {
        ensure!(self.status == status, "not {status} but {self:?}");
        Ok(self)
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = String::from_utf8_lossy(&self.body)
            .chars()
            .take(500)
            .collect();
        write!(f, "{}: {body}", self.status)
    }
}

/// A request for what is at a path.
pub(super) fn get(address: SocketAddr, path: &str, accept: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\n\r\n")
}

/// A status line with headers, up to the empty line.
pub(super) struct Head(String);

impl Head {
    pub(super) fn status(&self) -> Result<u16> {
        let status = self
            .0
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3));
        status
            .and_then(|status| status.parse().ok())
            .context("an answer that is not HTTP/1.1")
    }

    /// A header's value, by its name in small letters.
    fn header(&self, name: &str) -> Option<&str> {
        let headers = self.0.lines().filter_map(|line| line.split_once(':'));
        let mut named = headers.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.trim())
    }
}

/// Reads a status line with headers, and no further.
pub(super) async fn head(stream: &mut BufReader<TcpStream>) -> Result<Head> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            bail!("the server ended the connection");
        }
        ensure!(head.len() <= HEAD_BYTES_MAX, "too many headers");
    }
    Ok(Head(head))
}
