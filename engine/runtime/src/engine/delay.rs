//! The thread of the delay service: moves records and orders between [`Delay`] and Kafka.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use sagaline_core::Millis;
use sagaline_journal::{
    Error, ErrorKind,
    kafka::{DelayEvent, DelayWaker, HandOver, Kafka, KafkaDelay},
    wire::topic,
};

use super::watch::lock;
use crate::{
    clock,
    delay::{Delay, DelayConfig, Order, TierStatus},
};

/// A stopping service waits so long for what is on its way, then for leaving the group.
const STOP_MAX: Millis = Millis(500);
const LEAVE_MAX: Duration = Duration::from_millis(400);

/// Pause before a service whose connection failed is begun anew.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How often figures are published.
const STATUS_EVERY: Millis = Millis(200);

/// The figures of a process's delay service.
#[derive(Debug, Default)]
pub(super) struct DelayFigures(Mutex<Vec<TierStatus>>);

impl DelayFigures {
    pub(super) fn all(&self) -> Vec<TierStatus> {
        lock(&self.0).clone()
    }
}

/// The thread, as the supervisor sees it. Dropping it orders it to stop.
#[derive(Debug)]
pub(super) struct DelayThread {
    stopping: Arc<AtomicBool>,
    waker: Arc<Mutex<DelayWaker>>,
    ended: mpsc::Receiver<()>,
}

impl DelayThread {
    pub(super) fn start(
        kafka: &Kafka,
        config: DelayConfig,
        figures: Arc<DelayFigures>,
    ) -> Result<Self, Error> {
        let port = connect(kafka, &config)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let waker = Arc::new(Mutex::new(port.waker()));
        let (ending, ended) = mpsc::channel();
        let mut service = Service {
            kafka: kafka.clone(),
            config,
            stopping: stopping.clone(),
            waker: waker.clone(),
            figures,
            published_at: Millis(0),
        };
        std::thread::Builder::new()
            .name("sagaline-delay".to_owned())
            .spawn(move || {
                service.run(port);
                // Nobody waits for it when the engine stops in a hurry.
                let _ = ending.send(());
            })
            .map_err(|error| {
                let message = format!("no thread for the delay service: {error}");
                Error::new(ErrorKind::Unavailable, "thread", message)
            })?;
        Ok(Self {
            stopping,
            waker,
            ended,
        })
    }

    /// Orders it to hand over what it has. Returns at once.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        lock(&self.waker).wake();
    }

    /// Waits for its end, but not longer than that.
    pub(super) fn await_end(&self, wait: Duration) {
        if self.ended.recv_timeout(wait) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("the delay service did not leave its group in time");
        }
    }
}

impl Drop for DelayThread {
    fn drop(&mut self) {
        self.stop();
    }
}

fn connect(kafka: &Kafka, config: &DelayConfig) -> Result<KafkaDelay, Error> {
    let group = topic::delay_group(&config.namespace);
    KafkaDelay::open(kafka, &group, Delay::new(config.clone()).topics())
}

struct Service {
    kafka: Kafka,
    config: DelayConfig,
    stopping: Arc<AtomicBool>,
    waker: Arc<Mutex<DelayWaker>>,
    figures: Arc<DelayFigures>,
    published_at: Millis,
}

/// Partitions of retry topics.
type Places = Vec<(Arc<str>, i32)>;

/// What a service holds, and what it is about to let go.
struct Work {
    delay: Delay,
    places: Places,
    leaving: Option<(Places, HandOver)>,
    /// When a stopping service stops whatever is on its way.
    stop_by: Option<Millis>,
}

impl Service {
    fn run(&mut self, mut port: KafkaDelay) {
        loop {
            match self.serve(&mut port) {
                Ok(()) => return port.close(LEAVE_MAX),
                Err(error) => {
                    tracing::error!(%error, "the delay service begins anew; meanwhile retries are late");
                }
            }
            drop(port);
            port = loop {
                std::thread::park_timeout(AGAIN_AFTER);
                if self.stopping.load(Ordering::SeqCst) {
                    return;
                }
                match connect(&self.kafka, &self.config) {
                    Ok(port) => break port,
                    Err(error) => tracing::warn!(%error, "the delay service has no connection"),
                }
            };
            *lock(&self.waker) = port.waker();
        }
    }

    /// Until it is to stop, or its connection fails.
    fn serve(&mut self, port: &mut KafkaDelay) -> Result<(), Error> {
        let mut work = Work {
            delay: Delay::new(self.config.clone()),
            places: Vec::new(),
            leaving: None,
            stop_by: None,
        };
        let (mut events, mut wait) = (Vec::new(), None);
        loop {
            port.poll(wait, &mut events)?;
            for event in events.drain(..) {
                work.handle(event)?;
            }
            if self.stopping.load(Ordering::SeqCst) {
                work.begin_to_stop();
            }
            let now = clock::now();
            let (orders, next) = work.delay.step(now);
            orders.into_iter().for_each(|order| obey(port, order));
            work.let_go();
            if work.is_over(now.monotonic) {
                return Ok(());
            }
            self.publish(&work.delay, next, now.monotonic);
            wait = work.wait(next, now.monotonic);
        }
    }

    /// While it is busy, now and then; before a long wait, always.
    fn publish(&mut self, delay: &Delay, next: Option<Millis>, now: Millis) {
        let sleeps = next.is_none_or(|next| next > STATUS_EVERY);
        if sleeps || now.0 >= self.published_at.0 + STATUS_EVERY.0 {
            self.published_at = now;
            *lock(&self.figures.0) = delay.status();
        }
    }
}

impl Work {
    fn handle(&mut self, event: DelayEvent) -> Result<(), Error> {
        match event {
            DelayEvent::Record(record) => self.delay.take(record, clock::now()),
            DelayEvent::Sent { tag, outcome } => self.delay.sent(tag, outcome, clock::now()),
            DelayEvent::Ends {
                topic,
                partition,
                end,
            } => self.delay.ends(&topic, partition, end),
            DelayEvent::Assigned(places) => {
                self.forget_left();
                self.delay.assigned(&places);
                self.places.extend(places);
            }
            DelayEvent::Revoked(places, hand_over) => {
                self.delay.leave(&places);
                self.leaving = Some((places, hand_over));
            }
            DelayEvent::Lost(places) => {
                self.leaving = None;
                self.forget(&places);
            }
            DelayEvent::Ended => {
                let message = "the delay service's member of the group has ended";
                return Err(Error::new(ErrorKind::Unavailable, "lease", message));
            }
        }
        Ok(())
    }

    /// What is revoked goes once nothing of it is on its way, and its positions are committed.
    fn let_go(&mut self) {
        if self.leaving.is_some() && self.delay.has_left() {
            self.forget_left();
        }
    }

    fn forget_left(&mut self) {
        if let Some((places, hand_over)) = self.leaving.take() {
            self.forget(&places);
            hand_over.done();
        }
    }

    fn forget(&mut self, places: &[(Arc<str>, i32)]) {
        self.delay.forget(places);
        self.places.retain(|place| !places.contains(place));
    }

    fn begin_to_stop(&mut self) {
        if self.stop_by.is_none() {
            self.stop_by = Some(Millis(clock::monotonic().0 + STOP_MAX.0));
            self.delay.leave(&self.places);
        }
    }

    fn is_over(&self, now: Millis) -> bool {
        self.stop_by
            .is_some_and(|by| self.delay.has_left() || now >= by)
    }

    fn wait(&self, next: Option<Millis>, now: Millis) -> Option<Duration> {
        let stop = self.stop_by.map(|by| Millis(by.0.saturating_sub(now.0)));
        let wait = next.into_iter().chain(stop).min()?;
        Some(Duration::from_millis(wait.0))
    }
}

fn obey(port: &KafkaDelay, order: Order) {
    match order {
        Order::Send { tag, record } => port.send(tag, record),
        Order::Commit {
            topic,
            partition,
            next,
        } => port.commit(&topic, partition, next),
        Order::Hold {
            topic,
            partition,
            hold,
        } => port.hold(&topic, partition, hold),
        Order::Trim {
            topic,
            partition,
            before,
        } => port.trim(&topic, partition, before),
        Order::AskEnd { topic, partition } => port.ask_end(&topic, partition),
    }
}
