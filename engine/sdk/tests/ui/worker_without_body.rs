use sagaline_sdk::prelude::*;

#[activity]
async fn reserve_stock(item: &str) -> Result<u32>;

async fn plain(item: &str) -> Result<u32> {
    Ok(item.len() as u32)
}

fn main() {
    let _ = activities![reserve_stock];
    let _ = activities![plain];
    let _ = workflows![plain];
}
