use sagaline_sdk::prelude::*;

#[signal]
fn answers(count: &mut u32) -> u32 {
    *count
}

#[query]
fn changes(count: &mut u32) -> u32 {
    *count
}

#[update]
fn says_nothing(count: &mut u32) {
    *count += 1;
}

#[update]
async fn without_context(count: &mut u32) -> Result<()> {
    Ok(())
}

#[signal(validate = check)]
fn validated(count: &mut u32) {
    *count += 1;
}

#[query]
fn count(count: &u32) -> u32 {
    *count
}

#[workflow(queries(count))]
async fn of_another_state(cx: Context<String>) -> Result<()> {
    Ok(())
}

#[workflow(signals(count))]
async fn of_another_kind(cx: Context<u32>) -> Result<()> {
    Ok(())
}

fn main() {}
