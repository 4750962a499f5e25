//! Those who may log in, as a file has them: lines `NAME ROLE SHA256 [NAMESPACE]`.

use std::{collections::BTreeMap, fmt};

use sagaline_journal::{Error, ErrorKind};
use sha2::{Digest as _, Sha256};

use super::{
    Principal,
    role::{Grant, Role, highest},
};

/// The SHA-256 of a token.
pub(super) type TokenHash = [u8; 32];

/// Those who may log in, by the SHA-256 of their tokens.
#[derive(Default)]
pub(super) struct Holders(BTreeMap<TokenHash, Holder>);

/// Whose a token is, and what they may do.
#[derive(Clone, Debug)]
struct Holder {
    principal: Principal,
    grants: Vec<Grant>,
}

/// Most lines of a file.
const TOKENS_MAX: usize = 10_000;

/// Longest name.
const NAME_BYTES_MAX: usize = 100;

impl Holders {
    /// Reads lines `NAME ROLE SHA256 [NAMESPACE]`; the role may be `ROLE@NAMESPACE` as well. `#` begins a comment. A token
    /// has a line for each namespace in which its holder has another role.
    ///
    /// # Errors
    /// Code `http-tokens`: a line is none. The message says which, and nothing of a hash.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let mut tokens: BTreeMap<TokenHash, Holder> = BTreeMap::new();
        let lines = (1..).zip(text.lines().map(str::trim));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        for (count, (number, line)) in (1..).zip(lines) {
            let invalid = |wrong: &str| {
                let text = format!("line {number} of the tokens: {wrong}");
                Error::new(ErrorKind::Invalid, "http-tokens", text)
            };
            if count > TOKENS_MAX {
                return Err(invalid("there are too many"));
            }
            let (hash, principal, grant) = holder(line).map_err(invalid)?;
            let known = tokens.entry(hash).or_insert_with(|| Holder {
                principal: principal.clone(),
                grants: Vec::new(),
            });
            let is_there = known
                .grants
                .iter()
                .any(|one| one.namespace == grant.namespace);
            if known.principal != principal || is_there {
                return Err(invalid("that token is there already"));
            }
            known.grants.push(grant);
        }
        Ok(Self(tokens))
    }

    /// Whose token it is, and what they may do in a namespace; no role: nothing.
    pub(super) fn of(
        &self,
        hash: &TokenHash,
        namespace: &str,
    ) -> Option<(Principal, Option<Role>)> {
        let holder = self.0.get(hash)?;
        Some((holder.principal.clone(), highest(&holder.grants, namespace)))
    }

    /// How many tokens there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Holders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Holders").field(&self.0.len()).finish()
    }
}

/// What a token is looked up by: how long that takes says nothing of the token.
pub(super) fn hash_of(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// What a line says, or what is wrong with it.
fn holder(line: &str) -> Result<(TokenHash, Principal, Grant), &'static str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, role, hash, namespace) = match words[..] {
        [name, role, hash] => (name, role, hash, None),
        [name, role, hash, namespace] => (name, role, hash, Some(namespace)),
        _ => return Err("NAME ROLE SHA256 is expected, and perhaps a namespace behind it"),
    };
    let mut grant = Grant::parse(role).ok_or("the role is reader, operator or admin")?;
    match (namespace, &grant.namespace) {
        (Some(_), Some(_)) => return Err("it names a namespace twice"),
        (Some(namespace), None) => grant.namespace = Some(namespace.into()),
        (None, _) => {}
    }
    if !is_name(name) {
        return Err("a name has at most 100 letters, digits, `.`, `_`, `@` and `-`");
    }
    let hash = hex(hash).ok_or("SHA256 has 64 hex digits")?;
    Ok((hash, Principal(name.into()), grant))
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    name.len() <= NAME_BYTES_MAX && name.bytes().all(fits)
}

fn hex(text: &str) -> Option<TokenHash> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, role: &str, token: &str) -> String {
        let hash = hash_of(token);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{name} {role} {hash}")
    }

    #[test]
    fn a_token_says_who_it_is_and_what_they_may_do_here() {
        let lines = [
            "# those who may\n".to_owned(),
            line("rita", "reader", "t-r"),
            line("otto", "operator@shop", "t-o"),
            line("ada", "reader", "t-a"),
            format!("{} shop", line("ada", "admin", "t-a")),
        ];
        let holders = Holders::parse(&lines.join("\n")).unwrap();
        let of = |token: &str, namespace: &str| {
            let known = holders.of(&hash_of(token), namespace);
            known.map(|(name, role)| (name.0.to_string(), role))
        };
        let is = |name: &str, role| Some((name.to_owned(), role));

        assert_eq!(of("t-r", "any"), is("rita", Some(Role::Reader)));
        assert_eq!(of("t-o", "shop"), is("otto", Some(Role::Operator)));
        assert_eq!(of("t-o", "other"), is("otto", None));
        assert_eq!(of("t-a", "shop"), is("ada", Some(Role::Admin)));
        assert_eq!(of("t-a", "other"), is("ada", Some(Role::Reader)));
        assert_eq!(of("t-x", "shop"), None);
        assert_eq!(format!("{holders:?}"), "Holders(3)");
    }

    #[test]
    fn a_file_of_tokens_with_a_wrong_line_is_refused_without_its_hashes() {
        let hash = "ab".repeat(32);
        for wrong in [
            "rita".to_owned(),
            format!("rita boss {hash}"),
            format!("rita reader@ {hash}"),
            format!("rita reader@shop {hash} shop"),
            format!("rita reader {hash} shop more"),
            format!("rita reader {hash}0"),
            format!("ri/ta reader {hash}"),
            format!("rita reader {hash}\notto reader {hash}"),
            format!("rita reader {hash}\notto reader {hash} shop"),
            format!("rita reader {hash}\nrita admin {hash}"),
            format!("rita reader zz{}", &hash[2..]),
            format!("rita reader +a{}", &hash[2..]),
        ] {
            let error = Holders::parse(&wrong).unwrap_err();
            assert_eq!(error.code(), "http-tokens");
            assert!(!error.message().contains("abab"), "{error}");
        }
    }
}
