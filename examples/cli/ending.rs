//! How commands end: by themselves, with the connection, or by Ctrl-C.

use std::future::Future;
use std::pin::pin;

use natsws::{Connection, State};
use tokio::signal::ctrl_c;

use crate::Done;

/// Fails where the connection is closed and nobody here asked for it, which ends what is read.
pub(crate) async fn lost(connection: &Connection) -> Done {
    if connection.state() != State::Closed {
        return Ok(());
    }
    Ok(connection.closed().await?)
}

/// Runs until it is done, or until Ctrl-C. Then the connection drains, while the work goes on with
/// what has come; Ctrl-C once more gives that up.
pub(crate) async fn until_interrupted(
    connection: &Connection,
    work: impl Future<Output = Done>,
) -> Done {
    let mut work = pin!(work);
    tokio::select! {
        // First, so that the signal is ours before anybody can know that we run.
        biased;
        signal = ctrl_c() => signal?,
        done = &mut work => return done,
    }
    let drained = async { Ok(connection.drain().await?) };
    let again = async {
        ctrl_c().await?;
        Err("interrupted while draining".into())
    };
    tokio::select! {
        done = async { tokio::try_join!(drained, work) } => done.map(drop),
        given_up = again => given_up,
    }
}

/// Runs until it is done. Ctrl-C gives it up where it stands, which is a failure.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = Done<T>>) -> Done<T> {
    tokio::select! {
        biased;
        signal = ctrl_c() => {
            signal?;
            Err("interrupted".into())
        }
        done = work => done,
    }
}
