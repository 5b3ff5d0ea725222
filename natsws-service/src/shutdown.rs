//! When to stop: what the system says.

use std::future::Future;
use std::io;

use natsws::private::runtime::spawn;
use tokio::runtime::Handle;

/// Waits until the process is told to stop: by `SIGTERM` where there is such a thing, or by ctrl-c.
/// A second one ends the process at once, with the exit status that the signal has by custom (143
/// or 130).
///
/// ```no_run
/// # async fn example(client: natsws::Client, app: natsws_service::App)
/// # -> Result<(), natsws_service::ServeError> {
/// use natsws_service::{serve, shutdown_signal};
///
/// let report = serve(client, app).with_graceful_shutdown(shutdown_signal()).await?;
/// println!("{report:?}");
/// # Ok(())
/// # }
/// ```
///
/// Where the system does not let signals be waited for, it waits for ever, and says so in the log.
///
/// # Cancel safety
/// It listens from when it is called, so call it before anything that takes its time, such as
/// connecting. From then on signals no longer end the process by themselves, also when it is
/// dropped.
pub fn shutdown_signal() -> impl Future<Output = ()> + Send {
    // Outside of a runtime it has to wait for the first poll.
    let listening = Handle::try_current().is_ok().then(Signals::new);
    wait(listening)
}

async fn wait(listening: Option<io::Result<Signals>>) {
    let mut signals = match listening.unwrap_or_else(Signals::new) {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(%error, "signals cannot be waited for");
            return std::future::pending().await;
        }
    };
    let status = signals.next().await;
    tracing::info!(status, "told to stop");
    spawn(async move {
        let status = signals.next().await;
        tracing::warn!(status, "told to stop again, and does at once");
        std::process::exit(status);
    });
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The exit status that the next signal has by custom: 128 and its number.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.terminate.recv() => 128 + 15,
            _ = self.interrupt.recv() => 128 + 2,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[allow(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> i32 {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "ctrl-c cannot be waited for");
            std::future::pending::<()>().await;
        }
        128 + 2
    }
}
