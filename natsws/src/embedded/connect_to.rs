//! Clients in the broker's own process, without a socket between.

use std::sync::Arc;

use super::Broker;
use crate::client::Client;
use crate::connect_error::ConnectError;
use crate::options::ConnectOptions;

impl Broker {
    /// Connects a client in memory, with the default options.
    ///
    /// The client keeps the broker running, so a test that needs nothing else of it is one line:
    /// `Broker::start().await?.connect().await?`.
    ///
    /// # Errors
    /// [`ConnectError`] where the broker wants credentials, refuses connections or was closed.
    ///
    /// # Cancel safety
    /// Dropped early, no connection is left behind.
    pub async fn connect(&self) -> Result<Client, ConnectError> {
        self.connect_with(ConnectOptions::new()).await
    }

    /// Connects a client in memory, with these options.
    ///
    /// It behaves as any other: when it is cut it connects again, in memory too, after the wait
    /// that the options say. Servers in the options are not connected to: the only server that such
    /// a client knows is this broker.
    ///
    /// # Errors
    /// [`ConnectError`] where the broker does not accept the credentials, refuses connections or
    /// was closed.
    ///
    /// # Cancel safety
    /// Dropped early, no connection is left behind.
    pub async fn connect_with(&self, mut options: ConnectOptions) -> Result<Client, ConnectError> {
        let broker = self.clone();
        options.transport.in_memory = Some(Arc::new(move || broker.attach()));
        options.servers.clear();
        options.port = None;
        options.connect(self.nats_url()).await
    }
}
