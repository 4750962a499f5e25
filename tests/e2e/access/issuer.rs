//! An issuer of tokens: its keys, what it signs, and the server where its keys are found.

use std::sync::{Arc, Mutex, PoisonError};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::{
    hash::MessageDigest,
    pkey::{Id, PKey, Private},
    rsa::Rsa,
    sign::Signer,
};
use serde_json::{Value, json};

use crate::harness::{http, wait::now};

/// For whom its tokens are.
pub(super) const AUDIENCE: &str = "sagaline";

/// A key that it signs with.
pub(super) struct Key {
    kid: &'static str,
    pub(super) private: PKey<Private>,
}

impl Key {
    pub(super) fn rsa(kid: &'static str) -> Self {
        let private = Rsa::generate(2_048).and_then(PKey::from_rsa);
        let private = private.expect("a key is made");
        Self { kid, private }
    }

    pub(super) fn ed25519(kid: &'static str) -> Self {
        let private = PKey::generate_ed25519().expect("a key is made");
        Self { kid, private }
    }

    fn alg(&self) -> &'static str {
        match self.private.id() {
            Id::RSA => "RS256",
            _ => "EdDSA",
        }
    }

    fn jwk(&self) -> Value {
        let mut jwk = match self.private.rsa() {
            Ok(rsa) => {
                let [n, e] = [rsa.n(), rsa.e()].map(|number| encoded(&number.to_vec()));
                json!({"kty": "RSA", "n": n, "e": e})
            }
            Err(_) => {
                let x = self.private.raw_public_key().expect("it has a public half");
                json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(&x)})
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }

    /// A token with these claims.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.token_of(&json!({"alg": self.alg(), "kid": self.kid}), claims)
    }

    /// The same with another header.
    pub(super) fn token_of(&self, header: &Value, claims: &Value) -> String {
        let message = unsigned(header, claims);
        let signer = match self.private.id() {
            Id::RSA => Signer::new(MessageDigest::sha256(), &self.private),
            _ => Signer::new_without_digest(&self.private),
        };
        let signed = signer.and_then(|mut signer| signer.sign_oneshot_to_vec(message.as_bytes()));
        format!("{message}.{}", encoded(&signed.expect("it signs")))
    }

    /// A token whose signature is an HMAC with this key's public half, which everybody has, as the secret.
    pub(super) fn forged(&self, claims: &Value) -> String {
        let public = self.private.public_key_to_pem().expect("it is written");
        let secret = PKey::hmac(&public).expect("anything is a secret");
        let message = unsigned(&json!({"alg": "HS256", "kid": self.kid}), claims);
        let signer = Signer::new(MessageDigest::sha256(), &secret);
        let signed = signer.and_then(|mut signer| signer.sign_oneshot_to_vec(message.as_bytes()));
        format!("{message}.{}", encoded(&signed.expect("it signs")))
    }
}

/// Header and claims of a token.
pub(super) fn unsigned(header: &Value, claims: &Value) -> String {
    let [header, claims] = [header, claims].map(|json| encoded(json.to_string().as_bytes()));
    format!("{header}.{claims}")
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The issuer; its server tells where its keys are, and which.
pub(super) struct Issuer {
    pub(super) url: String,
    published: Arc<Mutex<Published>>,
}

#[derive(Default)]
struct Published {
    url: String,
    keys: Value,
    asked: usize,
}

impl Issuer {
    pub(super) fn of(keys: &[&Key]) -> Self {
        let published = Arc::new(Mutex::new(Published::default()));
        let served = published.clone();
        let url = http::serve(move |request| {
            let mut served = served.lock().unwrap_or_else(PoisonError::into_inner);
            match request.line.as_str() {
                "GET /.well-known/openid-configuration" => {
                    let keys = format!("{}/keys", served.url);
                    (200, json!({"issuer": served.url, "jwks_uri": keys}))
                }
                "GET /keys" => {
                    served.asked += 1;
                    (200, served.keys.clone())
                }
                _ => (404, Value::Null),
            }
        });
        let issuer = Self { url, published };
        issuer.published().url.clone_from(&issuer.url);
        issuer.publish(keys);
        issuer
    }

    fn published(&self) -> std::sync::MutexGuard<'_, Published> {
        self.published
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on these are its keys.
    pub(super) fn publish(&self, keys: &[&Key]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        self.published().keys = json!({ "keys": keys });
    }

    /// How often somebody asked for its keys.
    pub(super) fn asked(&self) -> usize {
        self.published().asked
    }

    /// Claims of ada's token, changed by these; null takes one away.
    pub(super) fn claims(&self, changed: &Value) -> Value {
        let mut claims = json!({
            "iss": self.url,
            "aud": [AUDIENCE, "others"],
            "sub": "ada",
            "exp": in_seconds(600),
        });
        for (name, value) in changed.as_object().expect("claims by name") {
            claims[name] = value.clone();
        }
        let members = claims.as_object_mut().expect("it was made so");
        members.retain(|_, value| !value.is_null());
        claims
    }
}

/// A time as claims have it.
pub(super) fn in_seconds(seconds: i64) -> i64 {
    now().as_millis() / 1_000 + seconds
}
