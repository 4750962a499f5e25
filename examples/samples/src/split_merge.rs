//! A large piece of work in chunks: merged when all are done, or each as it comes.

use sagaline::{
    future::{FuturesUnordered, StreamExt},
    prelude::*,
};

/// Adds up one chunk.
#[activity]
pub async fn add_up(chunk: Vec<u64>) -> Result<u64> {
    Ok(chunk.iter().sum())
}

fn chunks(numbers: &[u64]) -> impl Iterator<Item = Vec<u64>> {
    numbers.chunks(2).map(<[u64]>::to_vec)
}

/// Merges when all chunks are done.
#[workflow]
pub async fn merge_all(cx: Context, numbers: Vec<u64>) -> Result<u64> {
    let sums = try_join_all(chunks(&numbers).map(|chunk| cx.run(add_up(chunk)))).await?;
    Ok(sums.into_iter().sum())
}

/// Merges each chunk as it comes: the running totals.
#[workflow]
pub async fn merge_as_they_come(cx: Context, numbers: Vec<u64>) -> Result<Vec<u64>> {
    let mut pending: FuturesUnordered<_> = chunks(&numbers)
        .map(|chunk| cx.run(add_up(chunk)))
        .collect();
    let mut totals = Vec::new();
    while let Some(sum) = pending.next().await {
        totals.push(totals.last().copied().unwrap_or(0) + sum?);
    }
    Ok(totals)
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env};

    use super::*;
    use crate::seen::scheduled;

    /// Later chunks are done sooner.
    fn later_is_sooner() -> Env {
        Env::new().mock_with(add_up, |attempt, chunk: Vec<u64>| {
            let wait = 40 - 10 * u64::from(attempt.activity_id);
            Answer::ok(chunk.iter().sum()).after(wait.seconds())
        })
    }

    #[test]
    fn the_parts_together_are_the_whole() {
        let run = later_is_sooner().start(merge_all(vec![1, 2, 3, 4, 5]));

        assert_eq!(run.result().unwrap(), 15);
        let parts = ["add-up [1,2]", "add-up [3,4]", "add-up [5]"];
        assert_eq!(scheduled(&run.history()), parts);
    }

    #[test]
    fn parts_are_merged_in_the_order_in_which_they_are_done() {
        let run = later_is_sooner().start(merge_as_they_come(vec![1, 2, 3, 4, 5]));

        assert_eq!(run.result().unwrap(), [5, 5 + 7, 5 + 7 + 3]);
    }
}
