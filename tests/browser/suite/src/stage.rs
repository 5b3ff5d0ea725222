//! What the tests share: their stage, and waiting.

use std::future::Future;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use natsws::{Client, ConnectOptions, Event, Events};

use crate::words::{Do, Start, Started, What};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// Where the stage is, of which each test has a connection of its own.
pub(crate) async fn stage() -> Client {
    let Some(url) = option_env!("NATSWS_STAGE") else {
        panic!("the stage was not there at build time")
    };
    within("the stage", Client::connect(url)).await.expect("the stage is there")
}

/// A server of a test. It ends with the stage.
pub(crate) struct Server {
    pub(crate) stage: Client,
    pub(crate) started: Started,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Start::default()).await
    }

    pub(crate) async fn with(start: Start) -> Self {
        let stage = stage().await;
        let started = stage.request(&start).timeout(DEADLINE).await.expect("it starts");
        Self { stage, started }
    }

    pub(crate) fn url(&self) -> &str {
        &self.started.url
    }

    pub(crate) async fn client(&self) -> Client {
        self.client_with(options()).await
    }

    pub(crate) async fn client_with(&self, options: ConnectOptions) -> Client {
        within("the connection", options.connect(self.url())).await.expect("connected")
    }

    pub(crate) async fn tell(&self, what: What) {
        let asked = Do { id: self.started.id, what };
        self.stage.request(&asked).timeout(DEADLINE).await.expect("it is done");
    }
}

/// A client that is back soon.
pub(crate) fn options() -> ConnectOptions {
    ConnectOptions::new()
        .reconnect_delay(|_| Duration::from_millis(50))
        .unlimited_reconnect_attempts()
}

pub(crate) async fn sleep(duration: Duration) {
    let millis = u32::try_from(duration.as_millis()).expect("it is short");
    gloo_timers::future::TimeoutFuture::new(millis).await;
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let limit = sleep(DEADLINE).boxed_local();
    match select(std::pin::pin!(future), limit).await {
        Either::Left((value, _)) => value,
        Either::Right(_) => panic!("{what}: not within {DEADLINE:?}"),
    }
}

/// Waits for an event that is wanted.
pub(crate) async fn until<T>(
    what: &str,
    events: &mut Events,
    mut wanted: impl FnMut(&Event) -> Option<T>,
) -> T {
    within(what, async {
        loop {
            let event = events.next().await.expect("the connection is there");
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    })
    .await
}
