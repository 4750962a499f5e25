//! Where the keys of an issuer of tokens are got: a file, or a URL.

use std::{fs::File, io::Read as _, time::Duration};

use sagaline_journal::{Error, ErrorKind};
use sagaline_server::Fetch;
use ureq::Agent;

use crate::notices;

/// How long it may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// Most bytes of what it answers.
const BYTES_MAX: u64 = 256 * 1024;

/// Gets them by HTTP, and from files.
#[derive(Debug)]
pub(crate) struct Issuer(Agent);

impl Issuer {
    pub(crate) fn new() -> Self {
        Self(notices::agent(ANSWER_WAIT))
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        let answer = self.0.get(url).call().map_err(|error| error.to_string())?;
        // It says itself where its keys are; that somebody leads elsewhere is no part of that.
        if answer.status() != 200 {
            return Err(format!("it answered {}", answer.status()));
        }
        let body = answer.into_body();
        let read = body.into_with_config().limit(BYTES_MAX).read_to_vec();
        read.map_err(|error| error.to_string())
    }
}

impl Fetch for Issuer {
    fn fetch(&self, place: &str) -> Result<Vec<u8>, Error> {
        let got = match place.contains("://") {
            true => self.get(place),
            false => from_file(place),
        };
        got.map_err(|why| {
            let text = format!("{place}: {why}");
            Error::new(ErrorKind::Unavailable, "http-issuer-keys", text)
        })
    }
}

fn from_file(path: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    let read = file.take(BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    match bytes.len() as u64 > BYTES_MAX {
        true => Err(format!("it has more than {BYTES_MAX} bytes")),
        false => Ok(bytes),
    }
}
