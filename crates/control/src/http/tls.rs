//! Certificates by files. A file that changed is read again, so that who renews certificates needs to tell nobody; one that cannot be used is
//! told of, and the old one stays.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::error::{Error, Result};

const LOOK_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

/// Reads the files, and looks after them as long as the daemon lives.
pub(super) fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let current = RwLock::new(Arc::new(load(certificate, key, &provider)?));
    let certificates = Arc::new(Certificates {
        certificate: certificate.into(),
        key: key.into(),
        provider: provider.clone(),
        current,
    });
    let versions = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|e| unusable(certificate, &e))?;
    let mut config = versions.with_no_client_auth().with_cert_resolver(certificates.clone());
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    tokio::spawn(watch(Arc::downgrade(&certificates)));
    Ok(TlsAcceptor::from(Arc::new(config)))
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Certificates {
    fn changed(&self) -> [Option<(SystemTime, u64)>; 2] {
        let of = |path: &Path| std::fs::metadata(path).ok().and_then(|meta| Some((meta.modified().ok()?, meta.len())));
        [of(&self.certificate), of(&self.key)]
    }

    fn reload(&self) {
        match load(&self.certificate, &self.key, &self.provider) {
            Ok(new) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                tracing::info!(certificate = %self.certificate.display(), "the certificate was read again");
            }
            Err(error) => {
                tracing::error!(%error, cause = ?error.body().causes, "the new certificate cannot be used: the old one stays");
            }
        }
    }
}

async fn watch(certificates: std::sync::Weak<Certificates>) {
    let mut seen = certificates.upgrade().map(|certificates| certificates.changed());
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(certificates) = certificates.upgrade() else { return };
        let now = Some(certificates.changed());
        if now != seen {
            certificates.reload();
            seen = now;
        }
    }
}

fn load(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|e| unusable(certificate, &e))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| unusable(key, &e))?;
    let private = provider.key_provider.load_private_key(private).map_err(|e| unusable(key, &e))?;
    let certified = CertifiedKey::new(chain, private);
    certified.keys_match().map_err(|e| unusable(certificate, &e))?;
    Ok(certified)
}

fn unusable(path: &Path, what: &dyn std::fmt::Display) -> Error {
    Error::Config { path: path.display().to_string(), what: what.to_string() }
}
