//! Activities and workflows that are known by their names alone: which one it is, is data.

use sagaline::{call_activity, prelude::*};

/// Greets by each of these activities, all of one shape: a name in, a greeting out.
#[workflow]
pub async fn dynamic(cx: Context, activities: Vec<String>) -> Result<Vec<String>> {
    let mut greetings: Vec<String> = Vec::new();
    for activity in &activities {
        let call = call_activity(activity, "Ada").queue("greeters");
        greetings.push(cx.run(call).retry(Retry::never()).await?);
    }
    Ok(greetings)
}

#[cfg(test)]
mod tests {
    use sagaline::{
        WorkflowCall, call_workflow,
        testing::{Env, StartOptions},
    };

    use super::*;

    fn greeters() -> Env {
        let env = Env::new().workflows(workflows![dynamic]);
        env.mock_named("greet-in-german", |name: String| {
            Ok(format!("Hallo, {name}"))
        });
        env.mock_named("greet-in-french", |name: String| {
            Ok(format!("Salut, {name}"))
        })
    }

    #[test]
    fn the_input_says_which_activities_run() {
        let input = ["greet-in-french", "greet-in-german"].map(String::from);

        let run = greeters().start(dynamic(input.to_vec()));

        assert_eq!(run.result().unwrap(), ["Salut, Ada", "Hallo, Ada"]);
        assert_eq!(run.history().attempts(), input);
    }

    #[test]
    fn a_workflow_is_started_by_its_name() {
        let call: WorkflowCall<Vec<String>> = call_workflow("dynamic", &["greet-in-german"]);

        let run = greeters().start_named(StartOptions::new(), call);

        assert_eq!(run.result().unwrap(), ["Hallo, Ada"]);
    }

    #[test]
    fn what_cannot_be_a_name_is_the_error_of_its_step() {
        let run = greeters().start(dynamic(vec![String::new()]));

        run.result().unwrap_err();
        assert!(run.history().attempts().is_empty());
    }
}
