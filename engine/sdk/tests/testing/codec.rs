//! Payloads that are encoded outside of the user's code, and those that are not.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, Ordering},
};

use sagaline_sdk::{
    Codec,
    prelude::*,
    testing::{Answer, Env, replay_all},
};

/// Adds a number to each byte, another one each time, which is in front.
#[derive(Clone, Default)]
struct Shifted {
    next: Arc<AtomicU8>,
    is_broken: Arc<AtomicBool>,
}

impl Codec for Shifted {
    fn content_type(&self) -> &str {
        "application/vnd.test.shifted"
    }

    fn encode(&self, plain: &[u8]) -> Result<Vec<u8>> {
        let by = self.next.fetch_add(1, Ordering::Relaxed) % 100 + 100;
        let shifted = plain.iter().map(|byte| byte.wrapping_add(by));
        Ok([by].into_iter().chain(shifted).collect())
    }

    fn decode(&self, encoded: &[u8]) -> Result<Vec<u8>> {
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(Error::new("KeyGone", "the key is not there"));
        }
        let (by, shifted) = encoded
            .split_first()
            .ok_or_else(|| Error::other("it is empty"))?;
        Ok(shifted.iter().map(|byte| byte.wrapping_sub(*by)).collect())
    }
}

/// What must be seen nowhere.
const SECRET: &str = "tulip";

#[activity]
async fn greet(cx: ActivityContext, name: &str) -> Result<String> {
    cx.heartbeat(name)?;
    match name {
        "nobody" => Err(Error::new("NobodyThere", "no name").with_details(&SECRET)),
        name => Ok(format!("Hello, {name}!")),
    }
}

#[activity]
async fn forget(greeting: &str) -> Result<()> {
    let _ = greeting;
    Ok(())
}

#[workflow]
async fn child(_cx: Context, name: String) -> Result<String> {
    match name.as_str() {
        "" => Err(Error::new("NoName", "it is empty").with_details(&SECRET)),
        name => Ok(format!("child of {name}")),
    }
}

/// Sends the secret every way that there is.
#[workflow]
async fn everywhere(cx: Context, name: String) -> Result<Vec<String>> {
    let kept = cx.side_effect("kept", || SECRET.to_owned())?;
    assert_eq!(cx.version("all", 0..=1), 1);
    let greeted = cx
        .run(greet(&name))
        .compensate_with(|it| forget(it))
        .await?;
    let once = Retry::default().maximum_attempts(1);
    let failed = cx.run(greet("nobody")).retry(once).await.unwrap_err();
    let of = cx.child(child(name)).await?;
    let no_child = cx.child(child(String::new())).await.unwrap_err();
    let signaled: String = cx.signal("more").await?;
    let details = [failed, no_child].map(|error| error.details::<String>().unwrap_or_default());
    Ok([vec![kept, greeted, of, signaled], details.to_vec()].concat())
}

/// Does the same, and goes on in another run with signals that nobody has taken.
#[workflow]
async fn goes_on(cx: Context, rounds: u32) -> Result<String> {
    cx.signal::<String>("more").await?;
    match rounds {
        0 => Err(Error::new("TooLate", "no more").with_details(&SECRET)),
        _ => cx.continue_as_new(&(rounds - 1)),
    }
}

fn env(codec: &Shifted) -> Env {
    Env::new()
        .codec(codec.clone())
        .activities(activities![greet, forget])
        .workflows(workflows![child])
}

#[test]
fn what_is_encoded_is_read_by_those_who_have_the_codec_and_seen_by_nobody_else() {
    let codec = Shifted::default();
    let env = env(&codec);
    let run = env.start(everywhere(SECRET.to_owned()));
    run.signal("more", SECRET).unwrap();
    env.crash();

    assert_eq!(
        run.result().unwrap(),
        [
            SECRET,
            "Hello, tulip!",
            "child of tulip",
            SECRET,
            SECRET,
            SECRET
        ]
    );
    let history = run.history().to_json();
    assert!(!history.contains(SECRET), "{history}");
    assert!(history.contains("application/vnd.test.shifted"));
    let seen = format!("{:?}", run.describe());
    assert!(!seen.contains(SECRET), "{seen}");
    // A printed history is replayed by code that has the codec.
    let workflows = workflows![everywhere].codec(codec);
    assert_eq!(replay_all(&workflows, history.as_bytes()).unwrap(), 1);
}

#[test]
fn a_run_that_goes_on_in_another_takes_its_signals_along() {
    let env = env(&Shifted::default());
    let run = env.start(goes_on(2));
    for _ in 0..3 {
        run.signal("more", SECRET).unwrap();
    }

    let error = run.result().unwrap_err();

    assert_eq!(error.error_type(), "TooLate");
    assert_eq!(error.details::<String>().as_deref(), Some(SECRET));
    assert!(!run.history().to_json().contains(SECRET));
}

#[test]
fn a_run_that_began_without_the_codec_goes_on_with_it() {
    let env = Env::new()
        .activities(activities![greet, forget])
        .workflows(workflows![child]);
    env.answers(greet, [Answer::ok("Hello!".to_owned()).after(30.seconds())]);
    let run = env.start(everywhere("rose".to_owned()));

    env.codec(Shifted::default());
    run.signal("more", SECRET).unwrap();

    assert_eq!(
        run.result().unwrap()[1..4],
        ["Hello!", "child of rose", SECRET]
    );
}

#[test]
fn a_run_waits_for_an_engine_that_has_the_key() {
    let codec = Shifted::default();
    let env = env(&codec);
    let run = env.start(everywhere(SECRET.to_owned()));

    codec.is_broken.store(true, Ordering::Relaxed);
    run.signal("more", SECRET).unwrap();
    let incident = run.wait_for_incident().unwrap();
    assert_eq!(incident.kind(), "panic");
    let text = incident.error().message().to_owned();
    assert!(text.contains("KeyGone"), "{text}");
    codec.is_broken.store(false, Ordering::Relaxed);
    incident.retry().unwrap();

    assert_eq!(run.result().unwrap().len(), 6);
}

#[test]
#[should_panic(expected = "it must be none of JSON")]
fn a_codec_may_not_claim_to_write_json() {
    struct Json;
    impl Codec for Json {
        fn content_type(&self) -> &str {
            "application/vnd.test+json"
        }
        fn encode(&self, plain: &[u8]) -> Result<Vec<u8>> {
            Ok(plain.to_vec())
        }
        fn decode(&self, encoded: &[u8]) -> Result<Vec<u8>> {
            Ok(encoded.to_vec())
        }
    }

    let _ = Env::new().codec(Json);
}
