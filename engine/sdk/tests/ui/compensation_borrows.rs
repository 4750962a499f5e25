use sagaline_sdk::prelude::*;

#[activity]
async fn reserve_stock(item: &str) -> Result<u32>;

#[activity]
async fn release_stock(held: &(String, u32)) -> Result<()>;

#[workflow]
async fn order(cx: Context, item: String) -> Result<()> {
    cx.run(reserve_stock(&item)).compensate_with(|held| release_stock(&(item.clone(), *held))).await?;
    Ok(())
}

fn main() {}
