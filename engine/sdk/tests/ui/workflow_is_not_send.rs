use std::rc::Rc;

use sagaline_sdk::{call_activity, prelude::*};

#[workflow]
async fn order(cx: Context) -> Result<u32> {
    let shared = Rc::new(1);
    let held: u32 = cx.run(call_activity("reserve-stock", &*shared)).await?;
    Ok(held + *shared)
}

fn main() {}
