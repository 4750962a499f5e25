use sagaline_sdk::prelude::*;

#[activity]
async fn reserve_stock(item: &str) -> Result<u32> {
    Ok(item.len() as u32)
}

#[activity]
async fn release_stock(held: &u32) -> Result<()> {
    let _ = held;
    Ok(())
}

#[workflow]
async fn order(cx: Context, count: u32) -> Result<()> {
    cx.run(reserve_stock(count)).compensate_with(release_stock).await?;
    cx.run(reserve_stock("tea")).compensate_with(|held: &String| release_stock(held)).await?;
    Ok(())
}

fn main() {}
