//! TLS: by whom the certificate is must be known, and it is renewed while the engine runs.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
};

use openssl::{
    asn1::{Asn1Integer, Asn1Time},
    bn::BigNum,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    ssl::{SslConnector, SslMethod, SslStream},
    x509::{
        X509, X509Builder, X509Name,
        extension::{BasicConstraints, SubjectAlternativeName},
    },
};

use super::payment;
use crate::{
    by_http::{alone, said},
    harness::{
        http::{self, Answer, Events, ok},
        process::Signal,
        wait::until,
        world::World,
    },
};

/// Who makes certificates.
struct Authority {
    cert: X509,
    key: PKey<Private>,
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1);
    let key = group.and_then(|group| EcKey::generate(&group));
    key.and_then(PKey::from_ec_key).expect("a key is made")
}

/// A certificate that lacks only what it is for and who signs it.
fn begun(name: &str, serial: u32, key: &PKey<Private>) -> (X509Builder, X509Name) {
    let mut subject = X509Name::builder().expect("it is begun");
    subject
        .append_entry_by_text("CN", name)
        .expect("it is a name");
    let subject = subject.build();
    let begin = || {
        let mut cert = X509::builder()?;
        cert.set_version(2)?;
        let serial = Asn1Integer::from_bn(&*BigNum::from_u32(serial)?)?;
        cert.set_serial_number(&serial)?;
        cert.set_subject_name(&subject)?;
        cert.set_not_before(&*Asn1Time::days_from_now(0)?)?;
        cert.set_not_after(&*Asn1Time::days_from_now(1)?)?;
        cert.set_pubkey(key)?;
        Ok::<_, openssl::error::ErrorStack>(cert)
    };
    (begin().expect("it is a certificate"), subject)
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = key();
        let (mut cert, subject) = begun(name, 1, &key);
        let constraints = BasicConstraints::new().critical().ca().build();
        cert.set_issuer_name(&subject)
            .and_then(|()| cert.append_extension(constraints?))
            .and_then(|()| cert.sign(&key, MessageDigest::sha256()))
            .expect("it signs itself");
        let cert = cert.build();
        Self { cert, key }
    }

    /// Puts a certificate for this machine, and its key, into these files.
    fn certify(&self, serial: u32, [cert_file, key_file]: &[PathBuf; 2]) {
        let key = key();
        let (mut cert, _) = begun("localhost", serial, &key);
        let mut names = SubjectAlternativeName::new();
        names.dns("localhost").ip("127.0.0.1");
        let names = names.build(&cert.x509v3_context(Some(&self.cert), None));
        cert.set_issuer_name(self.cert.subject_name())
            .and_then(|()| cert.append_extension(names?))
            .and_then(|()| cert.sign(&self.key, MessageDigest::sha256()))
            .expect("it signs");
        let key = key.private_key_to_pem_pkcs8().expect("it is written");
        fs::write(cert_file, cert.build().to_pem().expect("it is written")).expect("it is kept");
        fs::write(key_file, key).expect("it is kept");
    }

    /// Its own certificate, in a file.
    fn file(&self, world: &World, name: &str) -> PathBuf {
        let file = world.file(name);
        fs::write(&file, self.cert.to_pem().expect("it is written")).expect("it is kept");
        file
    }
}

/// A connection to who has a certificate of this authority.
fn connect(address: &str, authority: &Path) -> SslStream<TcpStream> {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).expect("it is begun");
    connector
        .set_ca_file(authority)
        .expect("it is a certificate");
    let stream = connector
        .build()
        .connect("localhost", http::connect(address));
    stream.expect("the server is who it should be")
}

fn serial(stream: &SslStream<TcpStream>) -> String {
    let cert = stream.ssl().peer_certificate().expect("it has one");
    let serial = cert.serial_number().to_bn().expect("it is a number");
    serial.to_string()
}

#[test]
fn a_certificate_is_renewed_at_sighup_while_connections_with_the_old_one_live_on() {
    let world = World::new(1);
    let authority = Authority::new("shop");
    let files = [world.file("tls.crt"), world.file("tls.key")];
    authority.certify(1, &files);
    let known = authority.file(&world, "known.pem");
    let [cert, key] = files
        .each_ref()
        .map(|file| file.to_str().expect("it is text"));
    let arguments = [
        "--with-worker",
        "--http-port",
        "0",
        "--tls-cert",
        cert,
        "--tls-key",
        key,
    ];
    let mut engine = world.engine_of(&mut world.server("flaky-payment", &arguments));
    let address = http::address_of(&engine);
    let ask = |line: &str, body: &str| -> Answer {
        let json = [("Content-Type", "application/json")];
        let host = address.replace("127.0.0.1", "localhost");
        http::exchange(
            connect(&address, &known),
            (&host, line),
            &json,
            body.as_bytes(),
        )
    };
    until("the engine is ready", || {
        (ask("GET /readyz", "").status == 200).then_some(())
    });

    let old = connect(&address, &known);
    assert_eq!(serial(&old), "1");
    let mut events = Events::on(old, (&address, "/api/v1/stream/workflows"), None);
    assert_eq!(events.next().name, "hello");
    authority.certify(2, &files);
    assert_eq!(
        serial(&connect(&address, &known)),
        "1",
        "nobody said so yet"
    );
    engine.signal(Signal::Hup);
    until("new connections see the new certificate", || {
        (serial(&connect(&address, &known)) == "2").then_some(())
    });

    let started = ask(
        "POST /api/v1/workflows?wait=60s",
        &payment("p-1").to_string(),
    );
    ok(&started, 200);
    while !events.next().data.contains("p-1") {}
    fs::write(&files[1], "no key").expect("it is written");
    engine.signal(Signal::Hup);
    until("what is wrong is told of", || {
        (engine.said("http-tls") == 1).then_some(())
    });
    assert_eq!(
        serial(&connect(&address, &known)),
        "2",
        "the last good one goes on"
    );
}

#[test]
fn commands_trust_who_they_are_told_to_and_nothing_is_said_in_the_clear() {
    let world = World::new(1);
    let authority = Authority::new("shop");
    let files = [world.file("tls.crt"), world.file("tls.key")];
    authority.certify(1, &files);
    let known = authority.file(&world, "known.pem");
    let stranger = Authority::new("stranger").file(&world, "stranger.pem");
    let [cert, key] = files
        .each_ref()
        .map(|file| file.to_str().expect("it is text"));
    let arguments = ["--http-port", "0", "--tls-cert", cert, "--tls-key", key];
    let engine = world.engine_of(&mut world.server("flaky-payment", &arguments));
    let address = http::address_of(&engine);
    let (_, port) = address.rsplit_once(':').expect("it has a port");
    let list = |code, host: &str, more: &str| {
        let line = format!("workflow list --address https://{host}:{port} {more}");
        let output = alone("flaky-payment", &line).output();
        said(&output.expect("the binary runs"), code, &line)
    };
    let trusting = |file: &Path| format!("--tls-ca '{}'", file.display());
    until("the engine is ready", || {
        let ready = http::exchange(
            connect(&address, &known),
            (&address, "GET /readyz"),
            &[],
            b"",
        );
        (ready.status == 200).then_some(())
    });

    for host in ["localhost", "127.0.0.1"] {
        list(0, host, &trusting(&known));
        for unknown in [list(3, host, ""), list(3, host, &trusting(&stranger))] {
            assert!(unknown.contains("certificate"), "{unknown}");
        }
    }
    let missing = list(2, "localhost", &trusting(&world.file("missing.pem")));
    assert!(missing.contains("missing.pem"), "{missing}");
    let mut plain = http::connect(&address);
    plain
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("it takes a request");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
}
