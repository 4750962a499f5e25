//! Several deliveries at once, each with steps of its own between which it waits for the receiver; one can be called off and
//! the others go on.

use sagaline::prelude::*;
use serde::de::IgnoredAny;

/// Brings a packet to the door.
#[activity]
pub async fn bring(packet: u32) -> Result<()> {
    let _ = packet;
    Ok(())
}

/// Files the receipt.
#[activity]
pub async fn file_receipt(packet: u32) -> Result<()> {
    let _ = packet;
    Ok(())
}

/// Delivers so many packets; returns those that were received. The signals are `received-<n>` and `call-off-<n>`.
#[workflow]
pub async fn packet_delivery(cx: Context, packets: u32) -> Result<Vec<u32>> {
    let delivered = try_join_all((1..=packets).map(|packet| deliver(&cx, packet))).await?;
    Ok(delivered.into_iter().flatten().collect())
}

async fn deliver(cx: &Context, packet: u32) -> Result<Option<u32>> {
    cx.run(bring(packet)).await?;
    let (received, off) = (format!("received-{packet}"), format!("call-off-{packet}"));
    select! {
        here = cx.signal::<IgnoredAny>(&received) => here?,
        off = cx.signal::<IgnoredAny>(&off) => return off.map(|_| None),
    };
    cx.run(file_receipt(packet)).await?;
    Ok(Some(packet))
}

#[cfg(test)]
mod tests {
    use sagaline::testing::Env;

    use super::*;
    use crate::seen::scheduled;

    #[test]
    fn a_delivery_that_is_called_off_ends_and_the_others_go_on() {
        let env = Env::new().activities(activities![bring, file_receipt]);
        let run = env.start(packet_delivery(3));

        for signal in ["received-3", "call-off-2", "received-2"] {
            run.signal(signal, &()).unwrap();
        }
        assert_eq!(run.status(), "Running", "the first packet is at the door");
        run.signal("received-1", &()).unwrap();

        assert_eq!(run.result().unwrap(), [1, 3]);
        let receipts = ["file-receipt 3", "file-receipt 1"];
        assert_eq!(scheduled(&run.history())[3..], receipts);
    }
}
