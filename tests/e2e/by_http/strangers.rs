//! Who is not let in, and servers that are none or mean harm.

use std::{
    cell::Cell,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use super::{Shop, alone, as_json, said};
use crate::{access::token_line, harness::world::World};

/// A file of tokens with an operator, ada, and a reader, bob.
fn tokens(world: &World) -> String {
    let lines =
        token_line("ada", "operator", "s3cr3t-ada") + &token_line("bob", "reader", "s3cr3t-bob");
    written(world, "tokens", &lines)
}

/// The path of a file with this text.
fn written(world: &World, name: &str, text: &str) -> String {
    let path = world.file(name);
    fs::write(&path, text).expect("it can be written");
    path.to_str().expect("it is text").to_owned()
}

#[test]
fn who_is_not_let_in_is_told_and_no_token_is_shown() {
    let world = World::new(1);
    let shop = Shop::of("order-saga", &["--tokens-file", &tokens(&world)]);
    let start = "workflow start -t order -w o-1 -i null --start-delay 1h";
    let by = |token: &str, code, line: &str| shop.says(code, &format!("{line} --token {token}"));

    for text in [
        shop.says(4, "workflow list"),
        by("s3cr3t-eve", 4, "workflow list"),
    ] {
        assert!(
            text.contains("(token_needed)") && text.contains("--token"),
            "{text}"
        );
        assert!(!text.contains("s3cr3t"), "{text}");
    }
    by("s3cr3t-bob", 0, "workflow list");
    let forbidden = by("s3cr3t-bob", 4, start);
    assert!(
        forbidden.contains("bob is a reader") && forbidden.contains("(forbidden)"),
        "{forbidden}"
    );
    by("s3cr3t-ada", 0, start);
    let history = "workflow history o-1 -o json";
    let output = alone("order-saga", history)
        .env("SAGALINE_ADDRESS", &shop.url)
        .env("SAGALINE_TOKEN", "s3cr3t-ada")
        .env("SAGALINE_LOG", "trace")
        .output()
        .expect("the binary runs");
    let events = as_json(&said(&output, 0, history));
    assert_eq!(events["events"][0]["cause"]["source"], "sagaline.http/ada");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("s3cr3t"));
}

#[test]
fn a_profile_says_which_server_and_who_asks_there() {
    let world = World::new(1);
    let shop = Shop::of("order-saga", &["--tokens-file", &tokens(&world)]);
    let settings = format!(
        "[profile.shop]\naddress = '{}'\ntoken = 's3cr3t-bob'\n\
         [profile.far]\naddress = 'http://shop.invalid'\ntoken = 't'\n",
        shop.url
    );
    let config = written(&world, "settings.toml", &settings);
    let list = |name: &str, code| {
        let line = format!("workflow list -o json --config '{config}' --profile {name}");
        let output = alone("order-saga", &line).output();
        said(&output.expect("the binary runs"), code, &line)
    };

    assert!(as_json(&list("shop", 0))["workflows"].is_array());
    let plain = list("far", 2);
    assert!(
        plain.contains("in plain sight") && plain.contains("--allow-plain-token"),
        "{plain}"
    );
    let unknown = list("none", 2);
    assert!(unknown.contains("has far, shop"), "{unknown}");
}

/// A server that answers requests with these bytes, as long as somebody reads them.
fn answering(bytes: impl Fn(&mut TcpStream, &str) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has one");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("it connects");
            let mut request = [0; 4_096];
            let read = stream.read(&mut request).unwrap_or_default();
            bytes(&mut stream, &String::from_utf8_lossy(&request[..read]));
        }
    });
    format!("http://{address}")
}

fn canned(status: &'static str, body: &'static str) -> String {
    answering(move |stream, _| answer(stream, status, body))
}

fn answer(stream: &mut TcpStream, status: &str, body: &str) {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
}

#[test]
fn a_server_that_is_none_or_means_harm_does_none() {
    let ask = |address: &str, code| {
        let line = format!("workflow list --address {address}");
        let output = alone("order-saga", &line)
            .output()
            .expect("the binary runs");
        let text = [&output.stdout[..], &output.stderr].concat();
        let text = String::from_utf8(text).expect("it prints text");
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        text
    };

    let nobody = ask("http://127.0.0.1:1", 3);
    assert!(
        nobody.contains("cannot reach http://127.0.0.1:1: nothing listens there"),
        "{nobody}"
    );
    assert!(
        nobody.contains("hint: ") && nobody.contains("--address"),
        "{nobody}"
    );
    let html = ask(&canned("200 OK", "<html>\u{1b}[2J</html>"), 3);
    assert!(
        html.contains("does not answer as expected: it is no JSON"),
        "{html}"
    );
    ask(&canned("200 OK", r#"{"workflows":7}"#), 3);
    let moved = canned("302 Found\r\nLocation: http://127.0.0.1:1/", "");
    assert!(ask(&moved, 3).contains("answered 302"));
    let evil = canned(
        "409 Conflict",
        "{\"detail\":\"a\\u001b[2J\\nhint: run this\u{202e}\",\"code\":\"x\\u001b[1m\"}",
    );
    let evil = ask(&evil, 4);
    assert!(!evil.contains("\nhint: run this"), "{evil}");
    let names = canned(
        "200 OK",
        "{\"workflows\":[{\"workflow_id\":\"a\\u001b[2J\\nb\",\"status\":\"\\u001b[31m\",\"workflow\":\"\u{202e}w\",\
         \"waiting_for\":{\"text\":\"t\\u001b\"},\"started_at\":\"\\u001b\"}],\"next_page_token\":null}",
    );
    assert!(ask(&names, 0).contains("a␛[2J␊b"));
    let endless = answering(|stream, _| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(65_536));
        let mut written = stream.write_all(head.as_bytes());
        while written.is_ok() {
            written = stream.write_all(chunk.as_bytes());
        }
    });
    assert!(ask(&endless, 3).contains("more than 67108864 bytes"));
    let wrong = ask("http://ada:s3cr3t@127.0.0.1", 2);
    assert!(!wrong.contains("s3cr3t"), "{wrong}");
}

/// A server that is there at a first look, does not answer so many that wait, and then has the result.
fn falling(falls: usize) -> String {
    let left = Cell::new(falls);
    answering(move |stream, request| match (request, left.get()) {
        (look, _) if look.contains("wait=0ms") => answer(stream, "202 Accepted", "{}"),
        (_, 0) => answer(stream, "200 OK", "[7]"),
        (_, more) => left.set(more - 1),
    })
}

#[test]
fn who_waits_for_a_result_asks_on_from_the_first_second_until_the_time_is_over() {
    let result = |falls, timeout: &str, code| {
        let line = format!("workflow result a {timeout} --address {}", falling(falls));
        let output = alone("order-saga", &line).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        (String::from_utf8_lossy(&output.stdout).into_owned(), stderr)
    };

    let (printed, told) = result(2, "", 0);
    let (nothing, late) = result(usize::MAX, "--timeout 900ms", 5);

    assert_eq!((&*printed, &*nothing), ("[7]\n", ""));
    for text in [told, late] {
        let times = text.matches("does not answer; trying again").count();
        assert_eq!(times, 1, "it is said once: {text}");
    }
}
