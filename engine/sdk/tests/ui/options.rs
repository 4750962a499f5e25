use sagaline_sdk::prelude::*;

#[activity(version = "1.0.0")]
async fn reserve_stock(item: &str) -> Result<()> {
    Ok(())
}

#[activity(nome = "reserve")]
async fn reserve_more(item: &str) -> Result<()> {
    Ok(())
}

#[activity(queue = "a b")]
async fn reserve_less(item: &str) -> Result<()> {
    Ok(())
}

#[activity(queue = "sagaline.local")]
async fn reserve_here(item: &str) -> Result<()> {
    Ok(())
}

#[workflow(version = "1.2")]
async fn order(cx: Context) -> Result<()> {
    Ok(())
}

fn main() {}
