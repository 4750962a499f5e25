//! Tokens of a file, which is followed while the engine runs.

use std::{fs, path::PathBuf};

use serde_json::json;

use super::{Door, token_line};
use crate::harness::{
    http::{self, Events, ok, problem},
    process::Signal,
    wait::until,
    world::World,
};

/// An engine with a file of these tokens.
fn door(lines: &[String]) -> (Door, PathBuf) {
    let world = World::new(1);
    let file = world.file("tokens");
    fs::write(&file, lines.concat()).expect("it is written");
    let path = file.to_str().expect("its path is text");
    (Door::of(world, &["--tokens-file", path]), file)
}

/// Events by a token.
fn events(door: &Door, token: &str) -> Events {
    let header = format!("Bearer {token}");
    let header = Some(("Authorization", &*header));
    let mut events = Events::open_with(&door.address, "/api/v1/stream/workflows", header);
    assert_eq!(events.next().name, "hello");
    events
}

#[test]
fn who_has_no_token_sees_nothing_and_who_has_one_does_what_it_is_for() {
    let (door, _) = door(&[
        token_line("rita", "reader", "t-r"),
        token_line("otto", "operator", "t-o"),
        token_line("anna", "operator@elsewhere", "t-a"),
    ]);

    let nobody = http::get(&door.address, "/api/v1/workflows");
    let wrong = door.get("/workflows", "t-x");
    let reads = door.get("/workflows", "t-r");
    let may_not = door.start("p-1", "t-r");
    let elsewhere = [door.get("/workflows", "t-a"), door.start("p-1", "t-a")];
    let starts = door.start("p-1", "t-o");
    let history = ok(&door.get("/workflows/p-1/history", "t-r"), 200);
    let deletes = door.ask("DELETE /workflows/p-1", "t-o", &json!({}));
    pages_go_by_the_cookie(&door);

    problem(&nobody, 401, "token_needed");
    assert!(
        nobody.head.contains("www-authenticate: Bearer"),
        "{nobody:?}"
    );
    problem(&wrong, 401, "token_needed");
    ok(&reads, 200);
    problem(&may_not, 403, "forbidden");
    for answer in &elsewhere {
        let forbidden = problem(answer, 403, "forbidden");
        let detail = forbidden["detail"].as_str().expect("it says why");
        assert!(detail.contains("may do nothing in namespace"), "{detail}");
    }
    ok(&starts, 200);
    assert_eq!(
        history["events"][0]["cause"]["source"],
        "sagaline.http/otto"
    );
    problem(&deletes, 403, "forbidden");
}

/// Pages are told by the cookie who signed in, rita or otto, and so are their events.
fn pages_go_by_the_cookie(door: &Door) {
    let page = |token: &str| door.page("/workflows?query=", token);
    let (unknown, reader, operator) = (page("t-x"), page("t-r"), page("t-o"));
    let events = "/read/stream/workflows";
    let unheard = http::get(&door.address, events);
    let cookie = Some(("Cookie", "sl_token=t-r"));
    let hello = Events::open_with(&door.address, events, cookie).next();

    assert!(
        unknown.status == 401 && unknown.body.contains("Sign in"),
        "{unknown:?}"
    );
    assert!(reader.body.contains("Signed in as rita") && reader.body.contains("p-1"));
    assert!(!reader.body.contains("Terminate…") && operator.body.contains("Terminate…"));
    assert_eq!((unheard.status, hello.name.as_str()), (401, "hello"));
}

#[test]
fn a_file_that_changes_is_followed_and_a_token_that_was_taken_out_opens_nothing_any_more() {
    let (rita, otto) = (
        token_line("rita", "reader", "t-r"),
        token_line("otto", "operator", "t-o"),
    );
    let (mut door, file) = door(&[rita.clone(), otto.clone()]);
    let mut of_rita = events(&door, "t-r");
    let of_otto = events(&door, "t-o");
    let path = "/read/stream/workflows";
    let cookie = Some(("Cookie", "sl_token=t-o"));
    let mut of_page = Events::open_with(&door.address, path, cookie);
    assert_eq!(of_page.next().name, "hello");

    let ada = token_line("ada", "operator", "t-a");
    fs::write(&file, [rita, ada.clone()].concat()).expect("it is written");
    of_otto.end();
    of_page.end();
    problem(&door.get("/workflows", "t-o"), 401, "token_needed");
    assert_eq!(door.page("/workflows", "t-o").status, 401);
    ok(&door.start("p-1", "t-a"), 200);
    let told = of_rita.next();
    assert!(told.data.contains("p-1"), "who stays is told: {told:?}");

    for (wrong, count) in [("rita boss\n", 1), ("\u{0}", 2)] {
        fs::write(&file, wrong).expect("it is written");
        until("what is wrong is told of", || {
            (door.engine.said("http-tokens") == count).then_some(())
        });
        ok(&door.get("/workflows", "t-r"), 200);
    }
    fs::remove_file(&file).expect("it is there");
    until("that it is gone is told of", || {
        (door.engine.said("http-tokens") == 3).then_some(())
    });
    ok(&door.get("/workflows", "t-r"), 200);
    ok(&door.start("p-2", "t-a"), 200);
    while !of_rita.next().data.contains("p-2") {}

    fs::write(&file, [ada, otto].concat()).expect("it is written");
    door.engine.signal(Signal::Hup);
    of_rita.end();
    problem(&door.get("/workflows", "t-r"), 401, "token_needed");
    ok(&door.get("/workflows", "t-o"), 200);
    assert!(!door.engine.has_ended());
    assert_eq!(door.engine.said("code=\"http-tokens\""), 3, "each once");
}
