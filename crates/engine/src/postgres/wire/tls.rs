//! Encryption as libpq's sslmode means it (src/interfaces/libpq/fe-secure-openssl.c), by rustls.
//!
//! | sslmode | chain checked | host name checked |
//! | prefer, allow | no | no |
//! | require | only if sslrootcert is given | no |
//! | verify-ca | yes | no |
//! | verify-full | yes | yes |
//!
//! Unlike libpq, a host name that stands only in the common name is not accepted: rustls reads subjectAltName alone.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs as provider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::conninfo::{Conninfo, Host, SslMode};
use crate::error::{Error, Result};

pub(super) fn client_config(info: &Conninfo) -> Result<ClientConfig> {
    let provider = Arc::new(provider::default_provider());
    let checks = Checks {
        trusted: info.sslrootcert.as_deref().filter(|_| checks_chain(info)).map(read_roots).transpose()?,
        name: info.sslmode == SslMode::VerifyFull,
        provider: Arc::clone(&provider),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::protocol(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(checks));
    let (Some(cert), Some(key)) = (&info.sslcert, &info.sslkey) else { return Ok(builder.with_no_client_auth()) };
    builder
        .with_client_auth_cert(read_certificates(cert)?, read_key(key)?)
        .map_err(|error| unusable(cert, &error, "sslcert and sslkey must belong together"))
}

/// What the certificate must be for; an address counts where no name is given.
pub(super) fn server_name(info: &Conninfo) -> Result<ServerName<'static>> {
    let name = match &info.host {
        Host::Tcp { name, .. } => name.clone(),
        Host::Unix(_) => "localhost".into(),
    };
    ServerName::try_from(name.clone()).map_err(|_| Error::Conninfo(format!("{name:?} is not a host name")))
}

fn checks_chain(info: &Conninfo) -> bool {
    matches!(info.sslmode, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull)
}

fn unusable(path: &Path, what: &dyn std::fmt::Display, hint: &str) -> Error {
    Error::Credential { path: path.display().to_string(), what: what.to_string(), hint: hint.into() }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let bad = |error: rustls::pki_types::pem::Error| {
        unusable(path, &error, "give a file of PEM certificates that this user may read")
    };
    let all: Vec<_> = CertificateDer::pem_file_iter(path).map_err(bad)?.collect::<Result<_, _>>().map_err(bad)?;
    if all.is_empty() {
        return Err(unusable(path, &"it holds no certificate", "give a file of PEM certificates"));
    }
    Ok(all)
}

fn read_roots(path: &Path) -> Result<Trusted> {
    let certificates = read_certificates(path)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.iter().cloned());
    Ok(Trusted { roots, certificates })
}

/// As libpq: others may not read it, save that a key owned by root may be readable for its group.
fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let meta = std::fs::metadata(path).map_err(|error| unusable(path, &error, "name the key file as sslkey"))?;
    let forbidden = if meta.uid() == 0 { 0o037 } else { 0o077 };
    let mode = meta.permissions().mode() & 0o777;
    if mode & forbidden != 0 {
        let hint = format!("chmod 0600 {}", path.display());
        return Err(unusable(path, &format!("others may read it (mode {mode:04o})"), &hint));
    }
    PrivateKeyDer::from_pem_file(path).map_err(|error| unusable(path, &error, "give a PEM key without passphrase"))
}

#[derive(Debug)]
struct Trusted {
    roots: RootCertStore,
    /// A server's own self-signed certificate may be named as root; it is then trusted as it is, whatever its dates.
    certificates: Vec<CertificateDer<'static>>,
}

#[derive(Debug)]
struct Checks {
    trusted: Option<Trusted>,
    name: bool,
    provider: Arc<CryptoProvider>,
}

impl Checks {
    fn check_chain(
        &self,
        trusted: &Trusted,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        if trusted.certificates.iter().any(|certificate| certificate == end_entity) {
            return Ok(());
        }
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &trusted.roots, intermediates, now, algorithms)
    }
}

impl ServerCertVerifier for Checks {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(trusted) = &self.trusted {
            self.check_chain(trusted, end_entity, intermediates, now)?;
        }
        if self.name {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The `tls-server-end-point` binding of RFC 5929: the certificate's hash, by the hash of its signature, at least SHA-256.
/// None where the signature has no plain hash (Ed25519, RSA-PSS); SCRAM then goes without binding.
pub(super) fn end_point_binding(certificate: &[u8]) -> Option<Vec<u8>> {
    // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm SEQUENCE { OBJECT IDENTIFIER, … }, … }
    let (outer, _) = der_value(certificate, 0x30)?;
    let (_, after) = der_value(outer, 0x30)?;
    let (algorithm, _) = der_value(after, 0x30)?;
    let (oid, _) = der_value(algorithm, 0x06)?;
    let hash = match oid {
        // pkcs-1: 4 is MD5, 5 SHA-1, 11 SHA-256, 12 SHA-384, 13 SHA-512, all with RSA.
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 4 | 5 | 11] => &digest::SHA256,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 12] => &digest::SHA384,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 13] => &digest::SHA512,
        // ansi-X9-62 signatures: ecdsa-with-SHA1, -SHA256, -SHA384, -SHA512.
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2] => &digest::SHA256,
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3] => &digest::SHA384,
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4] => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(hash, certificate).as_ref().to_vec())
}

/// The content of the DER value at the start, which must have this tag, and what follows it.
fn der_value(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) =
            rest.split_at_checked(usize::from(first & 0x7f)).filter(|(digits, _)| digits.len() <= 4)?;
        (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
    };
    rest.split_at_checked(length).filter(|_| found == tag)
}

#[cfg(test)]
mod tests;
