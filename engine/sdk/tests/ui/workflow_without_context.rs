use sagaline_sdk::prelude::*;

#[workflow]
async fn order(item: String) -> Result<String> {
    Ok(item)
}

fn main() {}
