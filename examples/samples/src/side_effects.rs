//! What would differ from run to run is kept in the history: chance, ids, a setting read once.

use std::sync::atomic::{AtomicU32, Ordering};

use sagaline::prelude::*;

/// Stands for a setting outside: how often it was read.
static READ: AtomicU32 = AtomicU32::new(0);

/// Sends a parcel by that courier, under that number.
#[activity]
pub async fn send(parcel: (u64, String, bool)) -> Result<()> {
    let _ = parcel;
    Ok(())
}

/// Draws a courier and a parcel number and reads whether it is urgent; hands the parcel over now and, after a night, again.
#[workflow]
pub async fn side_effects(cx: Context) -> Result<()> {
    let courier = cx.random_range(1..1_000);
    let number = cx.uuid().to_string();
    let urgent = cx.side_effect("urgent", || READ.fetch_add(1, Ordering::Relaxed) == 0)?;
    cx.run(send((courier, number.clone(), urgent))).await?;
    cx.sleep(12.hours()).await?;
    cx.run(send((courier, number, urgent))).await
}

#[cfg(test)]
mod tests {
    use sagaline::testing::Env;

    use super::*;
    use crate::seen::scheduled;

    #[test]
    fn what_was_drawn_and_read_stays_as_it_was_when_the_engine_crashes() {
        let env = Env::new().activities(activities![send]);
        let run = env.start(side_effects());

        env.crash();
        run.result().unwrap();

        let sent = scheduled(&run.history());
        assert_eq!(sent[0], sent[1]);
        assert!(sent[0].ends_with(",true]"), "{sent:?}");
        assert_eq!(READ.load(Ordering::Relaxed), 1, "replay does not read it");
        let other = env.start(side_effects());
        assert_ne!(scheduled(&other.history())[0], sent[0]);
    }
}
