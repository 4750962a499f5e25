//! A connection that sends whatever it is told to.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
};

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes},
};

use crate::world::PATIENCE;

/// A connection.
#[derive(Debug)]
pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Asks, and waits for the answer.
    pub(crate) fn call<Q: Request>(&mut self, version: i16, request: &Q) -> Q::Response {
        self.send(version, request);
        let mut bytes = self.receive();
        ResponseHeader::decode(&mut bytes, Q::Response::header_version(version)).unwrap();
        Q::Response::decode(&mut bytes, version).unwrap()
    }

    /// Asks and does not wait.
    pub(crate) fn send<Q: Request>(&mut self, version: i16, request: &Q) {
        self.send_bytes(&frame(version, request));
    }

    /// Sends bytes as they are. That the broker has closed already is for the next read to tell.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        if let Err(error) = self.0.write_all(bytes) {
            let is_closed = matches!(
                error.kind(),
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
            );
            assert!(is_closed, "{error}");
        }
    }

    /// The next answer with its header.
    pub(crate) fn receive(&mut self) -> Bytes {
        let mut size = [0; 4];
        self.0.read_exact(&mut size).expect("an answer");
        let mut bytes = vec![0; usize::try_from(i32::from_be_bytes(size)).unwrap()];
        self.0.read_exact(&mut bytes).unwrap();
        bytes.into()
    }

    /// Reads until the broker closes; gives the number of bytes that came before that.
    pub(crate) fn wait_for_the_end(&mut self) -> usize {
        let (mut buffer, mut total) = (vec![0; 1 << 16], 0);
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => return total,
                Ok(read) => total += read,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return total,
                Err(error) => panic!("the broker neither answers nor closes: {error}"),
            }
        }
    }

    /// Says that no more will be sent, and reads what still comes until the broker closes.
    pub(crate) fn wait_for_the_end_or_answer(&mut self) -> usize {
        self.0.shutdown(Shutdown::Write).unwrap();
        self.wait_for_the_end()
    }
}

/// A request with its size and header.
pub(crate) fn frame<Q: Request>(version: i16, request: &Q) -> Vec<u8> {
    let mut body = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(Q::KEY)
        .with_request_api_version(version)
        .with_client_id(Some(StrBytes::from_static_str("hostile")))
        .encode(&mut body, Q::header_version(version))
        .unwrap();
    request.encode(&mut body, version).unwrap();
    with_size(&body)
}

/// Bytes with their size before them.
pub(crate) fn with_size(body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(body.len() + 4);
    frame.put_i32(i32::try_from(body.len()).unwrap());
    frame.put_slice(body);
    frame
}
