//! Rows under headings, within the width of a terminal: the widest columns are cut first, none below what still tells
//! something. What goes into a file or a pipe is whole.

use super::{
    Terminal,
    text::{columns, cut, visible},
    tone,
};

/// No column is cut below this.
const COLUMN_MIN: usize = 6;

/// Between two columns.
const GAP: usize = 2;

/// Columns that other commands are told by: cut, they are of no use.
const KEYS: [&str; 6] = ["ID", "WORKFLOW ID", "INCIDENT", "BATCH", "QUEUE", "NAME"];

/// Columns of words that have a [tone].
const TONED: [&str; 2] = ["STATUS", "FINDING"];

/// The lines. Rows without headings are facts, which are whole everywhere.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>], terminal: Terminal) -> String {
    let head: Vec<String> = headings.iter().map(|&heading| heading.to_owned()).collect();
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| visible(cell)).collect())
        .collect();
    let all = || {
        std::iter::once(&head)
            .filter(|_| !headings.is_empty())
            .chain(&rows)
    };
    let count = all().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        let cells = all().filter_map(|row| row.get(column));
        cells.map(|cell| columns(cell)).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..count).map(widest).collect();
    if let Some(width) = terminal.width.filter(|_| !headings.is_empty()) {
        fit(&mut widths, headings, width);
    }
    let toned = |column: usize| {
        let heading = headings.get(column);
        terminal.color && heading.is_some_and(|heading| TONED.contains(heading))
    };
    let mut text = String::new();
    for (at, row) in all().enumerate() {
        let is_head = at == 0 && !headings.is_empty();
        let mut line = String::new();
        let mut owed = 0;
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let cell = cut(cell, width);
            if cell.is_empty() {
                owed += width + GAP;
                continue;
            }
            line.extend(std::iter::repeat_n(' ', owed));
            owed = width.saturating_sub(columns(&cell)) + GAP;
            match (is_head && terminal.color, toned(column)) {
                (true, _) => line.push_str(&tone::heading(&cell)),
                (false, true) => line.push_str(&tone::word(&cell)),
                (false, false) => line.push_str(&cell),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Makes columns narrower until all are within `width`, or none can become narrower: [ids](KEYS) only when all others are
/// as narrow as they get.
fn fit(widths: &mut [usize], headings: &[&str], width: usize) {
    let gaps = widths.len().saturating_sub(1) * GAP;
    let room = width.saturating_sub(gaps);
    let is_key = |column: &usize| headings.get(*column).is_some_and(|one| KEYS.contains(one));
    let (keys, others): (Vec<usize>, Vec<usize>) = (0..widths.len()).partition(is_key);
    let all = |columns: &[usize], most: usize| {
        let widths = columns.iter().map(|&column| widths[column].min(most));
        widths.sum::<usize>()
    };
    let (keys_whole, others_least) = (all(&keys, usize::MAX), all(&others, COLUMN_MIN));
    shrink(widths, &others, room.saturating_sub(keys_whole));
    if keys_whole + others_least > room {
        shrink(widths, &keys, room.saturating_sub(others_least));
    }
}

/// Makes the widest of these columns narrower until they are within `room`.
fn shrink(widths: &mut [usize], columns: &[usize], room: usize) {
    let of = |column: &usize| widths.get(*column).copied().unwrap_or(0);
    let within = |most: usize| columns.iter().map(|one| of(one).min(most)).sum::<usize>();
    let widest = columns.iter().map(of).max().unwrap_or(0);
    let most = (COLUMN_MIN..=widest)
        .rev()
        .find(|&most| within(most) <= room)
        .unwrap_or(COLUMN_MIN);
    // What is left over goes to the columns that were cut, from the last on: there stand the sentences.
    let mut spare = room.saturating_sub(within(most));
    for &column in columns.iter().rev() {
        let wanted = widths[column];
        let more = wanted.saturating_sub(most).min(spare);
        widths[column] = wanted.min(most) + more;
        spare -= more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: Terminal = Terminal::NONE;

    fn rows() -> [Vec<String>; 2] {
        [
            ["Running", "order-1", "charge-card failed 8 times."].map(str::to_owned),
            ["Failed", "order-\u{1f468}\u{200d}\u{1f469}", "\u{1b}[2J"].map(str::to_owned),
        ]
        .map(Vec::from)
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["a".into(), "1".into()],
            vec!["béta".into(), "2".into()],
            vec!["日本".into(), "3".into()],
        ];

        assert_eq!(
            table(&["ID", "N"], &rows, FILE),
            "ID    N\na     1\nbéta  2\n日本  3\n"
        );
    }

    #[test]
    fn on_a_terminal_the_widest_columns_are_cut_and_in_a_file_none() {
        let narrow = Terminal {
            width: Some(36),
            color: false,
        };

        let shown = table(&["STATUS", "ID", ""], &rows(), narrow);

        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[1], "Running  order-1   charge-card fail…");
        let narrower = Terminal {
            width: Some(24),
            color: false,
        };
        let ids = table(&["STATUS", "ID", ""], &rows(), narrower);
        assert!(ids.contains("Runni…  order-1   charg…"), "{ids}");
        assert!(lines.iter().all(|line| columns(line) <= 36), "{shown}");
        let whole = table(&["STATUS", "ID", ""], &rows(), FILE);
        assert!(whole.contains("charge-card failed 8 times."), "{whole}");
        assert!(whole.contains("␛[2J"), "{whole}");
    }

    #[test]
    fn a_terminal_that_is_too_narrow_for_anything_still_gets_the_beginnings() {
        let narrow = Terminal {
            width: Some(5),
            color: false,
        };

        let shown = table(&["STATUS", "ID", ""], &rows(), narrow);

        assert!(shown.contains("Runni…  order…  charg…"), "{shown}");
    }

    #[test]
    fn facts_are_never_cut() {
        let narrow = Terminal {
            width: Some(20),
            color: true,
        };

        assert!(table(&[], &rows(), narrow).contains("charge-card failed 8 times."));
    }

    #[test]
    fn colours_do_not_move_the_columns() {
        let plain = Terminal {
            width: Some(36),
            color: false,
        };
        let coloured = Terminal {
            color: true,
            ..plain
        };

        let shown = table(&["STATUS", "ID", ""], &rows(), coloured);

        assert!(shown.contains("\u{1b}["), "{shown:?}");
        assert_eq!(
            console::strip_ansi_codes(&shown),
            table(&["STATUS", "ID", ""], &rows(), plain)
        );
    }
}
