//! Signing in with a token, where the API wants one: a cookie that no script reads holds it, and calls carry it.

use askama::Template;
use axum::{
    Extension,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{see_other, with_status};
use crate::pages::{
    calls::now,
    chrome::{Chrome, Place},
    form,
};
use crate::{api::is_foreign, secure::Secure};

/// Name of the cookie.
const COOKIE: &str = "sl_token";

/// Longest token, with which a cookie is no longer than browsers keep.
const TOKEN_BYTES_MAX: usize = 3_900;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    chrome: Chrome,
    to: &'a str,
    was_refused: bool,
}

/// Asks for a token; `to` is where to go on.
pub(super) fn ask(to: &str, was_refused: bool) -> Response {
    let page = SignInPage {
        chrome: Chrome::new(&"Sign in", Place::More, now()),
        to,
        was_refused,
    };
    with_status(StatusCode::UNAUTHORIZED, page.render())
}

/// Keeps the token that was given. Whether it is known is seen at the next page. A page of another origin signs nobody in.
pub(super) async fn sign_in(secure: Way, headers: HeaderMap, body: String) -> Response {
    if is_foreign(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let form = form::form(&body);
    let token = form.get("token").map_or("", |token| token.trim());
    let to = form.get("to").map_or("/", String::as_str);
    let cookie = cookie(token, secure);
    match HeaderValue::from_str(&cookie)
        .ok()
        .filter(|_| is_token(token))
    {
        Some(cookie) => ([(header::SET_COOKIE, cookie)], see_other(own(to))).into_response(),
        None => ask(own(to), true),
    }
}

/// Forgets the token.
pub(super) async fn sign_out(secure: Way, headers: HeaderMap) -> Response {
    if is_foreign(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let gone = format!("{}; Max-Age=0", cookie("", secure));
    let mut response = ask("/", false);
    if let Ok(gone) = HeaderValue::from_str(&gone) {
        response.headers_mut().insert(header::SET_COOKIE, gone);
    }
    response
}

/// How the request came, where a socket says so.
type Way = Option<Extension<Secure>>;

/// No script reads it, no other site sends it, and where the browser came by TLS it goes by TLS only.
fn cookie(token: &str, way: Way) -> String {
    let is_secure = way.is_some_and(|Extension(Secure(is_secure))| is_secure);
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

/// A path of this server: nobody is led elsewhere.
fn own(to: &str) -> &str {
    let is_own = to.starts_with('/') && !to.starts_with("//") && !to.contains(['\\', '\n', '\r']);
    if is_own { to } else { "/" }
}

fn is_token(token: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
    (1..=TOKEN_BYTES_MAX).contains(&token.len()) && token.bytes().all(is_plain)
}

/// The token of a request's cookie, as the API takes it.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<HeaderValue> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let mut cookies = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'));
    let token = cookies.find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
    let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))
        .ok()
        .filter(|_| is_token(token))?;
    bearer.set_sensitive(true);
    Some(bearer)
}

/// Whether a request came with a token.
pub(super) fn has_token(headers: &HeaderMap) -> bool {
    bearer(headers).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere_after_signing_in() {
        for to in [
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "",
            "/a\nb",
        ] {
            assert_eq!(own(to), "/", "{to}");
        }
        assert_eq!(own("/workflows?query=a"), "/workflows?query=a");
    }

    #[test]
    fn a_token_is_taken_from_its_cookie_and_from_no_other() {
        let headers = |cookie: &'static str| {
            HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(cookie))])
        };

        assert_eq!(
            bearer(&headers("a=1; sl_token=t-1; b=2")).unwrap(),
            "Bearer t-1"
        );
        assert_eq!(bearer(&headers("xsl_token=t-1; sl_tokens=2")), None);
        assert_eq!(bearer(&headers("sl_token=")), None);
    }
}
