//! Clients in the broker's own process, without a socket between.

use super::Broker;
use crate::client::Client;
use crate::connect_error::ConnectError;
use crate::connection::Connection;
use crate::options::ConnectOptions;

impl Broker {
    /// Connects a client in memory, with the default options.
    ///
    /// # Errors
    /// [`ConnectError`] where the broker wants credentials or was closed.
    ///
    /// # Cancel safety
    /// Dropped early, no connection is left behind.
    pub async fn connect(&self) -> Result<Client, ConnectError> {
        self.connect_with(ConnectOptions::new()).await
    }

    /// Connects a client in memory, with these options.
    ///
    /// Such a connection is not made again when it is cut. To test how a client comes back, connect
    /// it to [`ws_url`](Self::ws_url) or [`nats_url`](Self::nats_url).
    ///
    /// # Errors
    /// [`ConnectError`] where the broker does not accept the credentials or was closed.
    ///
    /// # Cancel safety
    /// Dropped early, no connection is left behind.
    pub async fn connect_with(&self, options: ConnectOptions) -> Result<Client, ConnectError> {
        let server = self.nats_url().parse()?;
        let transport = Box::new(self.attach());
        Connection::over(transport, server, options).await.map(Client::from)
    }
}
