//! All forms that are right.

use sagaline_sdk::prelude::*;

type Order = (u32, Vec<String>);

/// An error of one's own.
#[derive(Debug)]
struct SoldOut;

impl std::fmt::Display for SoldOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("sold out")
    }
}

impl std::error::Error for SoldOut {}

#[activity]
pub async fn by_reference(order: &Order) -> Result<usize> {
    Ok(order.1.len())
}

#[activity(name = "with-own-error", queue = "slow")]
async fn own_error((a, b): (u8, u8)) -> Result<u8, SoldOut> {
    a.checked_add(b).ok_or(SoldOut)
}

#[activity]
async fn slices(cx: &ActivityContext, mut names: Vec<String>) -> std::result::Result<Vec<String>, std::io::Error> {
    names.push(cx.attempt().to_string());
    Ok(names)
}

#[activity]
async fn borrowed(parts: &[u8]) -> Result<u8> {
    Ok(parts.iter().sum())
}

#[activity]
async fn nothing() -> Result<()> {
    Ok(())
}

#[activity]
async fn elsewhere(text: &str) -> Result<()>;

#[workflow(version = "1.2.3-beta.1", queues = ["slow", "fast"])]
pub async fn order(cx: &Context, order: Order) -> Result<usize, Error> {
    // The names of the workflow and its parameter may be the same, and a variable may be called like an activity.
    let nothing_more = cx.run(nothing()).await;
    let by_reference = cx.run(by_reference(&order)).compensate_with(|n| elsewhere(&n.to_string())).await?;
    nothing_more?;
    cx.run(own_error((1, 2))).compensate_always(slices(Vec::new())).await?;
    cx.run(borrowed(&[1, 2])).await?;
    Ok(by_reference)
}

#[derive(Default)]
struct Stateful(u8);

#[workflow]
impl Stateful {
    #[run]
    async fn run(&mut self, _cx: Context) -> Result<u8> {
        self.0 += 1;
        Ok(self.0)
    }
}

struct Stateless;

#[workflow]
impl Stateless {
    #[run]
    async fn go(_cx: Context, name: &str) -> Result<String> {
        Ok(name.to_owned())
    }
}

fn main() {
    let workflows = workflows![order, Stateful::default(), Stateless];
    let activities = activities![by_reference, own_error, slices, borrowed, nothing];
    assert_eq!(workflows.names().count(), 3);
    assert_eq!(activities.names().count(), 5);
}
