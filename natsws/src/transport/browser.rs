//! The browser's own WebSocket.
//!
//! It says little: not why a connection could not be made, nor when there is room to send again. And
//! it cannot be told to read no further, so what is not taken in time is held here, up to a limit.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;
use js_sys::Uint8Array;
use send_wrapper::SendWrapper;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BinaryType, CloseEvent, DomException, Event, MessageEvent, WebSocket};

use super::{BoxTransport, Phase, Progress, Transport, TransportError, TransportOptions};
use crate::runtime::{self, Sleep};
use crate::server_addr::{Scheme, ServerAddr};

/// Bytes that the browser may hold before more is given to it.
const HIGH_WATER: u32 = 512 * 1024;
/// Bytes that it is given at a time, so that it never holds much more than that.
const PART: usize = 256 * 1024;
/// How long is waited until it is asked again how much it holds; it tells nobody by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(4);
/// Bytes that may wait to be read. The largest frames that servers were seen to send have a third.
const MOST_UNREAD: usize = 192 * 1024 * 1024;
/// Buffers of this size are worth using again.
const RECLAIMED: RangeInclusive<usize> = 1024..=1024 * 1024;

/// A close that was meant, and two that say nothing: no code came, and the connection broke.
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const NO_CODE: u16 = 1005;
const BROKEN: u16 = 1006;

/// Connects to a `ws://` or `wss://` address. Credentials are not part of what is dialled, and
/// nothing of the handshake can be chosen.
pub(super) async fn dial(
    addr: &ServerAddr,
    _discovered: bool,
    _options: &TransportOptions,
    progress: &Progress,
) -> Result<BoxTransport, TransportError> {
    progress.reached(Phase::Upgrade);
    let mut socket = Socket::open(addr)?;
    poll_fn(|cx| socket.poll_opened(cx)).await?;
    progress.reached(Phase::Info);
    Ok(Box::new(socket))
}

/// What the browser has told so far.
#[derive(Default)]
struct Heard {
    opened: bool,
    chunks: VecDeque<Bytes>,
    unread: usize,
    /// More came than is held.
    overrun: bool,
    closed: Option<Close>,
    /// Whoever owns the socket, and waits for any of it.
    waker: Option<Waker>,
}

struct Close {
    code: u16,
    reason: String,
}

type Shared = Arc<Mutex<Heard>>;

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Heard {
    fn happened(heard: &Mutex<Self>, change: impl FnOnce(&mut Self)) {
        let mut heard = lock(heard);
        change(&mut heard);
        let waker = heard.waker.take();
        drop(heard);
        waker.into_iter().for_each(Waker::wake);
    }

    fn take(&mut self, data: &JsValue) {
        if self.unread > MOST_UNREAD {
            self.overrun = true;
            return;
        }
        // Text comes from no server, but a proxy may make it of what was none.
        let chunk = match data.as_string() {
            Some(text) => text.into_bytes(),
            None => Uint8Array::new(data).to_vec(),
        };
        if !chunk.is_empty() {
            self.unread += chunk.len();
            self.chunks.push_back(chunk.into());
        }
    }

    fn wait(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(known) if known.will_wake(waker) => {}
            other => *other = Some(waker.clone()),
        }
    }
}

impl Close {
    /// Why it was closed, where that is more than that it was.
    fn explained(&self) -> TransportError {
        match self.code {
            NORMAL | GOING_AWAY | NO_CODE | BROKEN => TransportError::Closed,
            code => TransportError::WebSocketClosed { code, reason: self.reason.clone() },
        }
    }
}

/// A WebSocket of the browser as chunks.
struct Socket {
    heard: Shared,
    js: SendWrapper<Js>,
    /// Runs while the browser holds too much.
    pause: Option<Pin<Box<Sleep>>>,
    /// What waits until the browser has room.
    unsent: Bytes,
    /// The buffer that this is of. The browser copies what it is given.
    sent: Option<Bytes>,
}

/// What belongs to the page's thread.
struct Js {
    socket: WebSocket,
    /// It is given a copy: Node.js forgets how much it has sent of memory that this module has
    /// meanwhile moved, and no browser sends memory that threads share.
    copies: bool,
    /// The browser calls them for as long as they are here.
    _on_open: Closure<dyn FnMut(Event)>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
    _on_error: Closure<dyn FnMut(Event)>,
}

impl Socket {
    fn open(addr: &ServerAddr) -> Result<Self, TransportError> {
        let refused = |error: JsValue| refused(addr, &error);
        let socket = WebSocket::new(&addr.to_string()).map_err(refused)?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let heard = Shared::default();
        let on_open = Closure::<dyn FnMut(Event)>::new({
            let heard = Arc::clone(&heard);
            move |_| Heard::happened(&heard, |heard| heard.opened = true)
        });
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new({
            let heard = Arc::clone(&heard);
            move |event: MessageEvent| Heard::happened(&heard, |heard| heard.take(&event.data()))
        });
        let on_close = Closure::<dyn FnMut(CloseEvent)>::new({
            let heard = Arc::clone(&heard);
            move |event: CloseEvent| {
                let close = Close { code: event.code(), reason: event.reason() };
                Heard::happened(&heard, |heard| heard.closed = Some(close));
            }
        });
        let in_node = js_sys::Reflect::has(&js_sys::global(), &"process".into()).unwrap_or(false);
        let copies = in_node || cfg!(target_feature = "atomics");
        // A browser closes what has failed. Other hosts leave it at the error where it never opened.
        let on_error = Closure::<dyn FnMut(Event)>::new({
            let heard = Arc::clone(&heard);
            move |_| {
                Heard::happened(&heard, |heard| {
                    if !heard.opened && heard.closed.is_none() {
                        heard.closed = Some(Close { code: BROKEN, reason: String::new() });
                    }
                });
            }
        });
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        socket.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        let js = Js {
            socket,
            copies,
            _on_open: on_open,
            _on_message: on_message,
            _on_close: on_close,
            _on_error: on_error,
        };
        Ok(Self { heard, js: SendWrapper::new(js), pause: None, unsent: Bytes::new(), sent: None })
    }

    fn poll_opened(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let mut heard = lock(&self.heard);
        if heard.opened {
            return Poll::Ready(Ok(()));
        }
        if let Some(close) = &heard.closed {
            return Poll::Ready(Err(match close.explained() {
                TransportError::Closed => TransportError::NoReason,
                other => other,
            }));
        }
        heard.wait(cx.waker());
        Poll::Pending
    }

    fn is_closed(&self) -> bool {
        lock(&self.heard).closed.is_some()
    }
}

/// Why the browser opens no WebSocket at all.
fn refused(addr: &ServerAddr, error: &JsValue) -> TransportError {
    let exception = error.dyn_ref::<DomException>();
    if exception.is_some_and(|e| e.name() == "SecurityError") && addr.scheme() == Scheme::Ws {
        return TransportError::InsecureInSecurePage;
    }
    let text = exception.map_or_else(|| format!("{error:?}"), DomException::message);
    TransportError::WebSocket(text.into())
}

impl Drop for Js {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        self.socket.set_onerror(None);
        // One that is closed already takes no notice.
        let _: Result<(), JsValue> = self.socket.close_with_code(NORMAL);
    }
}

impl Stream for Socket {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut heard = lock(&self.heard);
        if let Some(chunk) = heard.chunks.pop_front() {
            heard.unread -= chunk.len();
            return Poll::Ready(Some(Ok(chunk)));
        }
        if heard.overrun {
            return Poll::Ready(Some(Err(TransportError::Unread { max: MOST_UNREAD })));
        }
        if let Some(close) = &heard.closed {
            return Poll::Ready(match close.explained() {
                TransportError::Closed => None,
                error => Some(Err(error)),
            });
        }
        heard.wait(cx.waker());
        Poll::Pending
    }
}

impl Socket {
    /// Ready when the browser holds so little that it may be given more.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        if !self.js.valid() {
            // Who publishes may lend a hand from another worker. Then it is the driver that goes on,
            // where the socket lives.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            if self.is_closed() {
                return Poll::Ready(Err(TransportError::Closed));
            }
            if self.js.socket.buffered_amount() < HIGH_WATER {
                self.pause = None;
                return Poll::Ready(Ok(()));
            }
            let pause = self.pause.get_or_insert_with(|| runtime::sleep(LOOK_AGAIN));
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
    }

    /// Gives the browser what waits, as it has room.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        while !self.unsent.is_empty() {
            ready!(self.poll_room(cx))?;
            let part = self.unsent.split_to(self.unsent.len().min(PART));
            self.js.send(&part)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl Js {
    fn send(&self, bytes: &[u8]) -> Result<(), TransportError> {
        let sent = if self.copies {
            self.socket.send_with_array_buffer(&Uint8Array::from(bytes).buffer())
        } else {
            self.socket.send_with_u8_array(bytes)
        };
        // It fails before it is open alone, which it was.
        sent.map_err(|_| TransportError::Closed)
    }
}

impl Sink<Bytes> for Socket {
    type Error = TransportError;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        ready!(self.poll_send(cx))?;
        self.poll_room(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, chunk: Bytes) -> Result<(), TransportError> {
        self.unsent = chunk.clone();
        self.sent = Some(chunk);
        Ok(())
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        // The browser sends all that it has taken, also before it closes.
        self.poll_send(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let mut heard = lock(&self.heard);
        if heard.closed.is_some() {
            return Poll::Ready(Ok(()));
        }
        heard.wait(cx.waker());
        drop(heard);
        // One that is closing already takes no notice.
        let _: Result<(), JsValue> = self.js.socket.close_with_code(NORMAL);
        Poll::Pending
    }
}

impl Transport for Socket {
    fn reclaim(&mut self) -> Option<Vec<u8>> {
        let buffer = self.sent.take().filter(Bytes::is_unique)?;
        let mut buffer = Vec::from(buffer);
        buffer.clear();
        RECLAIMED.contains(&buffer.capacity()).then_some(buffer)
    }
}
