//! Bytes that a released build wrote are committed for good, and decode to the same value with every later build.
//!
//! `SAGALINE_GOLDEN=write` writes the files that are missing, and those of a schema that was never released. A released
//! one is never written again.

use std::{collections::BTreeSet, fmt::Debug, fs, path::PathBuf};

use sagaline_core::Event;
use sagaline_schemas::{
    Error, decode_claim, decode_footer, decode_transition, encode_claim, encode_footer,
    encode_transition,
};

use crate::samples;

type Encode<T> = fn(&T, &mut Vec<u8>) -> Result<(), Error>;
type Decode<T> = fn(&[u8]) -> Result<T, Error>;

#[test]
fn golden_bytes_of_every_schema_and_event_decode_to_the_same_value() {
    let mut golden = Golden::new();
    golden.check("claim", &samples::claim(), encode_claim, decode_claim);
    golden.check("footer", &samples::footer(), encode_footer, decode_footer);
    for (name, transition) in samples::transitions() {
        golden.check(
            &format!("transition-{name}"),
            &transition,
            encode_transition,
            decode_transition,
        );
    }

    golden.check_that_all_files_are_known();
    assert!(
        golden.problems.is_empty(),
        "golden bytes:\n  {}",
        golden.problems.join("\n  ")
    );
}

#[test]
fn every_event_has_a_sample() {
    let samples: Vec<String> = samples::transitions()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for name in Event::NAMES {
        assert!(
            samples.iter().any(|sample| sample == name),
            "{name} has no sample: add one to samples.rs"
        );
    }
}

#[test]
fn every_released_schema_is_still_known() {
    for (what, fingerprint) in released() {
        let value = [vec![0xC3, 0x01], fingerprint].concat();
        let unknown = match what.as_str() {
            "claim" => is_unknown(decode_claim(&value)),
            "footer" => is_unknown(decode_footer(&value)),
            "transition" => is_unknown(decode_transition(&value)),
            other => panic!("golden/RELEASED names {other}, which is no kind of value"),
        };
        assert!(
            !unknown,
            "a released build wrote {what} {value:02x?}: keep its schema and name it in the decoder's table"
        );
    }
}

fn is_unknown<T>(decoded: Result<T, Error>) -> bool {
    matches!(decoded, Err(Error::UnknownSchema { .. }))
}

struct Golden {
    folder: PathBuf,
    known: BTreeSet<String>,
    released: Vec<(String, Vec<u8>)>,
    problems: Vec<String>,
}

impl Golden {
    fn new() -> Self {
        Self {
            folder: folder(),
            known: BTreeSet::new(),
            released: released(),
            problems: Vec::new(),
        }
    }

    fn check<T: PartialEq + Debug>(
        &mut self,
        name: &str,
        value: &T,
        encode: Encode<T>,
        decode: Decode<T>,
    ) {
        let file = format!("{name}.hex");
        let mut encoded = Vec::new();
        encode(value, &mut encoded).unwrap();
        let path = self.folder.join(&file);
        let mut bytes = fs::read_to_string(&path).ok().map(|text| from_hex(&text));

        let is_released = bytes.as_ref().is_some_and(|bytes| {
            self.released
                .iter()
                .any(|(_, fingerprint)| bytes[2..10] == **fingerprint)
        });
        if !is_released && std::env::var("SAGALINE_GOLDEN").is_ok_and(|act| act == "write") {
            fs::write(&path, to_hex(&encoded)).unwrap();
            bytes = Some(encoded.clone());
        }

        match bytes {
            None => self.problems.push(format!(
                "{file} is missing: run again with SAGALINE_GOLDEN=write"
            )),
            Some(bytes) => self.compare(&file, &bytes, value, &encoded, decode),
        }
        self.known.insert(file);
    }

    fn compare<T: PartialEq + Debug>(
        &mut self,
        file: &str,
        bytes: &[u8],
        value: &T,
        encoded: &[u8],
        decode: Decode<T>,
    ) {
        match decode(bytes) {
            Ok(decoded) if decoded == *value => {}
            Ok(decoded) => self.problems.push(format!(
                "{file} decodes to {decoded:?} instead of {value:?}"
            )),
            Err(error) => self.problems.push(format!("{file}: {error}")),
        }
        if bytes[2..10] == encoded[2..10] && bytes != encoded {
            self.problems.push(format!(
                "{file}: the same value is now written in other bytes"
            ));
        }
    }

    fn check_that_all_files_are_known(&mut self) {
        for entry in fs::read_dir(&self.folder).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            if file != "RELEASED" && !self.known.contains(&file) {
                self.problems.push(format!("{file} belongs to no sample"));
            }
        }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// Kind and fingerprint of every schema that a released build wrote.
fn released() -> Vec<(String, Vec<u8>)> {
    let text = fs::read_to_string(folder().join("RELEASED")).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let what = words.next().unwrap().to_owned();
            (
                what,
                from_hex(words.next().expect("a fingerprint stands behind the kind")),
            )
        })
        .collect()
}

fn to_hex(bytes: &[u8]) -> String {
    let lines = bytes.chunks(32).map(|line| {
        line.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
            + "\n"
    });
    lines.collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
