//! Who calls, and what they may: everything, where nobody can log in and only this machine can connect.
//!
//! A page in somebody's browser sends requests as that person. So a write that a browser says comes from elsewhere is refused.

mod crypto;
mod holders;
mod jwt;
mod keys;
mod login;
mod role;
mod tokens;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

pub(crate) use self::tokens::Standing;
pub use self::{
    jwt::{Jwt, JwtSettings},
    keys::Fetch,
    login::Login,
    tokens::{Look, Tokens},
};
use self::{login::Refused, role::Role, tokens::Known};
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

/// Who called and what they may do, beside an answer: pages offer nobody what they may not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// None where nobody logs in.
    pub(crate) name: Option<Box<str>>,
    pub(crate) may_act: bool,
    pub(crate) may_delete: bool,
}

/// How far what an answer shows may be behind, in milliseconds, beside the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Behind(pub(crate) u64);

impl Caller {
    fn with(role: Role) -> Self {
        Self {
            name: None,
            may_act: role >= Role::Operator,
            may_delete: role >= Role::Admin,
        }
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
    Login(Login),
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
    let mut caller = Caller::with(Role::Admin);
    let (principal, standing) = match api.access() {
        Access::Open => Default::default(),
        Access::ReadOnly if needed == Role::Reader => {
            caller = Caller::with(Role::Reader);
            Default::default()
        }
        Access::ReadOnly => {
            let text = "nobody can log in here, and others than this machine can connect: nothing is changed";
            return Problem::new(StatusCode::FORBIDDEN, "login_needed", text)
                .hint("--tokens-file says who may; or listen on 127.0.0.1 alone")
                .into_response();
        }
        Access::Login(login) => match login.of(request.headers(), api.namespace()).await {
            Err(refused) => return unauthorized(refused),
            Ok(known) => match known.role {
                Some(role) if role >= needed => {
                    caller = Caller::with(role);
                    caller.name = Some(known.principal.0.clone());
                    (known.principal, known.standing)
                }
                _ => return forbidden(&known, needed, api.namespace()),
            },
        },
    };
    request.extensions_mut().insert(principal);
    request.extensions_mut().insert(standing);
    let mut response = next.run(request).await;
    response.extensions_mut().insert(caller);
    if let Some(behind) = api.behind() {
        response.extensions_mut().insert(Behind(behind.0));
    }
    response
}

fn forbidden(known: &Known, needed: Role, namespace: &str) -> Response {
    let name = &known.principal.0;
    let text = match known.role {
        Some(Role::Reader) => format!("{name} is a reader, which may not do this"),
        Some(role) => format!("{name} is an {}, which may not do this", role.as_str()),
        None => format!("{name} is known, and may do nothing in namespace {namespace}"),
    };
    Problem::new(StatusCode::FORBIDDEN, "forbidden", text)
        .hint(format!("this takes the role {}", needed.as_str()))
        .into_response()
}

fn unauthorized(refused: Refused) -> Response {
    let (problem, challenge) = match refused {
        Refused::Unknown => {
            let text = "this needs a token, and there is none, or one that is not known";
            let problem = Problem::new(StatusCode::UNAUTHORIZED, "token_needed", text).hint(
                "`Authorization: Bearer TOKEN`: one of the server's tokens file, or of its issuer",
            );
            (problem, "Bearer realm=\"sagaline\"")
        }
        Refused::Invalid(why) => {
            let text = format!("the token does not count: {why}");
            let problem = Problem::new(StatusCode::UNAUTHORIZED, "token_invalid", text)
                .hint("get a new one from the issuer");
            (
                problem,
                "Bearer realm=\"sagaline\", error=\"invalid_token\"",
            )
        }
        Refused::NoKeys => {
            let text =
                "the keys of the issuer cannot be had, so that no token of it can be looked at";
            return Problem::unavailable("issuer_unavailable", text)
                .hint("the log of the server says why; tokens of its tokens file go on")
                .into_response();
        }
    };
    let mut response = problem.into_response();
    let challenge = HeaderValue::from_static(challenge);
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// Whether a browser says that it asks for a page of another origin than the host that is asked.
pub(crate) fn is_foreign(headers: &HeaderMap) -> bool {
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
