//! Errors of wrong use are readable: what the compiler says of each file in `ui/` stands beside it, in few words.
//!
//! After a change of the compiler or of a message: `UPDATE=1 cargo test -p sagaline-sdk --test ui`, then read the
//! difference. The files are compiled against the library that this test is linked with, so nothing is built twice.
#![allow(clippy::unwrap_used, reason = "in a test that is an assertion")]

use std::{
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    message: String,
    spans: Vec<Span>,
    children: Vec<Self>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    line_start: u32,
    column_start: u32,
    is_primary: bool,
    label: Option<String>,
    text: Vec<Text>,
    expansion: Option<Box<Expansion>>,
}

#[derive(Deserialize)]
struct Expansion {
    span: Span,
}

#[derive(Deserialize)]
struct Text {
    text: String,
    highlight_start: usize,
    highlight_end: usize,
}

#[test]
fn wrong_use_is_told_readably() {
    let mut differences = String::new();
    for file in sources("tests/ui") {
        let told = told(&file);
        assert!(told.contains("error: "), "{} compiles", file.display());
        let beside = file.with_extension("stderr");
        if env::var_os("UPDATE").is_some() {
            fs::write(&beside, &told).unwrap();
        } else if fs::read_to_string(&beside).unwrap_or_default() != told {
            write!(differences, "\n{} should be:\n{told}", beside.display()).unwrap();
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn right_use_is_told_nothing() {
    for file in sources("tests/ui/right") {
        assert_eq!(told(&file), "", "{}", file.display());
    }
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|is| is == "rs"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    files
}

/// What the compiler says, without what changes with every line of ours: places in the library.
fn told(file: &Path) -> String {
    let libraries = env::current_exe().unwrap().parent().unwrap().to_owned();
    let out = env::temp_dir().join(format!("sagaline-ui-{}", std::process::id()));
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args([
            "--edition=2024",
            "--error-format=json",
            "--emit=metadata",
            "-o",
        ])
        .arg(&out)
        .args(["-Adead_code", "-Aunused_variables", "--extern"])
        .arg(format!(
            "sagaline_sdk={}",
            newest(&libraries, "libsagaline_sdk-").display()
        ))
        .arg(format!("-Ldependency={}", libraries.display()))
        .arg(file)
        .output()
        .unwrap();
    drop(fs::remove_file(out));
    let lines = str::from_utf8(&output.stderr).unwrap().lines();
    let mut told = String::new();
    for diagnostic in lines.map(|line| serde_json::from_str::<Diagnostic>(line).unwrap()) {
        if !diagnostic.message.starts_with("aborting due to") && diagnostic.level != "failure-note"
        {
            tell(&mut told, &diagnostic, file);
        }
    }
    told
}

fn tell(told: &mut String, diagnostic: &Diagnostic, file: &Path) {
    let message = diagnostic.message.replace('\n', "\n    ");
    writeln!(told, "{}: {message}", diagnostic.level).unwrap();
    let places = diagnostic.spans.iter().map(|span| (span, outermost(span)));
    for (span, place) in places.filter(|(_, place)| Path::new(&place.file_name) == file) {
        let (line, column) = (place.line_start, place.column_start);
        let label = span
            .label
            .as_ref()
            .map(|label| format!(": {label}"))
            .unwrap_or_default();
        let mark = if span.is_primary { "-->" } else { "   " };
        writeln!(told, "  {mark} {line}:{column} `{}`{label}", code(place)).unwrap();
    }
    for child in diagnostic.children.iter().filter(|child| is_telling(child)) {
        let message = child.message.replace('\n', "\n    ");
        writeln!(told, "  = {}: {message}", child.level).unwrap();
    }
}

/// Lists of other types grow with every release of a library; files are named by chance.
fn is_telling(note: &Diagnostic) -> bool {
    let noise = [
        "the following other types",
        "the full name for the type",
        "consider using `--verbose`",
    ];
    !noise.iter().any(|begin| note.message.starts_with(begin))
}

/// Where a macro was used, rather than what it expands to.
fn outermost(span: &Span) -> &Span {
    span.expansion
        .as_ref()
        .map_or(span, |expansion| outermost(&expansion.span))
}

fn code(span: &Span) -> String {
    let Some(line) = span.text.first() else {
        return String::new();
    };
    let marked = line
        .text
        .chars()
        .skip(line.highlight_start - 1)
        .take(line.highlight_end - line.highlight_start);
    marked.collect()
}

/// The library that was built last, which is the one that this test is linked with.
fn newest(folder: &Path, prefix: &str) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let libraries = files.filter(|file| {
        let name = file.file_name().into_string().unwrap_or_default();
        name.starts_with(prefix) && name.ends_with(".rlib")
    });
    libraries
        .max_by_key(|file| file.metadata().unwrap().modified().unwrap())
        .unwrap()
        .path()
}
