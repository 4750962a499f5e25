//! Who is let in over HTTP, and to what: tokens of a file, tokens of an issuer, and TLS around both.

mod issuer;
mod jwt;
mod tls;
mod tokens;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{
    http::{self, Answer},
    process::Process,
    wait::until,
    world::World,
};

/// An engine with its activities, which lets in who has a token.
struct Door {
    engine: Process,
    address: String,
    world: World,
}

impl Door {
    fn of(world: World, arguments: &[&str]) -> Self {
        let arguments = [&["--with-worker", "--http-port", "0"], arguments].concat();
        let engine = world.engine_of(&mut world.server("flaky-payment", &arguments));
        let address = http::address_of(&engine);
        until("the engine is ready", || {
            (http::get(&address, "/readyz").status == 200).then_some(())
        });
        Self {
            engine,
            address,
            world,
        }
    }

    /// Calls the API with a token.
    fn ask(&self, line: &str, token: &str, body: &Value) -> Answer {
        let (method, path) = line.split_once(' ').expect("method and path");
        let authorization = format!("Bearer {token}");
        let headers = [
            ("Content-Type", "application/json"),
            ("Authorization", &*authorization),
        ];
        let body = match method {
            "GET" => String::new(),
            _ => body.to_string(),
        };
        let line = format!("{method} /api/v1{path}");
        http::ask(&self.address, &line, &headers, body.as_bytes())
    }

    fn get(&self, path: &str, token: &str) -> Answer {
        self.ask(&format!("GET {path}"), token, &Value::Null)
    }

    fn start(&self, id: &str, token: &str) -> Answer {
        self.ask("POST /workflows?wait=60s", token, &payment(id))
    }

    /// A page, by the cookie of who signed in.
    fn page(&self, path: &str, token: &str) -> Answer {
        let cookie = format!("sl_token={token}");
        let headers = [("Cookie", &*cookie)];
        http::ask(&self.address, &format!("GET {path}"), &headers, b"")
    }
}

fn payment(id: &str) -> Value {
    json!({"workflow": "flaky-payment", "id": id, "input": {"fail_times": 0, "park": false}})
}

/// A line of a file of tokens.
pub(crate) fn token_line(name: &str, role: &str, token: &str) -> String {
    let hash = Sha256::digest(token.as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name} {role} {hash}\n")
}
