//! What the journal says, as rows that can be searched: runs, pending activities, incidents, attributes.
//!
//! ```text
//! journal ─▶ valid batches ─▶ fold, run by run ─▶ one SQL transaction: rows and the offset behind them
//! ```
//! The engine never waits for it, and it may be lost: it is rebuilt from the journal. Deliberately absent: HTTP, JSON of the API
//! (core's views make that of the runs that are read here), anything that an owner decides by.

#![cfg_attr(
    not(test),
    expect(dead_code, reason = "the writer and the queries follow")
)]

mod key;
