//! A server of HTTP in a thread of its own: what it answers is a function of what it is asked.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use serde_json::Value;

use crate::harness::wait::LIMIT;

/// What somebody asks.
#[derive(Debug)]
pub(crate) struct Request {
    /// The method and the path.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// The value of a header, if it is there.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Its body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("it is JSON")
    }

    /// The next one of a connection; none: it ended before that.
    fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut lines = lines.into_iter();
        let line = lines.next()?;
        let headers = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        });
        let mut request = Self {
            line: line.trim_end_matches(" HTTP/1.1").to_owned(),
            headers: headers.collect(),
            body: Vec::new(),
        };
        let length = request.header("content-length");
        let length = length.map_or(0, |length| length.parse().expect("a length"));
        request.body = vec![0; length];
        stream.read_exact(&mut request.body).ok()?;
        Some(request)
    }
}

/// Serves on a free port of this machine for as long as the tests run, one request after the other, each on a connection of
/// its own: `answer` gives status and JSON. Returns the URL.
pub(crate) fn serve(mut answer: impl FnMut(&Request) -> (u16, Value) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("somebody calls");
            stream
                .set_read_timeout(Some(LIMIT))
                .expect("it is not zero");
            let mut stream = BufReader::new(stream);
            let Some(request) = Request::read(&mut stream) else {
                continue;
            };
            let (status, body) = answer(&request);
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            // Who asked may have gone.
            let _ = stream.get_mut().write_all((head + &body).as_bytes());
        }
    });
    format!("http://{address}")
}
