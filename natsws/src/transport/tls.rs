//! TLS through rustls, for TCP and for WebSocket alike.

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{TlsOptions, TransportError};

/// Does the handshake. The certificate must be for `host`, the name that was dialled; what a server
/// says of itself in the clear plays no part.
pub(super) async fn wrap(
    stream: TcpStream,
    host: &str,
    options: &TlsOptions,
) -> Result<TlsStream<TcpStream>, TransportError> {
    let config = match &options.config {
        Some(config) => Arc::clone(config),
        None => platform()?,
    };
    let name = ServerName::try_from(host.to_owned()).map_err(failed)?;
    TlsConnector::from(config).connect(name, stream).await.map_err(failed)
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> TransportError {
    TransportError::Tls(Box::new(error))
}

/// The configuration with the platform's roots, read once.
fn platform() -> Result<Arc<ClientConfig>, TransportError> {
    static PLATFORM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = PLATFORM.get() {
        return Ok(Arc::clone(config));
    }
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return match found.errors.into_iter().next() {
            Some(error) => Err(failed(error)),
            None => Err(TransportError::Tls("the platform has no root certificates".into())),
        };
    }
    // Never the process-wide default: an application may have chosen none, or another.
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::clone(PLATFORM.get_or_init(|| Arc::new(config))))
}

#[cfg(feature = "tls-aws-lc-rs")]
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(all(feature = "tls-ring", not(feature = "tls-aws-lc-rs")))]
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc-rs")))]
compile_error!("the feature `tls` needs a provider: switch on `tls-ring` or `tls-aws-lc-rs`");
