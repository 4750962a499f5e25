//! A pool that workflows share: a run of its own gives each resource to one workflow after the other, by signals.

use std::collections::VecDeque;

use sagaline::{call_signal, prelude::*};
use serde::{Deserialize, Serialize};

/// The workflow id of the pool.
pub const POOL: &str = "pool";

/// What a workflow asks of the pool, by the signal `pool`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Ask {
    /// The workflow of this id wants a resource.
    Acquire(String),
    /// It gives this one back.
    Release(String),
}

/// Gives resources out by the signal `acquired` until nobody has asked for an hour; returns how many times it gave one.
#[workflow]
pub async fn pool(cx: Context, mut free: Vec<String>) -> Result<u32> {
    let (mut waiting, mut given) = (VecDeque::new(), 0);
    while let Some(ask) = cx.signal("pool").timeout(1.hours()).await? {
        match ask {
            Ask::Acquire(workflow_id) => waiting.push_back(workflow_id),
            Ask::Release(resource) => free.push(resource),
        }
        while !free.is_empty()
            && let Some(holder) = waiting.pop_front()
            && let Some(resource) = free.pop()
        {
            let acquired = call_signal("acquired", &resource);
            match cx.external_workflow(holder).signal(acquired).await {
                Ok(()) => given += 1,
                // It has ended, and waits no more.
                Err(_) => free.push(resource),
            }
        }
    }
    Ok(given)
}

/// Uses a machine.
#[activity]
pub async fn print_on(machine: &str) -> Result<String> {
    Ok(format!("printed on {machine}"))
}

/// Prints once it has a machine, and gives it back whatever happens.
#[workflow]
pub async fn print(cx: Context) -> Result<String> {
    let pool = cx.external_workflow(POOL);
    let me = cx.workflow_id().to_string();
    pool.signal(call_signal("pool", &Ask::Acquire(me))).await?;
    let machine: String = cx.signal("acquired").await?;
    let printed = cx.run(print_on(&machine)).await;
    let give_back = pool.signal(call_signal("pool", &Ask::Release(machine)));
    cx.shielded(give_back).await?;
    printed
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env, Run, StartOptions};

    use super::*;

    fn named(id: &str) -> StartOptions {
        StartOptions::new().id(id)
    }

    /// A pool of one machine, and so many who want it, each for a minute.
    fn one_machine(count: usize) -> (Env, Run<u32>, Vec<Run<String>>) {
        let env = Env::new().activities(activities![print_on]);
        let minute = || Answer::ok("printed".to_owned()).after(1.minutes());
        env.answers(print_on, (0..count).map(|_| minute()));
        let pool = env.start_with(named(POOL), pool(vec!["m-1".to_owned()]));
        let prints =
            (0..count).map(|number| env.start_with(named(&format!("p-{number}")), print()));
        let prints = prints.collect();
        (env, pool, prints)
    }

    #[test]
    fn one_workflow_after_the_other_has_the_machine() {
        let (env, pool, prints) = one_machine(3);
        let begin = env.now();

        for (print, minutes) in prints.iter().zip(1..) {
            assert_eq!(print.result().unwrap(), "printed");
            assert_eq!(env.now().since(begin).0, minutes * 60_000);
        }
        assert_eq!(pool.result().unwrap(), 3);
    }

    #[test]
    fn who_ends_while_it_waits_is_passed_over() {
        let (_env, pool, prints) = one_machine(3);
        prints[1].terminate("nobody needs it");

        assert_eq!(prints[2].result().unwrap(), "printed");
        assert_eq!(pool.result().unwrap(), 2);
    }

    #[test]
    fn a_run_that_is_cancelled_gives_its_machine_back() {
        let env = Env::new().activities(activities![print_on]);
        let minute = Answer::ok("printed".to_owned()).after(1.minutes());
        env.answers(print_on, [Answer::never().unless_canceled(), minute]);
        let pool = env.start_with(named(POOL), pool(vec!["m-1".to_owned()]));
        let first = env.start_with(named("p-1"), print());
        let second = env.start_with(named("p-2"), print());

        first.cancel("out of paper");

        assert!(first.result().unwrap_err().is_canceled());
        assert_eq!(second.result().unwrap(), "printed");
        assert_eq!(pool.result().unwrap(), 2);
    }
}
