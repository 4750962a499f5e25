//! An activity that computes for long, on a thread of its own, so that others of its worker go on.

use sagaline::prelude::*;

/// How many primes there are below a number.
#[activity]
pub async fn count_primes(below: u32) -> Result<usize> {
    let is_prime = |n: &u32| {
        (2..)
            .take_while(|d| d * d <= *n)
            .all(|d| !n.is_multiple_of(d))
    };
    let counting = move || (2..below).filter(is_prime).count();
    Ok(tokio::task::spawn_blocking(counting).await?)
}

/// Counts them in several ranges at once.
#[workflow]
pub async fn blocking(cx: Context, limits: Vec<u32>) -> Result<Vec<usize>> {
    try_join_all(limits.into_iter().map(|below| cx.run(count_primes(below)))).await
}

#[cfg(test)]
mod tests {
    use sagaline::testing::Env;

    use super::*;

    #[test]
    fn what_a_thread_computes_is_the_activitys_result() {
        let env = Env::new().activities(activities![count_primes]);

        let run = env.start(blocking(vec![10, 100, 0]));

        assert_eq!(run.result().unwrap(), [4, 25, 0]);
    }
}
