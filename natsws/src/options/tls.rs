//! Options for TLS.

use std::path::PathBuf;
use std::sync::Arc;

use super::ConnectOptions;
use crate::transport::Pem;

/// TLS, on `wss://` and `tls://` alike. A server's certificate must be for the name in its address;
/// a discovered server that is listed by an IP address may have one for the name of the server that
/// listed it.
impl ConnectOptions {
    /// Secures `wss://` and `tls://` with this configuration, used as it is: the other TLS options
    /// but [`tls_first`](Self::tls_first) do nothing then. Default: the platform's root
    /// certificates, read when they are first needed.
    pub fn tls_config(mut self, config: impl Into<Arc<rustls::ClientConfig>>) -> Self {
        self.transport.tls.config = Some(config.into());
        self
    }

    /// Trusts the certificate authorities in this PEM file, besides the platform's. It is read for
    /// every connection, so that it can be replaced.
    pub fn tls_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.transport.tls.authorities.push(Pem::File(path.into()));
        self
    }

    /// Trusts the certificate authorities in this PEM text, besides the platform's.
    pub fn tls_ca_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.transport.tls.authorities.push(Pem::Text(pem.as_ref().into()));
        self
    }

    /// Shows the server a certificate of this client: two PEM files, the certificate with those
    /// that it was issued by, and its private key. They are read for every connection.
    pub fn tls_client_auth_files(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.transport.tls.identity = Some((Pem::File(certificate.into()), Pem::File(key.into())));
        self
    }

    /// Shows the server a certificate of this client: two PEM texts, the certificate with those
    /// that it was issued by, and its private key.
    pub fn tls_client_auth_pem(
        mut self,
        certificate: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Self {
        let text = |pem: &[u8]| Pem::Text(pem.into());
        self.transport.tls.identity = Some((text(certificate.as_ref()), text(key.as_ref())));
        self
    }

    /// Begins TLS before the server says anything, for servers with `handshake_first`; for `tls://`
    /// and `nats://` alone, since a WebSocket always does. Default: off.
    pub fn tls_first(mut self, first: bool) -> Self {
        self.transport.tls.first = first;
        self
    }

    /// Believes every server, whatever its certificate: whoever is on the way can then read and
    /// change everything. For development alone. Default: certificates are checked.
    pub fn dangerous_accept_any_certificate(mut self) -> Self {
        self.transport.tls.accept_any_certificate = true;
        self
    }
}
