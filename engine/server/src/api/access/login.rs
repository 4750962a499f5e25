//! Whose token it is that came with a request.

use axum::http::{HeaderMap, header};

use super::{
    Jwt, Tokens,
    tokens::{Known, Standing},
};

/// Who may log in: whoever has a token of a file, or one of an issuer, or either.
#[derive(Clone, Debug)]
pub struct Login {
    tokens: Option<Tokens>,
    issuer: Option<Jwt>,
}

/// Why nobody has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is no token, or nobody knows it.
    Unknown,
    /// It is of the issuer, or says so, and does not count: why, for people.
    Invalid(&'static str),
    /// The keys of the issuer cannot be had.
    NoKeys,
}

impl Login {
    /// With these.
    #[must_use]
    pub const fn new(tokens: Option<Tokens>, issuer: Option<Jwt>) -> Self {
        Self { tokens, issuer }
    }

    /// Who asks, and what they may do in a namespace.
    pub(super) async fn of(&self, headers: &HeaderMap, namespace: &str) -> Result<Known, Refused> {
        let token = bearer(headers).ok_or(Refused::Unknown)?;
        let in_file = self.tokens.as_ref();
        if let Some(known) = in_file.and_then(|tokens| tokens.of(token, namespace)) {
            return Ok(known);
        }
        match &self.issuer {
            Some(issuer) if Jwt::is_one(token) => {
                let (principal, role) = issuer.of(token, namespace).await?;
                Ok(Known {
                    principal,
                    role,
                    standing: Standing::default(),
                })
            }
            Some(_) | None => Err(Refused::Unknown),
        }
    }
}

/// The token of a request; of several none.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (first, None) = (given.next()?, given.next()) else {
        return None;
    };
    let (scheme, token) = first.to_str().ok()?.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    Some(token.trim()).filter(|token| is_bearer && !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_once_and_by_its_scheme() {
        let of = |given: &[&str]| {
            let mut headers = HeaderMap::new();
            for one in given {
                headers.append(header::AUTHORIZATION, one.parse().unwrap());
            }
            bearer(&headers).map(str::to_owned)
        };

        assert_eq!(of(&["Bearer t-o"]).as_deref(), Some("t-o"));
        assert_eq!(of(&["bearer  t-a"]).as_deref(), Some("t-a"));
        for wrong in [
            &["Basic t-o"][..],
            &["Bearer"],
            &["t-o"],
            &["Bearer "],
            &["Bearer t-o", "Bearer t-a"],
            &[],
        ] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
    }
}
