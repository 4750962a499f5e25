//! `select!` and `select_all`: the first of several futures.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};

/// Waits for the first of several futures; when more than one is ready, the one written first wins.
///
/// The others are dropped: an activity that lost goes on unheard, and a compensation attached to it is registered all the
/// same. One that shall go on being awaited is given as `&mut`.
///
/// # Example: whichever answers first
/// ```
/// use sagaline_sdk::{Context, Result, activity, select, workflow};
///
/// #[activity]
/// async fn quote(supplier: &str) -> Result<u64>;
///
/// #[workflow]
/// async fn cheapest(cx: Context) -> Result<u64> {
///     let mut near = cx.run(quote("near")).start();
///     select! {
///         price = &mut near => price,
///         price = cx.run(quote("far")) => {
///             let far = price?;
///             Ok(far.min(near.await?))
///         }
///     }
/// }
/// ```
#[macro_export]
macro_rules! select {
    ($($arms:tt)+) => {
        $crate::__select_arms!(() $($arms)+)
    };
}

/// Brings the arms into one form, then builds the nested futures and the nested matches.
#[doc(hidden)]
#[macro_export]
macro_rules! __select_arms {
    (($($done:tt)*) $pattern:pat = $future:expr => $then:block $(,)? $($rest:tt)+) => {
        $crate::__select_arms!(($($done)* {$pattern, $future, $then}) $($rest)+)
    };
    (($($done:tt)*) $pattern:pat = $future:expr => $then:expr, $($rest:tt)+) => {
        $crate::__select_arms!(($($done)* {$pattern, $future, $then}) $($rest)+)
    };
    (($($done:tt)*) $pattern:pat = $future:expr => $then:expr $(,)?) => {{
        let first = $crate::__select_future!($($done)* {$pattern, $future, $then}).await;
        $crate::__select_match!(first, $($done)* {$pattern, $future, $then})
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __select_future {
    ({$pattern:pat, $future:expr, $then:expr}) => { $future };
    ({$pattern:pat, $future:expr, $then:expr} $($rest:tt)+) => {
        $crate::future::either($future, $crate::__select_future!($($rest)+))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __select_match {
    ($first:ident, {$pattern:pat, $future:expr, $then:expr}) => {
        match $first {
            $pattern => $then,
        }
    };
    ($first:ident, {$pattern:pat, $future:expr, $then:expr} $($rest:tt)+) => {
        match $first {
            $crate::future::Either::First($pattern) => $then,
            $crate::future::Either::Rest($first) => $crate::__select_match!($first, $($rest)+),
        }
    };
}

/// Which of two was first.
#[derive(Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The one written first.
    First(A),
    /// One of those behind it.
    Rest(B),
}

/// The first of two futures; the one written first when both are ready.
pub async fn either<A: Future, B: Future>(first: A, rest: B) -> Either<A::Output, B::Output> {
    let (mut first, mut rest) = (pin!(first), pin!(rest));
    poll_fn(|cx| {
        if let Poll::Ready(value) = first.as_mut().poll(cx) {
            return Poll::Ready(Either::First(value));
        }
        rest.as_mut().poll(cx).map(Either::Rest)
    })
    .await
}

/// The first of many futures of one type, with its place; of several that are ready the earliest. The others are dropped.
///
/// Of none it waits for ever.
pub async fn select_all<F: Future>(futures: impl IntoIterator<Item = F>) -> (usize, F::Output) {
    let mut futures: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    poll_fn(|cx| {
        for (place, future) in futures.iter_mut().enumerate() {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready((place, value));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        task::{Context, Waker},
    };

    use super::*;

    fn now<F: Future>(future: F) -> F::Output {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn the_first_written_wins_when_several_are_ready() {
        let winner = now(async {
            crate::select! {
                () = pending() => "a".to_owned(),
                text = ready("b") => text.to_owned(),
                number = ready(3) => { number.to_string() }
            }
        });

        assert_eq!(winner, "b");
    }

    #[test]
    fn arms_may_be_blocks_and_may_leave_the_function() {
        async fn leaves() -> Result<u8, &'static str> {
            let value = crate::select! {
                () = pending::<()>() => { 1 }
                result = ready(Err("no")) => result?,
            };
            Ok(value)
        }

        assert_eq!(now(leaves()), Err("no"));
    }

    #[test]
    fn one_arm_is_an_await() {
        assert_eq!(
            now(async {
                crate::select! { x = ready(1) => x + 1 }
            }),
            2
        );
    }

    #[test]
    fn select_all_names_the_place() {
        let futures: Vec<Pin<Box<dyn Future<Output = u8>>>> =
            vec![Box::pin(pending()), Box::pin(ready(7)), Box::pin(ready(8))];

        assert_eq!(now(select_all(futures)), (1, 7));
    }
}
