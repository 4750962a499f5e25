//! Lines that are drawn over those of before.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

/// What was drawn last.
#[derive(Debug, Default)]
pub(super) struct Screen {
    lines: usize,
}

impl Screen {
    /// Draws lines, none of which is wider than the terminal, in the place of the last ones: one write, so nothing
    /// flickers.
    pub(super) fn draw(&mut self, mut terminal: impl Write, lines: &[String]) -> io::Result<()> {
        let mut text = String::new();
        // Writing to a string does not fail.
        if self.lines > 0 {
            let _ = write!(text, "\u{1b}[{}A", self.lines);
        }
        text.push('\r');
        for line in lines {
            let _ = writeln!(text, "{line}\u{1b}[K");
        }
        text.push_str("\u{1b}[J");
        self.lines = lines.len();
        terminal.write_all(text.as_bytes())?;
        terminal.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_stands_where_the_last_stood() {
        let mut screen = Screen::default();
        let mut drawn = |lines: &[&str]| {
            let mut bytes = Vec::new();
            let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
            screen.draw(&mut bytes, &lines).unwrap();
            String::from_utf8(bytes).unwrap()
        };

        assert_eq!(drawn(&["a", "b"]), "\ra\u{1b}[K\nb\u{1b}[K\n\u{1b}[J");
        assert_eq!(drawn(&["c"]), "\u{1b}[2A\rc\u{1b}[K\n\u{1b}[J");
        assert_eq!(drawn(&["d"]), "\u{1b}[1A\rd\u{1b}[K\n\u{1b}[J");
    }
}
