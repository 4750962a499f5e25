//! A connection that asks one thing after the other, in whatever version, and decodes the answers strictly.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
};

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes},
};

use crate::world::LATE;

/// A connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    /// Of the last request.
    correlation: i32,
    /// Of the last answer.
    answered: i32,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(LATE)).unwrap();
        Self {
            stream,
            correlation: 0,
            answered: 0,
        }
    }

    /// Asks, and waits for the answer.
    pub(crate) fn call<Q: Request>(&mut self, version: i16, request: &Q) -> Q::Response {
        self.send(version, request);
        self.receive::<Q>(version)
    }

    /// Asks and does not wait.
    pub(crate) fn send<Q: Request>(&mut self, version: i16, request: &Q) {
        let mut body = BytesMut::new();
        request
            .encode(&mut body, version)
            .unwrap_or_else(|error| panic!("API {} version {version}: {error}", Q::KEY));
        self.send_body(Q::KEY, version, Q::header_version(version), &body);
    }

    /// Asks with a body of one's own making.
    pub(crate) fn send_body(&mut self, api: i16, version: i16, header: i16, body: &[u8]) {
        self.correlation += 1;
        let mut frame = BytesMut::new();
        RequestHeader::default()
            .with_request_api_key(api)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(StrBytes::from_static_str(CLIENT_ID)))
            .encode(&mut frame, header)
            .unwrap();
        frame.put_slice(body);
        let size = i32::try_from(frame.len()).unwrap();
        self.stream.write_all(&size.to_be_bytes()).unwrap();
        self.stream.write_all(&frame).unwrap();
    }

    /// The answer to what was asked first and is not answered yet.
    pub(crate) fn receive<Q: Request>(&mut self, version: i16) -> Q::Response {
        let mut bytes = self.receive_body(Q::Response::header_version(version));
        let answer = Q::Response::decode(&mut bytes, version)
            .unwrap_or_else(|error| panic!("API {} version {version}: {error}", Q::KEY));
        assert!(
            bytes.is_empty(),
            "API {} version {version}: {} bytes are left over",
            Q::KEY,
            bytes.len()
        );
        answer
    }

    /// The bytes behind the header of the next answer.
    pub(crate) fn receive_body(&mut self, header: i16) -> Bytes {
        let mut size = [0; 4];
        self.stream.read_exact(&mut size).expect("an answer");
        let mut bytes = vec![0; usize::try_from(i32::from_be_bytes(size)).unwrap()];
        self.stream.read_exact(&mut bytes).unwrap();
        let mut bytes = Bytes::from(bytes);
        let header = ResponseHeader::decode(&mut bytes, header).unwrap();
        self.answered += 1;
        assert_eq!(header.correlation_id, self.answered, "answers keep order");
        bytes
    }

    /// The last request is one that is not answered.
    pub(crate) fn expect_no_answer(&mut self) {
        self.answered += 1;
    }

    /// Waits until the broker closes the connection, and fails if it answers instead.
    pub(crate) fn expect_close(&mut self) {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => assert_eq!(bytes.len(), 0, "an answer instead of an end"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

/// What the tests call themselves.
pub(crate) const CLIENT_ID: &str = "conformance";
