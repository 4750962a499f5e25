//! An answer on its way to the client: what was written for it, and records that stay where they were read.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Bytes in parts, taken from the front as the socket takes them. Empty where no answer is wanted.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// None is empty.
    parts: VecDeque<Bytes>,
    remaining: usize,
}

impl Answer {
    /// Adds a part at the end.
    pub(super) fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.remaining += part.len();
            self.parts.push_back(part);
        }
    }

    /// Sends all of it: parts together, and one alone by the call for one, which costs less.
    pub(crate) async fn send(mut self, into: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while self.parts.len() > 1 {
            if into.write_buf(&mut self).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        into.write_all(self.chunk()).await
    }
}

impl From<BytesMut> for Answer {
    fn from(bytes: BytesMut) -> Self {
        let mut answer = Self::default();
        answer.push(bytes.freeze());
        answer
    }
}

impl Buf for Answer {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.parts.front().map_or(&[], Bytes::as_ref)
    }

    fn chunks_vectored<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        let filled = into.iter_mut().zip(&self.parts);
        filled
            .map(|(slice, part)| *slice = IoSlice::new(part))
            .count()
    }

    fn advance(&mut self, mut count: usize) {
        assert!(
            count <= self.remaining,
            "no more is taken than there is: {count} of {}",
            self.remaining
        );
        self.remaining -= count;
        while count > 0
            && let Some(part) = self.parts.front_mut()
        {
            let taken = count.min(part.len());
            part.advance(taken);
            count -= taken;
            if part.is_empty() {
                self.parts.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn all_parts_are_sent_however_little_is_taken_at_once() {
        let mut answer = Answer::default();
        for part in ["ab", "cde", "f"] {
            answer.push(Bytes::from_static(part.as_bytes()));
        }
        let (mut into, mut from) = tokio::io::duplex(1);
        let mut received = String::new();

        let send = async move { answer.send(&mut into).await };
        let (sent, _) = tokio::join!(send, from.read_to_string(&mut received));

        sent.unwrap();
        assert_eq!(received, "abcdef");
    }

    #[test]
    fn parts_are_taken_from_the_front() {
        let mut answer = Answer::default();
        for part in ["ab", "", "cde", "f"] {
            answer.push(Bytes::from_static(part.as_bytes()));
        }

        answer.advance(3);

        let mut slices = [IoSlice::new(&[]); 4];
        assert_eq!(answer.chunks_vectored(&mut slices), 2);
        assert_eq!([&*slices[0], &*slices[1]], [&b"de"[..], b"f"]);
        assert_eq!(answer.chunk(), b"de");
        assert_eq!(answer.remaining(), 3);
        assert_eq!(answer.copy_to_bytes(3), "def");
        assert!(!answer.has_remaining());
    }
}
