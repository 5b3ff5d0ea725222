//! Options for where there are sockets and an environment.

use super::{ConnectOptions, OptionsFault};
#[cfg(feature = "nkeys")]
use crate::auth::CredsFile;
use crate::transport::ProxyRule;

/// Reaching servers from outside a browser.
impl ConnectOptions {
    /// The port of the local server, `nats://localhost:PORT`, where no server is named. Default:
    /// 4222. With servers it is an error, since each names its own.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Logs in with a creds file. It is read anew for every connection, so that it can be replaced.
    #[cfg(feature = "nkeys")]
    pub fn creds_file(self, path: impl Into<std::path::PathBuf>) -> Self {
        self.authenticator(CredsFile(path.into()))
    }

    /// Reaches every server through this HTTP proxy, by a `CONNECT` tunnel:
    /// `http://host:port`, or `http://user:password@host:port` for basic authentication. Default:
    /// no proxy.
    ///
    /// A proxy that cannot be understood is reported when connecting.
    pub fn proxy(mut self, proxy: &str) -> Self {
        match proxy.parse() {
            Ok(proxy) => self.transport.proxy = ProxyRule::Always(proxy),
            Err(error) => self.mistaken(OptionsFault::Proxy(error)),
        }
        self
    }

    /// Reaches servers through the HTTP proxy that the environment names, read for each connection:
    /// `HTTPS_PROXY` for `wss` and `tls`, `http_proxy` for `ws` and `nats`, `ALL_PROXY` for either,
    /// but for the hosts in `NO_PROXY`. Default: the environment plays no part.
    pub fn proxy_from_env(mut self) -> Self {
        self.transport.proxy = ProxyRule::Environment;
        self
    }
}
