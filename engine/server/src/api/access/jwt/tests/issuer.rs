//! An issuer that is made here: its keys, what it signs, and where its keys lie.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::{
    bn::{BigNum, BigNumContext},
    ec::{EcGroup, EcKey},
    ecdsa::EcdsaSig,
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    sign::Signer,
};
use sagaline_journal::{Error, ErrorKind};
use serde_json::{Value, json};

use super::super::{Fetch, Jwt, JwtSettings};

pub(super) const ISSUER: &str = "https://id.example";

/// A key of the issuer.
pub(super) struct Key {
    kid: &'static str,
    pub(super) alg: &'static str,
    pub(super) private: PKey<Private>,
}

pub(super) fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Key {
    pub(super) fn rsa(kid: &'static str, bits: u32) -> Self {
        let private = PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
        let alg = "RS256";
        Self { kid, alg, private }
    }

    pub(super) fn p256(kid: &'static str) -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let private = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let alg = "ES256";
        Self { kid, alg, private }
    }

    pub(super) fn ed25519(kid: &'static str) -> Self {
        let private = PKey::generate_ed25519().unwrap();
        let alg = "EdDSA";
        Self { kid, alg, private }
    }

    pub(super) fn jwk(&self) -> Value {
        let mut jwk = match self.alg {
            "RS256" => {
                let rsa = self.private.rsa().unwrap();
                json!({"kty": "RSA", "n": text(&rsa.n().to_vec()), "e": text(&rsa.e().to_vec())})
            }
            "ES256" => {
                let key = self.private.ec_key().unwrap();
                let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
                let mut context = BigNumContext::new().unwrap();
                key.public_key()
                    .affine_coordinates(key.group(), &mut x, &mut y, &mut context)
                    .unwrap();
                let half = |number: BigNum| text(&number.to_vec_padded(32).unwrap());
                json!({"kty": "EC", "crv": "P-256", "x": half(x), "y": half(y)})
            }
            _ => {
                let x = self.private.raw_public_key().unwrap();
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(&x)})
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self.alg {
            "EdDSA" => Signer::new_without_digest(&self.private)
                .unwrap()
                .sign_oneshot_to_vec(message)
                .unwrap(),
            alg => {
                let mut signer = Signer::new(MessageDigest::sha256(), &self.private).unwrap();
                let signature = signer.sign_oneshot_to_vec(message).unwrap();
                if alg == "RS256" {
                    return signature;
                }
                let pair = EcdsaSig::from_der(&signature).unwrap();
                let half = |number: &openssl::bn::BigNumRef| number.to_vec_padded(32).unwrap();
                [half(pair.r()), half(pair.s())].concat()
            }
        }
    }

    pub(super) fn token(&self, claims: &Value) -> String {
        self.token_of(&json!({"alg": self.alg, "kid": self.kid}), claims)
    }

    pub(super) fn token_of(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = self.sign(message.as_bytes());
        format!("{message}.{}", text(&signature))
    }
}

pub(super) fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| text(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

#[expect(clippy::disallowed_methods, reason = "tokens tell the time")]
pub(super) fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_secs()).unwrap() + seconds
}

/// What a good token says, with some of it changed; null: it is left out.
pub(super) fn claims(changed: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": ["other", "sagaline"], "sub": "ada", "exp": in_seconds(60), "roles": ["operator"],
    });
    for (name, value) in changed.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    claims
}

/// What lies where, and how often it was asked for.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) there: Mutex<BTreeMap<String, Value>>,
    asked: Mutex<Vec<String>>,
}

impl Places {
    pub(super) fn put(&self, place: &str, value: Value) {
        self.there.lock().unwrap().insert(place.to_owned(), value);
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Fetch for Places {
    fn fetch(&self, place: &str) -> Result<Vec<u8>, Error> {
        self.asked.lock().unwrap().push(place.to_owned());
        let there = self.there.lock().unwrap();
        let away = || Error::new(ErrorKind::Unavailable, "http-issuer-keys", "away");
        Ok(there.get(place).ok_or_else(away)?.to_string().into_bytes())
    }
}

pub(super) fn set(keys: &[&Key]) -> Value {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()})
}

pub(super) fn settings() -> JwtSettings {
    JwtSettings {
        jwks: Some("/keys".to_owned()),
        issuer: Some(ISSUER.to_owned()),
        audience: "sagaline".to_owned(),
        roles_claim: "roles".to_owned(),
    }
}

/// A server that knows these keys.
pub(super) fn knows(keys: &[&Key]) -> (Jwt, Arc<Places>) {
    let places = Arc::new(Places::default());
    places.put("/keys", set(keys));
    (Jwt::new(settings(), places.clone()).unwrap(), places)
}
