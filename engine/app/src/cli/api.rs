//! The API as commands call it: one request, one answer, each with a limit in time and in size.
//!
//! ```text
//! path, body, key ─▶ request ─▶ 2xx: JSON as it came ─▶ printed, or read for people
//!                            └▶ a problem, or nothing: a fault with its exit code
//! ```
//! Deliberately absent: retries of what changes something, since `--idempotency-key` is the caller's, and redirects, which would hand a token on. Invariant:
//! no token stands in an error or a log; none goes over the network in plain sight unless somebody says so.

mod address;
mod path;
mod problem;

use std::{io, time::Duration};

use sagaline_core::{Payload, show::Read as _, show::Shown};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};
use ureq::{
    Agent, Body,
    http::Response,
    tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem},
};

use self::address::Address;
pub(crate) use self::path::Path;
use super::Session;
use crate::{
    clock::{self, Deadline},
    fault::{Exit, Fault, Outcome},
    output::aside,
    settings::{ADDRESS_DEFAULT, Secret, Settings, Span, Way},
};

/// Most bytes of an answer: a page of a history has 8 MB and one event more.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How long a server may take to answer what does not wait for anything; the engine has 30 s of it.
const ANSWER_WAIT: Duration = Duration::from_secs(40);

/// How long a connection may take.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// How long somebody who waits and named no time-out tries again when the server is gone.
const AGAIN_WITHIN: Duration = Duration::from_secs(300);

/// The pause before that, which doubles each time.
const AGAIN_AFTER_MIN: Duration = Duration::from_millis(250);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(4);

/// The longest that one call waits for what it asks for: the API has 60 s, a proxy often less.
const TURN: Duration = Duration::from_secs(25);

/// The way to a server.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    agent: Agent,
    address: Address,
    token: Option<Secret>,
}

/// By which way a command goes.
#[derive(Debug)]
pub(crate) enum Door {
    /// The API.
    Http(Box<Api>),
    /// Kafka's topics.
    Kafka,
}

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Post,
    Put,
    Patch,
    Delete,
}

/// What was answered, and whether what was asked for goes on.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) json: Box<RawValue>,
    /// 202: accepted, or not at its end yet.
    pub(crate) goes_on: bool,
}

/// A change that is asked for.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) method: Method,
    pub(crate) path: Path,
    pub(crate) body: Box<RawValue>,
    /// Says which request it is.
    pub(crate) key: Option<&'a str>,
    /// How long somebody said to wait.
    pub(crate) timeout: Option<Span>,
}

impl Change<'_> {
    /// `POST` of that body.
    pub(crate) fn post(path: Path, body: Box<RawValue>) -> Self {
        Self {
            method: Method::Post,
            path,
            body,
            key: None,
            timeout: None,
        }
    }
}

impl Session {
    /// The way that this command goes.
    pub(crate) fn door(&self) -> Outcome<Door> {
        let address = match &self.settings.way {
            Way::Kafka => return Ok(Door::Kafka),
            Way::Default => ADDRESS_DEFAULT,
            Way::Http(address) => address,
        };
        let api = Api::open(&self.settings, address, self.plain_token)?;
        if self.settings.names_namespace {
            api.serves(&self.settings.namespace)?;
        }
        Ok(Door::Http(Box::new(api)))
    }

    /// Refuses an address where only the topics have the answer to `what`; without one Kafka's default serves.
    pub(crate) fn by_topics(&self, what: &str) -> Outcome {
        match (&self.settings.way, self.settings.names_kafka) {
            (Way::Http(_), false) => {
                let text = format!("{what} reads Kafka's topics, and an address of HTTP was given");
                Err(Fault::usage(text).hint("--kafka HOST:PORT says where the brokers are"))
            }
            _ => Ok(()),
        }
    }
}

impl Api {
    fn open(settings: &Settings, address: &str, plain_token: bool) -> Outcome<Self> {
        let address = Address::read(address).map_err(Fault::usage)?;
        let token = settings.token.clone();
        if token.is_some() && address.is_in_plain_sight() && !plain_token {
            let text = format!("the token would go to {address} in plain sight");
            return Err(Fault::usage(text).hint(
                "https:// keeps it to both ends; where the network is yours, --allow-plain-token sends it as it is",
            ));
        }
        let roots = match &settings.tls_ca {
            Some(path) => roots(path)?,
            None => RootCerts::PlatformVerifier,
        };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::NativeTls)
            .root_certs(roots)
            .build();
        let mut config = Agent::config_builder()
            .timeout_connect(Some(CONNECT_WAIT))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("sagaline/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls);
        if address.is_loopback() {
            config = config.proxy(None);
        }
        Ok(Self {
            agent: config.build().into(),
            address,
            token,
        })
    }

    /// Refuses a server of another namespace than the one that was named: it would act on other runs.
    fn serves(&self, namespace: &str) -> Outcome {
        #[derive(Deserialize)]
        struct Info {
            namespace: String,
        }
        let info: Info = self.read(&Path::new("info"))?;
        match info.namespace == namespace {
            true => Ok(()),
            false => {
                let (address, other) = (&self.address, info.namespace);
                let text =
                    format!("{address} serves namespace {other}, and {namespace} was asked for");
                Err(Fault::quoting(Exit::Refused, &text).hint("--namespace or SAGALINE_NAMESPACE says which is meant; each has servers of its own"))
            }
        }
    }

    /// Asks for JSON.
    pub(crate) fn get(&self, path: &Path) -> Outcome<Box<RawValue>> {
        Ok(self.look(path, ANSWER_WAIT)?.json)
    }

    /// The same as what it is.
    pub(crate) fn read<T: DeserializeOwned>(&self, path: &Path) -> Outcome<T> {
        self.parsed(&self.get(path)?)
    }

    /// An answer as what it is.
    pub(crate) fn parsed<T: DeserializeOwned>(&self, json: &RawValue) -> Outcome<T> {
        serde_json::from_str(json.get()).map_err(|wrong| self.strange(&wrong.to_string()))
    }

    /// Asks again and again for what may take long, until it is there; none when the deadline passes.
    pub(crate) fn until(&self, path: &Path, deadline: Deadline) -> Outcome<Option<Box<RawValue>>> {
        // The first look waits for nothing: from then on it is known that a server is there, which comes again.
        let mut answer = self.wait(path, (deadline, Duration::ZERO))?;
        while answer.goes_on {
            if deadline.passed() {
                return Ok(None);
            }
            answer = self.patiently(path, (deadline, TURN))?;
        }
        Ok(Some(answer.json))
    }

    /// Waits for what may take long, for a turn that ends with the deadline.
    pub(crate) fn wait(
        &self,
        path: &Path,
        (deadline, turn): (Deadline, Duration),
    ) -> Outcome<Answer> {
        let left = deadline.left(turn.min(TURN));
        let wait = format!("{}ms", left.as_millis());
        self.look(&path.clone().param("wait", &wait), left + ANSWER_WAIT)
    }

    /// The same of a server that has answered before.
    pub(crate) fn patiently(&self, path: &Path, turn: (Deadline, Duration)) -> Outcome<Answer> {
        self.again(turn.0, || self.wait(path, turn))
    }

    /// Asks a server that has answered before until it answers: one that is being deployed anew comes again.
    pub(crate) fn again<T>(&self, deadline: Deadline, ask: impl Fn() -> Outcome<T>) -> Outcome<T> {
        let patience = deadline.or_after(AGAIN_WITHIN);
        let mut pause = None;
        loop {
            let fault = match ask() {
                Err(fault) if fault.exit() == Exit::Unreachable => fault,
                answered => return answered,
            };
            if deadline.passed() {
                return Err(fault.with_exit(Exit::TimedOut));
            }
            if patience.passed() {
                return Err(fault);
            }
            let next = pause.map_or(AGAIN_AFTER_MIN, |pause: Duration| pause * 2);
            if pause.is_none() {
                aside(&format!("… {} does not answer; trying again", self.address));
            }
            let next = next.min(AGAIN_AFTER_MAX);
            pause = Some(next);
            clock::pause(patience.left(next));
        }
    }

    /// Asks for JSON that may take so long.
    pub(crate) fn look(&self, path: &Path, patience: Duration) -> Outcome<Answer> {
        let mut request = self.agent.get(path.at(self.address.as_str()));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {}", token.reveal()));
        }
        let request = request.header("Accept", "application/json");
        let answered = request.config().timeout_global(Some(patience)).build();
        self.answer(answered.call(), (patience, Exit::Unreachable))
    }

    /// Asks for a change; it is in the journal when this returns.
    pub(crate) fn change(&self, change: &Change<'_>) -> Outcome<Answer> {
        let url = change.path.at(self.address.as_str());
        let request = match change.method {
            Method::Post => self.agent.post(url),
            Method::Put => self.agent.put(url),
            Method::Patch => self.agent.patch(url),
            Method::Delete => self.agent.delete(url).force_send_body(),
        };
        let mut request = request
            .header("Content-Type", "application/json")
            .header("Accept", "application/json");
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {}", token.reveal()));
        }
        if let Some(key) = change.key {
            request = request.header("Idempotency-Key", key_of(key)?);
        }
        let late = match change.timeout {
            Some(span) => (span.get(), Exit::TimedOut),
            None => (ANSWER_WAIT, Exit::Unreachable),
        };
        let request = request.config().timeout_global(Some(late.0)).build();
        self.answer(request.send(change.body.get()), late)
    }

    fn answer(
        &self,
        answered: Result<Response<Body>, ureq::Error>,
        late: (Duration, Exit),
    ) -> Outcome<Answer> {
        let mut response = answered.map_err(|error| self.unreached(error, late))?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        let body = body
            .read_to_vec()
            .map_err(|error| self.unreached(error, late))?;
        if !(200..300).contains(&status) {
            return Err(problem::fault(status, &body, self.address.as_str()));
        }
        let json = serde_json::from_slice::<Box<RawValue>>(&body);
        let json = json.map_err(|_| self.strange("it is no JSON"))?;
        Ok(Answer {
            json,
            goes_on: status == 202,
        })
    }

    /// It answers, but not as Sagaline does.
    pub(crate) fn strange(&self, wrong: &str) -> Fault {
        let text = format!("{} does not answer as expected: {wrong}", self.address);
        Fault::quoting(Exit::Unreachable, &text)
            .hint("is that the address of a Sagaline server of this version?")
    }

    /// No answer came. What the error says has no header of the request in it.
    fn unreached(&self, error: ureq::Error, (waited, late): (Duration, Exit)) -> Fault {
        let address = &self.address;
        let why = match error {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                "the connection takes too long".to_owned()
            }
            ureq::Error::Timeout(_) => {
                let text = format!("{address} did not answer within {} s", waited.as_secs_f32());
                return Fault::new(late, text).hint(
                    "what was asked for may be done yet: `workflow describe` says; --idempotency-key makes it safe to ask again",
                );
            }
            ureq::Error::BodyExceedsLimit(_) => {
                return self.strange(&format!("more than {ANSWER_BYTES_MAX} bytes"));
            }
            ureq::Error::Io(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
                _ => error.to_string(),
            },
            ureq::Error::HostNotFound => "there is no such host".to_owned(),
            other => other.to_string(),
        };
        let hint = match why.contains("certificate") {
            true => "--tls-ca FILE has the authorities that the server's certificate is trusted by",
            false => {
                "does `dev`, or a `server` with --http-port, run there? --address or SAGALINE_ADDRESS says where; --kafka goes by the topics"
            }
        };
        Fault::quoting(Exit::Unreachable, &format!("cannot reach {address}: {why}")).hint(hint)
    }
}

/// What `Idempotency-Key` can be.
fn key_of(key: &str) -> Outcome<&str> {
    let is_visible = key.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    match is_visible && (1..=KEY_BYTES_MAX).contains(&key.trim().len()) {
        true => Ok(key),
        false => Err(Fault::usage(format!(
            "--idempotency-key: over HTTP it is 1 to {KEY_BYTES_MAX} visible characters of ASCII"
        ))),
    }
}

/// Longest `Idempotency-Key`.
const KEY_BYTES_MAX: usize = 255;

/// Authorities of a file of PEM.
fn roots(path: &std::path::Path) -> Outcome<RootCerts> {
    let wrong = |wrong: String| Fault::usage(format!("--tls-ca {}: {wrong}", path.display()));
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&pem) {
        match item.map_err(|error| wrong(error.to_string()))? {
            PemItem::Certificate(certificate) => certificates.push(certificate),
            _ => return Err(wrong("there is a private key in it".to_owned())),
        }
    }
    match certificates.is_empty() {
        true => Err(wrong("there is no certificate in it".to_owned())),
        false => Ok(RootCerts::from(certificates)),
    }
}

/// A payload as the API takes it.
pub(crate) fn shown(payload: &Payload) -> Outcome<Box<RawValue>> {
    Ok(to_raw_value(&Shown(payload))?)
}

/// The payload that the API answers.
pub(crate) fn payload(api: &Api, json: &RawValue) -> Outcome<Payload> {
    Payload::read(json).map_err(|wrong| api.strange(&wrong))
}
