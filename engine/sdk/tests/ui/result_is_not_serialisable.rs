use sagaline_sdk::prelude::*;

struct Held;

#[activity]
async fn reserve_stock(item: &str) -> Result<Held> {
    let _ = item;
    Ok(Held)
}

#[workflow]
async fn order(cx: Context) -> Result<()> {
    cx.run(reserve_stock("tea")).await?;
    Ok(())
}

fn main() {}
