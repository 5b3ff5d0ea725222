//! Certificates of a certificate authority that only one test trusts.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::ExtendedKeyUsagePurpose::{self, ClientAuth, ServerAuth};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, client::WantsClientCert};
use tempfile::TempDir;

/// A certificate authority with certificates for servers and for a client.
///
/// The files live as long as any clone of this.
#[derive(Debug, Clone)]
pub struct Certificates(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
    /// How many certificates were issued by name.
    issued: AtomicU32,
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

    /// The subject of the certificate of [`client`](Self::client), as the server names a user.
    pub const CLIENT_SUBJECT: &str = "CN=client";

    /// Makes a new authority and its certificates.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let authority = authority();
        fs::write(directory.path().join("ca.pem"), authority.pem()).expect("ca.pem is written");

        let issue = |name, hosts: &[&str], usage| {
            issue(&authority, &identity(directory.path(), name), &leaf(name, hosts, usage))
        };
        issue("server", &["localhost", "127.0.0.1"], ServerAuth);
        issue("other-host", &[Self::OTHER_HOST], ServerAuth);
        let client = issue("client", &[], ClientAuth);
        Self(Arc::new(Inner { directory, authority, issued: AtomicU32::new(0), client }))
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

    /// For a server that has these names and addresses, and no others: without `127.0.0.1`, a
    /// client that was told an address may not accept it.
    pub fn for_names(&self, names: &[&str]) -> Identity {
        self.issue(&leaf("named", names, ServerAuth))
    }

    /// For `localhost` and `127.0.0.1`, but only in the year 2000.
    pub fn expired(&self) -> Identity {
        let mut params = leaf("expired", &["localhost", "127.0.0.1"], ServerAuth);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2000, 12, 31);
        self.issue(&params)
    }

    /// For a client, whose name is [`CLIENT_SUBJECT`](Self::CLIENT_SUBJECT).
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

    fn issue(&self, params: &CertificateParams) -> Identity {
        let number = self.0.issued.fetch_add(1, Ordering::Relaxed);
        let identity = identity(self.0.directory.path(), &format!("issued-{number}"));
        issue(&self.0.authority, &identity, params);
        identity
    }

    fn trusting(&self) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.authority.der().clone()).expect("the authority is well formed");
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

/// Issues a certificate, and writes its files.
fn issue(
    authority: &CertifiedIssuer<'_, KeyPair>,
    identity: &Identity,
    params: &CertificateParams,
) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = new_key();
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    fs::write(&identity.certificate, certificate.pem()).expect("a certificate is written");
    fs::write(&identity.key, key.serialize_pem()).expect("a key is written");
    (certificate.der().clone(), PrivateKeyDer::from(key))
}

fn leaf(name: &str, hosts: &[&str], usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = named(name, hosts);
    params.extended_key_usages = vec![usage];
    params
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
