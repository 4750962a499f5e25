//! Nodes of a cluster that are given to jobs: handlers that wait, one at a time where they change the nodes, and a run that
//! ends only when they have.

use std::collections::BTreeMap;

use sagaline::{prelude::*, sync::Mutex};

/// Which job has which node; none: it is free.
#[derive(Debug, Default)]
pub struct Cluster {
    nodes: Option<Mutex<BTreeMap<u32, Option<String>>>>,
    /// Handlers under way.
    working: u32,
    shut: bool,
}

/// Makes a node ready for a job.
#[activity]
pub async fn prepare(job_and_node: (String, u32)) -> Result<()> {
    let _ = job_and_node;
    Ok(())
}

/// Gives a job so many nodes, once each is ready; says which.
#[update(validate = is_open)]
pub async fn assign(cx: Context<Cluster>, (job, count): (String, usize)) -> Result<Vec<u32>> {
    cx.with_mut(|cluster| cluster.working += 1);
    let given = give(&cx, &job, count).await;
    cx.with_mut(|cluster| cluster.working -= 1);
    given
}

fn is_open(cluster: &Cluster, _: &(String, usize)) -> Result<()> {
    match cluster.shut {
        true => Err(Error::new("Shut", "the cluster takes no more jobs")),
        false => Ok(()),
    }
}

async fn give(cx: &Context<Cluster>, job: &str, count: usize) -> Result<Vec<u32>> {
    cx.until(|cluster| cluster.nodes.is_some()).await?;
    let nodes = cx.with(|cluster| cluster.nodes.clone());
    let nodes = nodes.ok_or_else(|| Error::other("it has no nodes"))?;
    // Nobody else looks for free nodes while these are made ready.
    let mut nodes = nodes.lock().await?;
    let free = nodes.iter().filter(|(_, job)| job.is_none());
    let free: Vec<u32> = free.map(|(node, _)| *node).take(count).collect();
    if free.len() < count {
        let text = format!("{count} nodes are wanted and {} are free", free.len());
        return Err(Error::new("TooFew", text));
    }
    for node in &free {
        cx.run(prepare((job.to_owned(), *node))).await?;
        nodes.insert(*node, Some(job.to_owned()));
    }
    Ok(free)
}

/// No more jobs.
#[signal]
pub fn shut_down(cluster: &mut Cluster) {
    cluster.shut = true;
}

/// Keeps so many nodes until it is shut down and no handler is under way; returns how many were given away.
#[workflow(signals(shut_down), updates(assign))]
pub async fn cluster(cx: Context<Cluster>, size: u32) -> Result<usize> {
    let free = (1..=size).map(|node| (node, None)).collect();
    let nodes = Mutex::new(&cx, free);
    cx.with_mut(|cluster| cluster.nodes = Some(nodes.clone()));
    cx.until(|cluster| cluster.shut && cluster.working == 0)
        .await?;
    let nodes = nodes.lock().await?;
    Ok(nodes.values().flatten().count())
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env, Run};

    use super::*;

    /// Four nodes, each ready after a minute.
    fn four() -> (Env, Run<usize>) {
        let env = Env::new().activities(activities![prepare]);
        env.mock_with(prepare, |_, _: (String, u32)| {
            Answer::ok(()).after(1.minutes())
        });
        let run = env.start(cluster(4));
        (env, run)
    }

    fn job(name: &str, count: usize) -> (String, usize) {
        (name.to_owned(), count)
    }

    #[test]
    fn two_jobs_that_ask_at_once_get_other_nodes() {
        let (_env, run) = four();
        let first = run.begin_update(assign(job("a", 2))).unwrap();
        let second = run.begin_update(assign(job("b", 2))).unwrap();
        let third = run.begin_update(assign(job("c", 1))).unwrap();

        assert_eq!(second.result().unwrap(), [3, 4]);
        assert_eq!(first.result().unwrap(), [1, 2]);
        assert_eq!(third.result().unwrap_err().error_type(), "TooFew");
    }

    #[test]
    fn the_run_ends_when_its_handlers_have_and_no_new_one_begins() {
        let (_env, run) = four();
        let first = run.begin_update(assign(job("a", 3))).unwrap();

        run.send(shut_down()).unwrap();
        let late = run.update(assign(job("b", 1))).unwrap_err();

        assert_eq!(late.error_type(), "Shut");
        assert_eq!(run.status(), "Running");
        assert_eq!(run.result().unwrap(), 3);
        assert_eq!(first.result().unwrap(), [1, 2, 3]);
    }
}
