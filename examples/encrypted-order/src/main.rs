//! An order whose data is encrypted wherever Kafka keeps it: only the app's own processes can read it.

mod keys;

use std::{path::PathBuf, process::ExitCode};

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

use keys::Keys;

/// Who wants what.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    customer: String,
    item: String,
}

/// Puts the item aside, at the second attempt, on the shelf that the first one found.
#[activity(queue = "orders")]
async fn reserve(cx: ActivityContext, order: &Order) -> Result<String> {
    let before: Option<String> = cx.last_heartbeat()?;
    let Some(shelf) = before else {
        cx.heartbeat(&format!("shelf of {}", order.customer))?;
        return Err(Error::new("ShelfIsFull", "there is no room yet").with_details(order));
    };
    Ok(shelf)
}

/// Puts it back.
#[activity(queue = "orders")]
async fn release(shelf: &str) -> Result<()> {
    let _ = shelf;
    Ok(())
}

/// What the customer is told.
#[workflow]
async fn notify(_cx: Context, customer: String) -> Result<String> {
    Ok(format!("Dear {customer}"))
}

#[workflow]
async fn encrypted_order(cx: Context, order: Order) -> Result<String> {
    let greeting = cx.side_effect("greeting", || format!("Hello, {}!", order.customer))?;
    let reserving = cx.run(reserve(&order)).heartbeat(10.seconds());
    let shelf = reserving.compensate_with(|shelf| release(shelf)).await?;
    let letter = cx.child(notify(order.customer)).await?;
    let address: String = cx.signal("address").await?;
    if address.is_empty() {
        return Err(Error::new("NoAddress", "the address is empty").with_details(&shelf));
    }
    Ok(format!(
        "{greeting} {letter}, {} on the {shelf} goes to {address}",
        order.item
    ))
}

fn main() -> Result<ExitCode> {
    let keys = std::env::var_os("ORDER_KEYS").map_or_else(|| "order.keys".into(), PathBuf::from);
    Ok(sagaline::app()
        .codec(Keys::read(&keys)?)
        .workflow(encrypted_order)
        .workflow(notify)
        .activities(activities![reserve, release])
        .run())
}

#[cfg(test)]
mod tests {
    use sagaline::testing::Env;

    use super::*;

    #[test]
    fn nothing_of_the_order_is_in_its_history() {
        let env = Env::new()
            .codec(
                Keys::parse("1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff")
                    .unwrap(),
            )
            .activities(activities![reserve, release])
            .workflows(workflows![notify]);
        env.mock(reserve, |order: Order| {
            Ok(format!("shelf of {}", order.customer))
        });
        let order = Order {
            customer: "Augusta Ada King".into(),
            item: "Darjeeling tea".into(),
        };
        let run = env.start(encrypted_order(order));
        run.signal("address", "12 Hill Street").unwrap();

        let result = run.result().unwrap();

        assert_eq!(
            result,
            "Hello, Augusta Ada King! Dear Augusta Ada King, Darjeeling tea on the shelf of Augusta Ada King goes to 12 Hill Street"
        );
        let history = run.history().to_json();
        // Long enough that no ciphertext has them by chance.
        for secret in ["Augusta", "Darjeeling", "Hill Street"] {
            assert!(!history.contains(secret), "{history}");
        }
    }
}
