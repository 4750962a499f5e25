//! `join_all`, `try_join_all` and `join_window`: all of many futures of one type.
//!
//! Each future is polled only when it was woken, so that a run with thousands of steps does not poll all of them for
//! every result. (`futures-util` has functions of these names; of more than 30 futures, its `try_join_all` reports a
//! failure only when those written before it have ended.)

use std::future::Future;

use futures_util::stream::{FuturesUnordered, StreamExt};

/// Waits for all of these, begun in the order given, and gives what they gave in that order.
///
/// # Example: a step for each line of an order
/// ```
/// use sagaline_sdk::{Context, Result, activity, future::join_all, workflow};
///
/// #[activity]
/// async fn pick(line: &str) -> Result<u32>;
///
/// #[workflow]
/// async fn pick_all(cx: Context, lines: Vec<String>) -> Result<u32> {
///     let picked = join_all(lines.iter().map(|line| cx.run(pick(line)))).await;
///     Ok(picked.into_iter().filter_map(Result::ok).sum())
/// }
/// ```
pub async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut pending = numbered(futures);
    let mut values = none_yet(pending.len());
    while let Some((place, value)) = pending.next().await {
        values[place] = Some(value);
    }
    all(values)
}

/// Waits for all of these until one fails: the values in the order given, or the first error in the order of history.
///
/// What is still under way when one fails goes on unheard; a compensation attached to it is registered all the same.
///
/// # Errors
/// That of the first that failed.
pub async fn try_join_all<F, T, E>(futures: impl IntoIterator<Item = F>) -> Result<Vec<T>, E>
where
    F: Future<Output = Result<T, E>>,
{
    let mut pending = numbered(futures);
    let mut values = none_yet(pending.len());
    while let Some((place, value)) = pending.next().await {
        values[place] = Some(value?);
    }
    Ok(all(values))
}

/// Waits for all of these, at most `window` of them under way at a time, and gives what they gave in the order given.
///
/// A new one begins when another has ended, in the order given; a `window` of 0 is one of 1.
///
/// # Example: a mail to each of many, ten at a time
/// ```
/// use sagaline_sdk::{Context, Result, activity, future::join_window, workflow};
///
/// #[activity]
/// async fn mail(address: &str) -> Result<()>;
///
/// #[workflow]
/// async fn newsletter(cx: Context, addresses: Vec<String>) -> Result<usize> {
///     let mails = addresses.iter().map(|address| cx.run(mail(address)));
///     let sent = join_window(10, mails).await;
///     Ok(sent.iter().filter(|one| one.is_ok()).count())
/// }
/// ```
pub fn join_window<'a, F: Future + 'a>(
    window: usize,
    futures: impl IntoIterator<Item = F, IntoIter: Send + 'a>,
) -> impl Future<Output = Vec<F::Output>> {
    let futures = futures.into_iter().enumerate();
    // Boxed: a closure that borrows its argument would make the compiler doubt that the workflow is `Send`.
    let mut waiting: Box<dyn Iterator<Item = _> + Send + 'a> = Box::new(futures.map(place));
    async move {
        let mut pending: FuturesUnordered<_> = waiting.by_ref().take(window.max(1)).collect();
        let mut values = Vec::new();
        while let Some((place, value)) = pending.next().await {
            if values.len() <= place {
                values.resize_with(place + 1, || None);
            }
            values[place] = Some(value);
            pending.extend(waiting.next());
        }
        all(values)
    }
}

fn numbered<F: Future>(
    futures: impl IntoIterator<Item = F>,
) -> FuturesUnordered<impl Future<Output = (usize, F::Output)>> {
    futures.into_iter().enumerate().map(place).collect()
}

async fn place<F: Future>((place, future): (usize, F)) -> (usize, F::Output) {
    (place, future.await)
}

fn none_yet<T>(count: usize) -> Vec<Option<T>> {
    std::iter::repeat_with(|| None).take(count).collect()
}

fn all<T>(values: Vec<Option<T>>) -> Vec<T> {
    values
        .into_iter()
        .map(|value| value.expect("each has given its value"))
        .collect()
}
