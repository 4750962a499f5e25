//! The form of a batch's acts: which record each is, but for what it is done on.

use sagaline_core::{ActivityId, Name, Payload, RunId, WorkflowId, show::Read as _};
use sagaline_journal::wire::{act, ce_type, header};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Batch, Target};
use crate::{client::Request, schedule::Invalid};

/// What of a workflow an act is done on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Run,
    Activity,
    Incident,
}

/// Acts of operators. A batch can do each that is named here.
const OPERATED: [(&str, Part); 12] = [
    (act::PAUSE, Part::Run),
    (act::RESUME, Part::Run),
    (act::RESET, Part::Run),
    (act::ACTIVITY_RETRY, Part::Activity),
    (act::ACTIVITY_COMPLETE, Part::Activity),
    (act::ACTIVITY_FAIL, Part::Activity),
    (act::ACTIVITY_PAUSE, Part::Activity),
    (act::ACTIVITY_RESUME, Part::Activity),
    (act::ACTIVITY_UPDATE_OPTIONS, Part::Activity),
    (act::INCIDENT_RETRY, Part::Incident),
    (act::INCIDENT_SKIP, Part::Incident),
    (act::INCIDENT_FAIL, Part::Incident),
];

/// An act without what it is done on.
#[derive(Debug)]
pub(super) struct Template {
    ce_type: &'static str,
    act: String,
    actor: String,
    part: Part,
    headers: Vec<(&'static str, String)>,
    value: Option<Payload>,
}

/// Arguments of `cancel` and `terminate`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stop {
    compensate: Option<bool>,
}

/// Arguments of `signal`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    name: String,
    #[serde(default)]
    input: Option<Box<RawValue>>,
}

impl Template {
    pub(super) const CANCEL: &str = "cancel";
    pub(super) const TERMINATE: &str = "terminate";
    pub(super) const SIGNAL: &str = "signal";

    pub(super) fn of(batch: &Batch) -> Result<Self, Invalid> {
        let text = batch.arguments.as_str();
        let mut template = Self {
            ce_type: ce_type::WORKFLOW_OPERATE,
            act: batch.act.clone(),
            actor: batch.actor.clone(),
            part: Part::Run,
            headers: Vec::new(),
            value: None,
        };
        match batch.act.as_str() {
            Self::CANCEL => template.stop(ce_type::WORKFLOW_CANCEL, text)?,
            Self::TERMINATE => template.stop(ce_type::WORKFLOW_TERMINATE, text)?,
            Self::SIGNAL => template.signal(text)?,
            other => template.operate(other, text)?,
        }
        if let Some(reason) = batch.reason.as_ref().filter(|_| batch.act != Self::SIGNAL) {
            template.headers.push((header::REASON, reason.clone()));
        }
        Ok(template)
    }

    fn stop(&mut self, ce_type: &'static str, arguments: &str) -> Result<(), Invalid> {
        let stop: Option<Stop> = read(arguments)?;
        self.ce_type = ce_type;
        if let Some(compensate) = stop.unwrap_or_default().compensate {
            self.headers
                .push((header::COMPENSATE, compensate.to_string()));
        }
        Ok(())
    }

    fn signal(&mut self, arguments: &str) -> Result<(), Invalid> {
        let message: Message = read(arguments)?;
        let name = Name::new(&message.name).map_err(|invalid| wrong(invalid.to_string()))?;
        let input = message.input.map(|input| Payload::read(&input));
        let input = input.transpose().map_err(wrong)?;
        self.ce_type = ce_type::WORKFLOW_SIGNAL;
        self.headers.push((header::SIGNAL, name.to_string()));
        self.value = Some(input.unwrap_or_else(Payload::empty));
        Ok(())
    }

    fn operate(&mut self, act: &str, arguments: &str) -> Result<(), Invalid> {
        let Some((act, part)) = OPERATED.iter().find(|(name, _)| *name == act) else {
            let stops = [Self::CANCEL, Self::TERMINATE, Self::SIGNAL];
            let all = stops.iter().chain(OPERATED.iter().map(|(name, _)| name));
            let all = all.copied().collect::<Vec<_>>().join(", ");
            let shown: String = act.chars().take(80).collect();
            let text = format!("a batch cannot do `{shown}`; it can: {all}");
            return Err(Invalid::new(text).within("act"));
        };
        let body: Option<serde_json::Map<String, serde_json::Value>> = read(arguments)?;
        takes(act, body.as_ref())?;
        self.part = *part;
        self.headers.push((header::ACT, (*act).to_owned()));
        self.headers.push((header::ACTOR, self.actor.clone()));
        self.value = body.map(|_| Payload::json(arguments.as_bytes()));
        Ok(())
    }

    /// Bytes of its value.
    pub(super) fn bytes(&self) -> usize {
        self.value.as_ref().map_or(0, |value| value.data().len())
    }

    /// The act on one, whose repeats its workflow knows; or a word for what cannot be acted on.
    pub(super) fn request(&self, batch: &str, target: &Target) -> Result<Request, &'static str> {
        const INVALID: &str = "invalid_target";
        WorkflowId::new(&target.workflow_id).map_err(|_| INVALID)?;
        let run_id = target.run_id.as_ref();
        let run_id = run_id.map(|run_id| run_id.parse::<RunId>());
        let run_id = run_id.transpose().map_err(|_| INVALID)?;
        let mut id = format!("{batch}/{}", self.act);
        let mut request = Request::new(self.ce_type, &target.workflow_id).source(&self.actor);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(run_id) = run_id {
            request = request.header(header::RUN_ID, run_id.to_string());
        }
        match self.part {
            Part::Run => {}
            Part::Activity => {
                let number = target.activity_id.and_then(ActivityId::new);
                let number = number.ok_or(INVALID)?.to_string();
                id = format!("{id}/{number}");
                request = request.header(header::ACTIVITY_ID, number);
            }
            Part::Incident => {
                let (run_id, seq) = run_id.zip(target.incident_seq).ok_or(INVALID)?;
                id = format!("{id}/{seq}");
                request = request.header(header::INCIDENT, format!("{run_id}.{seq}"));
            }
        }
        Ok(match &self.value {
            Some(value) => request.id(id).value(value.clone()),
            None => request.id(id),
        })
    }
}

/// What each act takes, and what it must be given; the reason of the batch is that of each.
const TAKEN: [(&str, &[&str], &[&str]); 11] = [
    (act::PAUSE, &[], &[]),
    (act::RESUME, &[], &[]),
    (act::RESET, &["event_seq", "reapply"], &["event_seq"]),
    (act::ACTIVITY_RETRY, &["input", "even_if_running"], &[]),
    (
        act::ACTIVITY_COMPLETE,
        &["result", "even_if_running"],
        &["result"],
    ),
    (
        act::ACTIVITY_FAIL,
        &["type", "message", "even_if_running"],
        &[],
    ),
    (act::ACTIVITY_PAUSE, &[], &[]),
    (act::ACTIVITY_RESUME, &[], &[]),
    (act::INCIDENT_RETRY, &["input"], &[]),
    (act::INCIDENT_SKIP, &["result"], &["result"]),
    (act::INCIDENT_FAIL, &[], &[]),
];

/// Refuses arguments that an act does not know, and the lack of those that it cannot be without: each run would refuse it.
fn takes(
    act: &str,
    body: Option<&serde_json::Map<String, serde_json::Value>>,
) -> Result<(), Invalid> {
    let Some((_, known, needed)) = TAKEN.iter().find(|(name, ..)| *name == act) else {
        return Ok(());
    };
    let given = |name: &str| body.is_some_and(|body| body.contains_key(name));
    if let Some(missing) = needed.iter().find(|name| !given(name)) {
        return Err(wrong(format!("`{act}` needs `{missing}`")));
    }
    let mut names = body.into_iter().flatten().map(|(name, _)| name.as_str());
    match names.find(|name| *name != "reason" && !known.contains(name)) {
        Some(unknown) => {
            let shown: String = unknown.chars().take(80).collect();
            Err(wrong(format!("`{act}` takes no `{shown}`")))
        }
        None => Ok(()),
    }
}

fn read<'a, T: Deserialize<'a>>(arguments: &'a str) -> Result<T, Invalid> {
    serde_json::from_str(arguments).map_err(|error| wrong(error.to_string()))
}

fn wrong(text: String) -> Invalid {
    Invalid::new(text).within("arguments")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn batch(act: &str, arguments: &Value) -> Batch {
        Batch::new(act, arguments).actor("ada").reason("why")
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_the_field() {
        for (act, arguments, expected) in [
            (
                "delete-all",
                json!(null),
                "act: a batch cannot do `delete-all`; it can: cancel,",
            ),
            (
                "cancel",
                json!({"compensat": true}),
                "arguments: unknown field `compensat`",
            ),
            (
                "signal",
                json!({"input": 7}),
                "arguments: missing field `name`",
            ),
            ("signal", json!({"name": ""}), "arguments: "),
            ("pause", json!(7), "arguments: invalid type"),
            (
                "pause",
                json!({"bogus": 1}),
                "arguments: `pause` takes no `bogus`",
            ),
            ("reset", json!(null), "arguments: `reset` needs `event_seq`"),
            (
                "incident-skip",
                json!({}),
                "arguments: `incident-skip` needs `result`",
            ),
            (
                "incident-retry",
                json!({"result": 5}),
                "arguments: `incident-retry` takes no `result`",
            ),
        ] {
            let error = batch(act, &arguments).check().unwrap_err();
            assert!(error.message().starts_with(expected), "{act}: {error}");
        }
        let nobody = Batch::cancel("why").check().unwrap_err();
        assert!(nobody.message().starts_with("actor: "), "{nobody}");
        for rate in [0.0, -1.0, f64::NAN, 1e9] {
            let error = batch("pause", &json!(null)).per_second(rate).check();
            assert!(error.unwrap_err().message().starts_with("per_second: "));
        }
        let large = json!({"name": "note", "input": "x".repeat(ARGUMENTS_MAX)});
        let error = batch("signal", &large).check().unwrap_err();
        assert!(error.message().contains("65536 are allowed"), "{error}");
    }

    const ARGUMENTS_MAX: usize = 64 * 1024;

    #[test]
    fn what_cannot_be_acted_on_has_a_word() {
        let incident = batch("incident-fail", &json!(null)).checked().unwrap();
        let activity = batch("activity-retry", &json!(null)).checked().unwrap();
        let run = Target {
            run_id: Some("6fa459ea-ee8a-3ca4-894e-db77e160355e".to_owned()),
            ..Target::workflow("w")
        };

        for (template, target) in [
            (&activity, Target::workflow("")),
            (&activity, Target::workflow("x".repeat(256))),
            (&activity, run.clone()),
            (&incident, run.clone()),
            (
                &incident,
                Target {
                    incident_seq: Some(3),
                    run_id: Some("7".to_owned()),
                    ..run.clone()
                },
            ),
        ] {
            let refused = template.request("batch/7", &target).map(drop);
            assert_eq!(refused, Err("invalid_target"), "{target:?}");
        }
        let right = Target {
            incident_seq: Some(3),
            ..run
        };
        assert!(incident.request("batch/7", &right).is_ok());
    }
}
