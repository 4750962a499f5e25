//! The binary as a shell sees it: codes, stdout and stderr. No broker is needed.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::process::{Command, Output};

/// Runs the binary in an environment without settings.
fn sagaline(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sagaline"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SAGALINE_")) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Nobody listens on port 1.
const NOWHERE: &str = "127.0.0.1:1";

#[test]
fn help_names_every_command_and_goes_to_stdout() {
    let help = sagaline(&["--help"], &[]);

    assert_eq!(code(&help), 0);
    for command in [
        "server",
        "worker",
        "workflow",
        "journal",
        "doctor",
        "completion",
    ] {
        assert!(
            stdout(&help).contains(command),
            "{command} is missing in {}",
            stdout(&help)
        );
    }
}

#[test]
fn the_version_is_the_binarys() {
    let version = sagaline(&["--version"], &[]);

    assert_eq!(
        stdout(&version),
        format!("sagaline {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_wrong_command_is_told_on_stderr_with_code_2() {
    for arguments in [
        &["no-such-command"][..],
        &["workflow", "describe"],
        &["workflow", "start", "--id", "o-1"],
        &["workflow", "start", "--type", "order", "--input", "{oops"],
        &["workflow", "result", "o-1", "--timeout", "soon"],
        &["journal", "tail", "--from", "latest"],
        &["doctor", "--namespace", "a b"],
    ] {
        let output = sagaline(arguments, &[]);

        assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        assert!(
            stderr(&output).starts_with("error: "),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn a_broker_that_is_not_there_is_code_3_with_a_hint() {
    let output = sagaline(&["workflow", "list", "--kafka", NOWHERE], &[]);

    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("\nhint: ") && stderr(&output).contains("--kafka"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn an_unknown_key_of_the_settings_file_is_refused_by_name() {
    let file = std::env::temp_dir().join(format!("sagaline-settings-{}.toml", std::process::id()));
    std::fs::write(&file, "[engine]\npartition = 3\n").unwrap();

    let output = sagaline(
        &["workflow", "list", "--config", file.to_str().unwrap()],
        &[],
    );
    std::fs::remove_file(&file).unwrap();

    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("partition"), "{}", stderr(&output));
}

#[test]
fn a_property_that_the_engine_owns_is_refused_by_name() {
    let file = std::env::temp_dir().join(format!("sagaline-properties-{}", std::process::id()));
    std::fs::write(&file, "# ours\ncompression.type=zstd\nacks=1\n").unwrap();

    let output = sagaline(
        &["workflow", "list", "--kafka", NOWHERE],
        &[("SAGALINE_KAFKA_CONFIG", file.to_str().unwrap())],
    );
    std::fs::remove_file(&file).unwrap();

    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("`acks`"), "{}", stderr(&output));
}

#[test]
fn a_worker_without_activities_says_what_is_missing() {
    let output = sagaline(&["worker", "--kafka", NOWHERE], &[]);

    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("no activities"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn completion_prints_a_script_for_this_binary() {
    let output = sagaline(&["completion", "bash"], &[]);

    assert_eq!(code(&output), 0);
    assert!(stdout(&output).contains("_sagaline") && stdout(&output).contains("terminate"));
}
