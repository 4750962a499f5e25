//! Steps that must run on one machine, because its disk has the file: each machine reads a task queue of its own.

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

/// A file, and who has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Local {
    /// The task queue that only that machine reads.
    pub queue: String,
    /// Where it lies there.
    pub path: String,
}

/// What the worker is given at start: its own queue, which it reads beside the one that all read.
#[derive(Debug)]
pub struct OwnQueue(pub String);

/// Any machine: fetches the file and says who has it.
#[activity(queue = "files")]
pub async fn download(cx: ActivityContext, url: &str) -> Result<Local> {
    let OwnQueue(queue) = cx.data::<OwnQueue>()?;
    Ok(Local {
        queue: queue.clone(),
        path: format!("/tmp/{url}"),
    })
}

/// That machine: works on it.
#[activity]
pub async fn process(path: &str) -> Result<String> {
    Ok(format!("{path}.done"))
}

/// That machine: sends what came of it.
#[activity]
pub async fn upload(path: &str) -> Result<String> {
    Ok(format!("https://files.example{path}"))
}

/// All three steps; when the machine goes away between two of them, all three again on another one, three times at most.
#[workflow]
pub async fn file_processing(cx: Context, url: String) -> Result<String> {
    for _ in 0..2 {
        match on_one_machine(&cx, &url).await {
            Err(error) if error.error_type() == "sagaline.Timeout.ScheduleToStart" => {}
            ended => return ended,
        }
    }
    on_one_machine(&cx, &url).await
}

async fn on_one_machine(cx: &Context, url: &str) -> Result<String> {
    let local = cx.run(download(url)).await?;
    let processed = process(&local.path).queue(&local.queue);
    let processed = cx.run(processed.schedule_to_start(1.minutes())).await?;
    let uploaded = upload(&processed).queue(&local.queue);
    cx.run(uploaded.schedule_to_start(1.minutes())).await
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use sagaline::testing::{Answer, Env, Event, History};

    use super::*;
    use crate::seen::after;

    /// Machines in the order in which they take the first step.
    fn machines<const N: usize>(names: [&'static str; N]) -> Env {
        let mut names = VecDeque::from(names);
        let env = Env::new().activities(activities![process, upload]);
        env.mock(download, move |url: String| {
            let queue = names.pop_front().expect("a machine").to_owned();
            let path = format!("/tmp/{url}");
            Ok(Local { queue, path })
        })
    }

    /// Each step with the queue that it was sent to.
    fn queues(history: &History) -> Vec<String> {
        let queues = history.events().filter_map(|(_, event)| match event {
            Event::ActivityScheduled(one) => {
                Some(format!("{} on {}", one.activity, one.task_queue))
            }
            _ => None,
        });
        queues.collect()
    }

    #[test]
    fn the_steps_behind_the_first_go_to_the_machine_that_took_it() {
        let run = machines(["host-7"]).start(file_processing("a.csv".into()));

        assert_eq!(
            run.result().unwrap(),
            "https://files.example/tmp/a.csv.done"
        );
        assert_eq!(
            queues(&run.history()),
            ["download on files", "process on host-7", "upload on host-7"]
        );
    }

    #[test]
    fn when_the_machine_goes_away_all_of_it_is_done_on_another() {
        let env = machines(["host-7", "host-8"]);
        env.answers(upload, [Answer::not_taken()]);
        let begin = env.now();

        let run = env.start(file_processing("a.csv".into()));

        run.result().unwrap();
        assert_eq!(
            queues(&run.history())[2..],
            [
                "upload on host-7",
                "download on files",
                "process on host-8",
                "upload on host-8"
            ]
        );
        assert_eq!(after(begin, env.now()), 1.minutes());
    }

    #[test]
    fn after_the_third_machine_the_run_fails() {
        let env = machines(["host-7", "host-8", "host-9"]);
        env.answers(process, [0, 1, 2].map(|_| Answer::not_taken()));

        let error = env
            .start(file_processing("a.csv".into()))
            .result()
            .unwrap_err();

        assert_eq!(error.error_type(), "sagaline.Timeout.ScheduleToStart");
        assert_eq!(env.attempts(download), 3);
    }
}
