//! A value that nobody is shown: neither by a log nor in an error.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error as _};

/// A token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

/// Longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 4_096;

impl Secret {
    /// The value, for who sends it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = String;

    /// What is wrong is said without the value.
    fn from_str(text: &str) -> Result<Self, String> {
        let is_visible = |byte: u8| (0x21..0x7f).contains(&byte);
        match (1..=TOKEN_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_visible) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!(
                "a token is 1 to {TOKEN_BYTES_MAX} visible characters of ASCII without blanks"
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_shown_a_token() {
        let token: Secret = "s3cr3t".parse().unwrap();
        let wrong = "s3cr3t\r\nX-Evil: 1".parse::<Secret>().unwrap_err();

        assert_eq!(format!("{token:?}"), "Secret(…)");
        assert!(!wrong.contains("s3cr3t"), "{wrong}");
        assert!("".parse::<Secret>().is_err() && "a b".parse::<Secret>().is_err());
    }
}
