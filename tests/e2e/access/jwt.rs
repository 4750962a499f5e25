//! Tokens of an issuer, as an engine of its own finds the issuer's keys.

use serde_json::{Value, json};

use super::{
    Door,
    issuer::{AUDIENCE, Issuer, Key, in_seconds, unsigned},
    token_line,
};
use crate::harness::{
    http::{Events, ok, problem},
    wait::until,
    world::World,
};

#[test]
fn a_token_of_an_issuer_opens_what_its_roles_are_for_in_their_namespace() {
    let keys = [Key::rsa("r"), Key::ed25519("d")];
    let issuer = Issuer::of(&keys.each_ref());
    let door = Door::of(
        World::new(1),
        &["--issuer", &issuer.url, "--audience", AUDIENCE],
    );
    let here = format!("sagaline:operator@{}", door.world.namespace);

    // May: read, start, delete; what is not there cannot be deleted by who may.
    for (number, (role, may)) in [
        ("reader", [200, 403, 403]),
        (&*here, [200, 200, 403]),
        ("admin", [200, 200, 404]),
        ("operator@elsewhere", [403, 403, 403]),
        ("friend", [403, 403, 403]),
    ]
    .into_iter()
    .enumerate()
    {
        for key in &keys {
            let token = key.token(&issuer.claims(&json!({"roles": ["others", role]})));
            let id = format!("{number}-{}", token.len());
            let asked = [
                door.get("/workflows", &token),
                door.start(&id, &token),
                door.ask("DELETE /workflows/nobody", &token, &json!({})),
            ];
            assert_eq!(asked.each_ref().map(|answer| answer.status), may, "{role}");
            for answer in asked.iter().filter(|answer| answer.status == 403) {
                problem(answer, 403, "forbidden");
            }
        }
    }
    let operator = keys[0].token(&issuer.claims(&json!({"roles": [here]})));
    ok(&door.start("of-ada", &operator), 200);
    let history = ok(&door.get("/workflows/of-ada/history", &operator), 200);
    assert_eq!(history["events"][0]["cause"]["source"], "sagaline.http/ada");
    let page = door.page("/workflows?query=", &operator);
    assert!(page.body.contains("Signed in as ada"), "{page:?}");
    let header = format!("Bearer {operator}");
    let header = Some(("Authorization", &*header));
    let path = "/api/v1/stream/workflows";
    let hello = Events::open_with(&door.address, path, header).next();
    assert_eq!(hello.name, "hello");
    assert_eq!(issuer.asked(), 1, "keys are got once");
    door.world.journal().audit();
}

#[test]
fn a_token_that_is_not_of_the_issuer_or_not_for_this_server_or_not_for_now_opens_nothing() {
    let (rsa, ed) = (Key::rsa("r"), Key::ed25519("d"));
    let issuer = Issuer::of(&[&rsa, &ed]);
    let door = Door::of(
        World::new(1),
        &["--issuer", &issuer.url, "--audience", AUDIENCE],
    );
    let admin = |changed: Value| {
        let mut claims = issuer.claims(&changed);
        claims["roles"] = json!(["admin"]);
        claims
    };
    let good = admin(json!({}));
    let token = rsa.token(&good);
    let signature = token.rsplit('.').next().expect("it has three parts");
    let none = unsigned(&json!({"alg": "none", "kid": "r"}), &good);

    let wrong = [
        ("audience", rsa.token(&admin(json!({"aud": "others"})))),
        ("no audience", ed.token(&admin(json!({"aud": null})))),
        (
            "issuer",
            ed.token(&admin(json!({"iss": "https://evil.example"}))),
        ),
        (
            "expired",
            rsa.token(&admin(json!({"exp": in_seconds(-60)}))),
        ),
        ("no end", rsa.token(&admin(json!({"exp": null})))),
        ("not yet", ed.token(&admin(json!({"nbf": in_seconds(60)})))),
        ("unknown kid", Key::rsa("x").token(&good)),
        ("another's key", Key::rsa("r").token(&good)),
        (
            "another's kid",
            ed.token_of(&json!({"alg": "EdDSA", "kid": "r"}), &good),
        ),
        ("alg none", format!("{none}.")),
        ("alg none, signed", format!("{none}.{signature}")),
        ("HMAC with the public key", rsa.forged(&good)),
        (
            "other claims",
            format!(
                "{}.{signature}",
                unsigned(
                    &json!({"alg": "RS256", "kid": "r"}),
                    &admin(json!({"sub": "eve"}))
                )
            ),
        ),
        ("long", format!("{token}{}", "A".repeat(9_000))),
        ("no JSON", "a.b.c".to_owned()),
    ];
    for (what, token) in &wrong {
        for answer in [door.get("/workflows", token), door.start("stolen", token)] {
            let refused = problem(&answer, 401, "token_invalid");
            assert!(
                answer.head.contains("error=\"invalid_token\""),
                "{what}: {answer:?}"
            );
            assert!(!refused.to_string().contains(&**token), "{what}");
        }
        assert_eq!(door.page("/workflows", token).status, 401, "{what}");
    }

    problem(
        &door.get("/workflows/stolen", &token),
        404,
        "workflow_not_found",
    );
    ok(&door.start("mine", &token), 200);
    assert_eq!(door.engine.said(signature), 0, "no token is in the log");
}

#[test]
fn a_new_key_of_the_issuer_is_found_and_one_that_it_took_back_counts_no_more() {
    let (old, new) = (Key::ed25519("old"), Key::rsa("new"));
    let issuer = Issuer::of(&[&old]);
    let jwks = format!("{}/keys", issuer.url);
    let door = Door::of(
        World::new(1),
        &[
            "--issuer",
            &issuer.url,
            "--jwks",
            &jwks,
            "--audience",
            AUDIENCE,
        ],
    );
    let claims = issuer.claims(&json!({"roles": ["reader"]}));
    let (of_old, of_new) = (old.token(&claims), new.token(&claims));
    ok(&door.get("/workflows", &of_old), 200);

    issuer.publish(&[&new]);
    until("the new key is found", || {
        (door.get("/workflows", &of_new).status == 200).then_some(())
    });

    problem(&door.get("/workflows", &of_old), 401, "token_invalid");
    assert_eq!(
        issuer.asked(),
        2,
        "tokens of unknown keys ask for them once in a while"
    );
}

#[test]
fn without_the_keys_of_the_issuer_its_tokens_wait_and_those_of_the_file_go_on() {
    let key = Key::ed25519("d");
    let issuer = Issuer::of(&[&key]);
    let world = World::new(1);
    let file = world.file("tokens");
    std::fs::write(&file, token_line("rita", "reader", "t-r")).expect("it is written");
    let file = file.to_str().expect("its path is text").to_owned();
    let nowhere = "http://127.0.0.1:1/keys";
    let door = Door::of(
        world,
        &[
            "--tokens-file",
            &file,
            "--jwks",
            nowhere,
            "--audience",
            AUDIENCE,
        ],
    );
    let token = key.token(&issuer.claims(&json!({"roles": ["admin"]})));

    let waits = door.get("/workflows", &token);

    problem(&waits, 503, "issuer_unavailable");
    assert!(waits.head.contains("retry-after: "), "{waits:?}");
    ok(&door.get("/workflows", "t-r"), 200);
    problem(&door.get("/workflows", "t-x"), 401, "token_needed");
    assert_eq!(door.engine.said("http-issuer-keys"), 1);
}
