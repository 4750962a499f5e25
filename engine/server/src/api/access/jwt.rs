//! Tokens of an issuer: JWTs (RFC 7519) that it signed for this server.
//!
//! Invariant: a token counts that is signed by a key of the issuer in that key's own way, for this audience, and now; who its
//! holder is, is its `sub`, whatever else it says. Deliberately absent: asking the issuer about tokens, and logging in there.

use std::{fmt, sync::Arc};

use jsonwebtoken::{Algorithm, Validation, decode, decode_header, errors::ErrorKind as Wrong};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sagaline_journal::{Error, ErrorKind};
use serde_json::{Map, Value};

use super::{
    Principal, crypto,
    keys::{Fetch, Found, Keys, Place, is_safe},
    login::Refused,
    role::{Grant, Role, highest},
};

/// How far the issuer's clock may be off.
const LEEWAY_SECONDS: u64 = 30;

/// Longest token.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Most roles of a token that are looked at.
const ROLES_MAX: usize = 256;

/// Longest name of a holder, in history.
const NAME_BYTES_MAX: usize = 200;

/// What a name keeps; everything else is percent-encoded.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'.')
    .remove(b'_')
    .remove(b'@')
    .remove(b'-')
    .remove(b':');

/// Which tokens count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwtSettings {
    /// Where the issuer's keys are: a URL or a file. Without it the issuer says where.
    pub jwks: Option<String>,
    /// Who issues them, as `iss` has it; none: `iss` is not looked at.
    pub issuer: Option<String>,
    /// For whom they are, as `aud` has it.
    pub audience: String,
    /// Where a token has the roles of its holder: the name of a claim, or a path with `.` between names.
    pub roles_claim: String,
}

/// Verifies tokens of an issuer. Clones share its keys.
#[derive(Clone)]
pub struct Jwt(Arc<Shared>);

struct Shared {
    settings: JwtSettings,
    keys: Keys,
}

impl Jwt {
    /// Counts tokens by these settings; keys are got when the first token comes.
    ///
    /// # Errors
    /// Code `http-issuer`: there is no audience, neither keys nor an issuer, or a URL by which others could put keys there.
    pub fn new(settings: JwtSettings, fetch: Arc<dyn Fetch>) -> Result<Self, Error> {
        let invalid = |text: &str| Err(Error::new(ErrorKind::Invalid, "http-issuer", text));
        if settings.audience.is_empty() {
            return invalid(
                "tokens of an issuer need an `audience`: without one those for others would count",
            );
        }
        let is_url = |place: &str| place.contains("://");
        let place = match (&settings.jwks, &settings.issuer) {
            (Some(jwks), _) if is_url(jwks) && !is_safe(jwks) => {
                return invalid(
                    "`jwks` is a file or a URL with https; http is for this machine alone",
                );
            }
            (Some(jwks), _) => Place::At(jwks.clone()),
            (None, Some(issuer)) if is_safe(issuer) => Place::Discovered(issuer.clone()),
            (None, Some(_)) => {
                return invalid(
                    "`issuer` is a URL with https, unless `jwks` says where its keys are",
                );
            }
            (None, None) => return invalid("tokens need an `issuer` or its `jwks`"),
        };
        crypto::install();
        let keys = Keys::new(place, fetch);
        Ok(Self(Arc::new(Shared { settings, keys })))
    }

    /// Whether a token has the form of such a one.
    pub(super) fn is_one(token: &str) -> bool {
        token.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Whose token it is, and what they may do in a namespace; no role: nothing.
    pub(super) async fn of(
        &self,
        token: &str,
        namespace: &str,
    ) -> Result<(Principal, Option<Role>), Refused> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Refused::Invalid("it is too long"));
        }
        let header = decode_header(token).map_err(|_| Refused::Invalid("it cannot be read"))?;
        if header.crit.is_some() {
            return Err(Refused::Invalid(
                "it asks for what is not known here (`crit`)",
            ));
        }
        if ![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA].contains(&header.alg) {
            return Err(Refused::Invalid(
                "it is signed by another algorithm than RS256, ES256 and EdDSA",
            ));
        }
        let key = match self.0.keys.find(header.kid.as_deref(), header.alg).await {
            Found::Key(key) => key,
            Found::None => {
                return Err(Refused::Invalid(
                    "it is signed by a key that the issuer does not have",
                ));
            }
            Found::NoKeys => return Err(Refused::NoKeys),
        };
        let validation = self.validation(key.algorithm);
        let claims = decode::<Map<String, Value>>(token, &key.key, &validation);
        let claims = claims
            .map_err(|error| Refused::Invalid(why(error.kind())))?
            .claims;
        let principal = name(&claims).ok_or(Refused::Invalid("its `sub` is no name"))?;
        let grants = self.grants(&claims);
        Ok((principal, highest(&grants, namespace)))
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let settings = &self.0.settings;
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_audience(&[&settings.audience]);
        let mut required = vec!["exp", "aud", "sub"];
        if let Some(issuer) = &settings.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    /// The roles of a token: a list of texts, or one text with spaces between them.
    fn grants(&self, claims: &Map<String, Value>) -> Vec<Grant> {
        let texts: Vec<&str> = match claim(claims, &self.0.settings.roles_claim) {
            Some(Value::String(text)) => text.split(' ').collect(),
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let first = texts.into_iter().take(ROLES_MAX);
        first.filter_map(Grant::parse).collect()
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jwt").field(&self.0.settings).finish()
    }
}

/// A claim by its name, or by a path of names: names may have dots themselves.
fn claim<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let mut names = path.split('.');
    let first = claims.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

/// The holder, as history names them.
fn name(claims: &Map<String, Value>) -> Option<Principal> {
    let name = claims.get("sub")?.as_str()?;
    let name = utf8_percent_encode(name, PLAIN).to_string();
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
    fits.then(|| Principal(name.into()))
}

/// What is wrong with a token, for people.
const fn why(wrong: &Wrong) -> &'static str {
    match wrong {
        Wrong::ExpiredSignature => "it has expired",
        Wrong::ImmatureSignature => "it does not count yet",
        Wrong::InvalidAudience => "it is for another audience",
        Wrong::InvalidIssuer => "it is of another issuer",
        Wrong::InvalidSignature => "its signature is wrong",
        Wrong::MissingRequiredClaim(_) => {
            "it lacks one of `exp`, `aud`, `sub` and `iss`, or that is of a wrong form"
        }
        _ => "it cannot be read",
    }
}

#[cfg(test)]
mod tests;
