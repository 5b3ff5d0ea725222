//! What the unit tests of layers have in common: requests, and who reads what is published.

use std::sync::Arc;

use natsws::embedded::Broker;
use natsws::{Client, Headers, ServiceError};

use crate::incoming::Incoming;
use crate::pattern::Pattern;
use crate::place::Place;
use crate::response::Response;

/// A broker in memory: only it makes messages, and only it sees what is published.
pub(crate) struct Stage {
    pub(crate) broker: Broker,
    client: Client,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let broker = Broker::start().await.expect("a broker");
        let client = broker.connect().await.expect("in memory");
        Self { broker, client }
    }

    /// A request to `orders.7.get` with these headers.
    pub(crate) async fn request(&self, headers: &[(&str, &str)]) -> Incoming {
        self.request_to("orders.7.get", headers).await
    }

    pub(crate) async fn request_to(&self, subject: &str, headers: &[(&str, &str)]) -> Incoming {
        let mut block = Headers::new();
        for (name, value) in headers {
            block.append(name, value).expect("valid");
        }
        self.broker.forget_published();
        self.client.connection().publish(subject, "ask").headers(&block).await.expect("accepted");
        self.client.flush().await.expect("the broker has it");
        let msg = self.broker.published_msgs().expect("recorded").pop().expect("one message");
        self.broker.forget_published();
        Incoming::new(
            msg,
            Arc::new(Place {
                handle: None,
                client: Some(self.client.clone()),
                service: "shop".to_owned(),
                endpoint: "get".to_owned(),
                patterns: [Pattern::new("orders.{id}.get")].into(),
                queue_group: Some("q".to_owned()),
                prefix_tokens: 0,
            }),
        )
    }

    /// What was published since the last request was made.
    pub(crate) async fn published(&self) -> Vec<natsws::Msg> {
        self.client.flush().await.expect("the broker has it");
        self.broker.published_msgs().expect("recorded")
    }
}

/// A request where no more than one is needed.
pub(crate) async fn incoming(headers: &[(&str, &str)]) -> Incoming {
    Stage::new().await.request(headers).await
}

/// Code and description of an error reply.
pub(crate) fn error(response: &Response) -> (u16, &str) {
    response.service_error().map_or((0, ""), |error| (error.code(), error.description()))
}

/// An error reply.
pub(crate) fn failed(code: u16, text: &str) -> Response {
    Response::error(&ServiceError::new(code, text))
}
