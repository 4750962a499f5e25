//! Encoding and decoding of one kind of value: all versions of its schema, the newest of which is written.

use std::io::BufRead;

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_avro_fast::{
    Schema,
    de::{DeserializerConfig, DeserializerState, read::SliceRead},
    schema::{Name, SchemaMut},
};

use crate::{Error, Fingerprint, datum};

/// How every Avro single object begins.
pub const MAGIC: [u8; 2] = [0xC3, 0x01];

/// Largest value that is read or written: as large as a record of the journal may be.
pub const VALUE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Longest list within a value. Memory for a value is bounded by this and [`VALUE_BYTES_MAX`], whatever its bytes say.
pub const SEQUENCE_MAX: usize = 65_536;

const HEADER_BYTES: usize = MAGIC.len() + 8;

/// One kind of value.
pub(crate) struct Codec {
    what: &'static str,
    versions: Vec<Version>,
}

struct Version {
    fingerprint: Fingerprint,
    schema: Schema,
}

impl Codec {
    /// Of every schema that a released build wrote, oldest first, and last the one that is written.
    pub(crate) fn new(what: &'static str, avsc: &[&str]) -> Self {
        assert!(!avsc.is_empty(), "a {what} has a schema");
        Self {
            what,
            versions: avsc.iter().map(|avsc| Version::parse(avsc)).collect(),
        }
    }

    /// Appends the value to `into`, which is as before when this fails.
    pub(crate) fn encode<T: Serialize>(&self, value: &T, into: &mut Vec<u8>) -> Result<(), Error> {
        let start = into.len();
        let result = self
            .append(value, into)
            .and_then(|()| self.check(&into[start..]));
        if result.is_err() {
            into.truncate(start);
        }
        result
    }

    fn append<T: Serialize>(&self, value: &T, into: &mut Vec<u8>) -> Result<(), Error> {
        let version = self.versions.last().expect("there is at least one version");
        into.extend_from_slice(&MAGIC);
        into.extend_from_slice(&version.fingerprint.0);
        datum::write(value, into).map_err(|error| Error::Unencodable {
            what: self.what,
            reason: error.to_string(),
        })
    }

    /// That the value will decode. Only one with more bytes than [`SEQUENCE_MAX`] can hold a list that is too long.
    fn check(&self, value: &[u8]) -> Result<(), Error> {
        if value.len() <= SEQUENCE_MAX {
            return Ok(());
        }
        self.decode::<IgnoredAny>(value)
            .map(drop)
            .map_err(|error| match error {
                Error::Malformed { what, reason } => Error::Unencodable { what, reason },
                other => other,
            })
    }

    pub(crate) fn decode<'de, T: Deserialize<'de>>(&self, value: &'de [u8]) -> Result<T, Error> {
        let (fingerprint, datum) = self.open(value)?;
        let version = self
            .versions
            .iter()
            .rev()
            .find(|version| version.fingerprint == fingerprint);
        let Some(version) = version else {
            return Err(Error::UnknownSchema {
                what: self.what,
                fingerprint,
            });
        };

        let mut config = DeserializerConfig::new(&version.schema);
        config.max_seq_size = SEQUENCE_MAX;
        let mut state = DeserializerState::with_config(SliceRead::new(datum), config);
        let decoded = T::deserialize(state.deserializer())
            .map_err(|error| self.malformed(error.to_string()))?;
        match state.into_reader().fill_buf() {
            Ok([]) => Ok(decoded),
            Ok(rest) => Err(self.malformed(format!("{} bytes are left over", rest.len()))),
            Err(error) => Err(self.malformed(error.to_string())),
        }
    }

    fn open<'de>(&self, value: &'de [u8]) -> Result<(Fingerprint, &'de [u8]), Error> {
        if value.len() > VALUE_BYTES_MAX {
            return Err(Error::TooLarge {
                what: self.what,
                bytes: value.len(),
                bytes_max: VALUE_BYTES_MAX,
            });
        }
        match value.split_first_chunk::<HEADER_BYTES>() {
            Some(([0xC3, 0x01, fingerprint @ ..], datum)) => Ok((Fingerprint(*fingerprint), datum)),
            _ => Err(Error::NotSingleObject {
                what: self.what,
                bytes: value.len(),
            }),
        }
    }

    fn malformed(&self, reason: String) -> Error {
        Error::Malformed {
            what: self.what,
            reason,
        }
    }
}

impl Version {
    /// Names lose their namespace after the fingerprint is taken: the codec tells a union's branch by its full name, and
    /// the branches of a Rust enum have no namespace. The bytes are the same.
    fn parse(avsc: &str) -> Self {
        let mut schema: SchemaMut = avsc
            .parse()
            .expect("the schemas are part of the program, and tests parse them");
        let fingerprint = schema
            .canonical_form_rabin_fingerprint()
            .expect("a parsed schema has a canonical form");
        for node in schema.nodes_mut() {
            if let Some(name) = node.type_.name_mut() {
                *name = Name::from_fully_qualified_name(name.name());
            }
        }
        let schema = schema
            .freeze()
            .expect("names are unique without their namespace too, since there is only one");
        Self {
            fingerprint: Fingerprint(fingerprint),
            schema,
        }
    }
}
