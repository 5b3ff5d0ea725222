//! A service, its callers and a broker in memory, so that a test may stop the clock.

use std::future::IntoFuture;
use std::time::Duration;

use natsws::embedded::Broker;
use natsws::{Client, ConnectOptions};
use natsws_service::{IntoApp, serve};
use tokio::sync::oneshot;

pub(crate) struct Memory {
    pub(crate) broker: Broker,
    pub(crate) client: Client,
}

impl Memory {
    pub(crate) async fn new() -> Self {
        let broker = Broker::start().await.expect("a broker");
        // Longer than anything that a test waits for.
        let options = ConnectOptions::new().request_timeout(Duration::from_secs(60));
        let client = broker.connect_with(options).await.expect("in memory");
        Self { broker, client }
    }

    /// A broker with a service that is subscribed.
    pub(crate) async fn with(app: impl IntoApp) -> Self {
        let memory = Self::new().await;
        memory.serve(app).await;
        memory
    }

    /// Starts a service, which runs as long as the broker does.
    pub(crate) async fn serve(&self, app: impl IntoApp) {
        let (ready, is_ready) = oneshot::channel();
        let client = self.broker.connect().await.expect("in memory");
        let running = serve(client, app).on_ready(move || ready.send(()).unwrap_or_default());
        tokio::spawn(running.into_future());
        is_ready.await.expect("it is subscribed");
    }

    /// What is answered: the payload, or code and text of the error.
    pub(crate) async fn ask(&self, subject: &str, headers: &[(&str, &str)]) -> String {
        let mut request = self.client.connection().request(subject, "{}");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let reply = request.await.expect("an answer");
        let payload = String::from_utf8_lossy(reply.payload()).into_owned();
        let headers = reply.headers();
        match headers.get(natsws::ERROR_CODE_HEADER) {
            Some(code) => {
                format!("{code} {}", headers.get(natsws::ERROR_HEADER).unwrap_or_default())
            }
            None => payload,
        }
    }

    /// What was published to a subject, by anyone.
    pub(crate) async fn published(&self, subject: &str) -> Vec<natsws::Msg> {
        self.client.flush().await.expect("the broker has it");
        let msgs = self.broker.published_msgs().expect("recorded");
        msgs.into_iter().filter(|msg| msg.subject() == subject).collect()
    }
}

/// What a handler does that takes its time.
#[expect(clippy::disallowed_methods, reason = "the clock of these tests stands still")]
pub(crate) async fn takes(time: Duration) {
    tokio::time::sleep(time).await;
}
