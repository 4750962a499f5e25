use sagaline_sdk::prelude::*;

#[activity]
async fn reserve_stock(item: &str, count: u32) -> Result<u32> {
    Ok(item.len() as u32 * count)
}

#[workflow]
async fn order(cx: Context, item: String, count: u32) -> Result<()> {
    Ok(())
}

fn main() {}
