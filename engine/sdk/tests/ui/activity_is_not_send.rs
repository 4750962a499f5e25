use std::{cell::RefCell, rc::Rc};

use sagaline_sdk::prelude::*;

#[activity]
async fn reserve_stock(item: &str) -> Result<String> {
    let shared = Rc::new(RefCell::new(item.to_owned()));
    std::future::ready(()).await;
    Ok(shared.borrow().clone())
}

fn main() {}
