//! A client of HTTP: one request, one connection.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

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
        let (_, url) = log.split_once("http=\"http://")?;
        url.split_once('"').map(|(address, _)| address.to_owned())
    })
}

/// Asks for a path.
pub(crate) fn get(address: &str, path: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream
        .set_read_timeout(Some(LIMIT))
        .expect("it is not zero");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .expect("it takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("it has a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Answer {
        status: status.expect("it has a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}
