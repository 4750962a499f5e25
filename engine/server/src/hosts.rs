//! Which `Host` a request may name. Nobody logs in, so a page in somebody's browser must not reach this by a name of its own.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header::HOST, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::problem::Problem;

/// The hosts that are answered: this machine's own names, the address that is listened on, and names that were given.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    names: Vec<String>,
    listens_on: IpAddr,
}

impl Hosts {
    pub(crate) fn new(names: &[String], listens_on: IpAddr) -> Self {
        let names = names.iter().map(|name| name.to_ascii_lowercase());
        Self {
            names: names.collect(),
            listens_on,
        }
    }

    fn has(&self, host: &str) -> bool {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        match address.parse::<IpAddr>() {
            // An address names no one else's machine; of several of this one any may be meant.
            Ok(address) => {
                address.is_loopback()
                    || address == self.listens_on
                    || self.listens_on.is_unspecified()
            }
            Err(_) => {
                let host = host.to_ascii_lowercase();
                host == "localhost" || self.names.contains(&host)
            }
        }
    }
}

/// Lets a request through that names one host, which is answered.
pub(crate) async fn check(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    match named(request.headers()).filter(|host| hosts.has(host.host())) {
        Some(_) => next.run(request).await,
        None => Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "host_unknown",
            "the request names a host that this server does not answer to",
        )
        .hint("--http-host names those that it answers to, behind its address")
        .into_response(),
    }
}

/// The host that a request names, if it is one.
fn named(headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next()?.to_str().ok()?.parse().ok()?;
    hosts.next().is_none().then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(listens_on: &str, names: &[&str]) -> impl Fn(&str) -> bool {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let hosts = Hosts::new(&names, listens_on.parse().unwrap());
        move |host| {
            let headers = HeaderMap::from_iter([(HOST, host.parse().unwrap())]);
            named(&headers).is_some_and(|host| hosts.has(host.host()))
        }
    }

    #[test]
    fn own_names_of_this_machine_are_answered_with_any_port() {
        let is_answered = answered("127.0.0.1", &[]);

        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:1",
            "127.0.0.2",
            "[::1]:8080",
        ] {
            assert!(is_answered(host), "{host}");
        }
    }

    #[test]
    fn other_names_and_addresses_are_not() {
        let is_answered = answered("127.0.0.1", &[]);

        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.5:8080",
            "127.0.0.1.evil.example",
            "localhost@evil.example:80",
            "",
        ] {
            assert!(!is_answered(host), "{host}");
        }
    }

    #[test]
    fn the_address_that_is_listened_on_and_names_that_were_given_are_answered() {
        let is_answered = answered("10.0.0.5", &["10.0.0.5", "Engine-1.shop"]);

        assert!(is_answered("10.0.0.5:9000") && is_answered("engine-1.SHOP"));
        assert!(!is_answered("10.0.0.6"));
        let any = answered("0.0.0.0", &["0.0.0.0"]);
        assert!(any("10.0.0.6:9000") && !any("engine-1.shop"));
    }

    #[test]
    fn a_request_without_a_host_or_with_two_names_none() {
        assert_eq!(named(&HeaderMap::new()), None);
        let mut headers = HeaderMap::new();
        headers.append(HOST, "localhost".parse().unwrap());
        headers.append(HOST, "localhost".parse().unwrap());
        assert_eq!(named(&headers), None);
    }
}
