use sagaline_sdk::prelude::*;

struct Order;

#[activity]
async fn reserve_stock(order: &Order) -> Result<u32> {
    let _ = order;
    Ok(1)
}

fn main() {}
