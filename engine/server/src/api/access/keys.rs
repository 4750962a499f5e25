//! The keys of an issuer: a set of JWKs in a file or behind a URL, kept, and got anew now and then.
//!
//! ```text
//! kid known        ─▶ the key; older than a while: the set is got anew meanwhile
//! kid not known    ─▶ the set is got anew, unless that was tried a moment ago; then once more
//! ```
//! Invariant: strangers who make up kids cause one request to the issuer in [`REFRESH_PAUSE`], and wait with all others for
//! that one. While the issuer is away its keys stay, for [`KEYS_KEPT`].

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use sagaline_journal::{Error, ErrorKind};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::crypto;

/// Most keys of a set that are looked at.
const KEYS_MAX: usize = 100;

/// From one attempt to get the set to the next, at least.
const REFRESH_PAUSE: Duration = Duration::from_secs(30);

/// How old a set is when it is got anew.
const REFRESH_AFTER: Duration = Duration::from_secs(600);

/// So long keys count that could not be got anew.
const KEYS_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// Gets what lies at a URL or in a file, on a thread that may wait.
pub trait Fetch: fmt::Debug + Send + Sync {
    /// The bytes there; the implementation bounds their number and its time.
    ///
    /// # Errors
    /// They cannot be had: why, for a log.
    fn fetch(&self, place: &str) -> Result<Vec<u8>, Error>;
}

/// Where the set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At this URL, or in this file.
    At(String),
    /// Where the document of this issuer says (OpenID Connect Discovery 1.0, §4).
    Discovered(String),
}

/// A key, and the one way in which it verifies.
#[derive(Clone, Debug)]
pub(super) struct IssuerKey {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// The keys of an issuer. Clones share them.
#[derive(Clone)]
pub(super) struct Keys(Arc<Shared>);

struct Shared {
    place: Place,
    fetch: Arc<dyn Fetch>,
    kept: Mutex<Kept>,
    /// Held while the set is got: the others wait for the same.
    refresh: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Kept {
    set: Arc<KeySet>,
    got_at: Option<Instant>,
    tried_at: Option<Instant>,
}

/// The keys by their ids; those without one by none.
type KeySet = BTreeMap<Option<String>, Vec<IssuerKey>>;

/// What there is for a token.
pub(super) enum Found {
    /// This key.
    Key(IssuerKey),
    /// No such key.
    None,
    /// No keys at all: the issuer was never reached, or long ago.
    NoKeys,
}

impl Keys {
    pub(super) fn new(place: Place, fetch: Arc<dyn Fetch>) -> Self {
        Self(Arc::new(Shared {
            place,
            fetch,
            kept: Mutex::default(),
            refresh: tokio::sync::Mutex::default(),
        }))
    }

    /// The key that a token names, for its algorithm.
    pub(super) async fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Found {
        let now = Instant::now();
        if let Some(key) = self.known(kid, algorithm, now) {
            if self.is_old(now) {
                let keys = self.clone();
                tokio::spawn(async move { keys.refresh(now).await });
            }
            return Found::Key(key);
        }
        self.refresh(now).await;
        match self.known(kid, algorithm, Instant::now()) {
            Some(key) => Found::Key(key),
            None if self.has_keys(Instant::now()) => Found::None,
            None => Found::NoKeys,
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, kid: Option<&str>, algorithm: Algorithm, now: Instant) -> Option<IssuerKey> {
        if !self.has_keys(now) {
            return None;
        }
        let set = Arc::clone(&self.kept().set);
        let fits = |key: &&IssuerKey| key.algorithm == algorithm;
        if let Some(kid) = kid {
            return set.get(&Some(kid.to_owned()))?.iter().find(fits).cloned();
        }
        // Without a name the only key of its kind is meant.
        let mut all = set.values().flatten().filter(fits);
        all.next().filter(|_| all.next().is_none()).cloned()
    }

    fn has_keys(&self, now: Instant) -> bool {
        self.kept().got_at.is_some_and(|at| now - at < KEYS_KEPT)
    }

    fn is_old(&self, now: Instant) -> bool {
        let kept = self.kept();
        let is_due = |at: Option<Instant>, after| at.is_none_or(|at| now - at >= after);
        is_due(kept.got_at, REFRESH_AFTER) && is_due(kept.tried_at, REFRESH_PAUSE)
    }

    /// Gets the set, unless that was tried after `asked_at` or a moment before.
    async fn refresh(&self, asked_at: Instant) {
        let _alone = self.0.refresh.lock().await;
        let is_recent = |at: Instant| asked_at.saturating_duration_since(at) < REFRESH_PAUSE;
        if self.kept().tried_at.is_some_and(is_recent) {
            return;
        }
        let shared = Arc::clone(&self.0);
        let got = tokio::task::spawn_blocking(move || shared.get()).await;
        let mut kept = self.kept();
        kept.tried_at = Some(Instant::now());
        match got {
            Ok(Ok(set)) => {
                kept.set = Arc::new(set);
                kept.got_at = kept.tried_at;
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, code = error.code(), "the keys of the issuer of tokens cannot be got");
            }
            Err(error) => tracing::error!(%error, "the keys of the issuer of tokens cannot be got"),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.0.place).finish()
    }
}

impl Shared {
    fn get(&self) -> Result<KeySet, Error> {
        let place = match &self.place {
            Place::At(place) => place.clone(),
            Place::Discovered(issuer) => self.discover(issuer)?,
        };
        parse(&self.fetch.fetch(&place)?)
    }

    /// Where an issuer says that its keys are.
    fn discover(&self, issuer: &str) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Document {
            issuer: String,
            jwks_uri: String,
        }
        let url = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        let bytes = self.fetch.fetch(&url)?;
        let document: Document = serde_json::from_slice(&bytes).map_err(|error| {
            invalid(format!("what {url} has is no discovery document: {error}"))
        })?;
        if document.issuer != issuer {
            return Err(invalid(format!("{url} is of another issuer than {issuer}")));
        }
        match is_safe(&document.jwks_uri) {
            true => Ok(document.jwks_uri),
            false => Err(invalid(format!("{url}: jwks_uri is no URL with https"))),
        }
    }
}

/// Whether nobody on the way can put other keys there: by https, or on this machine.
pub(super) fn is_safe(url: &str) -> bool {
    let rest = match url.split_once("://") {
        Some(("https", rest)) => return !rest.is_empty() && !rest.starts_with('/'),
        Some(("http", rest)) => rest,
        _ => return false,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.strip_prefix("[::1]").map(|_| "[::1]");
    let host = host.unwrap_or_else(|| authority.split(':').next().unwrap_or_default());
    ["127.0.0.1", "localhost", "[::1]"].contains(&host)
}

/// The keys of a set that can verify; others are passed over.
fn parse(bytes: &[u8]) -> Result<KeySet, Error> {
    #[derive(Deserialize)]
    struct Document {
        keys: Vec<Value>,
    }
    let document: Document = serde_json::from_slice(bytes)
        .map_err(|error| invalid(format!("that is no set of JWKs: {error}")))?;
    let mut set = KeySet::new();
    for jwk in document.keys.into_iter().take(KEYS_MAX) {
        let Ok(jwk) = serde_json::from_value::<Jwk>(jwk) else {
            continue;
        };
        if let Some(key) = usable(&jwk) {
            set.entry(jwk.common.key_id).or_default().push(key);
        }
    }
    match set.is_empty() {
        true => Err(invalid(
            "no key of the set is for RS256, ES256 or EdDSA".to_owned(),
        )),
        false => Ok(set),
    }
}

fn usable(jwk: &Jwk) -> Option<IssuerKey> {
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    let common = &jwk.common;
    let is_for_signatures = common
        .public_key_use
        .as_ref()
        .is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let is_for_this = common.key_algorithm.is_none_or(|one| one == named);
    let key = DecodingKey::from_jwk(jwk).ok()?;
    let fits = is_for_signatures && is_for_this && crypto::is_usable(algorithm, &key);
    fits.then_some(IssuerKey { algorithm, key })
}

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::Invalid, "http-issuer-keys", text)
}
