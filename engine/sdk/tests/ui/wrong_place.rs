use sagaline_sdk::prelude::*;

#[workflow]
struct Order;

struct Refund;

#[workflow]
impl Refund {
    async fn run(&self, cx: Context) -> Result<()> {
        Ok(())
    }
}

struct Inventory;

impl Inventory {
    #[activity]
    async fn reserve(&self, item: &str) -> Result<()> {
        Ok(())
    }
}

fn main() {}
