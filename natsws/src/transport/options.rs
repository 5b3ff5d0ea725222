//! What a transport is told: TLS, the upgrade's headers, a proxy.

#[cfg(native_websocket)]
use super::HeaderProvider;
#[cfg(not(browser))]
use super::proxy::ProxyRule;

/// How to open a transport.
#[derive(Clone, Default)]
pub(crate) struct TransportOptions {
    #[cfg(native_tls)]
    pub(crate) tls: TlsOptions,
    #[cfg(native_websocket)]
    pub(crate) upgrade: UpgradeOptions,
    #[cfg(not(browser))]
    pub(crate) proxy: ProxyRule,
    /// Several addresses of one name are tried in the order they come.
    pub(crate) keep_order: bool,
    /// Connects in memory instead, whatever the address.
    #[cfg(embedded_broker)]
    pub(crate) in_memory: Option<InMemory>,
}

/// Makes a connection in memory: the client's end of it.
#[cfg(embedded_broker)]
pub(crate) type InMemory = std::sync::Arc<dyn Fn() -> super::memory::Memory + Send + Sync>;

/// How to secure a connection.
#[cfg(native_tls)]
#[derive(Clone, Default)]
pub(crate) struct TlsOptions {
    /// Used as it is where given; else what follows makes one.
    pub(crate) config: Option<std::sync::Arc<rustls::ClientConfig>>,
    /// Certificate authorities besides the platform's.
    pub(crate) authorities: Vec<Pem>,
    /// A certificate with those that it was issued by, and its key.
    pub(crate) identity: Option<(Pem, Pem)>,
    /// TLS begins before the server's INFO, on TCP.
    pub(crate) first: bool,
    /// Whoever answers is believed.
    pub(crate) accept_any_certificate: bool,
}

/// Where a PEM text is: files are read for each connection, so that they can be replaced.
#[cfg(native_tls)]
#[derive(Clone)]
pub(crate) enum Pem {
    File(std::path::PathBuf),
    Text(std::sync::Arc<[u8]>),
}

/// Names the file; a text may be a key.
#[cfg(native_tls)]
impl std::fmt::Display for Pem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Text(_) => f.write_str("the given PEM text"),
        }
    }
}

/// What is added to the WebSocket handshake.
#[cfg(native_websocket)]
#[derive(Clone, Default)]
pub(crate) struct UpgradeOptions {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) providers: Vec<std::sync::Arc<dyn HeaderProvider>>,
    /// Compression is offered, which the feature `deflate` alone can ask for.
    pub(crate) compression: bool,
}
