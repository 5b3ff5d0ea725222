//! TLS through rustls, for TCP and for WebSocket alike.

use std::error::Error;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore,
    SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::options::{Pem, TlsOptions};
use super::{Phase, Progress, TransportError};
use crate::server_addr::ServerAddr;

/// Does the handshake. The certificate must be for the name that was dialled; what a server says of
/// itself in the clear plays no part.
pub(super) async fn wrap(
    stream: TcpStream,
    addr: &ServerAddr,
    options: &TlsOptions,
    progress: &Progress,
) -> Result<TlsStream<TcpStream>, TransportError> {
    progress.reached(Phase::Tls);
    let config = match &options.config {
        Some(config) => Arc::clone(config),
        None => configured(options)?,
    };
    let name = addr.tls_name();
    let server_name = ServerName::try_from(name.to_owned())
        .map_err(|error| TransportError::Tls(Box::new(error)))?;
    let handshake = TlsConnector::from(config).connect(server_name, stream);
    handshake.await.map_err(|error| {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(inner) => explained(inner.clone(), Some(name)),
            // A server that knows nothing of TLS often just goes.
            None => TransportError::Tls(Box::new(error)),
        }
    })
}

/// What went wrong, in words about certificates and ports. `name` is the one that was dialled,
/// where that can matter.
pub(super) fn explained(error: rustls::Error, name: Option<&str>) -> TransportError {
    use CertificateError::{NotValidForName, NotValidForNameContext};
    match (&error, name) {
        (
            rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }),
            Some(name),
        ) => TransportError::CertificateName { expected: name.to_owned(), source: error.into() },
        (rustls::Error::InvalidCertificate(_), _) => TransportError::Certificate(error.into()),
        (rustls::Error::InvalidMessage(_), Some(_)) => TransportError::NoTls,
        (
            rustls::Error::AlertReceived(
                AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::CertificateExpired
                | AlertDescription::UnknownCA,
            ),
            _,
        ) => TransportError::ClientCertificate(error.into()),
        _ => TransportError::Tls(error.into()),
    }
}

/// The configuration that the options ask for. The usual one is made once; another one is made for
/// each connection, since its files may have been replaced.
fn configured(options: &TlsOptions) -> Result<Arc<ClientConfig>, TransportError> {
    static PLATFORM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let usual = options.authorities.is_empty()
        && options.identity.is_none()
        && !options.accept_any_certificate;
    if let (true, Some(config)) = (usual, PLATFORM.get()) {
        return Ok(Arc::clone(config));
    }
    let config = Arc::new(build(options)?);
    Ok(if usual { Arc::clone(PLATFORM.get_or_init(|| config)) } else { config })
}

fn build(options: &TlsOptions) -> Result<ClientConfig, TransportError> {
    // Never the process-wide default: an application may have chosen none, or another.
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| TransportError::Tls(Box::new(error)))?;
    let builder = if options.accept_any_certificate {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    } else {
        builder.with_root_certificates(roots(&options.authorities)?)
    };
    match &options.identity {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => {
            let certificates = certificates(chain)?;
            let key_der = PrivateKeyDer::from_pem_slice(&read(key)?)
                .map_err(|error| unusable(key, malformed(&error)))?;
            builder
                .with_client_auth_cert(certificates, key_der)
                .map_err(|error| unusable(chain, error))
        }
    }
}

/// The platform's certificate authorities, and these.
fn roots(more: &[Pem]) -> Result<RootCertStore, TransportError> {
    let mut roots = RootCertStore::empty();
    for pem in more {
        for certificate in certificates(pem)? {
            roots.add(certificate).map_err(|error| unusable(pem, error))?;
        }
    }
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(match found.errors.into_iter().next() {
            Some(error) => TransportError::Tls(Box::new(error)),
            None => TransportError::Tls("the platform has no root certificates".into()),
        });
    }
    Ok(roots)
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, TransportError> {
    let text = read(pem)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let all = all.map_err(|error| unusable(pem, malformed(&error)))?;
    if all.is_empty() { Err(unusable(pem, "it has no certificate")) } else { Ok(all) }
}

/// Reads a PEM text. Files are small, so this does not hold up the task for long.
fn read(pem: &Pem) -> Result<Arc<[u8]>, TransportError> {
    match pem {
        Pem::Text(text) => Ok(Arc::clone(text)),
        Pem::File(path) => Ok(std::fs::read(path).map_err(|error| unusable(pem, error))?.into()),
    }
}

/// What is wrong with a PEM text. The library would quote lines of it, which may be a key's.
fn malformed(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section does not end",
        pem::Error::IllegalSectionStart { .. } => "a line that should begin a section does not",
        pem::Error::Base64Decode(_) => "a section is not base64",
        pem::Error::NoItemsFound => "there is no certificate or key in it",
        _ => "it is no PEM text",
    }
}

fn unusable(pem: &Pem, error: impl Into<Box<dyn Error + Send + Sync>>) -> TransportError {
    TransportError::Pem { file: pem.to_string(), source: error.into() }
}

/// Believes whoever answers: for development alone.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
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
