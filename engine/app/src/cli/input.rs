//! `--input`: JSON as it stands, `@file`, or `-` for stdin.

use std::{fs, io::Read};

use clap::Args;
use sagaline_core::{PAYLOAD_BYTES_MAX, Payload};

use crate::fault::{Fault, Outcome};

/// The input of what is started.
#[derive(Clone, Debug, Args)]
pub(crate) struct Input {
    /// Input: JSON, @FILE, or - for stdin
    #[arg(short, long, value_name = "JSON|@FILE|-")]
    input: Option<String>,
}

impl Input {
    /// The payload; without the flag an empty one.
    pub(crate) fn payload(&self) -> Outcome<Payload> {
        Ok(self.given()?.unwrap_or_else(Payload::empty))
    }

    /// The payload, if the flag is there.
    pub(crate) fn given(&self) -> Outcome<Option<Payload>> {
        let given = self.input.as_ref();
        given.map(|given| read("--input", given)).transpose()
    }
}

/// The JSON that a flag says: as it stands, `@file`, or `-` for stdin.
pub(crate) fn read(flag: &str, given: &str) -> Outcome<Payload> {
    let (from, bytes) = match given.strip_prefix('@') {
        Some(path) => (
            path,
            fs::read(path).map_err(|error| Fault::usage(format!("{flag} @{path}: {error}")))?,
        ),
        None if given == "-" => {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes)?;
            ("stdin", bytes)
        }
        None => (flag, given.as_bytes().to_vec()),
    };
    if let Err(error) = serde_json::from_slice::<&serde_json::value::RawValue>(&bytes) {
        return Err(Fault::usage(format!("{from} is no JSON: {error}"))
            .hint(format!("{flag} @FILE reads a file, {flag} - reads stdin")));
    }
    let payload = Payload::json(bytes.trim_ascii());
    if payload.is_too_large() {
        let bytes = payload.data().len();
        return Err(Fault::refused(format!(
            "{from} has {bytes} bytes; {PAYLOAD_BYTES_MAX} are allowed"
        )));
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(given: &str) -> Outcome<Payload> {
        Input {
            input: Some(given.to_owned()),
        }
        .payload()
    }

    #[test]
    fn json_is_taken_as_it_stands() {
        assert_eq!(
            payload(" {\"total\":49.90}\n").unwrap().data(),
            b"{\"total\":49.90}"
        );
        assert_eq!(Input { input: None }.payload().unwrap(), Payload::empty());
    }

    #[test]
    fn what_is_no_json_is_a_wrong_usage() {
        let fault = payload("order.json").unwrap_err().to_string();

        assert!(
            fault.contains("--input is no JSON") && fault.contains("@FILE"),
            "{fault}"
        );
        assert!(payload("@/nowhere/at/all").is_err());
    }
}
