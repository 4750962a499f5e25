//! Problems that the API answers, as faults of the command: their text, their code, a way out for people at a shell.

use serde::Deserialize;

use crate::fault::{Exit, Fault};

/// What the API says of it (RFC 9457). All of it is a stranger's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    title: Option<String>,
    detail: Option<String>,
    code: Option<String>,
    hint: Option<String>,
}

/// Characters of a text of an answer that are shown.
const TEXT_CHARS_MAX: usize = 2_000;

/// The fault that an answer with such a status is.
pub(super) fn fault(status: u16, body: &[u8], address: &str) -> Fault {
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    let code = problem.code.as_deref().map(cut).unwrap_or_default();
    let exit = exit(status, &code);
    let Some(said) = problem.detail.as_deref().or(problem.title.as_deref()) else {
        let text = format!("{address} answered {status} and does not say why");
        return Fault::quoting(exit, &text)
            .hint("is that the address of a Sagaline server? a proxy may stand before it");
    };
    let said = cut(said);
    let text = match code.as_str() {
        "" => said,
        // What failed has a type of its own, which says more.
        _ if exit == Exit::Failed && status < 500 => said,
        code => format!("{said} ({code})"),
    };
    let fault = Fault::quoting(exit, &text).code(&code);
    match hint(&code).map(str::to_owned).or(problem.hint) {
        Some(hint) => fault.hint(cut(&hint)),
        None => fault,
    }
}

/// What the command's exit says.
fn exit(status: u16, code: &str) -> Exit {
    match (status, code) {
        (
            _,
            "workflow_failed"
            | "workflow_canceled"
            | "workflow_timed_out"
            | "workflow_terminated"
            | "workflow_continued_as_new"
            | "update_failed"
            | "query_failed"
            | "query_not_found",
        ) => Exit::Failed,
        // The engine has looked at it and does not take it.
        (400, "request_rejected" | "invalid_input" | "payload_codec") => Exit::Refused,
        (400 | 405 | 411 | 414 | 415 | 422, _) => Exit::Usage,
        (408 | 502..=504, _) => Exit::Unreachable,
        (400..500, _) => Exit::Refused,
        (300..400, _) => Exit::Unreachable,
        _ => Exit::Failed,
    }
}

/// What to do at a shell, where the API's own hint is for who calls it.
fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "token_needed" => "--token or SAGALINE_TOKEN says who you are",
        "login_needed" => {
            "the server takes changes only with a file of tokens; --kafka goes by the topics"
        }
        "workflow_not_found" => "it may not have started yet; `workflow list` shows what has",
        "workflow_closed" => "it has ended: `workflow describe` says how",
        "definition_not_found" => "is the name right? `workflow list` shows what has started",
        "activity_not_found" => {
            "`workflow describe` prints those that are pending, with their numbers"
        }
        "incident_not_found" => "`incident list` prints what is open",
        "task_queue_not_found" => "`task-queue list` prints those that are known",
        "schedule_not_found" => "`schedule list` shows all",
        "input_not_found" => "`input list-rejected` prints all",
        "not_found" => "has that server another version? --kafka goes by the topics",
        "batch_not_found" => "`batch list` shows all",
        "workflow_id_used" => "--id-reuse says when an id may be used again",
        "workflow_open" => "cancel or terminate it first",
        "attempt_running" => {
            "wait for it, or --even-if-running: what its worker answers is ignored then"
        }
        "workflow_blocked" => "its incident says why: `incident list`",
        "projection_behind" | "projection_unavailable" => {
            "--kafka reads the journal itself; workflows run on"
        }
        _ => return None,
    })
}

/// So much of a text of strangers as belongs on a terminal.
fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((at, _)) => format!("{}…", text.split_at(at).0),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Fault {
        fault(status, body.as_bytes(), "http://h:1")
    }

    #[test]
    fn a_problem_is_told_with_its_code_and_a_way_out() {
        let fault = of(
            404,
            r#"{"detail":"there is no run of workflow o-1","code":"workflow_not_found","hint":"GET /api"}"#,
        );

        assert_eq!(fault.exit(), Exit::Refused);
        assert_eq!(
            fault.to_string(),
            "error: there is no run of workflow o-1 (workflow_not_found)\n\
             hint: it may not have started yet; `workflow list` shows what has"
        );
    }

    #[test]
    fn the_exit_says_what_kind_of_problem_it_is() {
        for (status, code, exit) in [
            (400, "invalid_query", Exit::Usage),
            (400, "request_rejected", Exit::Refused),
            (401, "token_needed", Exit::Refused),
            (403, "forbidden", Exit::Refused),
            (404, "workflow_not_found", Exit::Refused),
            (409, "workflow_open", Exit::Refused),
            (409, "workflow_failed", Exit::Failed),
            (409, "update_failed", Exit::Failed),
            (409, "update_rejected", Exit::Refused),
            (413, "payload_too_large", Exit::Refused),
            (429, "limit_reached", Exit::Refused),
            (500, "internal", Exit::Failed),
            (502, "", Exit::Unreachable),
            (503, "no_answer", Exit::Unreachable),
        ] {
            let body = format!(r#"{{"detail":"no","code":"{code}"}}"#);
            assert_eq!(of(status, &body).exit(), exit, "{status} {code}");
        }
    }

    #[test]
    fn what_is_no_problem_and_what_strangers_write_stays_a_line_or_two() {
        for body in ["<html>\u{1b}[2J", "", "[]", "{}", "\u{0}"] {
            let said = of(500, body).to_string();
            assert!(said.starts_with("error: http://h:1 answered 500"), "{said}");
            assert!(!said.contains('\u{1b}'), "{said:?}");
        }
        let long = "x".repeat(1_000_000);
        let hostile = format!(
            r#"{{"detail":"a\u001b[2J\nhint: run this\u202e{long}","code":"c\u001b[1m","hint":"h\nerror: {long}"}}"#
        );
        let said = of(409, &hostile).to_string();
        assert!(said.len() < 10 * TEXT_CHARS_MAX, "{}", said.len());
        assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
        assert!(!said.contains("\nhint: run this"), "{said}");
        assert!(!said.contains("\nerror: "), "{said}");
    }
}
