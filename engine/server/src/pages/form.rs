//! `application/x-www-form-urlencoded`: queries of URLs, and what forms send.

use super::act::Form;

/// Pairs in order. What is not UTF-8 once decoded has marks in its place.
pub(crate) fn pairs(encoded: &str) -> Vec<(String, String)> {
    let pairs = encoded
        .split('&')
        .filter(|pair| !pair.is_empty())
        .take(PAIRS_MAX);
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// The same by name; of a repeated name the last counts.
pub(crate) fn form(encoded: &str) -> Form {
    pairs(encoded).into_iter().collect()
}

/// Most pairs: a page of a list with all its rows selected, and what else the form has.
const PAIRS_MAX: usize = 1_100;

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut after = rest.clone();
                match (after.next().and_then(digit), after.next().and_then(digit)) {
                    (Some(high), Some(low)) => {
                        bytes.push(high << 4 | low);
                        rest = after;
                    }
                    _ => bytes.push(b'%'),
                }
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_sends_is_read_back() {
        let form = form("name=a+b%2Bc&input=%7B%22n%22%3A1%7D&empty&x=1&x=2&bad=%zz%");

        assert_eq!(form["name"], "a b+c");
        assert_eq!(form["input"], "{\"n\":1}");
        assert_eq!(
            (
                form["empty"].as_str(),
                form["x"].as_str(),
                form["bad"].as_str()
            ),
            ("", "2", "%zz%")
        );
    }

    #[test]
    fn bytes_that_are_no_text_have_marks_in_their_place() {
        assert_eq!(form("a=%ff%00")["a"], "\u{fffd}\0");
    }

    #[test]
    fn pairs_are_bounded() {
        assert_eq!(pairs(&"a=1&".repeat(5_000)).len(), PAIRS_MAX);
    }
}
