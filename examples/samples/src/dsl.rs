//! A workflow that interprets another one, written as data: steps in sequence and side by side, with variables between them.

use std::{collections::BTreeMap, pin::Pin, sync::Mutex};

use sagaline::{call_activity, prelude::*};
use serde::{Deserialize, Serialize};

/// A definition: variables, and what is done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Definition {
    /// What they are at the beginning.
    pub variables: BTreeMap<String, String>,
    /// What is done.
    pub root: Step,
}

/// One step of a definition.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Runs an activity by its name.
    Activity {
        /// Its name.
        name: String,
        /// Variables that it is given.
        arguments: Vec<String>,
        /// The variable that it gives.
        result: String,
    },
    /// One after the other.
    Sequence(Vec<Self>),
    /// All at once, until all are done.
    Parallel(Vec<Self>),
}

type Variables = Mutex<BTreeMap<String, String>>;

/// Does what the definition says; returns its variables.
#[workflow]
pub async fn dsl(cx: Context, definition: Definition) -> Result<BTreeMap<String, String>> {
    let variables = Mutex::new(definition.variables);
    execute(&cx, &definition.root, &variables).await?;
    Ok(variables.into_inner()?)
}

fn execute<'a>(
    cx: &'a Context,
    step: &'a Step,
    variables: &'a Variables,
) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> {
    Box::pin(async move {
        match step {
            Step::Sequence(steps) => {
                for step in steps {
                    execute(cx, step, variables).await?;
                }
                Ok(())
            }
            Step::Parallel(steps) => {
                let all = steps.iter().map(|step| execute(cx, step, variables));
                try_join_all(all).await.map(drop)
            }
            Step::Activity {
                name,
                arguments,
                result,
            } => {
                let given = values(arguments, variables)?;
                let value: String = cx.run(call_activity(name, &given)).await?;
                lock(variables).insert(result.clone(), value);
                Ok(())
            }
        }
    })
}

fn values(names: &[String], variables: &Variables) -> Result<Vec<String>> {
    let variables = lock(variables);
    let value = |name: &String| {
        let value = variables.get(name).cloned();
        value.ok_or_else(|| Error::new("UnknownVariable", name))
    };
    names.iter().map(value).collect()
}

fn lock(variables: &Variables) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
    variables.lock().expect("nobody panics while it is locked")
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Env, Run};

    use super::*;

    fn interpret(definition: &str) -> Run<BTreeMap<String, String>> {
        let env = Env::new();
        for name in ["fetch", "left", "right", "join"] {
            env.mock_named(name, move |given: Vec<String>| {
                Ok(format!("{name}({})", given.join(",")))
            });
        }
        env.start(dsl(serde_json::from_str(definition).unwrap()))
    }

    const DIAMOND: &str = r#"{"variables": {"url": "u"}, "root": {"sequence": [
        {"activity": {"name": "fetch", "arguments": ["url"], "result": "page"}},
        {"parallel": [
            {"activity": {"name": "left", "arguments": ["page"], "result": "l"}},
            {"sequence": [{"activity": {"name": "right", "arguments": ["page", "url"], "result": "r"}}]}]},
        {"activity": {"name": "join", "arguments": ["l", "r"], "result": "out"}}]}}"#;

    #[test]
    fn a_definition_is_done_step_by_step_with_its_variables() {
        let run = interpret(DIAMOND);

        let variables = run.result().unwrap();

        assert_eq!(variables["out"], "join(left(fetch(u)),right(fetch(u),u))");
        assert_eq!(run.history().attempts(), ["fetch", "left", "right", "join"]);
    }

    #[test]
    fn a_variable_that_nobody_set_fails_the_run_where_it_is_used() {
        let run = interpret(&DIAMOND.replace(r#"["page"]"#, r#"["pgae"]"#));

        let error = run.result().unwrap_err();

        assert_eq!(error.to_string(), "UnknownVariable: pgae");
        assert_eq!(run.history().attempts(), ["fetch"]);
    }
}
