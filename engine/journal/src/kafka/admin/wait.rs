//! Waits for a future on this thread: librdkafka answers admin requests by a channel, on a thread of its own.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake as WakeTask, Waker},
    time::Duration,
};

use crate::kafka::wake::Wake;

/// The future's value, once it has one.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let signal = Arc::new(Signal(Wake::default()));
    let waker = Waker::from(signal.clone());
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => signal.0.wait(PAUSE),
        }
    }
}

struct Signal(Wake);

impl WakeTask for Signal {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }
}

const PAUSE: Duration = Duration::from_secs(1);
