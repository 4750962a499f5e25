//! Tasks that people do: each is put on somebody's list, and a signal with its number says that it is done.

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

/// Puts a task on somebody's list: `[number, title]`.
#[activity]
pub async fn put_on_list(task: (u32, String)) -> Result<()> {
    let _ = task;
    Ok(())
}

/// Takes it off again.
#[activity]
pub async fn take_off(number: u32) -> Result<()> {
    let _ = number;
    Ok(())
}

/// What the signal `done` says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Done {
    /// Which task.
    pub number: u32,
    /// Who did it.
    pub by: String,
}

/// Puts all tasks on the list; returns who did which. A run that fails or is cancelled takes them off again.
#[workflow]
pub async fn human_tasks(cx: Context, titles: Vec<String>) -> Result<Vec<String>> {
    let listed = (0..).zip(&titles).map(|(number, title)| {
        cx.run(put_on_list((number, title.clone())))
            .compensate_with(move |()| take_off(number))
    });
    try_join_all(listed).await?;
    let mut done_by = vec![None; titles.len()];
    while done_by.contains(&None) {
        let Done { number, by } = cx.signal("done").await?;
        // What is on no list, or done already, changes nothing.
        if let Some(open @ None) = done_by.get_mut(usize::try_from(number)?) {
            *open = Some(by);
        }
    }
    Ok(done_by.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Env, Run};

    use super::*;

    fn two_tasks() -> Run<Vec<String>> {
        let env = Env::new().activities(activities![put_on_list, take_off]);
        env.start(human_tasks(["call", "write"].map(Into::into).into()))
    }

    fn done(run: &Run<Vec<String>>, number: u32, by: &str) {
        let by = by.to_owned();
        run.signal("done", &Done { number, by }).unwrap();
    }

    #[test]
    fn the_run_ends_when_each_task_was_done_and_the_first_who_did_it_counts() {
        let run = two_tasks();

        done(&run, 1, "ada");
        done(&run, 1, "bob");
        done(&run, 7, "eve");
        assert_eq!(run.status(), "Running");
        done(&run, 0, "cyd");

        assert_eq!(run.result().unwrap(), ["cyd", "ada"]);
    }

    #[test]
    fn what_is_no_longer_wanted_comes_off_the_lists() {
        let run = two_tasks();

        done(&run, 1, "ada");
        run.cancel("the customer has gone");

        assert!(run.result().unwrap_err().is_canceled());
        assert_eq!(run.history().attempts()[2..], ["take-off", "take-off"]);
    }
}
