//! TLS: the certificate, and what a connection does before it says something.
//!
//! Deliberately absent: certificates of clients, and HTTP/2.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use openssl::{
    error::ErrorStack,
    ssl::{AlpnError, Ssl, SslAcceptor, SslFiletype, SslMethod, select_next_proto},
};
use sagaline_journal::{Error, ErrorKind};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

/// A certificate and its key. Clones share them.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    cert: PathBuf,
    key: PathBuf,
    acceptor: RwLock<SslAcceptor>,
}

impl Tls {
    /// Reads a certificate, with those of its issuers behind it, and its key, both in PEM.
    ///
    /// # Errors
    /// Code `http-tls`: a file cannot be read, or the key is not the certificate's.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, Error> {
        let acceptor = acceptor(cert, key)?;
        Ok(Self(Arc::new(Shared {
            cert: cert.to_owned(),
            key: key.to_owned(),
            acceptor: RwLock::new(acceptor),
        })))
    }

    /// Reads both anew, for connections from now on. After an error the old ones go on.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn reload(&self) -> Result<(), Error> {
        let acceptor = acceptor(&self.0.cert, &self.0.key)?;
        let mut kept = self
            .0
            .acceptor
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = acceptor;
        Ok(())
    }

    /// Agrees with a client on how to talk.
    pub(super) async fn accept(&self, stream: TcpStream) -> Option<SslStream<TcpStream>> {
        let ssl = {
            let kept = self
                .0
                .acceptor
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            Ssl::new(kept.context()).ok()?
        };
        let mut stream = SslStream::new(ssl, stream).ok()?;
        let accepted = std::pin::Pin::new(&mut stream).accept().await;
        // What fails here is the client's, or that it speaks no TLS.
        accepted.ok().map(|()| stream)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.0.cert).finish()
    }
}

fn acceptor(cert: &Path, key: &Path) -> Result<SslAcceptor, Error> {
    let unusable = |what: &str, path: &Path, error: &ErrorStack| {
        let why = error.errors().first().and_then(|error| error.reason());
        let text = format!(
            "{what} {} cannot be used: {}",
            path.display(),
            why.unwrap_or("it is not PEM of that kind")
        );
        Error::new(ErrorKind::Invalid, "http-tls", text)
    };
    for path in [cert, key] {
        std::fs::File::open(path).map_err(|error| {
            let text = format!("file {} cannot be read: {error}", path.display());
            Error::new(ErrorKind::Invalid, "http-tls", text)
        })?;
    }
    // Version 5 of Mozilla's recommendation: TLS 1.2 and 1.3, with forward secrecy.
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())
        .map_err(|error| unusable("TLS for", cert, &error))?;
    acceptor
        .set_certificate_chain_file(cert)
        .map_err(|error| unusable("the certificate", cert, &error))?;
    acceptor
        .set_private_key_file(key, SslFiletype::PEM)
        .and_then(|()| acceptor.check_private_key())
        .map_err(|error| unusable("the key", key, &error))?;
    acceptor.set_alpn_select_callback(|_, offered| {
        select_next_proto(HTTP_1, offered).ok_or(AlpnError::NOACK)
    });
    Ok(acceptor.build())
}

/// `http/1.1`, as ALPN has it.
const HTTP_1: &[u8] = b"\x08http/1.1";
