//! The front door: a client that publishes, subscribes and requests typed messages.

use crate::connect_error::ConnectError;
use crate::connection::Connection;
use crate::drain::{DrainError, DrainReport, FlushError};
use crate::options::ConnectOptions;
use crate::server_addr::IntoServers;
use crate::typed::{
    Caller, DecodeOwned, EncodeMessage, PublishMessage, Request, RequestManyMessage,
    RequestMessage, SubscribeTo,
};

/// A client of NATS for typed messages: what applications hold. It is cheap to clone.
///
/// ```no_run
/// use natsws::{Client, Subject};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize, Subject)]
/// #[subject("orders.{region}.created")]
/// struct OrderCreated { region: String, id: u64 }
///
/// #[derive(Serialize, Subject)]
/// #[subject("orders.count", reply = u64)]
/// struct CountOrders;
///
/// # async fn example() -> Result<(), natsws::Error> {
/// let client = Client::connect("wss://broker.example").await?;
/// let mut created = client.subscribe::<OrderCreated>().await?;
/// client.publish(&OrderCreated { region: "eu".into(), id: 7 }).await?;
/// if let Some(order) = created.next().await {
///     println!("order {} from {}", order?.id, "eu");
/// }
/// let count: u64 = client.request(&CountOrders).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    connection: Connection,
}

impl Client {
    /// Connects with the default options. `()` as the servers means `nats://localhost:4222`.
    ///
    /// # Errors
    /// [`ConnectError`] names each server that was tried, and why it failed.
    ///
    /// # Cancel safety
    /// Dropped early, no connection is left behind.
    pub async fn connect(servers: impl IntoServers) -> Result<Self, ConnectError> {
        ConnectOptions::new().connect(servers).await
    }

    /// The connection underneath, for subjects and bytes, events and state.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Publishes a message to its subject: ready when it is accepted for sending, which is not yet
    /// sent. See [`Connection::publish`].
    ///
    /// # Errors
    /// [`PublishError`](crate::PublishError): a field cannot be a token of the subject, the message
    /// cannot be encoded or is too large. Nothing is sent then.
    ///
    /// # Cancel safety
    /// A message is accepted whole or not at all.
    pub fn publish<'a, M: EncodeMessage>(&'a self, message: &'a M) -> PublishMessage<'a, M> {
        PublishMessage::new(&self.connection, message, None)
    }

    /// Publishes a message to a subject that comes from elsewhere: the reply subject of another
    /// message, or one that a configuration names.
    ///
    /// The value's own subject is not looked at, so who subscribes to its type may not get it.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    ///
    /// # Cancel safety
    /// A message is accepted whole or not at all.
    pub fn publish_to<'a, M: EncodeMessage>(
        &'a self,
        subject: &'a str,
        message: &'a M,
    ) -> PublishMessage<'a, M> {
        PublishMessage::new(&self.connection, message, Some(subject))
    }

    /// Sends a request to its subject and waits for the reply.
    ///
    /// # Errors
    /// [`RequestError`](crate::RequestError): nobody is there, nobody answered in time, the
    /// connection was lost, or the service answered with an error, its own
    /// ([`Remote`](crate::RequestError::Remote)) or another
    /// ([`Service`](crate::RequestError::Service)).
    ///
    /// # Cancel safety
    /// Dropped early, the request is given up; it may have been sent.
    pub fn request<'a, M: Request>(&'a self, message: &'a M) -> RequestMessage<'a, M> {
        RequestMessage::new(&self.connection, message, None)
    }

    /// Sends a request to a subject that comes from elsewhere, as of one replica of a service.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    ///
    /// # Cancel safety
    /// Dropped early, the request is given up; it may have been sent.
    pub fn request_to<'a, M: Request>(
        &'a self,
        subject: &'a str,
        message: &'a M,
    ) -> RequestMessage<'a, M> {
        RequestMessage::new(&self.connection, message, Some(subject))
    }

    /// Sends a request and gives a stream of the replies to it: of several who answer, or of a
    /// service that answers in parts. Ready when it is accepted for sending.
    ///
    /// ```no_run
    /// use natsws::{Client, Subject};
    /// use serde::Serialize;
    ///
    /// #[derive(Serialize, Subject)]
    /// #[subject("nodes.list", reply = String)]
    /// struct ListNodes;
    ///
    /// # async fn example(client: Client) -> Result<(), natsws::Error> {
    /// let mut nodes = client.request_many(&ListNodes).await?;
    /// while let Some(node) = nodes.next().await {
    ///     println!("{}", node?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RequestError`](crate::RequestError) where the request is not sent. What goes wrong later, as
    /// that nobody is there, is an item of the stream.
    ///
    /// # Cancel safety
    /// Dropped early, the request is given up; it may have been sent.
    pub fn request_many<'a, M: Request>(&self, message: &'a M) -> RequestManyMessage<'a, M> {
        RequestManyMessage::new(&self.connection, message)
    }

    /// Subscribes to all subjects of a type: ready when the server has seen it.
    ///
    /// # Errors
    /// [`SubscribeError`](crate::SubscribeError) where the server does not permit it.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is left subscribed.
    pub fn subscribe<M: DecodeOwned>(&self) -> SubscribeTo<'_, M> {
        SubscribeTo::new(&self.connection)
    }

    /// The requests of one type as a `tower` service.
    pub fn service<M: Request>(&self) -> Caller<M> {
        Caller::new(self.connection.clone())
    }

    /// Waits until the server has everything that was published before.
    ///
    /// # Errors
    /// As [`Connection::flush`].
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn flush(&self) -> Result<(), FlushError> {
        self.connection.flush().await
    }

    /// Closes the connection in good order. See [`Connection::drain`].
    ///
    /// # Errors
    /// As [`Connection::drain`].
    ///
    /// # Cancel safety
    /// As [`Connection::drain`].
    pub async fn drain(&self) -> Result<DrainReport, DrainError> {
        self.connection.drain().await
    }

    /// Closes the connection. See [`Connection::close`].
    ///
    /// # Cancel safety
    /// Dropped early, the connection closes all the same.
    pub async fn close(&self) {
        self.connection.close().await;
    }
}

impl From<Connection> for Client {
    fn from(connection: Connection) -> Self {
        Self { connection }
    }
}

impl ConnectOptions {
    /// Connects with these options.
    ///
    /// # Errors
    /// [`ConnectError`] names each server that was tried, and why it failed.
    ///
    /// # Cancel safety
    /// Dropped early, no connection is left behind.
    pub async fn connect(self, servers: impl IntoServers) -> Result<Client, ConnectError> {
        Connection::connect_with(servers, self).await.map(Client::from)
    }
}
