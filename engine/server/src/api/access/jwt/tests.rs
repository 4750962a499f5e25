//! Tokens signed by keys that are made here.

mod issuer;

use std::{sync::Arc, time::Duration};

use openssl::{hash::MessageDigest, pkey::PKey, sign::Signer};
use serde_json::json;

use self::issuer::{ISSUER, Key, Places, claims, in_seconds, knows, message, set, settings, text};
use super::*;

fn refused(got: Result<(Principal, Option<Role>), Refused>) -> &'static str {
    match got {
        Err(Refused::Invalid(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_of_each_kind_says_who_it_is_and_what_they_may_do() {
    let keys = [Key::rsa("r", 2_048), Key::p256("e"), Key::ed25519("d")];
    let (jwt, places) = knows(&keys.each_ref());

    for key in &keys {
        let (principal, role) = jwt
            .of(&key.token(&claims(json!({}))), "shop")
            .await
            .unwrap();
        assert_eq!(
            (&*principal.0, role),
            ("ada", Some(Role::Operator)),
            "{}",
            key.alg
        );
    }
    for (changed, name, role) in [
        (
            json!({"roles": ["reader", "sagaline:admin@shop"]}),
            "ada",
            Some(Role::Admin),
        ),
        (json!({"roles": ["sagaline:admin@other"]}), "ada", None),
        (
            json!({"roles": "openid sagaline:reader"}),
            "ada",
            Some(Role::Reader),
        ),
        (json!({"roles": null}), "ada", None),
        (json!({"roles": {"admin": true}}), "ada", None),
        (
            json!({"sub": "auth0|a/b\n"}),
            "auth0%7Ca%2Fb%0A",
            Some(Role::Operator),
        ),
    ] {
        let (principal, got) = jwt
            .of(&keys[1].token(&claims(changed.clone())), "shop")
            .await
            .unwrap();
        assert_eq!((&*principal.0, got), (name, role), "{changed}");
    }
    assert_eq!(places.asked(), 1, "keys are got once");
}

#[tokio::test]
async fn roles_are_found_by_name_and_by_path() {
    let key = Key::p256("e");
    let places = Arc::new(Places::default());
    places.put("/keys", set(&[&key]));
    for (path, changed) in [
        (
            "realm_access.roles",
            json!({"realm_access": {"roles": ["admin"]}}),
        ),
        (
            "https://shop.example/roles",
            json!({"https://shop.example/roles": ["admin"]}),
        ),
    ] {
        let roles_claim = path.to_owned();
        let settings = JwtSettings {
            roles_claim,
            ..settings()
        };
        let jwt = Jwt::new(settings, places.clone()).unwrap();
        let (_, role) = jwt.of(&key.token(&claims(changed)), "shop").await.unwrap();
        assert_eq!(role, Some(Role::Admin), "{path}");
    }
}

#[tokio::test]
async fn what_a_token_says_must_be_so_now_and_for_this_server() {
    let key = Key::ed25519("d");
    let (jwt, _) = knows(&[&key]);

    for (changed, why) in [
        (json!({"exp": in_seconds(-120)}), "it has expired"),
        (json!({"nbf": in_seconds(120)}), "it does not count yet"),
        (json!({"aud": "other"}), "it is for another audience"),
        (
            json!({"iss": "https://evil.example"}),
            "it is of another issuer",
        ),
        (json!({"sub": ""}), "its `sub` is no name"),
        (json!({"sub": "x".repeat(300)}), "its `sub` is no name"),
        (json!({"exp": null}), "it lacks"),
        (json!({"exp": "4000000000"}), "it lacks"),
        (json!({"aud": null}), "it lacks"),
        (json!({"iss": null}), "it lacks"),
        (json!({"sub": 7}), "it lacks"),
    ] {
        let got = refused(jwt.of(&key.token(&claims(changed.clone())), "shop").await);
        assert!(got.starts_with(why), "{changed}: {got}");
    }
    for changed in [
        json!({"exp": in_seconds(-5)}),
        json!({"nbf": in_seconds(5)}),
    ] {
        let token = key.token(&claims(changed));
        assert!(jwt.of(&token, "shop").await.is_ok(), "clocks differ");
    }
}

#[tokio::test]
async fn a_token_that_was_changed_or_signed_in_another_way_does_not_count() {
    let (rsa, p256) = (Key::rsa("r", 2_048), Key::p256("e"));
    let (jwt, _) = knows(&[&rsa, &p256]);
    let good = claims(json!({}));
    let token = rsa.token(&good);
    let parts: Vec<&str> = token.split('.').collect();
    let admin = text(claims(json!({"roles": ["admin"]})).to_string().as_bytes());
    let unsigned = message(&json!({"alg": "none", "kid": "r"}), &good);
    // The public key, which everybody has, as the secret of an HMAC.
    let public = rsa.private.public_key_to_pem().unwrap();
    let by_secret = message(&json!({"alg": "HS256", "kid": "r"}), &good);
    let secret = PKey::hmac(&public).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &secret).unwrap();
    let hmac = signer.sign_oneshot_to_vec(by_secret.as_bytes()).unwrap();
    let own_key = json!({"alg": "RS256", "kid": "r", "jwk": Key::rsa("r", 2_048).jwk()});

    for (what, token) in [
        ("other claims", format!("{}.{admin}.{}", parts[0], parts[2])),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("none", format!("{unsigned}.")),
        ("none with a signature", format!("{unsigned}.{}", parts[2])),
        (
            "HMAC with the public key",
            format!("{by_secret}.{}", text(&hmac)),
        ),
        ("another's key", Key::rsa("r", 2_048).token(&good)),
        (
            "a key within the token",
            Key::rsa("r", 2_048).token_of(&own_key, &good),
        ),
        (
            "a key of another kind",
            rsa.token_of(&json!({"alg": "RS256", "kid": "e"}), &good),
        ),
        (
            "another algorithm",
            rsa.token_of(&json!({"alg": "ES256", "kid": "e"}), &good),
        ),
        (
            "another digest",
            rsa.token_of(&json!({"alg": "RS384", "kid": "r"}), &good),
        ),
        (
            "more than is known",
            rsa.token_of(
                &json!({"alg": "RS256", "kid": "r", "crit": ["x"], "x": 1}),
                &good,
            ),
        ),
        ("no JSON", "a.b.c".to_owned()),
        ("long", format!("{}.{}.{}", "a".repeat(9_000), "b", "c")),
    ] {
        let why = refused(jwt.of(&token, "shop").await);
        assert!(why.starts_with("it"), "{what}: {why}");
    }
    assert!(jwt.of(&token, "shop").await.is_ok());
}

#[tokio::test]
async fn without_a_kid_the_only_key_of_its_kind_is_meant() {
    let (one, other) = (Key::p256("e"), Key::p256("f"));
    let token = one.token_of(&json!({"alg": "ES256"}), &claims(json!({})));

    let alone = knows(&[&one, &Key::ed25519("d")])
        .0
        .of(&token, "shop")
        .await;
    let beside = knows(&[&one, &other]).0.of(&token, "shop").await;

    assert!(alone.is_ok(), "{alone:?}");
    assert_eq!(
        refused(beside),
        "it is signed by a key that the issuer does not have"
    );
}

#[tokio::test]
async fn keys_that_are_weak_or_for_something_else_are_passed_over() {
    let (weak, strong) = (Key::rsa("w", 1_024), Key::rsa("s", 2_048));
    let mut for_secrets = strong.jwk();
    for_secrets["use"] = json!("enc");
    let mut for_another = strong.jwk();
    for_another["alg"] = json!("RS512");
    for (jwk, key) in [
        (weak.jwk(), &weak),
        (for_secrets, &strong),
        (for_another, &strong),
    ] {
        let (jwt, places) = knows(&[]);
        places.put(
            "/keys",
            json!({"keys": [jwk, Key::p256("e").jwk(), {"kty": "oct", "k": "AAAA"}, 7]}),
        );
        let got = refused(jwt.of(&key.token(&claims(json!({}))), "shop").await);
        assert_eq!(got, "it is signed by a key that the issuer does not have");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_kids_cause_one_request_in_a_while_and_a_new_key_is_found_by_it() {
    let (old, new) = (Key::ed25519("old"), Key::ed25519("new"));
    let (jwt, places) = knows(&[&old]);
    let good = claims(json!({}));
    jwt.of(&old.token(&good), "shop").await.unwrap();

    places.put("/keys", set(&[&old, &new]));
    for _ in 0..50 {
        assert!(jwt.of(&new.token(&good), "shop").await.is_err());
    }
    assert_eq!(places.asked(), 1);
    tokio::time::advance(Duration::from_secs(31)).await;
    jwt.of(&new.token(&good), "shop").await.unwrap();
    for _ in 0..50 {
        assert!(
            jwt.of(&Key::ed25519("made-up").token(&good), "shop")
                .await
                .is_err()
        );
    }
    assert_eq!(places.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_stay_while_the_issuer_is_away_and_count_a_day() {
    let key = Key::ed25519("d");
    let (jwt, places) = knows(&[&key]);
    let good = claims(json!({}));
    jwt.of(&key.token(&good), "shop").await.unwrap();

    places.there.lock().unwrap().clear();
    tokio::time::advance(Duration::from_secs(3_600)).await;
    jwt.of(&key.token(&good), "shop").await.unwrap();
    tokio::time::advance(Duration::from_secs(24 * 3_600)).await;
    let late = jwt.of(&key.token(&good), "shop").await;
    assert_eq!(late, Err(Refused::NoKeys));

    places.put("/keys", set(&[&key]));
    tokio::time::advance(Duration::from_secs(31)).await;
    jwt.of(&key.token(&good), "shop").await.unwrap();
}

#[tokio::test]
async fn an_issuer_says_where_its_keys_are() {
    let key = Key::ed25519("d");
    let token = key.token(&claims(json!({})));
    let url = "https://id.example/.well-known/openid-configuration";
    for (document, is_taken) in [
        (
            json!({"issuer": ISSUER, "jwks_uri": "https://id.example/keys"}),
            true,
        ),
        (
            json!({"issuer": "https://evil.example", "jwks_uri": "https://id.example/keys"}),
            false,
        ),
        (
            json!({"issuer": ISSUER, "jwks_uri": "http://id.example/keys"}),
            false,
        ),
        (json!({"issuer": ISSUER, "jwks_uri": "/etc/passwd"}), false),
        (json!([]), false),
    ] {
        let places = Arc::new(Places::default());
        places.put(url, document.clone());
        for keys in [
            "https://id.example/keys",
            "http://id.example/keys",
            "/etc/passwd",
        ] {
            places.put(keys, set(&[&key]));
        }
        let settings = JwtSettings {
            jwks: None,
            ..settings()
        };
        let jwt = Jwt::new(settings, places).unwrap();
        assert_eq!(jwt.of(&token, "shop").await.is_ok(), is_taken, "{document}");
    }
}

#[test]
fn settings_by_which_others_could_come_in_are_refused() {
    let places: Arc<dyn Fetch> = Arc::new(Places::default());
    let with = |change: fn(&mut JwtSettings)| {
        let mut settings = settings();
        change(&mut settings);
        Jwt::new(settings, places.clone()).map_err(|error| error.code())
    };

    for change in [
        (|settings| settings.audience.clear()) as fn(&mut JwtSettings),
        |settings| settings.jwks = Some("http://id.example/keys".to_owned()),
        |settings| settings.jwks = Some("http://127.0.0.1.evil.example/keys".to_owned()),
        |settings| settings.jwks = Some("ftp://id.example/keys".to_owned()),
        |settings| {
            settings.jwks = None;
            settings.issuer = Some("id.example".to_owned());
        },
        |settings| (settings.jwks, settings.issuer) = (None, None),
    ] {
        assert_eq!(with(change).unwrap_err(), "http-issuer");
    }
    for change in [
        (|settings| settings.jwks = Some("http://127.0.0.1:8081/keys".to_owned()))
            as fn(&mut JwtSettings),
        |settings| settings.jwks = Some("http://[::1]/keys".to_owned()),
        |settings| settings.jwks = None,
        |settings| settings.issuer = None,
    ] {
        assert!(with(change).is_ok());
    }
}
