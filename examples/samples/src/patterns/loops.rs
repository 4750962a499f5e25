//! Going round: structured, by jumps from anywhere to anywhere, by recursion; and how it all ends.

use std::pin::Pin;

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

use super::step;

/// WCP-21, structured loop: the test comes before the body, or behind it.
#[workflow]
pub async fn structured(cx: Context, times: u32) -> Result<()> {
    let mut left = times;
    while left > 0 {
        step(&cx, format!("while{left}")).await?;
        left -= 1;
    }
    loop {
        if step(&cx, "until").await? == "until" {
            return Ok(());
        }
    }
}

/// WCP-10, arbitrary cycles: each task's result says which one is next, from anywhere to anywhere.
#[workflow]
pub async fn arbitrary_cycles(cx: Context, first: String) -> Result<()> {
    let mut next = first;
    while next != "end" {
        next = step(&cx, &next).await?;
    }
    Ok(())
}

/// A folder: a name, and what is in it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Folder {
    /// Its name.
    pub name: String,
    /// Folders in it.
    pub folders: Vec<Self>,
}

/// WCP-22, recursion: a folder is done when those in it are, side by side, and those in them.
#[workflow]
pub async fn recursion(cx: Context, root: Folder) -> Result<()> {
    visit(&cx, &root).await
}

fn visit<'a>(
    cx: &'a Context,
    folder: &'a Folder,
) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> {
    Box::pin(async move {
        try_join_all(folder.folders.iter().map(|inner| visit(cx, inner))).await?;
        step(cx, &folder.name).await.map(drop)
    })
}

/// WCP-11, implicit termination: the run ends when nothing is left to do in any branch.
#[workflow]
pub async fn implicit_end(cx: Context, branches: Vec<Vec<String>>) -> Result<()> {
    let branch = async |tasks: &Vec<String>| {
        for task in tasks {
            step(&cx, task).await?;
        }
        Ok::<_, Error>(())
    };
    try_join_all(branches.iter().map(branch)).await.map(drop)
}

/// WCP-43, explicit termination: whoever comes to `stop` ends the run, whatever is left to do in the other branches.
#[workflow]
pub async fn explicit_end(cx: Context, branches: (Vec<String>, Vec<String>)) -> Result<String> {
    let branch = async |tasks: &[String]| {
        for task in tasks {
            if step(&cx, task).await? == "stop" {
                return Ok(());
            }
        }
        std::future::pending().await
    };
    let ended: Result<&str> = select! {
        stopped = Box::pin(branch(&branches.0)) => stopped.map(|()| "first"),
        stopped = Box::pin(branch(&branches.1)) => stopped.map(|()| "second"),
    };
    ended.map(Into::into)
}

#[cfg(test)]
mod tests {
    use sagaline::testing::Env;

    use super::*;
    use crate::patterns::{
        plan::{hours, takes},
        task,
    };

    #[test]
    fn a_loop_goes_round_as_often_as_it_should() {
        let (env, seen) = takes(|_| 1);
        env.start(structured(2)).result().unwrap();
        assert_eq!(seen.names(), ["while2", "while1", "until"]);

        let (env, seen) = takes(|_| 1);
        env.start(structured(0)).result().unwrap();
        assert_eq!(
            seen.names(),
            ["until"],
            "the body behind which the test stands runs once"
        );
    }

    #[test]
    fn cycles_may_be_entered_and_left_anywhere() {
        let env = Env::new();
        let mut drafts = 0;
        env.mock(task, move |name: String| {
            let next = match name.as_str() {
                "draft" => "review",
                "review" if drafts == 0 => {
                    drafts += 1;
                    "draft"
                }
                "review" => "sign",
                "sign" => "end",
                _ => "draft",
            };
            Ok(next.to_owned())
        });

        let run = env.start(arbitrary_cycles("review".into()));

        run.result().unwrap();
        let seen = crate::seen::scheduled(&run.history()).join(", ");
        assert_eq!(
            seen,
            r#"task "review", task "draft", task "review", task "sign""#
        );
    }

    fn folder(name: &str, folders: Vec<Folder>) -> Folder {
        let name = name.to_owned();
        Folder { name, folders }
    }

    #[test]
    fn what_is_deepest_is_done_first_and_side_by_side() {
        let (env, seen) = takes(|_| 1);
        let tree = folder(
            "root",
            vec![
                folder("docs", vec![folder("old", vec![]), folder("new", vec![])]),
                folder("src", vec![]),
            ],
        );

        env.start(recursion(tree)).result().unwrap();

        let tasks = ["old 0-1", "new 0-1", "src 0-1", "docs 1-2", "root 2-3"];
        assert_eq!(seen.tasks(), tasks);
    }

    fn tasks<const N: usize>(names: [&str; N]) -> Vec<String> {
        names.map(Into::into).into()
    }

    #[test]
    fn a_run_ends_when_its_last_branch_has_nothing_left_to_do() {
        let (env, seen) = takes(|name| if name == "slow" { 5 } else { 1 });

        let run = env.start(implicit_end(vec![tasks(["a", "b"]), tasks(["slow"])]));

        run.result().unwrap();
        assert_eq!(seen.names(), ["a", "slow", "b"]);
        assert_eq!(hours(&env), 5);
    }

    #[test]
    fn the_branch_that_comes_to_stop_ends_the_others_too() {
        let (env, seen) = takes(|name| if name == "slow" { 5 } else { 1 });
        let branches = (tasks(["slow", "never"]), tasks(["a", "stop", "b"]));

        let run = env.start(explicit_end(branches));

        assert_eq!(run.result().unwrap(), "second");
        env.skip(1.days());
        assert_eq!(seen.names(), ["slow", "a", "stop"]);
    }
}
