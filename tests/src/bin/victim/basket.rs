//! A run that is asked and changed by others until somebody closes it.

use sagaline::prelude::*;

/// Numbers that were put in.
#[derive(Default)]
pub(crate) struct Basket {
    numbers: Vec<u32>,
    closed: bool,
}

fn check(basket: &Basket, number: &u32) -> Result<()> {
    match number {
        0 => Err(Error::new("Nothing", "0 is no number to add")),
        13 => panic!("the validator has a bug"),
        number if basket.numbers.contains(number) => {
            Err(Error::new("Twice", format!("{number} is in there")))
        }
        _ => Ok(()),
    }
}

/// How many there are then.
#[update(validate = check)]
fn add(basket: &mut Basket, number: u32) -> Result<usize> {
    basket.numbers.push(number);
    Ok(basket.numbers.len())
}

/// Works first, which takes so many milliseconds.
#[update]
async fn work_and_add(cx: Context<Basket>, ms: u64) -> Result<u32> {
    let step = crate::Step {
        ms,
        ..Default::default()
    };
    let number = cx.run(crate::work(&step)).await?;
    cx.with_mut(|basket| basket.numbers.push(number));
    Ok(number)
}

#[query]
fn numbers(basket: &Basket) -> Vec<u32> {
    basket.numbers.clone()
}

#[query]
fn explode(_: &Basket) -> u32 {
    panic!("the query has a bug")
}

#[query]
fn large(_: &Basket, bytes: usize) -> String {
    "x".repeat(bytes)
}

#[signal]
fn close(basket: &mut Basket) {
    basket.closed = true;
}

#[workflow(
    signals(close),
    queries(numbers, explode, large),
    updates(add, work_and_add)
)]
pub(crate) async fn basket(cx: Context<Basket>) -> Result<Vec<u32>> {
    cx.until(|basket| basket.closed).by(close).await?;
    Ok(cx.with(|basket| basket.numbers.clone()))
}
