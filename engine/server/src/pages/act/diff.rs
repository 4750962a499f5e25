//! What changed between two texts, line by line.

/// Most lines of either that are compared one by one; longer texts are told as one that went and one that came.
const LINES_MAX: usize = 400;

/// Most lines that are told.
const TOLD_MAX: usize = 200;

/// Lines around a change that are told, too.
const AROUND: usize = 2;

/// A line of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Same(String),
    Gone(String),
    New(String),
    /// So many lines that are the same, or too many.
    Skipped(usize),
}

/// The lines that went and came, with some around them.
pub(crate) fn diff(old: &str, new: &str) -> Vec<Line> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let all = match old.len().max(new.len()) <= LINES_MAX {
        true => compared(&old, &new),
        false => {
            let gone = old.iter().map(|line| Line::Gone((*line).to_owned()));
            gone.chain(new.iter().map(|line| Line::New((*line).to_owned())))
                .collect()
        }
    };
    shortened(all)
}

/// By the longest lines that both have in order.
fn compared(old: &[&str], new: &[&str]) -> Vec<Line> {
    let width = new.len() + 1;
    let mut common = vec![0_u16; (old.len() + 1) * width];
    let at = |row: usize, column: usize| row * width + column;
    for (row, one) in old.iter().enumerate().rev() {
        for (column, other) in new.iter().enumerate().rev() {
            common[at(row, column)] = match one == other {
                true => common[at(row + 1, column + 1)] + 1,
                false => common[at(row + 1, column)].max(common[at(row, column + 1)]),
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut lines = Vec::new();
    loop {
        match (old.get(row), new.get(column)) {
            (Some(one), Some(other)) if one == other => {
                lines.push(Line::Same((*one).to_owned()));
                (row, column) = (row + 1, column + 1);
            }
            (Some(one), other)
                if other.is_none()
                    || common[at(row + 1, column)] >= common[at(row, column + 1)] =>
            {
                lines.push(Line::Gone((*one).to_owned()));
                row += 1;
            }
            (_, Some(other)) => {
                lines.push(Line::New((*other).to_owned()));
                column += 1;
            }
            (_, None) => return lines,
        }
    }
}

/// Without the lines that are the same and far from any change.
fn shortened(lines: Vec<Line>) -> Vec<Line> {
    let is_change = |line: &Line| !matches!(line, Line::Same(_));
    let changes: Vec<usize> = (0..)
        .zip(&lines)
        .filter(|(_, line)| is_change(line))
        .map(|(at, _)| at)
        .collect();
    let is_near = |at: usize| {
        let next = changes.partition_point(|change| *change < at);
        let near =
            |place: Option<&usize>| place.is_some_and(|change| change.abs_diff(at) <= AROUND);
        near(changes.get(next)) || near(next.checked_sub(1).and_then(|before| changes.get(before)))
    };
    let mut told: Vec<Line> = Vec::new();
    for (at, line) in lines.into_iter().enumerate() {
        let is_told = is_near(at) && told.len() < TOLD_MAX;
        match (is_told, told.last_mut()) {
            (true, _) => told.push(line),
            (false, Some(Line::Skipped(count))) => *count += 1,
            (false, _) => told.push(Line::Skipped(1)),
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(old: &str, new: &str) -> String {
        let line = |line: Line| match line {
            Line::Same(text) => format!(" {text}"),
            Line::Gone(text) => format!("-{text}"),
            Line::New(text) => format!("+{text}"),
            Line::Skipped(count) => format!("…{count}"),
        };
        diff(old, new)
            .into_iter()
            .map(line)
            .collect::<Vec<_>>()
            .join("|")
    }

    #[test]
    fn what_went_and_what_came_is_told_with_what_is_around_it() {
        assert_eq!(
            told(
                "{\na\nb\nc\nd\nMian\ne\nf\ng\n}",
                "{\na\nb\nc\nd\nMain\ne\nf\ng\nh\n}"
            ),
            "…3| c| d|-Mian|+Main| e| f| g|+h| }"
        );
        assert_eq!(told("a\nb", "a\nb"), "…2");
        assert_eq!(told("", "a"), "+a");
        assert_eq!(told("a\nb", ""), "-a|-b");
    }

    #[test]
    fn long_texts_are_bounded() {
        let long = "x\n".repeat(100_000);

        let lines = diff(&long, "y");

        assert_eq!(lines.len(), TOLD_MAX + 1);
        assert_eq!(lines.last(), Some(&Line::Skipped(100_001 - TOLD_MAX)));
    }
}
