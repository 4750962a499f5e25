//! An event in a few words.

use serde_json::Value;

/// An event in a few words, whatever its attributes are.
pub(super) fn summary(attributes: &Value) -> String {
    let text = |key: &str| match attributes.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let failure = attributes
        .get("failure")
        .filter(|failure| failure.is_object())
        .map(|failure| {
            let of = |key: &str| failure.get(key).and_then(Value::as_str).unwrap_or_default();
            format!("{}: {}", of("type"), of("message"))
        });
    let parts = [
        text("workflow").map(|name| format!("{name} {}", text("version").unwrap_or_default())),
        text("activity").map(|name| format!("{name} #{}", text("activity_id").unwrap_or_default())),
        text("signal"),
        text("update")
            .map(|name| format!("{name}, update {}", text("update_id").unwrap_or_default())),
        text("new_run_id").map(|run| format!("as run {run}")),
        reset(attributes).or_else(|| chain(attributes)),
        waits(attributes),
        text("compensates").map(|step| format!("undoes #{step}")),
        text("attempt").map(|attempt| format!("attempt {attempt}")),
        text("outcome"),
        failure,
        options(attributes),
        text("next_attempt_at").map(|at| format!("next at {at}")),
        text("act"),
        text("actor").map(|actor| format!("by {actor}")),
        text("reason").map(|reason| format!("\"{reason}\"")),
        text("worker").map(|worker| format!("worker {worker}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Of which run it begins with a copy: `to event 5 of run 0198…, by ada`.
fn reset(attributes: &Value) -> Option<String> {
    let of = attributes.get("reset_of")?.as_str()?;
    let reset = attributes.get("reset")?;
    let (seq, actor) = (reset.get("event_seq")?, reset.get("actor")?.as_str()?);
    let reason = reset.get("reason").and_then(Value::as_str);
    let reason = reason.map_or_else(String::new, |reason| format!(", \"{reason}\""));
    Some(format!(
        "reset to event {seq} of run {of}, by {actor}{reason}"
    ))
}

/// In whose place a run goes on.
fn chain(attributes: &Value) -> Option<String> {
    let before = attributes.get("chain")?.get("continued_from")?.as_str()?;
    Some(format!("in the place of run {before}"))
}

/// What a run waits for: `signal approve, signal reject`.
fn waits(attributes: &Value) -> Option<String> {
    let waits = attributes.get("waits")?.as_array()?;
    let of = |wait: &Value, key: &str| wait[key].as_str().unwrap_or_default().to_owned();
    let told = waits.iter();
    let told = told.map(|wait| format!("{} {}", of(wait, "kind"), of(wait, "name")));
    Some(match waits.len() {
        0 => "nothing".to_owned(),
        _ => told.collect::<Vec<_>>().join(", "),
    })
}

/// What a person changed of an activity's options: `maximum_attempts 20, heartbeat none`.
fn options(attributes: &Value) -> Option<String> {
    let timeouts = attributes.get("timeouts_ms")?;
    let changed = |options: Option<&Value>, none: &Value| -> Vec<String> {
        let options = options.and_then(Value::as_object).into_iter().flatten();
        let changed = options.filter(|(_, value)| !value.is_null());
        let told = changed.map(|(name, value)| match value == none {
            true => format!("{name} none"),
            false => format!("{name} {value}"),
        });
        told.collect()
    };
    let mut told = changed(attributes.get("retry"), &Value::Null);
    told.extend(changed(Some(timeouts), &Value::from(0)));
    (!told.is_empty()).then(|| told.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::summary;

    #[test]
    fn an_event_is_told_in_a_few_words() {
        let failed = json!({"activity": "ship", "activity_id": 5, "attempt": 2,
            "failure": {"type": "CourierRefused", "message": "no"}, "next_attempt_at": null, "worker": "w-1"});

        assert_eq!(
            summary(&failed),
            "ship #5, attempt 2, CourierRefused: no, worker w-1"
        );
        assert_eq!(summary(&json!({"result": {"x": 1}})), "");
        let received = json!({"signal": "approve", "input": {"x": 1}});
        assert_eq!(summary(&received), "approve");
        let rejected = json!({"update": "add", "update_id": "u-1", "failure": {"type": "TooMany", "message": "no"}});
        assert_eq!(summary(&rejected), "add, update u-1, TooMany: no");
        let waits = json!({"waits": [{"kind": "signal", "name": "approve"}, {"kind": "signal", "name": "reject"}]});
        assert_eq!(summary(&waits), "signal approve, signal reject");
        assert_eq!(summary(&json!({"waits": []})), "nothing");
        let updated = json!({"activity": "ship", "activity_id": 5, "actor": "ann", "next_attempt_at": null,
            "retry": {"initial_interval_ms": 200, "maximum_attempts": null},
            "timeouts_ms": {"start_to_close": 9000, "heartbeat": 0}});
        let told = summary(&updated);
        assert!(
            told.contains("initial_interval_ms 200, ")
                && told.contains("start_to_close 9000")
                && told.contains("heartbeat none")
                && !told.contains("maximum_attempts"),
            "{told}"
        );
    }
}
