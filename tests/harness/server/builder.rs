//! What a server is told before it starts, and its configuration file.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use super::tls::{Clients, Tls};
use super::{Ports, Server};
use crate::certificates::{Certificates, Identity};
use crate::operator::Operator;

/// A server that is yet to start, see [`Server::builder`].
#[derive(Debug, Clone, Default)]
#[must_use = "a server starts by start()"]
pub struct ServerBuilder {
    config: String,
    websocket_config: String,
    max_payload: Option<usize>,
    authorization: Option<String>,
    operator: Option<String>,
    tls: Option<Tls>,
    /// The lines inside `jetstream {}`.
    jetstream: Option<String>,
    pub(super) fixed_ports: bool,
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

    /// Lets in these users, each with a name, a password, and the lines inside `permissions {}`;
    /// a user without such lines may do everything.
    ///
    /// ```no_run
    /// # natsws_tests::Server::builder()
    /// .users(&[("ann", "secret", ""), ("bob", "secret", "publish: { deny: \"greet\" }")])
    /// # ;
    /// ```
    pub fn users(mut self, users: &[(&str, &str, &str)]) -> Self {
        let users = users.iter().map(|(user, password, permissions)| {
            let (user, password) = (quoted(user), quoted(password));
            let permissions = match *permissions {
                "" => String::new(),
                lines => format!(", permissions: {{\n{lines}\n}}"),
            };
            format!("{{ user: {user}, password: {password}{permissions} }}")
        });
        self.authorization = Some(format!("users: [{}]", users.collect::<Vec<_>>().join(", ")));
        self
    }

    /// Lets in who has the key pair with this public key, see [`Nkey`](crate::Nkey).
    pub fn nkey(mut self, public_key: &str) -> Self {
        self.authorization = Some(format!("users: [{{ nkey: {public_key} }}]"));
        self
    }

    /// Lets in the users of this operator.
    pub fn operator(mut self, operator: &Operator) -> Self {
        self.operator = Some(operator.config());
        self
    }

    /// TLS on both ports, with the certificate for `localhost` and `127.0.0.1`.
    pub fn tls(self, certificates: &Certificates) -> Self {
        self.tls_identity(certificates, certificates.server())
    }

    /// TLS on both ports, where a client needs a certificate too.
    pub fn tls_verifying_clients(self, certificates: &Certificates) -> Self {
        self.with_tls(certificates, |tls| tls.clients = Clients::WithCertificate)
    }

    /// TLS on both ports, where a client needs a certificate and no password: the client is the
    /// user whom [`Certificates::client`] names, and nobody else is let in.
    pub fn tls_mapping(mut self, certificates: &Certificates) -> Self {
        let user = quoted(Certificates::CLIENT_SUBJECT);
        self.authorization = Some(format!("users: [{{ user: {user} }}]"));
        self.with_tls(certificates, |tls| tls.clients = Clients::Mapped)
    }

    /// TLS on both ports, which on the TCP port begins before `INFO` as it does on the other one.
    pub fn tls_first(self, certificates: &Certificates) -> Self {
        self.with_tls(certificates, |tls| tls.first = true)
    }

    /// TLS on both ports, with a certificate for [`Certificates::OTHER_HOST`], which no client may
    /// accept.
    pub fn tls_for_other_host(self, certificates: &Certificates) -> Self {
        self.tls_identity(certificates, certificates.other_host())
    }

    /// TLS on both ports, with this certificate of theirs.
    pub fn tls_identity(mut self, certificates: &Certificates, identity: Identity) -> Self {
        self.tls = Some(Tls::new(certificates, identity));
        self
    }

    fn with_tls(mut self, certificates: &Certificates, change: impl FnOnce(&mut Tls)) -> Self {
        let mut tls = Tls::new(certificates, certificates.server());
        change(&mut tls);
        self.tls = Some(tls);
        self
    }

    /// `JetStream`, which keeps its files in the server's own directory.
    pub fn jetstream(mut self) -> Self {
        self.jetstream.get_or_insert_default();
        self
    }

    /// `JetStream` in a domain of its own.
    pub fn domain(mut self, name: &str) -> Self {
        self.jetstream = Some(format!("domain: {}", quoted(name)));
        self
    }

    /// Has the server tell about itself over HTTP, see [`Server::monitor`].
    pub fn monitoring(self) -> Self {
        self.config("http: \"127.0.0.1:-1\"")
    }

    /// How [`Server::lame_duck`] sends clients away: the first of them `grace` after the signal,
    /// and the others in what is left of `duration`.
    ///
    /// The server takes a `duration` of 30 s or more, and a `grace` that is shorter than that; 0 is
    /// 10 s to it. With 30 s and 1 s, version 2.15.1 behaves like this:
    ///
    /// - At once (within some 10 ms of the signal) it no longer accepts connections, and sends the
    ///   `INFO` with `ldm: true` to all clients.
    /// - After the grace of exactly 1 s (to within some ms) it closes the connections, without an
    ///   `-ERR`: all of them where there is one client, and else one after another, with pauses of
    ///   up to 1 s. Five clients are gone after some 4 s.
    /// - It ends when the last client is gone, which is at once where there is none.
    ///
    /// A grace of 100 ms is kept to as exactly.
    pub fn lame_duck(self, duration: Duration, grace: Duration) -> Self {
        self.config(&format!(
            "lame_duck_duration: \"{}ms\"\nlame_duck_grace_period: \"{}ms\"",
            duration.as_millis(),
            grace.as_millis()
        ))
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
        if let Some(operator) = &self.operator {
            line(format_args!("{operator}"));
        }
        if let Some(jetstream) = &self.jetstream {
            let folder = path(&home.join("jetstream"));
            line(format_args!("jetstream {{ store_dir: {folder}\n{jetstream} }}"));
        }
        if let Some((tls, first)) = &tls {
            line(format_args!("tls {{ {tls}{first} }}"));
        }
        line(format_args!(
            "websocket {{\nhost: \"127.0.0.1\"\nport: {ws}\n{}\n{}}}\n{}",
            tls.map_or_else(|| "no_tls: true".to_owned(), |(tls, _)| format!("tls {{ {tls} }}")),
            self.websocket_config,
            self.config,
        ));
        text
    }
}

pub(super) fn path(path: &Path) -> String {
    quoted(path.to_str().expect("temporary directories have plain names"))
}

/// The server reads the escapes of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
