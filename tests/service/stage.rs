//! What the tests have in common: messages, and a service that runs on a broker.

use std::sync::Arc;
use std::time::Duration;

use natsws::embedded::Broker;
use natsws::{Client, ConnectOptions, Subject};
use natsws_service::{DrainReport, IntoApp, ServeError, serve};
use natsws_tests::{Server, within};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

#[derive(Debug, Clone, Serialize, Deserialize, Subject)]
#[subject("math.{op}", reply = i64, error = MathError)]
pub(crate) struct Calculate {
    pub(crate) op: String,
    pub(crate) left: i64,
    pub(crate) right: i64,
}

impl Calculate {
    pub(crate) fn new(op: &str, left: i64, right: i64) -> Self {
        Self { op: op.to_owned(), left, right }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum MathError {
    #[error("{left} cannot be divided by zero")]
    DivisionByZero { left: i64 },
}

pub(crate) async fn calculate(ask: Calculate) -> Result<i64, MathError> {
    match ask.op.as_str() {
        "add" => Ok(ask.left + ask.right),
        "div" if ask.right == 0 => Err(MathError::DivisionByZero { left: ask.left }),
        "div" => Ok(ask.left / ask.right),
        "panic" => panic!("a secret of the service"),
        _ => Ok(0),
    }
}

/// A request whose answer the test holds back.
#[derive(Debug, Clone, Serialize, Deserialize, Subject)]
#[subject("slow.{id}", reply = u64)]
pub(crate) struct Slow {
    pub(crate) id: u64,
}

/// How the test holds answers back and sees who waits.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) begun: Arc<Semaphore>,
    pub(crate) open: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { begun: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }

    /// Waits until this many more requests are being answered.
    pub(crate) async fn begun(&self, count: u32) {
        let begun = within("requests to begin", self.begun.acquire_many(count)).await;
        begun.expect("it is never closed").forget();
    }

    /// Lets this many answers go.
    pub(crate) fn open(&self, count: usize) {
        self.open.add_permits(count);
    }
}

pub(crate) async fn slow(gate: natsws_service::State<Gate>, ask: Slow) -> u64 {
    gate.0.begun.add_permits(1);
    gate.0.open.acquire().await.expect("it is never closed").forget();
    ask.id
}

/// A broker or a server, and clients of it that wait long enough.
pub(crate) struct Stage {
    url: String,
    /// What must go on running.
    _host: Box<dyn Send>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::of(Broker::start().await.expect("a broker"))
    }

    pub(crate) fn of(broker: Broker) -> Self {
        Self { url: broker.ws_url(), _host: Box::new(broker) }
    }

    /// A stage on the real server.
    pub(crate) fn real() -> Self {
        let server = Server::start();
        Self { url: server.ws_url(), _host: Box::new(server) }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn client(&self) -> Client {
        let options = ConnectOptions::new().request_timeout(Duration::from_secs(10));
        let connecting = options.connect(self.url());
        within("connecting", connecting).await.expect("the broker is there")
    }

    /// Starts a service; its endpoints are subscribed when this returns.
    pub(crate) async fn serve(&self, app: impl IntoApp) -> Served {
        self.serve_for(app, Duration::from_secs(10)).await
    }

    /// Starts a service that has this long to drain.
    pub(crate) async fn serve_for(&self, app: impl IntoApp, limit: Duration) -> Served {
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        let running = serve(self.client().await, app)
            .drain_timeout(limit)
            .on_ready(move || ready.send(()).unwrap_or_default())
            .with_graceful_shutdown(async { stopped.await.unwrap_or_default() });
        let task = tokio::spawn(running.into_future());
        within("the service", is_ready).await.expect("it is subscribed");
        Served { stop, task }
    }
}

/// A service that runs.
pub(crate) struct Served {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<DrainReport, ServeError>>,
}

impl Served {
    /// Tells it to stop, and gives back what to wait for.
    pub(crate) fn stop(self) -> JoinHandle<Result<DrainReport, ServeError>> {
        drop(self.stop);
        self.task
    }

    pub(crate) async fn stopped(self) -> DrainReport {
        let task = self.stop();
        within("the drain", task).await.expect("no panic").expect("it was served")
    }
}
