//! A client of HTTP: one request, one connection. And a server, for what calls others.

mod server;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use serde_json::Value;

pub(crate) use self::server::serve;
use super::{
    process::Process,
    wait::{LIMIT, until},
};

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The line of the status and the headers.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Where an engine answers HTTP, as its log has it.
pub(crate) fn address_of(engine: &Process) -> String {
    until("the engine says where it answers HTTP", || {
        let log = engine.log();
        let (_, url) = log.split_once("http=\"http")?;
        let (_, address) = url.split_once("://")?;
        address
            .split_once('"')
            .map(|(address, _)| address.to_owned())
    })
}

/// The JSON of an answer.
pub(crate) fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("it is JSON: {answer:?}"))
}

/// The JSON of an answer that has this status.
#[track_caller]
pub(crate) fn ok(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    json_of(answer)
}

/// A problem with all its members.
#[track_caller]
pub(crate) fn problem(answer: &Answer, status: u16, code: &str) -> Value {
    let problem = ok(answer, status);
    assert_eq!(problem["code"], code, "{answer:?}");
    assert_eq!(problem["status"], status);
    assert!(
        answer.head.contains("application/problem+json"),
        "{answer:?}"
    );
    for member in ["type", "title", "detail", "hint", "instance"] {
        assert!(problem.get(member).is_some(), "{member}: {answer:?}");
    }
    problem
}

/// Asks for a path.
pub(crate) fn get(address: &str, path: &str) -> Answer {
    ask(address, &format!("GET {path}"), &[], b"")
}

/// Makes a request: `line` is the method and the path.
pub(crate) fn ask(address: &str, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    exchange(connect(address), (address, line), headers, body)
}

/// Connects, and waits for what comes no longer than everything else.
pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream
        .set_read_timeout(Some(LIMIT))
        .expect("it is not zero");
    stream
}

/// Makes a request on a connection that is there, and ends with it.
pub(crate) fn exchange(
    mut stream: impl Read + Write,
    (address, line): (&str, &str),
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
    let is_named = headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = [("Host", address)];
    let given = host.iter().filter(|_| !is_named).chain(headers);
    for (name, value) in given {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    stream
        .write_all(request.as_bytes())
        .expect("it takes a request");
    // One that is too large is refused before it was all sent.
    let _ = stream.write_all(body);
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    assert!(read.is_ok() || !answer.is_empty(), "it answers: {read:?}");
    let (head, body) = answer.split_once("\r\n\r\n").expect("it has a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = match head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        true => unchunked(body),
        false => body.to_owned(),
    };
    Answer {
        status: status.expect("it has a status"),
        head: head.to_owned(),
        body,
    }
}

/// What chunks say together.
fn unchunked(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or_default();
        let Some(chunk) = after.get(..size).filter(|_| size > 0) else {
            break;
        };
        body.push_str(chunk);
        rest = after.get(size + 2..).unwrap_or_default();
    }
    body
}

/// Server-sent events, as they come.
pub(crate) struct Events {
    lines: BufReader<Box<dyn Read>>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) data: String,
}

impl Events {
    /// Listens on a path, from behind the event of that id.
    pub(crate) fn open(address: &str, path: &str, last_seen: Option<&str>) -> Self {
        let last_seen = last_seen.map(|id| ("Last-Event-ID", id));
        Self::open_with(address, path, last_seen)
    }

    /// Listens on a path, with a header.
    pub(crate) fn open_with(address: &str, path: &str, header: Option<(&str, &str)>) -> Self {
        Self::on(connect(address), (address, path), header)
    }

    /// The same on a connection that is there.
    pub(crate) fn on(
        mut stream: impl Read + Write + 'static,
        (address, path): (&str, &str),
        header: Option<(&str, &str)>,
    ) -> Self {
        let header =
            header.map_or_else(String::new, |(name, value)| format!("{name}: {value}\r\n"));
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{header}\r\n");
        stream
            .write_all(request.as_bytes())
            .expect("it takes a request");
        Self {
            lines: BufReader::new(Box::new(stream)),
        }
    }

    /// Everything until the server ends the stream.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).expect("it is not cut");
        rest
    }

    /// The next event; chunks begin and end between lines, so that those are passed over.
    pub(crate) fn next(&mut self) -> Event {
        let (mut id, mut name) = (None, String::new());
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).expect("an event comes");
            assert!(read > 0, "the stream has ended");
            match line.trim_end().split_once(": ") {
                Some(("id", value)) => id = Some(value.to_owned()),
                Some(("event", value)) => value.clone_into(&mut name),
                Some(("data", value)) if !name.is_empty() => {
                    let data = value.to_owned();
                    return Event { id, name, data };
                }
                _ => {}
            }
        }
    }
    /// Waits until the server ends the stream.
    pub(crate) fn end(mut self) {
        self.rest();
    }
}
