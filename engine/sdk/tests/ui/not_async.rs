use sagaline_sdk::prelude::*;

#[activity]
fn reserve_stock(item: &str) -> Result<u32> {
    Ok(item.len() as u32)
}

#[workflow]
fn order(cx: Context) -> Result<u32> {
    Ok(1)
}

fn main() {}
