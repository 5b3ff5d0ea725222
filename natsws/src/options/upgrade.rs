//! Options for the WebSocket handshake.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use super::{ConnectOptions, OptionsFault};
use crate::server_addr::ServerAddr;
use crate::transport::{ProviderFn, check_header};

/// What is added to the HTTP request that begins a WebSocket; other transports have none.
impl ConnectOptions {
    /// Adds a header to the WebSocket handshake; a cookie is the header `Cookie`.
    ///
    /// `Cookie`, `Authorization` and `Proxy-Authorization` go to the servers alone that the
    /// application names, not to discovered ones. Headers that belong to the handshake itself, such
    /// as `Host` and `Sec-WebSocket-*`, are refused when connecting.
    pub fn upgrade_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        match check_header(&name, &value) {
            Ok(()) => self.transport.upgrade.headers.push((name, value)),
            Err(error) => self.mistaken(OptionsFault::UpgradeHeader(error.to_string())),
        }
        self
    }

    /// Asks this function for headers before every WebSocket handshake: for tokens that are renewed.
    /// It is told which server it is for, and decides what that may see.
    ///
    /// ```
    /// use natsws::{ConnectOptions, ServerAddr};
    ///
    /// async fn session_cookie(host: &str) -> std::io::Result<String> {
    /// #   Ok(format!("session={host}"))
    /// }
    ///
    /// let options = ConnectOptions::new().upgrade_headers(|server: ServerAddr| async move {
    ///     let cookie = session_cookie(server.host()).await?;
    ///     Ok::<_, std::io::Error>(vec![("Cookie".to_owned(), cookie)])
    /// });
    /// ```
    pub fn upgrade_headers<F, Fut, E>(mut self, provider: F) -> Self
    where
        F: Fn(ServerAddr) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<(String, String)>, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.transport.upgrade.providers.push(Arc::new(ProviderFn(provider)));
        self
    }

    /// Offers to compress what is sent over a WebSocket, both ways (`permessage-deflate`); needs the
    /// feature `deflate`. A server that declines is used without. Default: off.
    ///
    /// It is for slow networks and messages that are alike: it costs time at both ends, and some
    /// 500 KiB of memory here. nats-server agrees where its configuration has
    /// `websocket { compression: true }`, and the embedded broker never does. What is shorter than 64
    /// bytes goes as it is, and so does the login.
    ///
    /// How well a message compresses shows in its size, also through TLS. Where strangers can have
    /// their own text published by this client next to its secrets, leave it off.
    ///
    /// Where a server agrees to what was not offered, connecting fails with
    /// [`TransportError::WebSocket`](crate::TransportError::WebSocket).
    #[cfg(native_deflate)]
    pub fn compression(mut self, offer: bool) -> Self {
        self.transport.upgrade.compression = offer;
        self
    }
}
