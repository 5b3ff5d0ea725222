//! A real `nats-server`, one for each test.

mod builder;
mod monitor;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tls;

use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub use self::builder::ServerBuilder;
use crate::binary::nats_server;
use crate::eventually::poll_blocking;
use crate::ports::ReservedPort;

/// The ways to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Over a WebSocket.
    Ws,
    /// Over a plain TCP connection.
    Tcp,
}

impl Transport {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Ws, Self::Tcp];
}

/// A running `nats-server` that ends with this handle.
///
/// Starting, stopping and reloading block the thread until they are done; the server needs
/// nothing from its clients for them.
#[derive(Debug)]
pub struct Server {
    told: ServerBuilder,
    home: TempDir,
    /// With [`ServerBuilder::fixed_ports`].
    reserved: Option<[ReservedPort; 2]>,
    ports: Ports,
    child: Option<Child>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ports {
    tcp: u16,
    ws: u16,
}

impl Server {
    /// Starts a server with free ports for TCP and WebSocket, without TLS, passwords or `JetStream`.
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Starts a server with more than the defaults.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    #[track_caller]
    fn launch(told: ServerBuilder) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let reserved = told.fixed_ports.then(|| [ReservedPort::new(), ReservedPort::new()]);
        let ports = reserved.as_ref().map(|[tcp, ws]| Ports { tcp: tcp.number(), ws: ws.number() });
        let mut server = Self { told, home, reserved, ports: Ports { tcp: 0, ws: 0 }, child: None };
        server.run(ports);
        server
    }

    /// The address for a client over TCP: `nats://127.0.0.1:PORT`, `tls://localhost:PORT` with TLS.
    pub fn nats_url(&self) -> String {
        self.url(Transport::Tcp)
    }

    /// The address for a client over a WebSocket: `ws://127.0.0.1:PORT`, `wss://localhost:PORT`
    /// with TLS.
    pub fn ws_url(&self) -> String {
        self.url(Transport::Ws)
    }

    /// The address for a client over this transport.
    pub fn url(&self, transport: Transport) -> String {
        let port = self.addr(transport).port();
        match (transport, self.told.has_tls()) {
            (Transport::Tcp, false) => format!("nats://127.0.0.1:{port}"),
            (Transport::Tcp, true) => format!("tls://localhost:{port}"),
            (Transport::Ws, false) => format!("ws://127.0.0.1:{port}"),
            (Transport::Ws, true) => format!("wss://localhost:{port}"),
        }
    }

    /// Where the server listens for this transport, as a [`Proxy`](crate::Proxy) wants it.
    pub fn addr(&self, transport: Transport) -> SocketAddr {
        let port = match transport {
            Transport::Ws => self.ports.ws,
            Transport::Tcp => self.ports.tcp,
        };
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }

    /// The number of the server's process, which is running.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Whether the server's process is there: it ends by itself as well, after
    /// [`lame_duck`](Self::lame_duck).
    pub fn is_running(&mut self) -> bool {
        let status = self.child.as_mut().map(|child| child.try_wait().expect("the child is ours"));
        status == Some(None)
    }

    /// What the server has logged, over all its restarts.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// Asks the server to end, which it tells its clients, and waits for it; it may have ended by
    /// itself before.
    #[track_caller]
    pub fn stop(&mut self) {
        if self.is_running() {
            self.signal("term");
        }
        let child = self.child.as_mut().expect("the server runs");
        let ended = poll_blocking(|| child.try_wait().expect("the child is ours"));
        if ended.is_none() {
            self.fail("it does not stop");
        }
        self.child = None;
    }

    /// Ends the server at once, so that it cannot tell anybody, and waits for it.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the child is ours");
            child.wait().expect("the child is ours");
        }
    }

    /// Starts the server again, on the same ports and with the same files; one that runs is
    /// stopped first.
    ///
    /// # Panics
    ///
    /// Without [`ServerBuilder::fixed_ports`]: other ports could go to someone else meanwhile.
    #[track_caller]
    pub fn restart(&mut self) {
        assert!(self.reserved.is_some(), "a server that restarts is built with fixed_ports()");
        if self.child.is_some() {
            self.stop();
        }
        self.run(Some(self.ports));
    }

    /// Has the server send its clients away and end when they are gone; returns at once.
    #[track_caller]
    pub fn lame_duck(&self) {
        self.signal("ldm");
    }

    /// Writes the configuration anew, with what `change` makes of all that the server was told; it
    /// is for [`signal_reload`](Self::signal_reload) or [`restart`](Self::restart) to use it.
    pub fn rewrite_config(&mut self, change: impl FnOnce(ServerBuilder) -> ServerBuilder) {
        self.told = change(self.told.clone());
        self.write_config(Some(self.ports));
    }

    /// Has the server read its configuration again, and waits until it has.
    #[track_caller]
    pub fn signal_reload(&self) {
        let before = self.log().len();
        self.signal("reload");
        let answered = poll_blocking(|| {
            let answer = self.log().split_off(before);
            if answer.contains("Failed to reload") {
                self.fail("it does not take the new configuration");
            }
            answer.contains("Reloaded server configuration").then_some(())
        });
        if answered.is_none() {
            self.fail("it does not reload");
        }
    }

    fn write_config(&self, ports: Option<Ports>) {
        let text = self.told.render(self.home.path(), ports);
        fs::write(self.home.path().join("nats.conf"), text).expect("the configuration is written");
    }

    /// Runs the server until it has written down its ports, which it does when it is ready.
    #[track_caller]
    fn run(&mut self, ports: Option<Ports>) {
        self.write_config(ports);
        self.remove_ports_files();
        let log = OpenOptions::new().create(true).append(true).open(self.home.path().join("log"));
        let log = log.expect("the log can be written");
        let child = Command::new(nats_server())
            .arg("--config")
            .arg(self.home.path().join("nats.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be cloned"))
            .stderr(log)
            .spawn();
        self.child = Some(child.expect("the program ran before"));

        let ready = poll_blocking(|| {
            let ended = self.child.as_mut()?.try_wait().expect("the child is ours");
            ended
                .map(|status| Err(format!("it ended with {status}")))
                .or_else(|| self.read_ports_file().map(Ok))
        });
        match ready {
            Some(Ok(ports)) => self.ports = ports,
            Some(Err(fault)) => self.fail(&fault),
            None => self.fail("it is not ready in time"),
        }
    }

    /// A server that was killed leaves its file behind.
    fn remove_ports_files(&self) {
        for file in self.ports_files() {
            fs::remove_file(file).expect("the file is ours");
        }
    }

    /// `None` while the file is not there or not complete.
    fn read_ports_file(&self) -> Option<Ports> {
        let file = self.ports_file()?;
        let port = |key: &str| file[key][0].as_str()?.rsplit(':').next()?.parse().ok();
        Some(Ports { tcp: port("nats")?, ws: port("websocket")? })
    }

    fn ports_file(&self) -> Option<Value> {
        let text = fs::read_to_string(self.ports_files().next()?).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Named after the program and its process: `nats-server_PID.ports`.
    fn ports_files(&self) -> impl Iterator<Item = PathBuf> {
        let files = fs::read_dir(self.home.path()).expect("the directory is ours");
        let paths = files.flatten().map(|file| file.path());
        paths.filter(|path| path.extension().is_some_and(|it| it == "ports"))
    }

    /// The program itself sends the signals, under its own names for them.
    #[track_caller]
    fn signal(&self, name: &str) {
        let signal = format!("{name}={}", self.pid());
        let output = Command::new(nats_server()).args(["--signal", &signal]).output();
        let output = output.expect("the program ran before");
        if !output.status.success() {
            let fault = String::from_utf8_lossy(&output.stderr);
            self.fail(&format!("it cannot be sent {signal}: {fault}"));
        }
    }

    #[track_caller]
    fn fail(&self, fault: &str) -> ! {
        let config = fs::read_to_string(self.home.path().join("nats.conf")).unwrap_or_default();
        panic!("nats-server: {fault}\n--- its configuration\n{config}--- its log\n{}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
