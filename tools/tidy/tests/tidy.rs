//! Rules of the source tree. Each failure names the file and the way out.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use sagaline_tidy::{files, root};

/// Lines before the tests of a file.
const FILE_LINES_MAX: usize = 500;

/// Outsiders that one crate alone may name within `engine/` and `schemas/`.
const OUTSIDERS: [(&str, &str); 13] = [
    ("kafka-protocol", "sagaline-broker"),
    ("rdkafka", "sagaline-journal"),
    ("serde_avro_fast", "sagaline-schemas"),
    ("sqlx", "sagaline-projection"),
    ("axum", "sagaline-server"),
    ("askama", "sagaline-server"),
    ("hyper", "sagaline-server"),
    ("hyper-util", "sagaline-server"),
    ("jsonwebtoken", "sagaline-server"),
    ("openssl", "sagaline-server"),
    ("tokio-openssl", "sagaline-server"),
    ("clap", "sagaline"),
    ("syn", "sagaline-macros"),
];

/// Arrows between our crates: who may depend on whom, beside itself.
const ARROWS: [(&str, &[&str]); 12] = [
    ("sagaline-broker", &[]),
    ("sagaline-core", &[]),
    ("sagaline-macros", &[]),
    ("sagaline-schemas", &["sagaline-core"]),
    ("sagaline-journal", &["sagaline-core", "sagaline-schemas"]),
    (
        "sagaline-runtime",
        &["sagaline-core", "sagaline-schemas", "sagaline-journal"],
    ),
    (
        "sagaline-testkit",
        &[
            "sagaline-core",
            "sagaline-schemas",
            "sagaline-journal",
            "sagaline-runtime",
        ],
    ),
    (
        "sagaline-sdk",
        &[
            "sagaline-core",
            "sagaline-runtime",
            "sagaline-journal",
            "sagaline-macros",
        ],
    ),
    (
        "sagaline-projection",
        &["sagaline-core", "sagaline-schemas", "sagaline-journal"],
    ),
    (
        "sagaline-server",
        &[
            "sagaline-core",
            "sagaline-journal",
            "sagaline-runtime",
            "sagaline-projection",
            "sagaline-sdk",
        ],
    ),
    (
        "sagaline",
        &[
            "sagaline-broker",
            "sagaline-core",
            "sagaline-schemas",
            "sagaline-journal",
            "sagaline-runtime",
            "sagaline-sdk",
            "sagaline-macros",
            "sagaline-projection",
            "sagaline-server",
        ],
    ),
    ("sagaline-cli", &["sagaline"]),
];

#[test]
fn files_are_short_enough_to_read() {
    for path in files(&root(), ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        let before_tests = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = before_tests.lines().count();
        let is_test = path.components().any(|part| part.as_os_str() == "tests");
        assert!(
            is_test || lines <= FILE_LINES_MAX,
            "{}: {lines} lines; make it two files",
            path.display()
        );
    }
}

#[test]
fn no_file_is_a_drawer() {
    for path in files(&root(), ".rs") {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            !["mod", "utils", "util", "common", "helpers", "manager"].contains(&name.as_str()),
            "{}: name it by what is in it",
            path.display()
        );
    }
}

#[test]
fn arrows_between_crates_point_down() {
    let dependencies = dependencies();
    for (name, allowed) in ARROWS {
        let Some(have) = dependencies.get(name) else {
            continue;
        };
        for other in have.iter().filter(|one| one.starts_with("sagaline")) {
            assert!(
                allowed.contains(&other.as_str()),
                "{name} may not depend on {other}"
            );
        }
    }
}

#[test]
fn one_crate_alone_names_each_outsider() {
    for (name, have) in dependencies() {
        let bound = ARROWS.iter().any(|(known, _)| *known == name);
        for (outsider, owner) in OUTSIDERS {
            assert!(
                !bound || owner == name || !have.contains(outsider),
                "{name} names {outsider}; only {owner} may"
            );
        }
    }
}

#[test]
fn every_error_code_has_its_page() {
    let pages = root().join("docs/reference/errors");
    let mut codes = BTreeSet::new();
    for path in files(&root().join("engine"), ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        for (at, _) in text.match_indices("ErrorKind::") {
            let rest: String = text[at..].chars().take(160).collect();
            let code = rest.split('"').nth(1).unwrap_or_default();
            let between = rest.split('"').next().unwrap_or_default();
            let is_argument = between.trim_end().ends_with(',') && !between.contains(')');
            if is_argument && is_code(code) {
                codes.insert(code.to_owned());
            }
        }
    }
    assert!(codes.len() > 10, "the search finds codes: {codes:?}");
    for code in codes {
        let page = pages.join(format!("{code}.md"));
        assert!(page.exists(), "{} is missing", page.display());
    }
}

#[test]
fn links_in_docs_lead_somewhere() {
    for path in files(&root(), ".md") {
        let text = fs::read_to_string(&path).unwrap();
        for (at, _) in text.match_indices("](") {
            let link = text[at + 2..].split(')').next().unwrap_or_default();
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let target = path.parent().unwrap_or(Path::new("")).join(file);
            assert!(target.exists(), "{}: {link}", path.display());
        }
    }
}

#[test]
fn every_test_that_the_guarantees_name_is_there() {
    let page = fs::read_to_string(root().join("docs/reference/guarantees.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next());
    let named: Vec<&str> = cells.filter_map(|cell| cell.split('`').nth(1)).collect();
    let sources: Vec<String> = files(&root(), ".rs")
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();

    assert!(named.len() > 10, "{named:?}");
    for name in named {
        let there = [format!("fn {name}("), format!("mod {name};")];
        assert!(
            sources
                .iter()
                .any(|text| there.iter().any(|one| text.contains(one))),
            "docs/reference/guarantees.md names the test {name}"
        );
    }
}

#[test]
fn what_a_table_calls_done_names_its_test_and_its_counts_are_right() {
    let sources: Vec<String> = files(&root(), ".rs")
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let is_there = |name: &str| {
        sources
            .iter()
            .any(|text| text.contains(&format!("fn {name}(")))
    };
    for (page, done_min) in [("temporal-samples.md", 55), ("workflow-patterns.md", 35)] {
        let text = fs::read_to_string(root().join("docs/reference").join(page)).unwrap();
        let mut counts = BTreeMap::from([("done", 0), ("not yet", 0), ("no", 0)]);
        for row in text.lines().filter(|line| line.starts_with("| ")) {
            let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
            let [.., state, here] = cells[..] else {
                panic!("{page}: {row}");
            };
            let Some(count) = counts.get_mut(state) else {
                assert_eq!(state, "state", "{page}: {row}");
                continue;
            };
            *count += 1;
            let names = here.split('`').skip(1).step_by(2);
            let mut tests = names.filter(|name| name.matches('_').count() >= 3);
            assert!(tests.clone().all(is_there), "{page}: {here}");
            assert!(state != "done" || tests.next().is_some(), "{page}: {row}");
        }
        let said = format!(
            "{} are done, {} are not yet, and {} do not apply",
            counts["done"], counts["not yet"], counts["no"]
        );
        let text = text.replace('\n', " ");
        assert!(text.contains(&said), "{page} does not say: {said}");
        assert!(counts["done"] >= done_min, "{page}: {said}");
    }
}

#[test]
fn the_readme_lists_every_package_that_the_tests_need() {
    let text = |name: &str| fs::read_to_string(root().join(name)).unwrap();
    let readme = text("README.md");
    let tests = readme.split("## Test it").nth(1).unwrap();
    let install = tests.lines().find(|line| line.contains("apt install"));
    let listed: Vec<&str> = install.unwrap().split([' ', '`', '.']).collect();

    let needs = text("tools/check-tools");
    let needs = needs.lines().filter_map(|line| line.strip_prefix("need "));
    let packages: Vec<&str> = needs.filter_map(|line| line.split(' ').next()).collect();

    assert!(packages.contains(&"kcat"), "{packages:?}");
    for package in packages {
        assert!(
            listed.contains(&package),
            "README.md: apt install {package}"
        );
    }
}

fn is_code(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(allowed)
}

/// Names of the normal dependencies of each package of the workspace.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("metadata");
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |value: &serde_json::Value| value["name"].as_str().unwrap_or_default().to_owned();
    packages
        .iter()
        .map(|package| {
            let normal = package["dependencies"].as_array().unwrap().iter();
            let normal = normal.filter(|one| one["kind"].is_null());
            (name(package), normal.map(name).collect())
        })
        .collect()
}

/// What people can see and do there and here: the page says how much of it is done.
#[test]
fn the_table_of_pages_and_commands_counts_right() {
    let page = fs::read_to_string(root().join("docs/reference/temporal-ui-cli.md")).unwrap();
    let mut counts = BTreeMap::from([("done", 0), ("not yet", 0), ("no", 0)]);
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
        let [_, state, here] = cells[..] else {
            continue;
        };
        if let Some(count) = counts.get_mut(state) {
            *count += 1;
            assert!(here.len() > 2, "{row}");
        }
    }
    let all: u32 = counts.values().sum();
    let said = format!(
        "{all} rows, of which {} are done, {} are not yet, and {} do not apply",
        counts["done"], counts["not yet"], counts["no"]
    );
    let percent = counts["done"] * 100 / (counts["done"] + counts["not yet"]);
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");

    assert!(page.contains(&said), "it should say: {said}");
    let said = format!("Of those that apply {percent} % are done");
    assert!(page.contains(&said), "it should say: {said}");
}
