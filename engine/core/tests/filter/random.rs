//! Texts by chance: none stops the parser, and every one that is a filter is printed as that filter.

use sagaline_core::filter::Filter;

/// A stream of numbers from a seed (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap()
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.next() % all.len()]
    }
}

const PIECES: &[&str] = &[
    "Status",
    "Open",
    "StartTime",
    "Duration",
    "Version",
    "Attempt",
    "Activity",
    "amount",
    "`in`",
    "order",
    "BY",
    "ASC",
    "DESC",
    "AND",
    "OR",
    "NOT",
    "IN",
    "BETWEEN",
    "STARTS_WITH",
    "CONTAINS",
    "IS",
    "NULL",
    "true",
    "false",
    "(",
    ")",
    ",",
    "=",
    "!=",
    ">",
    ">=",
    "<",
    "<=",
    "5",
    "-1.5e3",
    "'5m'",
    "\"Running\"",
    "'1.2'",
    "'2026-01-31T09:00:00Z'",
    "''''",
    "'",
    "\"",
    "`",
    "é",
    "\u{0}",
    "\u{202e}",
    "𝄞",
    "%",
    ";",
    "--",
];

/// What may stand for a condition; the parts of longer ones.
const CONDITIONS: &[&str] = &[
    "Status = 'Running'",
    "Open = false",
    "Activity STARTS_WITH \"a\"",
    "amount > 1.50",
    "tags CONTAINS 'x''y'",
    "Duration BETWEEN 5 AND '5m'",
    "CloseTime IS NULL",
    "`Order` IN (1, true, 'x')",
    "Version < '2'",
    "StartTime <= '2026-01-31T09:00:00Z'",
    "Attempt IS NOT NULL",
];

/// Whether it is a filter; if so, what is printed must be read as the same.
fn check(text: &str, seed: u64) -> bool {
    let Ok(filter) = Filter::parse(text) else {
        return false;
    };
    let printed = filter.to_string();
    let again = Filter::parse(&printed);
    assert_eq!(
        again.as_ref(),
        Ok(&filter),
        "seed {seed}: {text:?} is printed as {printed:?}"
    );
    true
}

#[test]
fn no_bytes_stop_the_parser() {
    for seed in 1..=3_000 {
        let mut random = Random(seed);
        let length = random.next() % 40;
        let bytes: Vec<u8> = (0..length).map(|_| (random.next() % 256) as u8).collect();
        check(&String::from_utf8_lossy(&bytes), seed);

        let pieces: Vec<&str> = (0..length).map(|_| random.of(PIECES)).collect();
        check(&pieces.join(random.of(&["", " ", "\n"])), seed);
    }
}

#[test]
fn a_filter_that_is_damaged_is_one_or_none() {
    for seed in 1..=3_000 {
        let mut random = Random(seed);
        let mut chars: Vec<char> = condition(&mut random, 3).chars().collect();
        for _ in 0..=random.next() % 3 {
            let at = random.next() % chars.len().max(1);
            match random.next() % 3 {
                0 if !chars.is_empty() => drop(chars.remove(at)),
                1 => chars.insert(at, random.of(PIECES).chars().next().unwrap()),
                _ => chars.truncate(at + 1),
            }
        }
        check(&chars.into_iter().collect::<String>(), seed);
    }
}

#[test]
fn what_is_printed_is_read_as_the_same() {
    for seed in 1..=3_000 {
        let mut random = Random(seed);
        let order = random.of(&[
            "",
            " ORDER BY StartTime desc",
            " order by amount, `by` DESC",
        ]);
        let text = format!("{}{order}", condition(&mut random, 4));
        assert!(check(&text, seed), "seed {seed}: {text}");
    }
}

fn condition(random: &mut Random, depth: usize) -> String {
    match random.next() % 4 {
        _ if depth == 0 => random.of(CONDITIONS).to_owned(),
        0 => random.of(CONDITIONS).to_owned(),
        1 => format!("not {}", condition(random, depth - 1)),
        2 => format!("({})", condition(random, depth - 1)),
        _ => {
            let operator = random.of(&[" AND ", " or "]);
            let parts: Vec<String> = (0..2 + random.next() % 2)
                .map(|_| condition(random, depth - 1))
                .collect();
            parts.join(operator)
        }
    }
}
