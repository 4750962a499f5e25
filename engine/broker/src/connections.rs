//! All connections: how many there may be, how many bytes of requests and answers they hold, and which one has to go when
//! another needs room.
//!
//! ```text
//!   a connection too many     ─▶ of the address that has most, the one that has been silent for longest is closed
//!   more bytes than there may ─▶ the transfer that began first is closed, once it has had its time; until then one waits
//! ```
//! Every connection has some bytes of its own, so that who asks for little is never held up by others. A client that sends
//! or reads slowly keeps what it holds while nobody else needs it.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    future::pending,
    net::IpAddr,
    rc::Rc,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::limits::{CONNECTION_BYTES, MEMORY_BYTES_MAX, TRANSFER_TIME_MIN};

/// All connections.
#[derive(Debug)]
pub(crate) struct Connections {
    max: usize,
    seats: RefCell<BTreeMap<u64, Rc<Seat>>>,
    next: Cell<u64>,
    /// Bytes that are held beyond every connection's own.
    shared: Cell<usize>,
    has_changed: Notify,
}

#[derive(Debug)]
struct Seat {
    client: IpAddr,
    last_active: Cell<Instant>,
    /// Since when it holds bytes.
    since: Cell<Instant>,
    bytes: Cell<usize>,
    end: Notify,
    why: Cell<&'static str>,
}

/// One connection's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    all: Rc<Connections>,
    number: u64,
    seat: Rc<Seat>,
}

impl Connections {
    /// No connections yet, of which there may be so many.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            seats: RefCell::default(),
            next: Cell::new(0),
            shared: Cell::new(0),
            has_changed: Notify::new(),
        }
    }

    /// A place for one more, at the expense of another if need be.
    pub(crate) fn enter(self: &Rc<Self>, client: IpAddr) -> Place {
        while self.seats.borrow().len() >= self.max.max(1) {
            self.end_silent();
        }
        let number = self.next.get();
        self.next.set(number + 1);
        let now = Instant::now();
        let seat = Rc::new(Seat {
            client,
            last_active: Cell::new(now),
            since: Cell::new(now),
            bytes: Cell::new(0),
            end: Notify::new(),
            why: Cell::new(""),
        });
        self.seats.borrow_mut().insert(number, seat.clone());
        Place {
            all: self.clone(),
            number,
            seat,
        }
    }

    /// Closes a connection: of the address that has most, the one that has been silent for longest.
    pub(crate) fn end_silent(&self) {
        let mut of_address: HashMap<IpAddr, (usize, Instant, u64)> = HashMap::new();
        for (number, seat) in self.seats.borrow().iter() {
            let active = seat.last_active.get();
            let entry = of_address
                .entry(seat.client)
                .or_insert((0, active, *number));
            entry.0 += 1;
            if active < entry.1 {
                (entry.1, entry.2) = (active, *number);
            }
        }
        let crowd = of_address.into_values().max_by_key(|(count, ..)| *count);
        if let Some((_, _, number)) = crowd {
            self.end(number, "another one needs its place");
        }
    }

    /// Until there is none.
    pub(crate) async fn until_none(&self) {
        while !self.seats.borrow().is_empty() {
            self.has_changed.notified().await;
        }
    }

    /// Bytes that nobody holds.
    pub(crate) fn room(&self) -> usize {
        MEMORY_BYTES_MAX.saturating_sub(self.shared.get())
    }

    /// Waits until fewer bytes are held than may be. What is made next may be too much then, but that alone.
    pub(crate) async fn until_there_is_room(&self) {
        self.until(1, None).await;
    }

    /// Waits until so many bytes more may be held; `but` is not closed for that.
    async fn until(&self, bytes: usize, but: Option<u64>) {
        while self.room() < bytes {
            let mut changed = std::pin::pin!(self.has_changed.notified());
            changed.as_mut().enable();
            let first = self.first_to_go(but);
            match first {
                Some((since, number)) if since.elapsed() >= TRANSFER_TIME_MIN => {
                    self.end(number, "another one needs its memory");
                }
                Some((since, _)) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(since + TRANSFER_TIME_MIN) => {}
                },
                None => changed.await,
            }
        }
    }

    /// Of those that hold shared bytes the one that began first.
    fn first_to_go(&self, but: Option<u64>) -> Option<(Instant, u64)> {
        let seats = self.seats.borrow();
        let holders = seats
            .iter()
            .filter(|(number, seat)| seat.shared() > 0 && Some(**number) != but);
        let sinces = holders.map(|(number, seat)| (seat.since.get(), *number));
        sinces.min()
    }

    fn end(&self, number: u64, why: &'static str) {
        let ended = self.seats.borrow_mut().remove(&number);
        if let Some(seat) = ended {
            self.set(&seat, 0);
            seat.why.set(why);
            seat.end.notify_one();
        }
    }

    fn set(&self, seat: &Seat, bytes: usize) {
        let before = seat.shared();
        if seat.bytes.replace(bytes) == 0 {
            seat.since.set(Instant::now());
        }
        self.shared.set(self.shared.get() + seat.shared() - before);
        if seat.shared() < before {
            self.has_changed.notify_waiters();
        }
    }
}

impl Seat {
    fn shared(&self) -> usize {
        self.bytes.get().saturating_sub(CONNECTION_BYTES)
    }
}

impl Place {
    /// Returns when the connection has to end, with the reason.
    pub(crate) async fn ended(&self) -> &'static str {
        self.seat.end.notified().await;
        self.seat.why.get()
    }

    /// Waits until so many bytes in all may be held, and holds them.
    pub(crate) async fn hold(&self, bytes: usize) {
        let more = bytes.saturating_sub(CONNECTION_BYTES);
        self.all
            .until(more.saturating_sub(self.seat.shared()), Some(self.number))
            .await;
        if !self.is_there() {
            // It is about to be dropped.
            pending::<()>().await;
        }
        self.all.set(&self.seat, bytes);
    }

    /// Waits until so many bytes more may be held, and holds them.
    pub(crate) async fn hold_more(&self, bytes: usize) {
        self.hold(self.seat.bytes.get() + bytes).await;
    }

    /// Holds what is there already, whether there is room for it or not.
    pub(crate) fn hold_made(&self, bytes: usize) {
        if self.is_there() {
            self.all.set(&self.seat, 0);
            self.all.set(&self.seat, bytes);
        }
    }

    /// Nothing is held any more, and the client was heard of just now.
    pub(crate) fn rest(&self) {
        self.seat.last_active.set(Instant::now());
        self.all.set(&self.seat, 0);
    }

    fn is_there(&self) -> bool {
        self.all.seats.borrow().contains_key(&self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let was_there = self.all.seats.borrow_mut().remove(&self.number);
        if was_there.is_some() {
            self.all.set(&self.seat, 0);
            self.all.has_changed.notify_waiters();
        }
    }
}
