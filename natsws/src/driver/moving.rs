//! Moving to another server before the connection to this one ends.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::oneshot;

use super::Shared;
use super::handshake::Established;
use super::link::Link;
use super::pipe;
use super::reconnect::{Found, Persistence, attempt, connect};
use crate::event::{Disconnect, Event};
use crate::protocol::ServerInfo;
use crate::protocol::decode::Decoder;
use crate::protocol::encode;
use crate::protocol::op::ServerOp;
use crate::runtime;
use crate::session::Effects;
use crate::transport::{BoxTransport, TransportError};

/// How long the old server has to confirm what it was sent last.
const LEAVE: Duration = Duration::from_secs(2);
/// How long the other servers of the cluster have to hear of what the new one knows. Its PONG speaks
/// for itself alone, and a server that hears first that the old one has forgotten a subscription
/// would say that nobody is there.
const SETTLE: Duration = Duration::from_millis(250);
/// How long replies that were on their way are still taken from the old server. Where many come to
/// one request it is as long as that goes on, or the old server does.
const LINGER: Duration = Duration::from_secs(1);
/// Clients that hear of it at once do not all move at once.
const SPREAD: Duration = Duration::from_millis(500);

/// Why to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The server is about to shut down.
    LameDuck,
    /// The credentials are about to expire, at this time in seconds since 1970.
    Expiry(u64),
}

/// Connects to the server that is moved to, and subscribes there what both may know. `None` where
/// there is none, or where moving would change nothing.
pub(super) async fn prepare(shared: Arc<Shared>, why: Why) -> Option<Found> {
    let current = shared.server();
    let mut found = match why {
        Why::LameDuck => {
            runtime::sleep(SPREAD.mul_f64(fastrand::f64())).await;
            let max_failures = shared.options.reconnect.max_attempts;
            connect(&shared, Persistence::Persist { max_failures }, Some(&current)).await.ok()?
        }
        Why::Expiry(at) => {
            // One that fails leaves things as they are: the server ends the connection, and then
            // it is made again with all patience.
            let established = match attempt(&shared, &current).await {
                Ok(established) => established,
                Err(error) => {
                    shared.tell(&Event::ConnectFailed { server: current, error });
                    return None;
                }
            };
            if established.expires_at.is_some_and(|new| new <= at) {
                return None;
            }
            Found { server: current, established }
        }
    };
    let Established { transport, decoder, info, .. } = &mut found.established;
    let mut first = Vec::new();
    shared.session().move_first(&mut first);
    first.extend_from_slice(encode::PING);
    let greeted = async {
        transport.send(Bytes::from(first)).await.ok()?;
        aside(&shared, transport, decoder, info, Errors::Count).await.ok()
    };
    runtime::timeout(shared.options.timeout, greeted).await??;
    // No PONG is to come, so this ends with its time, or with the connection.
    match runtime::timeout(SETTLE, aside(&shared, transport, decoder, info, Errors::Count)).await {
        Some(Err(_)) => None,
        Some(Ok(())) | None => Some(found),
    }
}

/// What the server beside the one that is in use says of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Errors {
    Count,
    /// It has been left, and how it takes that is no news.
    Ignore,
}

/// Reads beside the connection that is in use, up to the next PONG.
async fn aside(
    shared: &Shared,
    transport: &mut BoxTransport,
    decoder: &mut Decoder,
    info: &mut ServerInfo,
    errors: Errors,
) -> Result<(), Disconnect> {
    loop {
        while let Some(op) = decoder.next().map_err(Disconnect::Protocol)? {
            match op {
                ServerOp::Pong => return Ok(()),
                ServerOp::Ping => {
                    let pong = Bytes::from_static(encode::PONG);
                    transport.send(pong).await.map_err(broken)?;
                }
                ServerOp::Info(json) => {
                    if let Ok(newer) = ServerInfo::parse(&json) {
                        *info = newer;
                    }
                }
                ServerOp::Ok => {}
                ServerOp::Err(_) if errors == Errors::Ignore => {}
                op @ (ServerOp::Msg { .. } | ServerOp::Err(_)) => {
                    let mut effects = Effects::default();
                    shared.session().receive_aside(op, runtime::now(), &mut effects);
                    shared.apply(effects);
                }
            }
        }
        match transport.next().await {
            Some(chunk) => decoder.push(chunk.map_err(broken)?),
            None => return Err(broken(TransportError::Closed)),
        }
    }
}

fn broken(error: TransportError) -> Disconnect {
    Disconnect::Transport(Arc::new(error))
}

/// Has the old server forget what it sent, and waits until all of that has come and all that was
/// sent is confirmed. Until then nothing more is sent. Gives back the number of the move; the error
/// is why that cannot be said.
pub(super) async fn leave(link: &mut Link, shared: &Shared) -> Result<u64, Disconnect> {
    let (left, mut gone) = oneshot::channel();
    let by = {
        let mut session = shared.session();
        let mut last = Vec::new();
        // Its PONG could not be read otherwise.
        session.give_way();
        let mut pipe = pipe::lock(link.pipe());
        let accepted = shared.outbox.take_all(pipe.last());
        let by = session.leave(accepted, left, &mut last);
        pipe.last().push_back(last.into());
        by
    };
    let confirmed = poll_fn(|cx| {
        if let Poll::Ready(confirmed) = Pin::new(&mut gone).poll(cx) {
            let confirmed = confirmed.is_ok_and(|confirmed| confirmed.is_ok());
            return Poll::Ready(if confirmed { Ok(()) } else { Err(Disconnect::Requested) });
        }
        link.poll_last(shared, cx).map(Err)
    });
    let stale = Err(Disconnect::Stale { pings: 1 });
    runtime::timeout(LEAVE, confirmed).await.unwrap_or(stale).map(|()| by)
}

/// Takes the replies that were on their way to the old server, and closes the connection to it.
pub(super) async fn linger(
    mut transport: BoxTransport,
    mut decoder: Decoder,
    shared: Arc<Shared>,
    by: u64,
) {
    {
        let mut late = pin!(async {
            let mut info = ServerInfo::default();
            // It ends when the server ends it, which is no news.
            let mut next = async || {
                aside(&shared, &mut transport, &mut decoder, &mut info, Errors::Ignore).await
            };
            while next().await.is_ok() {}
        });
        let mut stays = true;
        while stays {
            let ended = runtime::timeout(LINGER, late.as_mut()).await.is_some();
            stays = !ended && shared.session().has_left(by);
        }
    }
    shared.with_session(|session, effects| session.end_left(by, effects));
    let _: Option<Result<(), TransportError>> = runtime::timeout(LINGER, transport.close()).await;
}
