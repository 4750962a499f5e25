use sagaline_sdk::prelude::*;

struct SoldOut;

#[activity]
async fn reserve_stock(item: &str) -> Result<u32, SoldOut> {
    let _ = item;
    Err(SoldOut)
}

fn main() {}
