//! Text of strangers: ids, names, messages, payloads. It is shown as text, whatever is in it.
//!
//! Control characters, and those that turn or hide text, are drawn as visible marks; askama escapes HTML after that.
//! Invariant: no string of the API reaches a template but as one of these types.

use std::fmt::{self, Write as _};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::link;

/// A value on a page takes this much; the rest is shown when asked for.
pub(crate) const VALUE_BYTES_MAX: usize = 4 * 1024;

/// A name, an id or a message in a line takes this many characters.
pub(crate) const LINE_CHARS_MAX: usize = 200;

/// Text of strangers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub(crate) struct Told(String);

impl Told {
    /// As it is: for code, never for a page.
    pub(crate) fn raw(&self) -> &str {
        &self.0
    }

    /// As a segment of a path.
    pub(crate) fn path(&self) -> String {
        percent(&self.0)
    }

    /// The page of the workflow that has this id.
    pub(crate) fn page(&self) -> String {
        link::to_workflow(&self.0)
    }

    /// Its first line, cut where it is longer than a line may be.
    pub(crate) fn line(&self) -> Line<'_> {
        Line(&self.0)
    }

    /// As much as a page shows at once.
    pub(crate) fn start(&self) -> &str {
        cut(&self.0, VALUE_BYTES_MAX)
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.0.len() > VALUE_BYTES_MAX
    }

    pub(crate) fn is_long(&self) -> bool {
        self.0.lines().nth(1).is_some() || self.0.chars().nth(LINE_CHARS_MAX).is_some()
    }
}

impl From<&str> for Told {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Marked(self.start()).fmt(f)?;
        if self.is_cut() {
            f.write_char('…')
        } else {
            Ok(())
        }
    }
}

/// The first line of a text, with marks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a>(&'a str);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.0.lines().next().unwrap_or_default();
        match line.char_indices().nth(LINE_CHARS_MAX) {
            Some((at, _)) => write!(f, "{}…", Marked(line.split_at(at).0)),
            None => Marked(line).fmt(f),
        }
    }
}

/// Text with marks in the place of what cannot be seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marked<'a>(pub(crate) &'a str);

impl fmt::Display for Marked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(is_unseen) {
            let (before, after) = rest.split_at(at);
            f.write_str(before)?;
            let mut chars = after.chars();
            if let Some(unseen) = chars.next() {
                mark(unseen, f)?;
            }
            rest = chars.as_str();
        }
        f.write_str(rest)
    }
}

/// What a reader would not see, or would see the text around it turned by.
fn is_unseen(one: char) -> bool {
    let is_kept = matches!(one, '\n' | '\t');
    let hides = matches!(one,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}');
    hides || (one.is_control() && !is_kept)
}

/// `␛` of an escape, `⟨U+202E⟩` of what turns the direction.
fn mark(unseen: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let picture = match u32::from(unseen) {
        code @ 0..0x20 => char::from_u32(0x2400 + code),
        0x7f => Some('␡'),
        _ => None,
    };
    match picture {
        Some(picture) => f.write_char(picture),
        None => write!(f, "⟨U+{:04X}⟩", u32::from(unseen)),
    }
}

/// JSON of strangers, verbatim.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Json(Box<RawValue>);

impl Json {
    pub(crate) fn raw(&self) -> &str {
        self.0.get()
    }

    /// On one line, as much as a line may have.
    pub(crate) fn line(&self) -> Line<'_> {
        Line(self.raw())
    }

    /// A text as itself, everything else as it is written.
    pub(crate) fn plain(&self) -> Told {
        let text = serde_json::from_str::<Told>(self.raw());
        text.unwrap_or_else(|_| Told::from(self.raw()))
    }

    /// What the API says that it begins with, where it gave no more than that.
    pub(crate) fn beginning(&self) -> Told {
        #[derive(Deserialize)]
        struct Short {
            #[serde(rename = "$short")]
            short: Told,
        }
        let short = self
            .is_short()
            .then(|| serde_json::from_str::<Short>(self.raw()).ok());
        let short = short.flatten().map(|short| short.short);
        short.unwrap_or_else(|| Told::from(cut(self.raw(), VALUE_BYTES_MAX)))
    }

    /// The API gave the beginnings of what is in it.
    pub(crate) fn is_short(&self) -> bool {
        self.raw().contains("{\"$short\":")
    }

    /// With a line for each member, and marks; as much as a page shows at once.
    pub(crate) fn start(&self) -> String {
        self.start_of(VALUE_BYTES_MAX)
    }

    /// The same of so many bytes.
    pub(crate) fn start_of(&self, bytes_max: usize) -> String {
        let text = indented(cut(self.raw(), bytes_max));
        let more = if self.raw().len() > bytes_max {
            "…"
        } else {
            ""
        };
        format!("{}{more}", Marked(&text))
    }

    /// All of it.
    pub(crate) fn all(&self) -> String {
        Marked(&indented(self.raw())).to_string()
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.raw().len() > VALUE_BYTES_MAX
    }

    /// `1.2 MB`
    pub(crate) fn size(&self) -> String {
        size(self.raw().len())
    }

    /// To be edited and sent back: what cannot be seen is written as JSON escapes it, so that it comes back as it was.
    pub(crate) fn editable(&self) -> String {
        let mut text = String::new();
        for one in indented(self.raw()).chars() {
            match is_unseen(one) {
                true => one
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .for_each(|unit| text.push_str(&format!("\\u{unit:04x}"))),
                false => text.push(one),
            }
        }
        text
    }
}

/// `820 B`, `4.1 KB`, `1.2 MB`
pub(crate) fn size(bytes: usize) -> String {
    let tenths = |unit: usize| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} KB", tenths(1_000)),
        _ => format!("{} MB", tenths(1_000_000)),
    }
}

/// A segment of a path, or a value of a query: all but letters, digits, `-`, `.`, `_` and `~` percent-encoded.
pub(crate) fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'.' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// At most so many bytes of a text, in whole characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max))
        .unwrap_or(text)
}

/// JSON with a line for each member of objects and arrays that are not empty. Numbers and strings stay as they are written.
fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    let mut chars = json.chars().peekable();
    while let Some(one) = chars.next() {
        if in_string {
            text.push(one);
            in_string = is_escaped || one != '"';
            is_escaped = !is_escaped && one == '\\';
            continue;
        }
        match one {
            '"' => {
                in_string = true;
                text.push(one);
            }
            '{' | '[' => {
                text.push(one);
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                match chars.next_if(|next| matches!(next, '}' | ']')) {
                    Some(end) => text.push(end),
                    None => {
                        depth += 1;
                        new_line(&mut text, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut text, depth);
                text.push(one);
            }
            ',' => {
                text.push(one);
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            one if one.is_ascii_whitespace() => {}
            one => text.push(one),
        }
    }
    text
}

/// Deeper nesting is not shown by more space.
const DEPTH_SHOWN_MAX: usize = 20;

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.push_str(&"  ".repeat(depth.min(DEPTH_SHOWN_MAX)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_drawn() {
        let told = Told::from("a\u{1b}[31mred\u{202e}txt\u{0}\u{7f}\u{85}\u{200b}é中\n\t");

        assert_eq!(
            told.to_string(),
            "a␛[31mred⟨U+202E⟩txt␀␡⟨U+0085⟩⟨U+200B⟩é中\n\t"
        );
    }

    #[test]
    fn a_value_is_cut_between_characters() {
        let told = Told::from("é".repeat(VALUE_BYTES_MAX).as_str());

        assert!(told.is_cut() && told.to_string().ends_with("é…"));
        assert_eq!(told.start().len(), VALUE_BYTES_MAX);
        assert!(
            Told::from("x".repeat(1 << 20).as_str())
                .line()
                .to_string()
                .chars()
                .count()
                <= LINE_CHARS_MAX + 1
        );
    }

    #[test]
    fn an_id_is_one_segment_of_a_path() {
        assert_eq!(Told::from("demo-batch/1").path(), "demo-batch%2F1");
        assert_eq!(
            Told::from("a b?#%é\"<").path(),
            "a%20b%3F%23%25%C3%A9%22%3C"
        );
    }

    #[test]
    fn json_gets_lines_and_keeps_its_numbers() {
        let json: Json =
            serde_json::from_str(r#"{"n":1.50,"s":"a,{\"}","e":{},"l":[1, 2]}"#).unwrap();

        assert_eq!(
            json.start(),
            "{\n  \"n\": 1.50,\n  \"s\": \"a,{\\\"}\",\n  \"e\": {},\n  \"l\": [\n    1,\n    2\n  ]\n}"
        );
    }

    #[test]
    fn json_that_is_edited_comes_back_as_it_was() {
        let json: Json = serde_json::from_str("{\"a\":\"x\u{202e}\u{e0041}y\"}").unwrap();

        let edited: serde_json::Value = serde_json::from_str(&json.editable()).unwrap();

        assert!(!json.editable().contains('\u{202e}'));
        assert_eq!(
            edited,
            serde_json::from_str::<serde_json::Value>(json.raw()).unwrap()
        );
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(
            [size(820), size(4_100), size(1_234_567)],
            ["820 B", "4.1 KB", "1.2 MB"]
        );
    }
}
