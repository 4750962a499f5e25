//! Whether a request came by TLS: what is kept for the next one then goes by TLS only.

use axum::http::HeaderMap;

/// Whether the browser came by TLS: to this process, or to a proxy of which its operator has said that it says so. It goes with the
/// request, where nobody can send it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Secure(pub(crate) bool);

/// What says that a request came by TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The connection is one of TLS.
    pub(crate) by_connection: bool,
    /// `X-Forwarded-Proto` is a proxy's word, and not a stranger's.
    pub(crate) by_header: bool,
}

impl Told {
    /// Whether a request with these headers came by TLS.
    pub(crate) fn of(self, headers: &HeaderMap) -> Secure {
        // Of several proxies the last has added the last.
        let said = headers.get_all("x-forwarded-proto").iter().next_back();
        let said = said.and_then(|said| said.to_str().ok()?.rsplit(',').next());
        let is_https = said.is_some_and(|said| said.trim().eq_ignore_ascii_case("https"));
        Secure(self.by_connection || (self.by_header && is_https))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_says_it_or_a_header_where_that_is_a_proxy_s() {
        let of = |by_connection, by_header, said: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("origin", "https://sagas.example".parse().unwrap());
            headers.insert("x-forwarded-proto", said.parse().unwrap());
            let told = Told {
                by_connection,
                by_header,
            };
            told.of(&headers).0
        };

        assert!(of(true, false, "http") && of(false, true, "HTTPS"));
        assert!(of(false, true, "http, https") && !of(false, true, "https, http"));
        assert!(!of(false, false, "https") && !of(false, true, "https-no"));
    }
}
