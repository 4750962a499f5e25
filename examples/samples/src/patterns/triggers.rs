//! What comes from outside: which branch is taken is decided by it, it counts at once or not at all, and until when.

use std::time::Duration;

use sagaline::prelude::*;
use serde::de::IgnoredAny;

use super::step;

/// WCP-16, deferred choice: nothing decides but who comes first, the customer, the courier or the hour; the others come too late.
#[workflow]
pub async fn deferred_choice(cx: Context) -> Result<String> {
    let taken = select! {
        came = cx.signal::<IgnoredAny>("customer") => came.map(|_| "hand over"),
        came = cx.signal::<IgnoredAny>("courier") => came.map(|_| "send"),
        over = cx.sleep(8.hours()) => over.map(|()| "put back"),
    };
    step(&cx, taken?).await
}

/// WCP-18, milestone: the order may be changed for as long as it is being packed, and no longer.
#[workflow]
pub async fn milestone(cx: Context) -> Result<()> {
    let mut packed = step(&cx, "pack").start();
    loop {
        select! {
            ended = &mut packed => {
                ended?;
                break;
            }
            change = cx.signal::<String>("change") => drop(step(&cx, change?).await?),
        }
    }
    step(&cx, "ship").await.map(drop)
}

/// WCP-23, transient trigger: it counts when the run waits for it at that moment; one that came earlier is lost.
#[workflow]
pub async fn transient_trigger(cx: Context) -> Result<()> {
    step(&cx, "prepare").await?;
    let earlier = || cx.signal::<IgnoredAny>("go").timeout(Duration::ZERO);
    while earlier().await?.is_some() {}
    cx.signal::<IgnoredAny>("go").await?;
    step(&cx, "went").await.map(drop)
}

/// WCP-24, persistent trigger: it is kept until the run is there.
#[workflow]
pub async fn persistent_trigger(cx: Context) -> Result<()> {
    step(&cx, "prepare").await?;
    cx.signal::<IgnoredAny>("go").await?;
    step(&cx, "went").await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patterns::plan::takes;

    #[test]
    fn who_comes_first_decides_and_the_others_change_nothing() {
        for (signals, taken) in [
            (&["customer", "courier"][..], "hand over 1-1"),
            (&["courier", "customer"], "send 1-1"),
            (&[], "put back 8-8"),
        ] {
            let (env, seen) = takes(|_| 0);
            let run = env.start(deferred_choice());
            env.skip(1.hours());

            for signal in signals {
                run.signal(signal, &()).unwrap();
            }

            run.result().unwrap();
            assert_eq!(seen.tasks(), [taken]);
        }
    }

    #[test]
    fn what_comes_before_the_milestone_is_done_and_what_comes_after_it_is_not() {
        let (env, seen) = takes(|name| if name == "pack" { 3 } else { 1 });
        let run = env.start(milestone());

        env.skip(1.hours());
        run.signal("change", "gift wrap").unwrap();
        env.skip(2.hours());
        assert_eq!(seen.names(), ["pack", "gift wrap", "ship"]);
        run.signal("change", "another colour").unwrap();

        run.result().unwrap();
        assert_eq!(seen.tasks(), ["pack 0-3", "gift wrap 1-2", "ship 3-4"]);
    }

    #[test]
    fn a_transient_trigger_that_comes_too_early_is_lost_and_a_persistent_one_is_kept() {
        let (env, seen) = takes(|name| u64::from(name == "prepare"));
        let transient = env.start(transient_trigger());
        let persistent = env.start(persistent_trigger());

        for run in [&transient, &persistent] {
            run.signal("go", &()).unwrap();
        }
        env.skip(2.hours());
        assert_eq!(persistent.status(), "Completed");
        assert_eq!(transient.waiting_for(), "Waiting for signal go for 1 h.");

        transient.signal("go", &()).unwrap();
        transient.result().unwrap();
        assert_eq!(seen.tasks()[2..], ["went 1-1", "went 2-2"]);
    }
}
