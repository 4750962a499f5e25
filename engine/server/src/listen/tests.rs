use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    runtime::Runtime,
};

use super::*;
use crate::routes::tests::bare;

fn local(port: u16) -> Result<HttpListener, Error> {
    HttpListener::bind(&["127.0.0.1".to_owned()], port)
}

/// What a server that answers `/here` says to these bytes, until it ends the connection.
fn answers(patience: Patience, request: &str) -> String {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = local(0).unwrap();
        let address = listener.address();
        let routes = bare(listener.hosts.clone());
        let server = tokio::spawn(listener.answer(routes, patience));
        let mut stream = TcpStream::connect(address).await.unwrap();
        // It may end the connection before it has read all.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        server.abort();
        String::from_utf8(answer).unwrap()
    })
}

fn answer_to(method: &str, path: &str, headers: &str) -> String {
    let request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    answers(Patience::DEFAULT, &request)
}

#[test]
fn what_is_there_is_answered_and_without_its_body_to_head() {
    let whole = answer_to("GET", "/here", "Host: localhost\r\n");
    let head = answer_to("HEAD", "/here", "Host: localhost\r\n");

    assert!(whole.starts_with("HTTP/1.1 200 OK\r\n"), "{whole}");
    assert!(whole.ends_with("\r\n\r\nhere\n"), "{whole}");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn whatever_else_is_asked_is_a_problem_with_a_code() {
    for (method, path, host, status, code) in [
        ("GET", "/there", "localhost", 404, "not_found"),
        ("GET", "/here/", "localhost", 404, "not_found"),
        ("POST", "/here", "localhost", 405, "method_not_allowed"),
        ("GET", "/here", "evil.example", 421, "host_unknown"),
        ("GET", "/there", "evil.example", 421, "host_unknown"),
    ] {
        let answer = answer_to(method, path, &format!("Host: {host}\r\n"));

        let asked = format!("{method} {path} of {host}: {answer}");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{asked}"
        );
        assert!(answer.contains("application/problem+json"), "{asked}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let problem: serde_json::Value = serde_json::from_str(body).expect(&asked);
        assert_eq!(problem["code"], code, "{asked}");
        assert_eq!(problem["status"], status, "{asked}");
    }
    let answer = answer_to("DELETE", "/here", "Host: localhost\r\n");
    assert!(answer.contains("allow: GET,HEAD\r\n"), "{answer}");
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let filler = format!(
        "Host: localhost\r\nX-Filler: {}\r\n",
        "x".repeat(2 * HEAD_BYTES_MAX)
    );

    let answer = answer_to("GET", "/here", &filler);

    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
}

#[test]
fn what_is_no_request_is_refused_by_the_library_with_an_empty_body() {
    for request in [
        "no request\r\n\r\n",
        "GET /here HTTP/1.1\r\nno header\r\n\r\n",
    ] {
        let answer = answers(Patience::DEFAULT, request);

        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
}

#[test]
fn a_body_is_not_waited_for() {
    let answer = answer_to(
        "POST",
        "/here",
        "Host: localhost\r\nContent-Length: 1000000\r\n",
    );

    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

#[test]
fn whoever_sends_no_request_or_no_second_one_is_cut_off() {
    let patience = Patience {
        head: Duration::from_millis(50),
        ..Patience::DEFAULT
    };

    assert!(!answers(patience, "GET /here HTTP/1.1\r\nHost: loc").contains("200 OK"));
    let answer = answers(patience, "GET /here HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(answer.matches("200 OK").count(), 1, "{answer}");
}

#[test]
fn a_connection_ends_after_its_time() {
    let patience = Patience {
        connection: Duration::from_millis(50),
        ..Patience::DEFAULT
    };

    let answer = answers(patience, "GET /here HTTP/1.1\r\nHost: localhost\r\n\r\n");

    assert_eq!(answer.matches("200 OK").count(), 1, "{answer}");
}

/// Opens a connection that says these bytes.
async fn says(address: SocketAddr, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// Asks on a connection that stays open; none: it is closed.
async fn asks(stream: &mut TcpStream) -> Option<()> {
    let request = "GET /here HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"here\n") {
        match stream.read_buf(&mut answer).await {
            Ok(1..) => {}
            _ => return None,
        }
    }
    Some(())
}

/// Connections at a time, where others are to make room.
const FEW: usize = 128;

#[test]
fn connections_that_idle_make_room_for_those_that_ask() {
    let patience = Patience {
        head: Duration::from_secs(300),
        unwanted: Duration::from_millis(20),
        ..Patience::DEFAULT
    };
    for idle in ["", "GET /here HTTP/1.1\r\nHost: loc"] {
        let exchange = async {
            let listener = local(0).unwrap();
            let address = listener.address();
            let routes = bare(listener.hosts.clone());
            tokio::spawn(listener.answer_at_most(FEW, routes, patience));
            let mut first = says(address, "").await;
            let mut idlers = Vec::new();
            for _ in 2..FEW {
                idlers.push(says(address, idle).await);
            }
            // Once the last one is answered, all are accepted.
            let mut last = says(address, "").await;
            asks(&mut last).await.unwrap();

            asks(&mut first).await.unwrap();
            let mut another = says(address, "").await;
            asks(&mut another).await.unwrap();

            let mut end = [0];
            let read = idlers[0].read(&mut end).await;
            assert!(matches!(read, Ok(0) | Err(_)), "the idlest is closed");
            for stays in [&mut first, &mut last] {
                asks(stays).await.unwrap();
            }
        };
        let answered = Runtime::new()
            .unwrap()
            .block_on(async { timeout(patience.head / 10, exchange).await });
        assert!(answered.is_ok(), "no answer while others idle");
    }
}

#[test]
fn a_port_that_is_taken_is_a_conflict_and_an_address_of_others_cannot_be_had() {
    let first = local(0).unwrap();

    let taken = local(first.address().port()).unwrap_err();

    assert_eq!(
        (taken.kind(), taken.code()),
        (ErrorKind::Conflict, "http-address")
    );
    assert!(taken.message().contains("is in use"), "{taken}");
    for host in ["192.0.2.1", "no such name", ""] {
        let error = HttpListener::bind(&[host.to_owned()], 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{host}: {error}");
    }
}

/// A certificate for `localhost` that it signed itself, and its key, in files of this folder.
fn certificate(folder: &std::path::Path, serial: u32) -> (std::path::PathBuf, std::path::PathBuf) {
    use openssl::{
        asn1::{Asn1Integer, Asn1Time},
        bn::BigNum,
        hash::MessageDigest,
        pkey::PKey,
        x509::{X509, X509NameBuilder},
    };

    let key = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(openssl::ec::EcKey::generate(&key).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut cert = X509::builder().unwrap();
    cert.set_version(2).unwrap();
    let serial = Asn1Integer::from_bn(&BigNum::from_u32(serial).unwrap()).unwrap();
    cert.set_serial_number(&serial).unwrap();
    cert.set_subject_name(&name).unwrap();
    cert.set_issuer_name(&name).unwrap();
    cert.set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    cert.set_not_after(&Asn1Time::days_from_now(1).unwrap())
        .unwrap();
    cert.set_pubkey(&key).unwrap();
    cert.sign(&key, MessageDigest::sha256()).unwrap();
    let (cert_file, key_file) = (folder.join("tls.crt"), folder.join("tls.key"));
    std::fs::write(&cert_file, cert.build().to_pem().unwrap()).unwrap();
    std::fs::write(&key_file, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    (cert_file, key_file)
}

/// What a client sees of a server's TLS: the certificate's serial number, the protocol, and the answer.
async fn asks_by_tls(address: SocketAddr) -> Option<(String, Option<Vec<u8>>, String)> {
    use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};

    let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
    // It is the certificate that the test made: that is asked for below.
    connector.set_verify(SslVerifyMode::NONE);
    connector.set_alpn_protos(b"\x02h2\x08http/1.1").unwrap();
    let ssl = connector
        .build()
        .configure()
        .unwrap()
        .into_ssl("localhost")
        .unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = tokio_openssl::SslStream::new(ssl, stream).unwrap();
    std::pin::Pin::new(&mut stream).connect().await.ok()?;
    let peer = stream.ssl().peer_certificate().unwrap();
    let serial = peer.serial_number().to_bn().unwrap().to_string();
    let protocol = stream.ssl().selected_alpn_protocol().map(<[u8]>::to_vec);
    let request = "GET /secure HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    Some((serial, protocol, answer))
}

#[test]
fn with_a_certificate_https_is_answered_and_a_new_one_is_taken_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path(), 1);
    let tls = Tls::load(&cert, &key).unwrap();
    Runtime::new().unwrap().block_on(async {
        let listener = local(0).unwrap().with_tls(tls.clone());
        assert!(listener.url().starts_with("https://127.0.0.1:"));
        let address = listener.address();
        let routes = bare(listener.hosts.clone());
        tokio::spawn(listener.answer(routes, Patience::DEFAULT));

        let (serial, protocol, answer) = asks_by_tls(address).await.unwrap();
        assert_eq!(
            (&*serial, protocol.as_deref()),
            ("1", Some(&b"http/1.1"[..]))
        );
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.ends_with("true"), "it came by TLS: {answer}");

        certificate(folder.path(), 2);
        tls.reload().unwrap();
        assert_eq!(asks_by_tls(address).await.unwrap().0, "2");

        std::fs::write(&key, "no key").unwrap();
        assert_eq!(tls.reload().unwrap_err().code(), "http-tls");
        assert_eq!(
            asks_by_tls(address).await.unwrap().0,
            "2",
            "the old one goes on"
        );

        let mut plain = says(address, "GET /here HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer).await;
        assert!(
            !answer.starts_with(b"HTTP/"),
            "nothing is said in the clear"
        );
    });
}

#[test]
fn a_header_says_that_a_browser_came_by_tls_only_behind_a_proxy() {
    let asks = |listener: HttpListener| {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let address = listener.address();
            let routes = bare(listener.hosts.clone());
            tokio::spawn(listener.answer(routes, Patience::DEFAULT));
            let request = "GET /secure HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n";
            let mut answer = String::new();
            let mut stream = says(address, request).await;
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        })
    };

    let (plain, proxied) = (
        asks(local(0).unwrap()),
        asks(local(0).unwrap().behind_proxy()),
    );

    assert!(plain.ends_with("false"), "{plain}");
    assert!(proxied.ends_with("true"), "{proxied}");
}

#[test]
fn who_never_ends_a_handshake_is_cut_off_and_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path(), 1);
    let patience = Patience {
        handshake: Duration::from_millis(50),
        ..Patience::DEFAULT
    };
    Runtime::new().unwrap().block_on(async {
        let listener = local(0).unwrap();
        let listener = listener.with_tls(Tls::load(&cert, &key).unwrap());
        let address = listener.address();
        let routes = bare(listener.hosts.clone());
        tokio::spawn(listener.answer(routes, patience));
        let mut silent = says(address, "").await;

        assert!(asks_by_tls(address).await.is_some());

        let mut answer = Vec::new();
        let end = timeout(Patience::DEFAULT.handshake, silent.read_to_end(&mut answer)).await;
        assert!(end.is_ok() && answer.is_empty());
    });
}

#[test]
fn files_that_are_no_certificate_with_its_key_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path(), 1);
    let (_, other_key) = certificate(other.path(), 2);
    let missing = folder.path().join("missing");

    for (cert, key) in [
        (&missing, &key),
        (&cert, &missing),
        (&cert, &other_key),
        (&key, &cert),
    ] {
        let error = Tls::load(cert, key).unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Invalid, "http-tls")
        );
    }
}
