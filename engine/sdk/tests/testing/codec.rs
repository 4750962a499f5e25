//! Payloads that are encoded outside of the user's code, and those that are not.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, Ordering},
};

use sagaline_core::error_type;
use sagaline_sdk::{
    Codec, StartedChild,
    future::join_all,
    prelude::*,
    testing::{Answer, Env, Run, StartOptions, replay_all},
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

/// What it was told.
#[derive(Default)]
struct Notes {
    all: Vec<String>,
    closed: bool,
}

#[signal]
fn note(notes: &mut Notes, text: String) {
    notes.all.push(text);
}

#[signal]
fn close(notes: &mut Notes) {
    notes.closed = true;
}

#[query]
fn find(notes: &Notes, text: String) -> Result<String> {
    let found = notes.all.iter().find(|one| **one == text).cloned();
    found.ok_or_else(|| Error::new("NotNoted", "there is no such note").with_details(&SECRET))
}

fn is_new(notes: &Notes, text: &String) -> Result<()> {
    match notes.all.contains(text) {
        true => Err(Error::new("Noted", "it is there").with_details(&SECRET)),
        false => Ok(()),
    }
}

#[update(validate = is_new)]
fn replace_by(notes: &mut Notes, text: String) -> Result<Vec<String>> {
    Ok(std::mem::replace(&mut notes.all, vec![text]))
}

#[update]
fn fail(_: &mut Notes) -> Result<()> {
    Err(Error::new("Never", "as planned").with_details(&SECRET))
}

#[workflow(signals(note, close), queries(find), updates(replace_by, fail))]
async fn notebook(cx: Context<Notes>) -> Result<Vec<String>> {
    cx.until(|notes| notes.closed)
        .by(note)
        .choice("flower", &SECRET)
        .await?;
    Ok(cx.with(|notes| notes.all.clone()))
}

fn notebook_id() -> StartOptions {
    StartOptions::new().id("notes")
}

fn details(error: &Error) -> Option<String> {
    error.details()
}

#[test]
fn queries_and_updates_are_given_and_answer_what_nobody_else_reads() {
    let codec = Shifted::default();
    let env = env(&codec);
    let run: Run<Vec<String>> = env.start(notebook());
    run.send(note(SECRET.to_owned())).unwrap();
    env.crash();

    assert_eq!(run.query(find(SECRET.to_owned())).unwrap(), SECRET);
    let unknown = run.query(find("rose".to_owned())).unwrap_err();
    let noted = run.update(replace_by(SECRET.to_owned())).unwrap_err();
    let failed = run.update(fail()).unwrap_err();
    let update = run.begin_update(replace_by(format!("{SECRET} 2"))).unwrap();
    update.repeat(&SECRET).unwrap();

    for (error, error_type) in [(unknown, "NotNoted"), (noted, "Noted"), (failed, "Never")] {
        assert_eq!(error.error_type(), error_type);
        assert_eq!(details(&error).as_deref(), Some(SECRET), "{error_type}");
    }
    assert_eq!(update.result().unwrap(), [SECRET]);
    run.send(close()).unwrap();
    assert_eq!(run.result().unwrap(), ["tulip 2"]);
    let history = run.history().to_json();
    assert_eq!(run.history().count("UpdateCompleted"), 2);
    assert!(!history.contains(SECRET), "{history}");
    assert!(!format!("{:?}", run.describe()).contains(SECRET));
    let workflows = workflows![notebook].codec(codec);
    assert_eq!(replay_all(&workflows, history.as_bytes()).unwrap(), 1);
}

#[test]
fn what_comes_with_a_start_is_encoded_too() {
    let env = env(&Shifted::default());

    let run = env.signal_with_start(notebook_id(), notebook(), note(SECRET.to_owned()));
    let text = format!("{SECRET} 2");
    let (same, update) = env.update_with_start(notebook_id(), notebook(), replace_by(text));
    let text = format!("{SECRET} 2");
    let (_, refused) = env.update_with_start(notebook_id(), notebook(), replace_by(text));

    assert_eq!(update.unwrap().result().unwrap(), [SECRET]);
    assert_eq!(details(&refused.unwrap_err()).as_deref(), Some(SECRET));
    assert_eq!(run.run_id(), same.run_id());
    assert!(!run.history().to_json().contains(SECRET));
}

#[test]
fn without_the_key_nobody_is_answered_and_all_may_ask_again() {
    let codec = Shifted::default();
    let env = env(&codec);
    let run: Run<Vec<String>> = env.start(notebook());
    run.send(note(SECRET.to_owned())).unwrap();

    codec.is_broken.store(true, Ordering::Relaxed);
    let query = run.query(find(SECRET.to_owned())).unwrap_err();
    let update = run.update(replace_by("rose".to_owned())).unwrap_err();
    codec.is_broken.store(false, Ordering::Relaxed);

    assert_eq!(query.error_type(), error_type::BLOCKED);
    assert_eq!(update.error_type(), error_type::BLOCKED);
    assert_eq!(run.history().count("UpdateRejected"), 0);
    assert_eq!(run.status(), "Running");
    assert_eq!(run.query(find(SECRET.to_owned())).unwrap(), SECRET);
    assert_eq!(run.update(replace_by("rose".to_owned())).unwrap(), [SECRET]);
}

/// Hands on a child that has completed, one that has failed and one that goes on.
#[workflow]
async fn hands_on(cx: Context, names: Vec<String>) -> Result<Vec<String>> {
    if !names.is_empty() {
        let children: Vec<StartedChild<String>> = names
            .into_iter()
            .map(|name| cx.child(slow(name)).start())
            .collect();
        cx.sleep(1.minutes()).await?;
        children.into_iter().for_each(StartedChild::hand_on);
        return cx.continue_as_new(&Vec::<String>::new());
    }
    let ended = join_all(cx.carried_children::<String>()).await;
    let told =
        |one: Result<String>| one.unwrap_or_else(|error| details(&error).unwrap_or_default());
    Ok(ended.into_iter().map(told).collect())
}

#[workflow]
async fn slow(cx: Context, name: String) -> Result<String> {
    match name.as_str() {
        "" => Err(Error::new("NoName", "it is empty").with_details(&SECRET)),
        SECRET => Ok(format!("child of {name}")),
        _ => {
            cx.sleep(1.hours()).await?;
            Ok(format!("child of {name}"))
        }
    }
}

#[test]
fn how_children_have_ended_goes_encoded_from_run_to_run() {
    let codec = Shifted::default();
    let env = env(&codec).workflows(workflows![slow]);
    let run = env.start(hands_on(
        [SECRET, "", "tulip 2"].map(str::to_owned).to_vec(),
    ));

    assert_eq!(
        run.result().unwrap(),
        ["child of tulip", SECRET, "child of tulip 2"]
    );
    for history in run.histories() {
        assert!(!history.to_json().contains(SECRET));
    }
}

/// Greets in the engine's process.
#[workflow]
async fn greets_here(cx: Context, name: String) -> Result<String> {
    cx.run(greet(&name)).local().await
}

#[test]
fn local_activities_and_what_a_schedule_starts_are_encoded_too() {
    let codec = Shifted::default();
    let env = env(&codec).workflows(workflows![greets_here]);
    let schedule = serde_json::json!({
        "spec": {"intervals": [{"every": "60s"}]},
        "action": {"workflow": "greets-here", "input": SECRET},
    });
    let schedule = env.schedule("greetings", serde_json::from_value(schedule).unwrap());

    env.skip(2.minutes());

    let started = env.run::<String>("greetings/2030-01-01T00:01:00Z").unwrap();
    assert_eq!(started.result().unwrap(), "Hello, tulip!");
    for history in [started.history(), schedule.history()] {
        assert!(!history.to_json().contains(SECRET));
    }
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
