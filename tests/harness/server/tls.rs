//! The TLS settings of a server.

use super::builder::path;
use crate::certificates::{Certificates, Identity};

#[derive(Debug, Clone)]
pub(super) struct Tls {
    /// Keeps the files.
    certificates: Certificates,
    identity: Identity,
    pub(super) clients: Clients,
    /// On the TCP port, TLS begins before `INFO`.
    pub(super) first: bool,
}

/// What is asked of clients.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clients {
    Anyone,
    WithCertificate,
    /// The certificate says who the user is.
    Mapped,
}

impl Tls {
    pub(super) fn new(certificates: &Certificates, identity: Identity) -> Self {
        let certificates = certificates.clone();
        Self { certificates, identity, clients: Clients::Anyone, first: false }
    }

    /// For both ports, and for the TCP port alone.
    pub(super) fn render(&self) -> (String, &'static str) {
        // One or the other alone: the server reads them in any order, and each sets both.
        let clients = match self.clients {
            Clients::Anyone => "verify: false",
            Clients::WithCertificate => "verify: true",
            Clients::Mapped => "verify_and_map: true",
        };
        let block = format!(
            "cert_file: {}, key_file: {}, ca_file: {}, {clients}",
            path(&self.identity.certificate),
            path(&self.identity.key),
            path(&self.certificates.authority()),
        );
        (block, if self.first { ", handshake_first: true" } else { "" })
    }
}
