//! One client's connection: what it sends goes into the exchange, what is for it comes out.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};

use super::ClientId;
use super::exchange::{Origin, Outgoing, Standing};
use super::hub::{Hub, Progress};
use crate::protocol::decode::Decoder;
use crate::runtime::{self, Sleep};
use crate::transport::{Transport, TransportError};

/// Chunks read or buffers written before other tasks get a turn.
const TURN_CHUNKS: usize = 16;
/// How long a client is not read from when those it publishes to do not keep up. nats-server holds
/// publishers back for as long.
const HOLD_BACK: Duration = Duration::from_millis(5);
/// How long a client may take over its last bytes.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves one client until either side ends the connection.
pub(super) async fn serve<T: Transport>(hub: Arc<Hub>, origin: Origin, transport: T) {
    let Some(seat) = Seat::take(hub, origin) else { return };
    let decoder = seat.hub.decoder();
    let mut pump = Pump { seat, transport, decoder, more: false, held_back: None };
    if let End::Behind(last) = poll_fn(|cx| pump.poll(cx)).await {
        let Pump { transport, .. } = pump;
        // A client that does not read its last bytes is not waited for.
        let _ = runtime::timeout(FAREWELL, say_farewell(transport, last)).await;
    }
}

/// Sends the last bytes, closes, and waits for the client to close. Without that wait the system
/// would take back what the client has not read if the client had sent more meanwhile.
async fn say_farewell<T: Transport>(mut transport: T, last: Bytes) -> Result<(), TransportError> {
    if !last.is_empty() {
        transport.send(last).await?;
    }
    SinkExt::<Bytes>::close(&mut transport).await?;
    while transport.next().await.transpose()?.is_some() {}
    Ok(())
}

/// A client's place in the exchange. It is given back however the client's task ends.
struct Seat {
    hub: Arc<Hub>,
    id: ClientId,
}

impl Seat {
    fn take(hub: Arc<Hub>, origin: Origin) -> Option<Self> {
        let id = hub.join(origin)?;
        Some(Self { hub, id })
    }

    /// How to end a connection that is ending.
    fn last(&self) -> End {
        match self.hub.take(self.id) {
            Outgoing::Last(bytes) | Outgoing::Bytes(bytes) => End::Behind(bytes),
            Outgoing::Nothing | Outgoing::Gone => End::Now,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.leave(self.id);
    }
}

/// How a connection ends.
enum End {
    /// At once.
    Now,
    /// Behind these bytes, if any.
    Behind(Bytes),
}

struct Pump<T> {
    seat: Seat,
    transport: T,
    decoder: Decoder,
    /// The decoder may have operations that were not done yet.
    more: bool,
    /// Nothing is read until then.
    held_back: Option<Pin<Box<Sleep>>>,
}

impl<T: Transport> Pump<T> {
    /// Reads and writes as far as it goes. Neither waits for the other.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let Seat { hub, id } = &self.seat;
        // Before anything that may have to wait for a client which has stopped reading.
        match hub.attend(*id, cx.waker()) {
            Standing::Open => {}
            Standing::Silent => return Poll::Pending,
            Standing::Ending => return Poll::Ready(self.seat.last()),
            Standing::Gone => return Poll::Ready(End::Now),
        }
        match self.poll_read(cx) {
            Poll::Ready(Ok(())) => {
                self.seat.hub.finish(self.seat.id);
                return Poll::Ready(self.seat.last());
            }
            Poll::Ready(Err(_)) => return Poll::Ready(End::Now),
            Poll::Pending => {}
        }
        self.poll_write(cx).map(|end| end.unwrap_or(End::Now))
    }

    /// Ready when the client has closed its side.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        if let Some(sleep) = &mut self.held_back {
            ready!(sleep.as_mut().poll(cx));
            self.held_back = None;
        }
        for _ in 0..TURN_CHUNKS {
            if !self.more {
                match ready!(Pin::new(&mut self.transport).poll_next(cx)?) {
                    Some(chunk) => self.decoder.push(chunk),
                    None => return Poll::Ready(Ok(())),
                }
            }
            let progress = self.seat.hub.receive(self.seat.id, &mut self.decoder);
            self.more = progress != Progress::Done;
            match progress {
                Progress::Done => {}
                Progress::More => break,
                Progress::Congested => {
                    self.held_back = Some(runtime::sleep(HOLD_BACK));
                    break;
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ready when the connection is to end.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<End, TransportError>> {
        for _ in 0..TURN_CHUNKS {
            ready!(Pin::new(&mut self.transport).poll_ready(cx))?;
            match self.seat.hub.take(self.seat.id) {
                Outgoing::Bytes(bytes) => Pin::new(&mut self.transport).start_send(bytes)?,
                Outgoing::Last(bytes) => return Poll::Ready(Ok(End::Behind(bytes))),
                Outgoing::Gone => return Poll::Ready(Ok(End::Now)),
                Outgoing::Nothing => {
                    ready!(Pin::new(&mut self.transport).poll_flush(cx))?;
                    return Poll::Pending;
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
