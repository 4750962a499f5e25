use sagaline_sdk::prelude::*;

#[activity]
async fn store<T: ToString>(value: T) -> Result<()> {
    Ok(())
}

#[activity]
async fn store_any(value: impl ToString) -> Result<()> {
    Ok(())
}

#[activity]
async fn change(value: &mut u32) -> Result<()> {
    Ok(())
}

fn main() {}
