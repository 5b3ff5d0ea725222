//! What a server is told before it starts, and its configuration file.

use std::fmt::Write;
use std::path::Path;

use super::{Ports, Server};
use crate::certificates::{Certificates, Identity};

/// A server that is yet to start, see [`Server::builder`].
#[derive(Debug, Clone, Default)]
#[must_use = "a server starts by start()"]
pub struct ServerBuilder {
    config: String,
    websocket_config: String,
    max_payload: Option<usize>,
    authorization: Option<String>,
    tls: Option<Tls>,
    jetstream: bool,
    pub(super) fixed_ports: bool,
}

#[derive(Debug, Clone)]
struct Tls {
    /// Keeps the files.
    certificates: Certificates,
    identity: Identity,
    verify_clients: bool,
}

impl ServerBuilder {
    /// Adds lines at the top level of the configuration file.
    pub fn config(mut self, text: &str) -> Self {
        self.config += text;
        self.config.push('\n');
        self
    }

    /// Adds lines inside `websocket {}`.
    pub fn websocket_config(mut self, text: &str) -> Self {
        self.websocket_config += text;
        self.websocket_config.push('\n');
        self
    }

    /// The largest payload in bytes, headers included; 1 MiB unless told.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = Some(bytes);
        self
    }

    /// Lets in who has this token.
    pub fn token(mut self, token: &str) -> Self {
        self.authorization = Some(format!("token: {}", quoted(token)));
        self
    }

    /// Lets in who has this name and password.
    pub fn user(mut self, user: &str, password: &str) -> Self {
        self.authorization =
            Some(format!("user: {}, password: {}", quoted(user), quoted(password)));
        self
    }

    /// TLS on both ports, with the certificate for `localhost` and `127.0.0.1`.
    pub fn tls(self, certificates: &Certificates) -> Self {
        self.with_tls(certificates, certificates.server(), false)
    }

    /// TLS on both ports, where a client needs a certificate too.
    pub fn tls_verifying_clients(self, certificates: &Certificates) -> Self {
        self.with_tls(certificates, certificates.server(), true)
    }

    /// TLS on both ports, with a certificate for [`Certificates::OTHER_HOST`], which no client may
    /// accept.
    pub fn tls_for_other_host(self, certificates: &Certificates) -> Self {
        self.with_tls(certificates, certificates.other_host(), false)
    }

    fn with_tls(mut self, from: &Certificates, identity: Identity, verify_clients: bool) -> Self {
        self.tls = Some(Tls { certificates: from.clone(), identity, verify_clients });
        self
    }

    /// `JetStream`, which keeps its files in the server's own directory.
    pub fn jetstream(mut self) -> Self {
        self.jetstream = true;
        self
    }

    /// Ports that nobody else takes while the server is down, as [`Server::restart`] needs them.
    pub fn fixed_ports(mut self) -> Self {
        self.fixed_ports = true;
        self
    }

    /// Starts the server, and returns when it accepts clients.
    ///
    /// # Panics
    ///
    /// Where it does not start, with its configuration and its log.
    #[track_caller]
    pub fn start(self) -> Server {
        Server::launch(self)
    }

    pub(super) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The configuration file of a server that has all its files in `home`.
    pub(super) fn render(&self, home: &Path, ports: Option<Ports>) -> String {
        let number = |port: Option<u16>| port.map_or_else(|| "-1".to_owned(), |it| it.to_string());
        let tcp = number(ports.map(|it| it.tcp));
        let ws = number(ports.map(|it| it.ws));
        let tls = self.tls.as_ref().map(Tls::render);

        let mut text = format!("listen: \"127.0.0.1:{tcp}\"\nports_file_dir: {}\n", path(home));
        let mut line = |it: std::fmt::Arguments<'_>| {
            text.write_fmt(it).expect("a string takes all");
            text.push('\n');
        };
        if let Some(bytes) = self.max_payload {
            line(format_args!("max_payload: {bytes}"));
        }
        if let Some(authorization) = &self.authorization {
            line(format_args!("authorization {{ {authorization} }}"));
        }
        if self.jetstream {
            line(format_args!("jetstream {{ store_dir: {} }}", path(&home.join("jetstream"))));
        }
        if let Some(tls) = &tls {
            line(format_args!("{tls}"));
        }
        line(format_args!(
            "websocket {{\nhost: \"127.0.0.1\"\nport: {ws}\n{}\n{}}}\n{}",
            tls.as_deref().unwrap_or("no_tls: true"),
            self.websocket_config,
            self.config,
        ));
        text
    }
}

impl Tls {
    fn render(&self) -> String {
        format!(
            "tls {{ cert_file: {}, key_file: {}, ca_file: {}, verify: {} }}",
            path(&self.identity.certificate),
            path(&self.identity.key),
            path(&self.certificates.authority()),
            self.verify_clients
        )
    }
}

fn path(path: &Path) -> String {
    quoted(path.to_str().expect("temporary directories have plain names"))
}

/// The server reads the escapes of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
