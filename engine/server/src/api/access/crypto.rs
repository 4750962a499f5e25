//! How signatures are verified: by OpenSSL, which is in every binary of ours for Kafka. `jsonwebtoken` does the rest.
//!
//! Invariant: three ways are known, RS256, ES256 and EdDSA with Ed25519, each with a key of its own kind; everything else is
//! refused here once more, whatever was checked before. Nothing is signed.

use std::sync::Once;

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind},
    signature,
};
use openssl::{
    bn::{BigNum, BigNumContext},
    ec::{EcGroup, EcKey, EcPoint},
    ecdsa::EcdsaSig,
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::{Id, PKey, Public},
    rsa::Rsa,
    sign::Verifier,
};

/// Shortest RSA key that counts, in bits.
const RSA_BITS_MIN: i32 = 2_048;

/// Longest: a longer one costs time with every request.
const RSA_BITS_MAX: i32 = 8_192;

/// Bytes of each half of a signature of P-256.
const HALF_BYTES: usize = 32;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Verifies by this from now on.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Somebody else in this process may have had the same idea: then theirs counts, which verifies as well.
        let _ = PROVIDER.install_default();
    });
}

/// Whether such a key can be used with this algorithm.
pub(super) fn is_usable(algorithm: Algorithm, key: &DecodingKey) -> bool {
    public_key(algorithm, key).is_ok()
}

fn signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let key = public_key(*algorithm, key)?;
    let algorithm = *algorithm;
    Ok(Box::new(ByOpenssl { algorithm, key }))
}

/// The key in OpenSSL's form, if it is one for the algorithm.
fn public_key(algorithm: Algorithm, key: &DecodingKey) -> Result<PKey<Public>, Error> {
    let key = match (algorithm, key.kind()) {
        (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => rsa(n, e),
        (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => p256(point),
        (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(bytes)) => {
            PKey::public_key_from_raw_bytes(bytes, Id::ED25519).map(Some)
        }
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    let key = key.ok().flatten();
    key.ok_or_else(|| ErrorKind::InvalidKeyFormat.into())
}

fn rsa(n: &[u8], e: &[u8]) -> Result<Option<PKey<Public>>, ErrorStack> {
    let (n, e) = (BigNum::from_slice(n)?, BigNum::from_slice(e)?);
    let fits =
        (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&n.num_bits()) && (2..=64).contains(&e.num_bits());
    let key = fits.then(|| PKey::from_rsa(Rsa::from_public_components(n, e)?));
    key.transpose()
}

fn p256(point: &[u8]) -> Result<Option<PKey<Public>>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let mut context = BigNumContext::new()?;
    let point = EcPoint::from_bytes(&group, point, &mut context)?;
    let key = EcKey::from_public_key(&group, &point)?;
    key.check_key()?;
    PKey::from_ec_key(key).map(Some)
}

/// A key that verifies in one way.
struct ByOpenssl {
    algorithm: Algorithm,
    key: PKey<Public>,
}

impl ByOpenssl {
    fn is_signed(&self, message: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
        let key = &self.key;
        match self.algorithm {
            Algorithm::RS256 => {
                Verifier::new(MessageDigest::sha256(), key)?.verify_oneshot(signature, message)
            }
            Algorithm::ES256 if signature.len() == 2 * HALF_BYTES => {
                let (r, s) = signature.split_at(HALF_BYTES);
                let (r, s) = (BigNum::from_slice(r)?, BigNum::from_slice(s)?);
                let der = EcdsaSig::from_private_components(r, s)?.to_der()?;
                Verifier::new(MessageDigest::sha256(), key)?.verify_oneshot(&der, message)
            }
            Algorithm::EdDSA => {
                Verifier::new_without_digest(key)?.verify_oneshot(signature, message)
            }
            _ => Ok(false),
        }
    }
}

impl signature::Verifier<Vec<u8>> for ByOpenssl {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        match self.is_signed(message, signature) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(signature::Error::new()),
        }
    }
}

impl JwtVerifier for ByOpenssl {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
