//! Certificates of a certificate authority that only one test trusts.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, client::WantsClientCert};
use tempfile::TempDir;

/// A certificate authority with certificates for a server, for another server and for a client.
///
/// The files live as long as any clone of this.
#[derive(Debug, Clone)]
pub struct Certificates(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: TempDir,
    authority: CertificateDer<'static>,
    client: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

/// The PEM files of one certificate and its key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Certificates {
    /// The host name in the certificate of [`other_host`](Self::other_host).
    pub const OTHER_HOST: &str = "evil.test";

    /// Makes a new authority and its certificates.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let authority = authority();
        fs::write(directory.path().join("ca.pem"), authority.pem()).expect("ca.pem is written");

        let server = ExtendedKeyUsagePurpose::ServerAuth;
        let issue = |name, hosts: &[&str], usage| {
            let (certificate, key) = leaf(&authority, name, hosts, usage);
            let identity = identity(directory.path(), name);
            fs::write(identity.certificate, certificate.pem()).expect("a certificate is written");
            fs::write(identity.key, key.serialize_pem()).expect("a key is written");
            (certificate.der().clone(), PrivateKeyDer::from(key))
        };
        issue("server", &["localhost", "127.0.0.1"], server.clone());
        issue("other-host", &[Self::OTHER_HOST], server);
        let client = issue("client", &[], ExtendedKeyUsagePurpose::ClientAuth);

        let authority = authority.der().clone();
        Self(Arc::new(Inner { directory, authority, client }))
    }

    /// The PEM file of the authority's own certificate.
    pub fn authority(&self) -> PathBuf {
        self.0.directory.path().join("ca.pem")
    }

    /// For `localhost` and `127.0.0.1`.
    pub fn server(&self) -> Identity {
        identity(self.0.directory.path(), "server")
    }

    /// From the same authority, but for [`OTHER_HOST`](Self::OTHER_HOST) alone.
    pub fn other_host(&self) -> Identity {
        identity(self.0.directory.path(), "other-host")
    }

    /// For a client.
    pub fn client(&self) -> Identity {
        identity(self.0.directory.path(), "client")
    }

    /// A client's TLS settings that trust this authority and no other.
    pub fn client_config(&self) -> Arc<ClientConfig> {
        Arc::new(self.trusting().with_no_client_auth())
    }

    /// [`client_config`](Self::client_config), with the client's own certificate.
    pub fn client_config_with_cert(&self) -> Arc<ClientConfig> {
        let (certificate, key) = &self.0.client;
        let config =
            self.trusting().with_client_auth_cert(vec![certificate.clone()], key.clone_key());
        Arc::new(config.expect("the key belongs to the certificate"))
    }

    fn trusting(&self) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.authority.clone()).expect("the authority is well formed");
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has them all")
            .with_root_certificates(roots)
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

fn identity(directory: &Path, name: &str) -> Identity {
    Identity {
        certificate: directory.join(format!("{name}.pem")),
        key: directory.join(format!("{name}.key")),
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = named("natsws test authority", &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, new_key()).expect("an authority")
}

fn leaf(
    authority: &CertifiedIssuer<'_, KeyPair>,
    name: &str,
    hosts: &[&str],
    usage: ExtendedKeyUsagePurpose,
) -> (rcgen::Certificate, KeyPair) {
    let mut params = named(name, hosts);
    params.extended_key_usages = vec![usage];
    let key = new_key();
    (params.signed_by(&key, authority).expect("a certificate"), key)
}

fn named(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts).expect("the names are plain");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_live_as_long_as_the_last_clone() {
        let certificates = Certificates::new();
        let Identity { certificate, key } = certificates.clone().server();
        assert!(fs::read_to_string(&certificate).unwrap().starts_with("-----BEGIN CERTIFICATE"));
        assert!(fs::read_to_string(&key).unwrap().starts_with("-----BEGIN PRIVATE KEY"));
        drop(certificates);
        assert!(!certificate.exists());
    }
}
