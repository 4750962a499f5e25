//! The address of a server, as people write it.

use std::{fmt, net::IpAddr};

/// Where HTTP is answered: scheme, host, port, and what a proxy may want before `/api`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    url: String,
    host: String,
    is_tls: bool,
}

/// Longest address.
const ADDRESS_BYTES_MAX: usize = 1_000;

impl Address {
    /// Reads `https://sagaline.shop`, or `127.0.0.1:8080`, which is HTTP.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let wrong = |wrong: &str| {
            Err(format!(
                "the address of the server: {wrong}; it is as http://127.0.0.1:8080 or https://sagaline.shop"
            ))
        };
        let text = text.trim().trim_end_matches('/');
        if text.len() > ADDRESS_BYTES_MAX || !text.bytes().all(|byte| (0x21..0x7f).contains(&byte))
        {
            return wrong("it has blanks, or characters that are not ASCII, or is too long");
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return wrong("it begins with http:// or https://"),
        };
        if rest.contains(['?', '#', '\\']) {
            return wrong("it has no ?, # or \\");
        }
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.contains('@') {
            // What stands before the @ may be a password: it is not repeated.
            return wrong("it names nobody; --token says who you are");
        }
        let Some(host) = host(authority) else {
            return wrong("it has a host, and perhaps a port");
        };
        let scheme = if is_tls { "https" } else { "http" };
        Ok(Self {
            url: format!("{scheme}://{rest}"),
            host: host.to_ascii_lowercase(),
            is_tls,
        })
    }

    /// Without a slash at its end.
    pub(super) fn as_str(&self) -> &str {
        &self.url
    }

    /// Whether it is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let ip: Option<IpAddr> = self.host.parse().ok();
        self.host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())
    }

    /// Whether others may see what goes there.
    pub(super) fn is_in_plain_sight(&self) -> bool {
        !self.is_tls && !self.is_loopback()
    }
}

/// The host of `host:port`; none: it is none.
fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, port)
        }
        None => match authority.find(':') {
            Some(at) => authority.split_at(at),
            None => (authority, ""),
        },
    };
    let port = port.strip_prefix(':');
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_fine = !host.is_empty() && port.is_none_or(is_port);
    is_fine.then_some(host)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_url_or_a_host_with_a_port() {
        for (text, url) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("localhost", "http://localhost"),
            ("HTTPS://Sagaline.shop/x/", "https://Sagaline.shop/x"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(Address::read(text).unwrap().as_str(), url, "{text}");
        }
        for text in [
            "",
            "http://",
            "ftp://a",
            "http://a b",
            "http://a?b",
            "http://a#b",
            "http://:80",
            "http://a:0",
            "http://a:99999",
            "http://a:x",
            "http://[::1",
            "http://ä",
            "a\r\nb",
        ] {
            assert!(Address::read(text).is_err(), "{text}");
        }
        let said = Address::read("http://ada:s3cr3t@h").unwrap_err();
        assert!(!said.contains("s3cr3t"), "{said}");
    }

    #[test]
    fn only_this_machine_and_tls_keep_a_token_out_of_sight() {
        let seen = |text: &str| Address::read(text).unwrap().is_in_plain_sight();

        for text in [
            "http://127.0.0.1:1",
            "http://127.8.8.8",
            "http://LOCALHOST",
            "[::1]:80",
            "https://shop",
        ] {
            assert!(!seen(text), "{text}");
        }
        for text in [
            "http://10.0.0.1",
            "http://localhost.evil.shop",
            "http://127.0.0.1.evil.shop",
            "shop:80",
        ] {
            assert!(seen(text), "{text}");
        }
    }
}
