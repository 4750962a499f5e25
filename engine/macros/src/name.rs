//! Names on the wire: dashes and lower case, as people write topics.

use proc_macro2::Ident;

/// `reserve_stock` is `reserve-stock`, `HttpCheck` is `http-check`.
pub(crate) fn dashed(ident: &Ident) -> String {
    let text = ident.to_string();
    let text = text.trim_start_matches("r#").trim_matches('_');
    let letters: Vec<char> = text.chars().collect();
    let mut name = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        if letter == '_' {
            name.push('-');
            continue;
        }
        if at > 0 && begins_word(letters[at - 1], letter, letters.get(at + 1).copied()) {
            name.push('-');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

/// Whether a word of camel case begins at `letter`: in `HTTPCheck2`, `C` does, `T` and `2` do not.
fn begins_word(before: char, letter: char, after: Option<char>) -> bool {
    let rises = !before.is_uppercase() && before != '_';
    let falls = before.is_uppercase() && after.is_some_and(char::is_lowercase);
    letter.is_uppercase() && (rises || falls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_macro2::Span;

    #[test]
    fn functions_and_types_get_dashes() {
        for (ident, name) in [
            ("reserve_stock", "reserve-stock"),
            ("ship", "ship"),
            ("Order", "order"),
            ("OrderSaga", "order-saga"),
            ("HTTPCheck2", "http-check2"),
            ("_unused", "unused"),
        ] {
            assert_eq!(dashed(&Ident::new(ident, Span::call_site())), name);
        }
        assert_eq!(dashed(&Ident::new_raw("move", Span::call_site())), "move");
    }
}
