//! The file of those who may log in, read anew while the server runs.
//!
//! Invariant: a file that cannot be read, or has a wrong line, changes nothing: those whom the last good one had go on. A token
//! that was taken out counts no more, and what was begun with it and goes on ends. Deliberately absent: when somebody looks (app).

use std::{
    fmt,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use sagaline_journal::{Error, ErrorKind};
use tokio::sync::watch;

use super::{
    Principal,
    holders::{Holders, TokenHash, hash_of},
    role::Role,
};

/// Most bytes of the file.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A file of those who may log in, a line each: `NAME ROLE SHA256 [NAMESPACE]`. Clones share what was read.
#[derive(Clone)]
pub struct Tokens(Arc<Shared>);

struct Shared {
    path: PathBuf,
    /// What the file had at the last look, right or wrong: what is wrong is said once.
    seen: Mutex<Seen>,
    holders: watch::Sender<Arc<Holders>>,
}

/// What was in the file, told apart by its hash; or why it could not be read.
type Seen = Result<TokenHash, io::ErrorKind>;

/// Whether a look at the file found anything new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It says what it said before.
    Same,
    /// It says something else, which counts from now on.
    New {
        /// Tokens in it.
        tokens: usize,
    },
}

impl Tokens {
    /// Reads the file.
    ///
    /// # Errors
    /// Code `http-tokens`: it cannot be read, or a line is wrong. The message says which, and nothing of a hash.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let (seen, text) = read(path);
        let holders = parse(path, text)?;
        Ok(Self(Arc::new(Shared {
            path: path.to_owned(),
            seen: Mutex::new(seen),
            holders: watch::Sender::new(Arc::new(holders)),
        })))
    }

    /// Reads the file again; blocks as long as that takes. After an error those of before go on, and it is not said again while
    /// the file stays as it is.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn look(&self) -> Result<Look, Error> {
        let (now, text) = read(&self.0.path);
        {
            let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == now {
                return Ok(Look::Same);
            }
            *seen = now;
        }
        let holders = parse(&self.0.path, text)?;
        let tokens = holders.len();
        self.0.holders.send_replace(Arc::new(holders));
        Ok(Look::New { tokens })
    }

    /// Whose token it is, and what they may do in a namespace; no role: nothing.
    pub(super) fn of(&self, token: &str, namespace: &str) -> Option<Known> {
        let hash = hash_of(token);
        let (principal, role) = self.0.holders.borrow().of(&hash, namespace)?;
        let standing = Standing(Some(Arc::new(OfToken {
            tokens: self.clone(),
            hash,
            namespace: namespace.into(),
            principal: principal.clone(),
        })));
        Some(Known {
            principal,
            role,
            standing,
        })
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.holders.borrow().len();
        f.debug_tuple("Tokens").field(&count).finish()
    }
}

/// Somebody who is known.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) principal: Principal,
    /// None: they may do nothing here.
    pub(super) role: Option<Role>,
    pub(super) standing: Standing,
}

/// Whether a call's token still counts, for what goes on after it was let in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing(Option<Arc<OfToken>>);

struct OfToken {
    tokens: Tokens,
    hash: TokenHash,
    namespace: Box<str>,
    principal: Principal,
}

/// Without the hash.
impl fmt::Debug for OfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfToken").finish_non_exhaustive()
    }
}

impl Standing {
    /// Returns once the token counts no more; never for who needs none, or has one of an issuer, which says itself how long it counts.
    pub(crate) async fn ends(&self) {
        let Some(token) = &self.0 else {
            return std::future::pending().await;
        };
        let mut holders = token.tokens.0.holders.subscribe();
        let counts = |holders: &Holders| {
            let known = holders.of(&token.hash, &token.namespace);
            known.is_some_and(|(principal, role)| principal == token.principal && role.is_some())
        };
        // The sender lives in `token`: this ends when the token does.
        while counts(&holders.borrow_and_update()) && holders.changed().await.is_ok() {}
    }
}

/// What is in the file, and what it is told apart by.
fn read(path: &Path) -> (Seen, io::Result<String>) {
    let text = File::open(path).and_then(|file| {
        let mut text = String::new();
        file.take(BYTES_MAX + 1).read_to_string(&mut text)?;
        Ok(text)
    });
    let seen = text.as_ref().map(|text| hash_of(text));
    (seen.map_err(io::Error::kind), text)
}

fn parse(path: &Path, text: io::Result<String>) -> Result<Holders, Error> {
    let invalid = |wrong: &str| {
        let text = format!("tokens file {}: {wrong}", path.display());
        Error::new(ErrorKind::Invalid, "http-tokens", text)
    };
    match text {
        Err(error) => Err(invalid(&error.to_string())),
        Ok(text) if text.len() as u64 > BYTES_MAX => {
            Err(invalid(&format!("it has more than {BYTES_MAX} bytes")))
        }
        Ok(text) => Holders::parse(&text).map_err(|error| invalid(error.message())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn line(name: &str, role: &str, token: &str) -> String {
        let hash: String = hash_of(token)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{name} {role} {hash}\n")
    }

    fn name_of(tokens: &Tokens, token: &str) -> Option<String> {
        let known = tokens.of(token, "shop");
        known.map(|known| known.principal.0.to_string())
    }

    #[test]
    fn a_file_that_changes_is_followed_and_a_wrong_one_changes_nothing_and_is_told_of_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        fs::write(&path, line("rita", "reader", "t-r")).unwrap();
        let tokens = Tokens::load(&path).unwrap();

        assert_eq!(tokens.look().unwrap(), Look::Same);
        let both = line("rita", "reader", "t-r") + &line("otto", "operator", "t-o");
        fs::write(&path, &both).unwrap();
        assert_eq!(tokens.look().unwrap(), Look::New { tokens: 2 });
        assert_eq!(name_of(&tokens, "t-o").as_deref(), Some("otto"));

        for wrong in [Some("rita boss"), Some("\u{0}"), None] {
            match wrong {
                Some(text) => fs::write(&path, text).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let error = tokens.look().unwrap_err();
            assert_eq!(error.code(), "http-tokens", "{error}");
            assert_eq!(tokens.look().unwrap(), Look::Same, "said once");
            assert_eq!(name_of(&tokens, "t-o").as_deref(), Some("otto"));
        }
        fs::write(&path, &both).unwrap();
        assert_eq!(tokens.look().unwrap(), Look::New { tokens: 2 });
        fs::write(&path, line("otto", "operator", "t-o")).unwrap();
        tokens.look().unwrap();
        assert_eq!(name_of(&tokens, "t-r"), None);
    }

    #[test]
    fn a_file_that_is_no_text_or_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        for bytes in [vec![0xff], vec![b'#'; 8 * 1024 * 1024 + 1]] {
            fs::write(&path, bytes).unwrap();
            let error = Tokens::load(&path).unwrap_err();
            assert_eq!(error.code(), "http-tokens");
            assert!(error.message().contains("tokens file "), "{error}");
        }
    }

    #[tokio::test]
    async fn what_a_token_began_ends_when_it_counts_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let write = |lines: &[String]| fs::write(&path, lines.concat()).unwrap();
        let (rita, otto) = (
            line("rita", "reader", "t-r"),
            line("otto", "operator", "t-o"),
        );
        write(&[rita.clone(), otto.clone()]);
        let tokens = Tokens::load(&path).unwrap();
        let standing = |token: &str| tokens.of(token, "shop").unwrap().standing;
        let (of_rita, of_otto) = (standing("t-r"), standing("t-o"));

        write(&[rita.clone(), line("otto", "reader", "t-o")]);
        tokens.look().unwrap();
        let mut ends = tokio::spawn(async move { of_otto.ends().await });
        tokio::select! {
            biased;
            _ = &mut ends => panic!("otto may still read"),
            () = tokio::task::yield_now() => {}
        }
        write(&[rita, line("otto", "reader@other", "t-o")]);
        tokens.look().unwrap();

        ends.await.unwrap();
        let needs_none = Standing::default();
        tokio::select! {
            biased;
            () = of_rita.ends() => panic!("rita's token counts"),
            () = needs_none.ends() => panic!("who needs no token loses none"),
            () = tokio::task::yield_now() => {}
        }
    }
}
