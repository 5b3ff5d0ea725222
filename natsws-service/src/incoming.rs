use natsws::{Client, Headers, Msg};

/// A request on its way through the layers: the message, not decoded yet.
#[derive(Debug, Clone)]
pub struct Incoming {
    msg: Msg,
    client: Client,
}

impl Incoming {
    pub(crate) fn new(msg: Msg, client: Client) -> Self {
        Self { msg, client }
    }

    /// The message as it came.
    pub fn msg(&self) -> &Msg {
        &self.msg
    }

    /// The subject that was asked.
    pub fn subject(&self) -> &str {
        self.msg.subject()
    }

    /// The headers of the request.
    pub fn headers(&self) -> &Headers {
        self.msg.headers()
    }

    /// The client that the service is served on.
    pub fn client(&self) -> &Client {
        &self.client
    }
}
