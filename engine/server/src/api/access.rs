//! Who calls, and what they may: everything, where nobody can log in and only this machine can connect.
//!
//! A page in somebody's browser sends requests as that person. So a write that a browser says comes from elsewhere is refused.

use std::{collections::BTreeMap, fmt, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sagaline_journal::{Error, ErrorKind};
use sha2::{Digest as _, Sha256};

use super::Api;
use crate::problem::Problem;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal(pub(crate) Box<str>);

/// Nobody logged in.
impl Default for Principal {
    fn default() -> Self {
        Self("anonymous".into())
    }
}

impl Principal {
    /// First half of the identity of what they ask for; it says who did it.
    pub(crate) fn source(&self) -> String {
        format!("sagaline.http/{}", self.0)
    }
}

/// Who may do what.
#[derive(Clone, Debug)]
pub enum Access {
    /// Nobody logs in, and everybody may do everything: where only this machine can connect, and in development.
    Open,
    /// Nobody logs in, and nothing is changed.
    ReadOnly,
    /// Whoever has a token.
    Tokens(Tokens),
}

/// Those who may log in, by the SHA-256 of their tokens.
#[derive(Clone)]
pub struct Tokens(Arc<BTreeMap<[u8; 32], (Principal, Role)>>);

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// See everything, and ask programs.
    Reader,
    /// Start, stop and step in.
    Operator,
    /// Delete runs, too.
    Admin,
}

/// Most tokens of a file.
const TOKENS_MAX: usize = 10_000;

impl Tokens {
    /// Reads lines `NAME ROLE SHA256`; `#` begins a comment.
    ///
    /// # Errors
    /// Code `http-tokens`: a line is none. The message says which, and nothing of a hash.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |line: usize, wrong: &str| {
            let text = format!("line {line} of the tokens: {wrong}");
            Error::new(ErrorKind::Invalid, "http-tokens", text)
        };
        let mut tokens = BTreeMap::new();
        let lines = (1..).zip(text.lines().map(str::trim));
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [name, role, hash] = words[..] else {
                return Err(invalid(number, "NAME ROLE SHA256 is expected"));
            };
            let role = match role {
                "reader" => Role::Reader,
                "operator" => Role::Operator,
                "admin" => Role::Admin,
                _ => return Err(invalid(number, "the role is reader, operator or admin")),
            };
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
            if name.len() > 100 || !name.bytes().all(is_name) {
                let wrong = "a name has at most 100 letters, digits, `.`, `_`, `@` and `-`";
                return Err(invalid(number, wrong));
            }
            let hash = hex(hash).ok_or_else(|| invalid(number, "SHA256 has 64 hex digits"))?;
            if tokens
                .insert(hash, (Principal(name.into()), role))
                .is_some()
            {
                return Err(invalid(number, "that token is there already"));
            }
            if tokens.len() > TOKENS_MAX {
                return Err(invalid(number, "there are too many"));
            }
        }
        Ok(Self(Arc::new(tokens)))
    }

    fn of(&self, headers: &HeaderMap) -> Option<&(Principal, Role)> {
        let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = given.split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        // Looked up by its hash: how long that takes says nothing of a token.
        let hash: [u8; 32] = Sha256::digest(token.trim().as_bytes()).into();
        self.0.get(&hash).filter(|_| is_bearer)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tokens").field(&self.0.len()).finish()
    }
}

fn hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// What a call needs.
fn needed(method: &Method, path: &str) -> Role {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    // Nested routes are asked without what stands before them.
    let at = parts.iter().position(|part| *part == "workflows");
    let of_run = at.map_or(&parts[..0], |at| &parts[at..]);
    match *method {
        Method::GET | Method::HEAD => Role::Reader,
        Method::POST if of_run.len() == 4 && of_run[2] == "queries" => Role::Reader,
        Method::DELETE if of_run.len() == 2 => Role::Admin,
        _ => Role::Operator,
    }
}

/// Lets through what the caller may do.
pub(crate) async fn check(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_read && is_foreign(request.headers()) {
        let text = "a page of another origin asks for a change";
        return Problem::new(StatusCode::FORBIDDEN, "foreign_origin", text)
            .hint("programs leave `Origin` and `Sec-Fetch-Site` out; pages come from this server")
            .into_response();
    }
    let needed = needed(request.method(), request.uri().path());
    let principal = match api.access() {
        Access::Open => Principal::default(),
        Access::ReadOnly if needed == Role::Reader => Principal::default(),
        Access::ReadOnly => {
            let text = "nobody can log in here, and others than this machine can connect: nothing is changed";
            return Problem::new(StatusCode::FORBIDDEN, "login_needed", text)
                .hint("--tokens-file says who may; or listen on 127.0.0.1 alone")
                .into_response();
        }
        Access::Tokens(tokens) => match tokens.of(request.headers()) {
            None => return unauthorized(),
            Some((principal, role)) if *role >= needed => principal.clone(),
            Some((principal, role)) => {
                let (name, role) = (&principal.0, format!("{role:?}").to_lowercase());
                let text = format!("{name} is a {role}, which may not do this");
                return Problem::new(StatusCode::FORBIDDEN, "forbidden", text).into_response();
            }
        },
    };
    request.extensions_mut().insert(principal);
    next.run(request).await
}

fn unauthorized() -> Response {
    let text = "this needs a token, and there is none, or one that is not known";
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "token_needed", text)
        .hint("`Authorization: Bearer TOKEN`; the tokens file of the server says whose they are");
    let mut response = problem.into_response();
    let challenge = HeaderValue::from_static("Bearer realm=\"sagaline\"");
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// Whether a browser says that it asks for a page of another origin than the host that is asked.
fn is_foreign(headers: &HeaderMap) -> bool {
    let of = |name: &str| {
        headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap_or("?"))
    };
    let is_cross_site = of("sec-fetch-site").any(|site| !matches!(site, "same-origin" | "none"));
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_own = |origin: &str| {
        let (_, authority) = origin.split_once("://").unwrap_or_default();
        !authority.is_empty() && authority.eq_ignore_ascii_case(host)
    };
    is_cross_site || of("origin").any(|origin| !is_own(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(headers: &[(&'static str, &'static str)]) -> bool {
        let mut all = HeaderMap::new();
        all.append("host", "127.0.0.1:8080".parse().unwrap());
        for (name, value) in headers {
            all.append(*name, value.parse().unwrap());
        }
        is_foreign(&all)
    }

    #[test]
    fn programs_and_own_pages_are_at_home() {
        for headers in [
            &[][..],
            &[("origin", "http://127.0.0.1:8080")],
            &[
                ("origin", "http://127.0.0.1:8080"),
                ("sec-fetch-site", "same-origin"),
            ],
            &[("sec-fetch-site", "none")],
        ] {
            assert!(!foreign(headers), "{headers:?}");
        }
    }

    #[test]
    fn pages_of_others_are_foreign() {
        for headers in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "http://127.0.0.1:9090")],
            &[
                ("origin", "http://127.0.0.1:8080"),
                ("origin", "http://evil.example"),
            ],
            &[
                ("origin", "http://127.0.0.1:8080"),
                ("sec-fetch-site", "cross-site"),
            ],
            &[("sec-fetch-site", "same-site")],
            &[("origin", "")],
        ] {
            assert!(foreign(headers), "{headers:?}");
        }
    }

    /// Of the tokens `t-r`, `t-o` and `t-a`.
    fn tokens() -> Tokens {
        let line = |name: &str, role: &str, token: &str| {
            let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{name} {role} {hash}\n")
        };
        let lines = [
            line("rita", "reader", "t-r"),
            line("otto", "operator", "t-o"),
        ]
        .concat();
        let more = line("ada", "admin", "t-a");
        Tokens::parse(&format!("# those who may\n\n{lines}{more}")).unwrap()
    }

    #[test]
    fn a_token_says_who_it_is_and_another_scheme_nobody() {
        let tokens = tokens();
        let of = |given: &str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, given.parse().unwrap())]);
            tokens
                .of(&headers)
                .map(|(name, role)| (name.0.to_string(), *role))
        };

        assert_eq!(of("Bearer t-o"), Some(("otto".to_owned(), Role::Operator)));
        assert_eq!(of("bearer  t-a"), Some(("ada".to_owned(), Role::Admin)));
        for wrong in ["Basic t-o", "Bearer", "Bearer t-x", "t-o", "Bearer "] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{tokens:?}"), "Tokens(3)");
    }

    #[test]
    fn a_file_of_tokens_with_a_wrong_line_is_refused_without_its_hashes() {
        let hash = "ab".repeat(32);
        for wrong in [
            "rita".to_owned(),
            format!("rita boss {hash}"),
            format!("rita reader {hash}0"),
            format!("ri/ta reader {hash}"),
            format!("rita reader {hash}\notto reader {hash}"),
            format!("rita reader zz{}", &hash[2..]),
        ] {
            let error = Tokens::parse(&wrong).unwrap_err();
            assert!(!error.message().contains("abab"), "{error}");
        }
    }

    #[test]
    fn a_call_needs_the_role_of_what_it_does() {
        for (method, path, role) in [
            (Method::GET, "/workflows/o-1", Role::Reader),
            (
                Method::POST,
                "/api/v1/workflows/o-1/queries/state",
                Role::Reader,
            ),
            (
                Method::POST,
                "/workflows/o-1/signals/queries",
                Role::Operator,
            ),
            (Method::POST, "/workflows", Role::Operator),
            (Method::DELETE, "/workflows/o-1", Role::Admin),
            (Method::DELETE, "/views/mine", Role::Operator),
        ] {
            assert_eq!(needed(&method, path), role, "{method} {path}");
        }
    }
}
