//! WebSocket: the handshake, and frames both ways.
//!
//! A binary frame goes out for each chunk, masked where it lies. What comes in is passed on piece by
//! piece as it is read, whatever the framing: a server puts all that waits into one frame, which may
//! have 64 MiB and more. What is limited are NATS messages, in the decoder.

#[cfg(native_deflate)]
mod deflate;
mod extension;
mod frame;
mod mask;
mod upgrade;

use std::error::Error;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::blocks::Blocks;
use super::chunks::Chunks;
use super::headers::{check_header, is_credential};
use super::options::UpgradeOptions;
use super::{BoxTransport, Phase, Progress, Transport, TransportError, TransportOptions, socket};
use crate::server_addr::{Scheme, ServerAddr};
use frame::{Read, Reader, Role};
use mask::Keys;

/// Connects to a `ws://` or `wss://` address.
pub(super) async fn dial(
    addr: &ServerAddr,
    discovered: bool,
    options: &TransportOptions,
    progress: &Progress,
) -> Result<BoxTransport, TransportError> {
    progress.reached(Phase::Upgrade);
    let headers = headers(addr, discovered, &options.upgrade).await?;
    let stream = socket::open(addr, options, progress).await?;
    if addr.scheme() == Scheme::Ws {
        return upgraded(stream, addr, &headers, &options.upgrade, progress).await;
    }
    #[cfg(native_tls)]
    {
        let stream = super::tls::wrap(stream, addr, &options.tls, progress).await?;
        upgraded(stream, addr, &headers, &options.upgrade, progress).await
    }
    #[cfg(not(native_tls))]
    Err(TransportError::FeatureMissing { scheme: addr.scheme(), feature: "tls-ring" })
}

/// What the application adds to the handshake.
async fn headers(
    addr: &ServerAddr,
    discovered: bool,
    options: &UpgradeOptions,
) -> Result<Vec<(String, String)>, TransportError> {
    // Whoever lists another server does not get to see what is meant for this one.
    let may_see = |(name, _): &&(String, String)| !(discovered && is_credential(name));
    let mut all: Vec<_> = options.headers.iter().filter(may_see).cloned().collect();
    for provider in &options.providers {
        let provided = provider.headers(addr.clone()).await;
        for (name, value) in provided.map_err(TransportError::UpgradeHeaders)? {
            check_header(&name, &value)?;
            all.push((name, value));
        }
    }
    Ok(all)
}

/// Does the WebSocket handshake on a connection that is up.
async fn upgraded<S>(
    mut io: S,
    addr: &ServerAddr,
    headers: &[(String, String)],
    options: &UpgradeOptions,
    progress: &Progress,
) -> Result<BoxTransport, TransportError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    progress.reached(Phase::Upgrade);
    let offer = options.compression;
    let (rest, compression) = upgrade::upgrade(&mut io, addr, headers, offer).await?;
    progress.reached(Phase::Info);
    let socket = WebSocket::new(io, rest, Role::Client);
    #[cfg(native_deflate)]
    let socket = if compression { socket.compressed() } else { socket };
    #[cfg(not(native_deflate))]
    debug_assert!(!compression, "it is never offered");
    Ok(Box::new(socket))
}

/// A WebSocket as chunks.
pub(crate) struct WebSocket<S> {
    io: S,
    reader: Reader,
    /// What was read and is not taken apart yet.
    blocks: Blocks,
    writer: Writer,
    /// Messages may be compressed.
    #[cfg(native_deflate)]
    deflate: Option<Box<deflate::Deflate>>,
    /// What the last ping wants to hear. Only that one has to be answered.
    pong: Option<Bytes>,
    /// A control frame is to be flushed by whoever reads.
    flush_due: bool,
    /// The other side has closed, or has been told why this side does.
    ended: bool,
}

impl<S> WebSocket<S> {
    fn new(io: S, rest: BytesMut, role: Role) -> Self {
        Self {
            io,
            reader: Reader::new(role),
            blocks: Blocks::new(rest),
            writer: Writer::new(role),
            #[cfg(native_deflate)]
            deflate: None,
            pong: None,
            flush_due: false,
            ended: false,
        }
    }

    /// Goes on with compression, which was agreed on.
    #[cfg(native_deflate)]
    pub(crate) fn compressed(mut self) -> Self {
        self.reader.allow_compression();
        self.deflate = Some(Box::new(deflate::Deflate::new()));
        self
    }

    /// The next thing that was read, as it was before it was compressed.
    fn read(&mut self) -> Result<Read, Box<dyn Error + Send + Sync>> {
        #[cfg(native_deflate)]
        if let Some(deflate) = &mut self.deflate {
            return deflate.read(&mut self.reader, self.blocks.open());
        }
        Ok(self.reader.next(self.blocks.open())?)
    }

    /// Adds a message, or several where compression wants that.
    fn push(&mut self, chunk: Bytes) {
        #[cfg(native_deflate)]
        if let Some(deflate) = &mut self.deflate {
            let mut rest = chunk;
            while !rest.is_empty() {
                let (message, is_compressed) = deflate.message(&mut rest);
                let bit = if is_compressed { frame::COMPRESSED } else { 0 };
                self.writer.push(BINARY | bit, message);
            }
            return;
        }
        self.writer.push(BINARY, chunk);
    }

    fn control(&mut self, opcode: u8, payload: &[u8]) {
        self.writer.push(opcode, Bytes::copy_from_slice(payload));
        self.flush_due = true;
    }

    /// Answers a close, once.
    fn close(&mut self, code: Option<u16>) {
        if !std::mem::replace(&mut self.ended, true) {
            match code {
                Some(code) => self.control(CLOSE, &code.to_be_bytes()),
                None => self.control(CLOSE, &[]),
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> WebSocket<S> {
    /// Sends what reading calls for, as far as that goes now. There is never more than one PONG on
    /// its way, however many pings come.
    fn poll_control(&mut self, cx: &mut Context<'_>) -> Result<(), TransportError> {
        loop {
            if self.flush_due {
                match self.writer.chunks.poll_flush(&mut self.io, cx) {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(flushed) => flushed?,
                }
                self.flush_due = false;
            }
            match self.pong.take() {
                Some(payload) => self.control(PONG, &payload),
                None => return Ok(()),
            }
        }
    }
}

#[cfg(any(test, fuzzing))]
impl<S> WebSocket<S> {
    /// A client's WebSocket on a connection whose handshake is over.
    pub(crate) fn opened(io: S) -> Self {
        Self::new(io, BytesMut::new(), Role::Client)
    }
}

#[cfg(embedded_broker)]
impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Answers a client's WebSocket handshake, whatever the path is.
    pub(crate) async fn accept(stream: S) -> Result<Self, TransportError> {
        let stream = tokio_tungstenite::accept_async(stream).await;
        let stream = stream.map_err(|error| TransportError::WebSocket(Box::new(error)))?;
        // A client says nothing before it has the answer, so there is nothing behind its request.
        Ok(Self::new(stream.into_inner(), BytesMut::new(), Role::Server))
    }
}

/// Frames on their way into the socket.
struct Writer {
    chunks: Chunks,
    /// Room for headers, of which one is a few bytes.
    headers: BytesMut,
    /// A client masks.
    keys: Option<Keys>,
}

impl Writer {
    fn new(role: Role) -> Self {
        let keys = (role == Role::Client).then(Keys::default);
        Self { chunks: Chunks::default(), headers: BytesMut::new(), keys }
    }

    /// Adds a frame. The payload is masked where it lies, unless somebody else holds it too.
    fn push(&mut self, opcode: u8, payload: Bytes) {
        let key = self.keys.as_mut().map(Keys::next);
        frame::header(&mut self.headers, opcode, payload.len(), key);
        self.chunks.push(self.headers.split().freeze());
        let Some(key) = key else { return self.chunks.push(payload) };
        let mut payload = payload.try_into_mut().unwrap_or_else(|shared| (&shared[..]).into());
        mask::apply(&mut payload, key, 0);
        self.chunks.push(payload.freeze());
    }
}

const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xa;
/// The close code for a broken protocol (RFC 6455, section 7.4.1).
const PROTOCOL_ERROR: u16 = 1002;
const NORMAL: u16 = 1000;

/// Control frames that are read before others get their turn.
const CONTROLS: usize = 64;

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let mut controls = 0;
        loop {
            if this.ended {
                // The answer to a close leaves as far as it can without waiting.
                let _: Result<(), TransportError> = this.poll_control(cx);
                return Poll::Ready(None);
            }
            match this.read() {
                Ok(Read::Data(data)) => return Poll::Ready(Some(Ok(data))),
                Ok(Read::Ping(payload)) => {
                    this.pong = Some(payload);
                    controls += 1;
                    if controls == CONTROLS {
                        this.poll_control(cx)?;
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    continue;
                }
                Ok(Read::Close { code }) => {
                    this.close(code.map(|_| NORMAL));
                    continue;
                }
                Ok(Read::Nothing) => {}
                Err(fault) => {
                    this.close(Some(PROTOCOL_ERROR));
                    let _: Result<(), TransportError> = this.poll_control(cx);
                    return Poll::Ready(Some(Err(TransportError::WebSocket(fault))));
                }
            }
            this.poll_control(cx)?;
            // As for TCP: nothing is held between polls, and nothing is filled with zeros first.
            match ready!(pin!(this.io.read_buf(this.blocks.with_room())).poll(cx)) {
                Ok(0) => return Poll::Ready(None),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Bytes> for WebSocket<S> {
    type Error = TransportError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let this = self.get_mut();
        if this.writer.chunks.has_room() {
            Poll::Ready(Ok(()))
        } else {
            this.writer.chunks.poll_write(&mut this.io, cx)
        }
    }

    fn start_send(self: Pin<&mut Self>, chunk: Bytes) -> Result<(), TransportError> {
        let this = self.get_mut();
        if this.ended {
            return Err(TransportError::Closed);
        }
        this.push(chunk);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let this = self.get_mut();
        this.writer.chunks.poll_flush(&mut this.io, cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let this = self.get_mut();
        this.close(Some(NORMAL));
        ready!(this.writer.chunks.poll_flush(&mut this.io, cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx).map_err(Into::into)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for WebSocket<S> {
    fn reclaim(&mut self) -> Option<Vec<u8>> {
        self.writer.chunks.reclaim()
    }

    #[cfg(native_deflate)]
    fn limit(&mut self, max_payload: usize) {
        if let Some(deflate) = &mut self.deflate {
            deflate.limit(max_payload);
        }
    }
}

#[cfg(test)]
mod tests;
