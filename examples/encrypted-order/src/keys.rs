//! A codec: compressed, then encrypted with AES-256-GCM.
//!
//! ```text
//! number of the key (1 byte) · nonce (12 bytes) · ciphertext and tag
//! ```
//! Keys change: a new one is put at the end of the file of every process, and once all have read it, all encrypt with it. The
//! old ones stay as long as there are runs, and journals, that need them. A key is good for about four billion payloads.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    path::Path,
};

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Generate},
};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use sagaline::{Codec, prelude::*};

/// Bytes of a nonce.
const NONCE: usize = 12;

/// Most bytes that a payload may have once it is unpacked.
const UNPACKED_MAX: u64 = 16 * 1024 * 1024;

/// The keys of the app, by their numbers.
pub(crate) struct Keys {
    by_number: BTreeMap<u8, Aes256Gcm>,
    /// What is encrypted from now on is encrypted by this one.
    newest: u8,
}

impl Keys {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .map_err(|error| Error::new("NoKey", format!("{}: {error}", path.display())))?;
        Self::parse(&text)
    }

    /// A key a line: its number and 64 hexadecimal digits. The last one is the newest.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut by_number = BTreeMap::new();
        let mut newest = None;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (number, digits) = line.trim().split_once(' ').unwrap_or_default();
            let number = number.parse()?;
            let key = Aes256Gcm::new_from_slice(&bytes(digits.trim())?);
            let key = key.map_err(|_| Error::new("BadKey", "a key has 64 hexadecimal digits"))?;
            by_number.insert(number, key);
            newest = Some(number);
        }
        let newest = newest.ok_or_else(|| Error::new("NoKey", "there is none"))?;
        Ok(Self { by_number, newest })
    }

    fn key(&self, number: u8) -> Result<&Aes256Gcm> {
        let known = self.by_number.get(&number);
        known.ok_or_else(|| Error::new("NoKey", format!("there is no key {number}")))
    }
}

fn bytes(digits: &str) -> Result<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?))
        .collect()
}

impl Codec for Keys {
    fn content_type(&self) -> &str {
        "application/vnd.example.encrypted"
    }

    fn encode(&self, plain: &[u8]) -> Result<Vec<u8>> {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(plain)?;
        let nonce = Nonce::generate();
        let sealed = self
            .key(self.newest)?
            .encrypt(&nonce, packed.finish()?.as_slice());
        let sealed = sealed.map_err(|_| Error::new("NotSealed", "it cannot be encrypted"))?;
        Ok([&[self.newest], nonce.as_slice(), &sealed].concat())
    }

    fn decode(&self, encoded: &[u8]) -> Result<Vec<u8>> {
        let short = || Error::new("NotSealed", "it is too short");
        let (number, rest) = encoded.split_first().ok_or_else(short)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or_else(short)?;
        let packed = self.key(*number)?.decrypt(&Nonce::from(*nonce), sealed);
        let packed =
            packed.map_err(|_| Error::new("NotSealed", "it was changed, or the key is another"))?;
        let mut plain = Vec::new();
        let mut unpacked = DeflateDecoder::new(&*packed).take(UNPACKED_MAX);
        unpacked.read_to_end(&mut plain)?;
        Ok(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const NEW: &str = "2 ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

    fn sealed_by(keys: &str) -> Vec<u8> {
        Keys::parse(keys).unwrap().encode(b"tea").unwrap()
    }

    #[test]
    fn what_was_sealed_by_an_old_key_is_read_as_long_as_it_is_in_the_file() {
        let both = Keys::parse(&format!("{OLD}\n{NEW}\n")).unwrap();

        assert_eq!(both.decode(&sealed_by(OLD)).unwrap(), b"tea");
        assert_eq!(sealed_by(&format!("{OLD}\n{NEW}"))[0], 2);
        let error = Keys::parse(NEW)
            .unwrap()
            .decode(&sealed_by(OLD))
            .unwrap_err();
        assert_eq!(error.message(), "there is no key 1");
    }

    #[test]
    fn no_two_payloads_look_alike_and_none_can_be_changed() {
        assert_ne!(sealed_by(OLD), sealed_by(OLD));
        for place in 0..sealed_by(OLD).len() {
            let mut changed = sealed_by(OLD);
            changed[place] ^= 1;

            assert!(Keys::parse(OLD).unwrap().decode(&changed).is_err());
        }
    }

    #[test]
    fn a_file_without_a_whole_key_is_refused() {
        for text in ["", "1 0011", "x 00", "1 zz"] {
            assert!(Keys::parse(text).is_err(), "{text}");
        }
    }
}
