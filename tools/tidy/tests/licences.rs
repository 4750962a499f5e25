//! Licences and sources of everything that may be linked, by the list in `deny.toml`. `cargo deny check` sees more (yanked
//! crates, advisories), where it is installed.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test"
)]

use std::{collections::BTreeSet, fs, process::Command};

use sagaline_tidy::root;
use serde_json::Value;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn everything_that_is_linked_comes_from_crates_io_under_a_licence_of_the_list() {
    let allowed = allowed();
    let mut faults = Vec::new();
    for package in packages() {
        let name = format!("{} {}", text(&package, "name"), text(&package, "version"));
        match text(&package, "source") {
            "" => continue,
            CRATES_IO => {}
            source => faults.push(format!("{name} comes from {source}")),
        }
        let licence = text(&package, "license");
        if !is_allowed(licence, &allowed) {
            faults.push(format!(
                "{name} has the licence {licence:?}; deny.toml has the list"
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_licence_is_allowed_as_its_words_say() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "Apache-2.0".to_owned()]);
    for (licence, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND Apache-2.0", true),
        ("MIT AND GPL-3.0 OR Apache-2.0", true),
        ("MIT AND (GPL-3.0 OR LGPL-3.0)", false),
        ("Apache-2.0 WITH LLVM-exception", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
    ] {
        assert_eq!(is_allowed(licence, &allowed), expected, "{licence}");
    }
}

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let mut metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata");
    match metadata["packages"].take() {
        Value::Array(packages) => packages,
        other => panic!("{other}"),
    }
}

fn text<'a>(package: &'a Value, name: &str) -> &'a str {
    package[name].as_str().unwrap_or_default()
}

/// The quoted words between `allow = [` and the bracket that closes it.
fn allowed() -> BTreeSet<String> {
    let deny = fs::read_to_string(root().join("deny.toml")).unwrap();
    let list = deny.split_once("allow = [").expect("there is a list").1;
    let list = list.lines().take_while(|line| !line.starts_with(']'));
    let allowed: BTreeSet<String> = list
        .filter_map(|line| Some(line.split('"').nth(1)?.to_owned()))
        .collect();
    assert!(allowed.contains("MIT"), "{allowed:?}");
    allowed
}

/// An expression of SPDX: AND binds stronger than OR; `/` is an old OR.
fn is_allowed(licence: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = licence.replace('/', " OR ");
    let spaced = spaced.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut words = &words[..];
    let is_one = any(&mut words, allowed);
    is_one && words.is_empty()
}

fn any(words: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let mut is_one = all(words, allowed);
    while take(words, "OR") {
        is_one |= all(words, allowed);
    }
    is_one
}

fn all(words: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let mut is_one = single(words, allowed);
    while take(words, "AND") {
        is_one &= single(words, allowed);
    }
    is_one
}

fn single(words: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    if take(words, "(") {
        let is_one = any(words, allowed);
        return take(words, ")") && is_one;
    }
    let Some((name, rest)) = words.split_first() else {
        return false;
    };
    *words = rest;
    if take(words, "WITH") {
        *words = words.get(1..).unwrap_or_default();
        return false;
    }
    allowed.contains(*name)
}

fn take(words: &mut &[&str], word: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if *first == word => {
            *words = rest;
            true
        }
        _ => false,
    }
}
