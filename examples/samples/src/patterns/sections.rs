//! One at a time within a run: critical sections, and tasks in any order but never side by side.
//!
//! The locks are granted in the order in which they were asked for, so that replay does the same.

use sagaline::{
    prelude::*,
    sync::{Mutex, Semaphore},
};

use super::step;

/// WCP-39, critical section: two branches; what each does between taking and returning the key is done by one at a time.
#[workflow]
pub async fn critical_section(cx: Context) -> Result<()> {
    let key = Mutex::new(&cx, ());
    let branch = async |name: &str| {
        step(&cx, format!("{name}-before")).await?;
        let _key = key.lock().await?;
        step(&cx, format!("{name}-takes")).await?;
        step(&cx, format!("{name}-returns")).await
    };
    try_join!(branch("ada"), branch("bob")).map(drop)
}

/// WCP-17, interleaved parallel routing: each branch keeps its order, and no two tasks of any branch run side by side.
#[workflow]
pub async fn interleaved_branches(cx: Context, branches: Vec<Vec<String>>) -> Result<()> {
    let turn = Mutex::new(&cx, ());
    let branch = async |tasks: &Vec<String>| {
        for task in tasks {
            let _turn = turn.lock().await?;
            step(&cx, task).await?;
        }
        Ok::<_, Error>(())
    };
    try_join_all(branches.iter().map(branch)).await.map(drop)
}

/// WCP-40, interleaved routing: each task once, one at a time, in whatever order they are asked for.
#[workflow]
pub async fn interleaved_tasks(cx: Context, tasks: Vec<String>) -> Result<()> {
    let turn = Mutex::new(&cx, ());
    let task = async |name: &String| {
        cx.signal::<()>(name).await?;
        let _turn = turn.lock().await?;
        step(&cx, name).await
    };
    try_join_all(tasks.iter().map(task)).await.map(drop)
}

/// A section for so many at once: rooms of a hotel, connections of a pool.
#[workflow]
pub async fn places(cx: Context, (guests, rooms): (u32, u32)) -> Result<()> {
    let rooms = Semaphore::new(&cx, rooms);
    let guest = async |number: u32| {
        let _room = rooms.acquire(1).await?;
        step(&cx, format!("guest{number}")).await
    };
    try_join_all((1..=guests).map(guest)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patterns::plan::takes;

    #[test]
    fn nobody_enters_a_section_before_the_other_has_left_it() {
        let (env, seen) = takes(|name| if name == "ada-before" { 2 } else { 1 });

        env.start(critical_section()).result().unwrap();

        assert_eq!(
            seen.tasks(),
            [
                "ada-before 0-2",
                "bob-before 0-1",
                "bob-takes 1-2",
                "bob-returns 2-3",
                "ada-takes 3-4",
                "ada-returns 4-5"
            ]
        );
    }

    #[test]
    fn a_section_is_still_taken_when_the_engine_has_crashed() {
        let (env, seen) = takes(|_| 1);
        let run = env.start(critical_section());

        env.skip(90.minutes());
        env.crash();
        run.result().unwrap();

        let names = seen.names()[2..].join(" ");
        assert_eq!(names, "ada-takes ada-returns bob-takes bob-returns");
    }

    #[test]
    fn branches_take_turns_and_keep_their_order() {
        let (env, seen) = takes(|_| 1);
        let branches = [["a1", "a2"], ["b1", "b2"]].map(|tasks| tasks.map(Into::into).into());

        let run = env.start(interleaved_branches(branches.into()));
        run.result().unwrap();

        assert_eq!(seen.tasks(), ["a1 0-1", "b1 1-2", "a2 2-3", "b2 3-4"]);
    }

    #[test]
    fn tasks_run_one_at_a_time_in_the_order_in_which_they_are_asked_for() {
        let (env, seen) = takes(|_| 1);
        let tasks = ["blood", "heart", "lungs"].map(String::from);
        let run = env.start(interleaved_tasks(tasks.into()));

        for asked in ["lungs", "blood", "heart"] {
            run.signal(asked, &()).unwrap();
        }

        run.result().unwrap();
        assert_eq!(seen.tasks(), ["lungs 0-1", "blood 1-2", "heart 2-3"]);
    }

    #[test]
    fn no_more_are_in_than_there_are_places() {
        let (env, seen) = takes(|_| 1);

        env.start(places((5, 2))).result().unwrap();

        let guests = [
            "guest1 0-1",
            "guest2 0-1",
            "guest3 1-2",
            "guest4 1-2",
            "guest5 2-3",
        ];
        assert_eq!(seen.tasks(), guests);
    }
}
