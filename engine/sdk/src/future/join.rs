//! `join!` and `try_join!`: all of a few futures of different types.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
};

/// Waits for all of these, polling them in the order in which they are written, and gives a tuple of what they gave.
///
/// # Example: two steps in parallel
/// ```
/// use sagaline_sdk::{Context, Result, activity, join, workflow};
///
/// #[activity]
/// async fn flight(to: &str) -> Result<u32>;
/// #[activity]
/// async fn hotel(to: &str) -> Result<u32>;
///
/// #[workflow]
/// async fn trip(cx: Context, to: String) -> Result<(u32, u32)> {
///     let (flight, hotel) = join!(cx.run(flight(&to)), cx.run(hotel(&to)));
///     Ok((flight?, hotel?))
/// }
/// ```
#[macro_export]
macro_rules! join {
    ($($future:expr),+ $(,)?) => {
        $crate::future::Join::join(($($future,)+)).await
    };
}

/// Waits for all of these until one fails: a tuple of the values, or the first error.
///
/// What is still under way when one fails goes on unheard; a compensation attached to it is registered all the same.
///
/// # Example: two steps in parallel, both needed
/// ```
/// use sagaline_sdk::{Context, Result, activity, try_join, workflow};
/// # #[activity]
/// # async fn flight(to: &str) -> Result<u32>;
/// # #[activity]
/// # async fn hotel(to: &str) -> Result<u32>;
/// #[workflow]
/// async fn trip(cx: Context, to: String) -> Result<(u32, u32)> {
///     try_join!(cx.run(flight(&to)), cx.run(hotel(&to)))
/// }
/// ```
#[macro_export]
macro_rules! try_join {
    ($($future:expr),+ $(,)?) => {
        $crate::future::TryJoin::try_join(($($future,)+)).await
    };
}

/// A tuple of futures.
pub trait Join {
    /// The tuple of what they give.
    type Output;

    /// Waits for all.
    fn join(self) -> impl Future<Output = Self::Output>;
}

/// A tuple of futures that may fail.
pub trait TryJoin {
    /// The tuple of what they give, or the first error.
    type Output;

    /// Waits for all, or for the first that fails.
    fn try_join(self) -> impl Future<Output = Self::Output>;
}

/// Polls one future of several unless it has given its value, and says whether it has.
fn polled<F: Future>(
    future: Pin<&mut F>,
    value: &mut Option<F::Output>,
    cx: &mut Context<'_>,
) -> bool {
    if value.is_none()
        && let Poll::Ready(ready) = future.poll(cx)
    {
        *value = Some(ready);
    }
    value.is_some()
}

macro_rules! joins {
    ($(($($future:ident $value:ident $error:ident),+))*) => { $(
        #[allow(non_snake_case, reason = "a type and its value share a name here")]
        impl<$($future: Future),+> Join for ($($future,)+) {
            type Output = ($($future::Output,)+);

            async fn join(self) -> Self::Output {
                let ($($future,)+) = self;
                $(let (mut $future, mut $value) = (pin!($future), None);)+
                poll_fn(|cx| {
                    let all = [$(polled($future.as_mut(), &mut $value, cx)),+];
                    if all.contains(&false) { Poll::Pending } else { Poll::Ready(()) }
                })
                .await;
                ($($value.expect("all are ready"),)+)
            }
        }

        #[allow(non_snake_case, reason = "a type and its value share a name here")]
        impl<$($future: Future<Output = Result<$value, Fault>>, $value,)+ Fault> TryJoin for ($($future,)+) {
            type Output = Result<($($value,)+), Fault>;

            async fn try_join(self) -> Self::Output {
                let ($($future,)+) = self;
                $(let (mut $future, mut $value) = (pin!($future), None);)+
                poll_fn(|cx| {
                    let mut all = true;
                    $(
                        all &= polled($future.as_mut(), &mut $value, cx);
                        if let Some(Err(_)) = &$value {
                            return Poll::Ready(());
                        }
                    )+
                    if all { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                $(let $error = $value.transpose()?;)+
                Ok(($($error.expect("none failed, so all are ready"),)+))
            }
        }
    )* };
}

joins! {
    (A VA EA)
    (A VA EA, B VB EB)
    (A VA EA, B VB EB, C VC EC)
    (A VA EA, B VB EB, C VC EC, D VD ED)
    (A VA EA, B VB EB, C VC EC, D VD ED, E VE EE)
    (A VA EA, B VB EB, C VC EC, D VD ED, E VE EE, F VF EF)
    (A VA EA, B VB EB, C VC EC, D VD ED, E VE EE, F VF EF, G VG EG)
    (A VA EA, B VB EB, C VC EC, D VD ED, E VE EE, F VF EF, G VG EG, H VH EH)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::ready, task::Waker};

    use super::*;

    fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn join_gives_all_values_in_order() {
        let all = poll_once(async { crate::join!(ready(1), async { "two" }, ready(3.0)) });

        assert_eq!(all, Poll::Ready((1, "two", 3.0)));
    }

    #[test]
    fn join_polls_in_the_order_written() {
        let order = Cell::new(String::new());
        let note = |name: &str| {
            order.set(order.take() + name);
            ready(())
        };

        let _ =
            poll_once(async { crate::join!(async { note("a").await }, async { note("b").await }) });

        assert_eq!(order.take(), "ab");
    }

    #[test]
    fn try_join_gives_the_first_error_and_polls_none_behind_it() {
        let polled = Cell::new(false);
        let behind = async {
            polled.set(true);
            Ok::<(), &str>(())
        };

        let all = poll_once(async {
            crate::try_join!(ready(Ok::<_, &str>(1)), ready(Err::<(), _>("no")), behind)
        });

        assert_eq!(all, Poll::Ready(Err("no")));
        assert!(!polled.get());
        let all = poll_once(async { crate::try_join!(ready(Ok::<_, &str>(1)), ready(Ok("x"))) });
        assert_eq!(all, Poll::Ready(Ok((1, "x"))));
    }

    #[test]
    fn one_that_waits_keeps_all_waiting() {
        let all = poll_once(async { crate::join!(ready(1), std::future::pending::<()>()) });

        assert_eq!(all, Poll::Pending);
    }
}
