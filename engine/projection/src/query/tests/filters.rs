//! Filters of all kinds, made at random; most ask for what some runs have.

use sagaline_core::filter::{Field, Kind};

use super::{
    NOW_MS,
    runs::{ATTRIBUTES, Dice, TEXTS, VERSIONS},
};

const NUMBERS: [&str; 12] = [
    "0",
    "1",
    "2",
    "2.5",
    "-1",
    "1e400",
    "-3.5",
    "100.5",
    "9007199254740993",
    "1.00",
    "-0",
    "3",
];

/// A filter, perhaps with an order.
pub(super) fn filter(dice: &mut Dice) -> String {
    let condition = match dice.one_in(12) {
        true => String::new(),
        false => condition(dice, 3),
    };
    let keys = dice.pick(&[0, 0, 1, 1, 2, 3]);
    if keys == 0 {
        return condition;
    }
    let keys: Vec<String> = (0..keys)
        .map(|_| format!("{}{}", field(dice).0, dice.pick(&["", " ASC", " DESC"])))
        .collect();
    format!("{condition} ORDER BY {}", keys.join(", "))
}

fn condition(dice: &mut Dice, depth: u32) -> String {
    if depth == 0 || dice.one_in(3) {
        return test(dice);
    }
    let (a, b) = (condition(dice, depth - 1), condition(dice, depth - 1));
    match dice.below(5) {
        0 | 1 => format!("({a} AND {b})"),
        2 | 3 => format!("({a} OR {b})"),
        _ => format!("NOT ({a})"),
    }
}

/// A field as it is written, and of which kind it is.
fn field(dice: &mut Dice) -> (String, Kind) {
    match dice.one_in(4) {
        true => (dice.pick(&ATTRIBUTES).to_owned(), Kind::Any),
        false => {
            let at = usize::try_from(dice.below(Field::KNOWN.len() as u64)).unwrap();
            let field = &Field::KNOWN[at];
            (field.name().to_owned(), field.kind())
        }
    }
}

fn test(dice: &mut Dice) -> String {
    let (field, kind) = field(dice);
    let value = |dice: &mut Dice| value(dice, kind);
    let is_ordered = !matches!(kind, Kind::Word(_) | Kind::Bool);
    let has_parts = matches!(kind, Kind::Text | Kind::Any);
    match dice.below(8) {
        0 => format!("{field} IS {}NULL", dice.pick(&["", "NOT "])),
        1 => format!(
            "{field} IN ({}, {}, {})",
            value(dice),
            value(dice),
            value(dice)
        ),
        2 if is_ordered => format!("{field} BETWEEN {} AND {}", value(dice), value(dice)),
        3 if has_parts => format!("{field} STARTS_WITH {}", text(dice)),
        4 if has_parts => {
            let part = match kind == Kind::Any {
                true => value(dice),
                false => text(dice),
            };
            // Which has in it what is written with U+0001 is not asked; see `key::text_key`.
            format!("{field} CONTAINS {}", part.replace('\u{1}', "x"))
        }
        5 | 6 if is_ordered => {
            let sign = dice.pick(&[">", ">=", "<", "<="]);
            format!("{field} {sign} {}", value(dice))
        }
        _ => format!("{field} {} {}", dice.pick(&["=", "!="]), value(dice)),
    }
}

fn value(dice: &mut Dice, kind: Kind) -> String {
    match kind {
        Kind::Text => text(dice),
        Kind::Word(words) => format!("'{}'", dice.pick(words)),
        Kind::Version => {
            let versions = VERSIONS.map(|version| version.replace("latest", "3"));
            let at = usize::try_from(dice.below(versions.len() as u64)).unwrap();
            format!("'{}'", versions[at])
        }
        Kind::Number => dice.pick(&NUMBERS).to_owned(),
        Kind::Bool => dice.pick(&["true", "false"]).to_owned(),
        Kind::Time => {
            let at = NOW_MS + dice.pick(&[1, 3, -1_000, -5_000, -7_001, -20_000]);
            let at = sagaline_core::Timestamp::from_millis(at);
            format!("'{}'", at.to_rfc3339())
        }
        Kind::Span => dice
            .pick(&["0", "1000", "'2s'", "2001", "'5s'", "'1d'"])
            .to_owned(),
        Kind::Any => match dice.below(5) {
            0 | 1 => dice
                .pick(&[
                    "'gold'",
                    "'go'",
                    "'silver'",
                    "''",
                    "'a\0b'",
                    "'\u{202e}evil'",
                ])
                .to_owned(),
            2 | 3 => dice.pick(&NUMBERS).to_owned(),
            _ => dice.pick(&["true", "false"]).to_owned(),
        },
    }
}

/// A text that something is called, or a part of one.
fn text(dice: &mut Dice) -> String {
    let text = dice.pick(&TEXTS);
    let text: String = match dice.below(3) {
        0 => text.chars().skip(1).take(3).collect(),
        1 => text.chars().take(2).collect(),
        _ => text.to_owned(),
    };
    format!("'{}'", text.replace('\'', "''"))
}
