//! Text of strangers as it can stand on a terminal: nothing in it moves the cursor or turns the line, and where it is
//! cut, it is cut between characters as people see them.

use std::fmt::Write as _;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The text with control and bidirectional characters as visible marks.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{0}'..='\u{1f}' => shown.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => shown.push('␡'),
            c if c.is_control() || is_unseen(c) => {
                // Writing to a string does not fail.
                let _ = write!(shown, "⟨U+{:04X}⟩", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown
}

/// What turns or breaks a line, or hides text, and is seen by nobody.
const fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// How many columns a text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// The text in at most so many columns; where something is left out, `…` is the last of them.
pub(crate) fn cut(text: &str, columns_max: usize) -> String {
    if columns(text) <= columns_max {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut taken = 0;
    for cluster in text.graphemes(true) {
        taken += columns(cluster);
        if taken >= columns_max {
            break;
        }
        shown.push_str(cluster);
    }
    shown.push('…');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_strangers_cannot_move_the_cursor_or_turn_the_line() {
        assert_eq!(
            visible("a\u{1b}[2Jb\n\u{202e}c\u{85}d\u{2028}e\u{e0041}"),
            "a␛[2Jb␊⟨U+202E⟩c⟨U+0085⟩d⟨U+2028⟩e⟨U+E0041⟩"
        );
    }

    #[test]
    fn text_is_cut_between_characters_as_people_see_them() {
        // A family of three is one character; so is an e with two marks.
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        let check = |text: &str, columns_max, expected: &str| {
            let shown = cut(text, columns_max);

            assert_eq!(shown, expected, "{text} in {columns_max}");
            assert!(columns(&shown) <= columns_max, "{text} in {columns_max}");
        };

        check("order-1", 7, "order-1");
        check("order-12", 7, "order-…");
        check("日本語", 5, "日本…");
        check("日本語", 4, "日…");
        check(&format!("a{family}b"), 3, "a…");
        check(&format!("a{family}bc"), 4, &format!("a{family}…"));
        check("e\u{301}\u{302}e\u{301}e\u{301}", 2, "e\u{301}\u{302}…");
    }
}
