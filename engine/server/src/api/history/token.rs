//! Where a page of a history ended, as its caller is given it: it means something to this list alone.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sagaline_core::{RunId, Seq};
use serde::{Deserialize, Serialize};

use super::Order;
use crate::problem::Problem;

/// Longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 256;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    /// Of which run.
    r: String,
    /// Which end came first.
    o: Order,
    /// Where it goes on.
    s: Seq,
}

impl Token {
    pub(super) fn new(run_id: RunId, order: Order, seq: Seq) -> Self {
        Self {
            r: run_id.to_string(),
            o: order,
            s: seq,
        }
    }

    pub(super) fn read(text: &str) -> Result<Self, Problem> {
        let json = match text.len() {
            ..=TOKEN_BYTES_MAX => URL_SAFE_NO_PAD.decode(text).ok(),
            _ => None,
        };
        let token = json.and_then(|json| serde_json::from_slice(&json).ok());
        token.ok_or_else(|| invalid("that is no page token"))
    }

    /// Where it goes on, if it is of that list.
    pub(super) fn seq_of(&self, run_id: RunId, order: Order) -> Result<Seq, Problem> {
        match self.r == run_id.to_string() && self.o == order {
            true => Ok(self.s),
            false => Err(invalid("that page token is of another run or order")),
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(self).expect("texts and numbers are JSON");
        f.write_str(&URL_SAFE_NO_PAD.encode(json))
    }
}

fn invalid(text: &str) -> Problem {
    Problem::bad_request("invalid_page_token", text)
        .hint("`next_page_token` of the page before is one, with the same parameters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_on_in_the_list_that_gave_it_and_garbage_nowhere() {
        let run = |text: &str| text.parse::<RunId>().unwrap();
        let (one, other) = (
            run("6fa459ea-ee8a-3ca4-894e-db77e160355e"),
            run("7fa459ea-ee8a-3ca4-894e-db77e160355e"),
        );
        let text = Token::new(one, Order::Ascending, 41).to_string();

        let token = Token::read(&text).unwrap();

        assert_eq!(token.seq_of(one, Order::Ascending).ok(), Some(41));
        assert!(token.seq_of(other, Order::Ascending).is_err());
        assert!(token.seq_of(one, Order::Descending).is_err());
        let long = "A".repeat(TOKEN_BYTES_MAX + 1);
        for garbage in ["", "41", "x", "%", &long, &URL_SAFE_NO_PAD.encode("{}")] {
            let problem = Token::read(garbage).unwrap_err();
            assert_eq!(problem.code, "invalid_page_token", "{garbage}");
        }
    }
}
