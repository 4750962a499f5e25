use sagaline_sdk::prelude::*;

#[activity]
async fn reserve_stock(item: &str) -> u32 {
    item.len() as u32
}

#[activity]
async fn release_stock(held: u32) {}

fn main() {}
