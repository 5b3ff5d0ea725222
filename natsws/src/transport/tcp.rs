//! TCP, and TLS where the address or the server's `INFO` asks for it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_sink::Sink;
use memchr::memchr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use super::blocks::Blocks;
use super::chunks::Chunks;
use super::{
    BoxTransport, Phase, Progress, Transport, TransportError, TransportOptions, shown, socket,
};
use crate::protocol::ServerInfo;
use crate::server_addr::{Scheme, ServerAddr};

/// How a TLS server begins that was spoken to in the clear: an alert record.
pub(super) const TLS_ALERT: &[u8] = &[0x15, 0x03];

/// Connects to a `nats://` or `tls://` address.
pub(super) async fn dial(
    addr: &ServerAddr,
    options: &TransportOptions,
    progress: &Progress,
) -> Result<BoxTransport, TransportError> {
    let mut stream = socket::open(addr, options, progress).await?;
    #[cfg(native_tls)]
    if options.tls.first {
        return upgrade(stream, Bytes::new(), addr, options, progress).await;
    }
    progress.reached(Phase::Info);
    let first = read_info(&mut stream).await?;
    let line_end = memchr(b'\n', &first).map_or(first.len(), |at| at + 1);
    let json = first.get(b"INFO".len()..line_end).unwrap_or_default();
    // An INFO that does not parse is the handshake's to report; TLS is then what the address says.
    let info = ServerInfo::parse(json);
    let required = info.as_ref().is_ok_and(|info| info.tls_required);
    if addr.scheme() != Scheme::Tls && !required {
        return Ok(Box::new(Tcp::new(stream, first)));
    }
    if line_end != first.len() {
        return Err(TransportError::DataBeforeTls);
    }
    if info.is_ok_and(|info| !info.tls_required && !info.tls_available) {
        return Err(TransportError::NoTls);
    }
    upgrade(stream, first, addr, options, progress).await
}

#[cfg(native_tls)]
async fn upgrade(
    stream: TcpStream,
    first: Bytes,
    addr: &ServerAddr,
    options: &TransportOptions,
    progress: &Progress,
) -> Result<BoxTransport, TransportError> {
    let stream = super::tls::wrap(stream, addr, &options.tls, progress).await?;
    Ok(Box::new(Tcp::new(stream, first)))
}

#[cfg(not(native_tls))]
#[expect(clippy::unused_async, reason = "as the one with TLS is")]
async fn upgrade(
    _stream: TcpStream,
    _first: Bytes,
    addr: &ServerAddr,
    _options: &TransportOptions,
    _progress: &Progress,
) -> Result<BoxTransport, TransportError> {
    Err(TransportError::FeatureMissing { scheme: addr.scheme(), feature: "tls-ring" })
}

/// Reads up to the end of the first line, which tells whether TLS follows.
async fn read_info(stream: &mut TcpStream) -> Result<Bytes, TransportError> {
    const LONGEST: usize = 1024 * 1024;
    let mut first = BytesMut::with_capacity(4096);
    while memchr(b'\n', &first).is_none() {
        let read = stream.read_buf(&mut first).await?;
        if read == 0 && first.is_empty() {
            return Err(TransportError::Closed);
        }
        let known = first.len().min(5);
        let is_info = first.get(..known).is_some_and(|start| {
            start.eq_ignore_ascii_case(b"INFO ".get(..known).unwrap_or_default())
        });
        if first.starts_with(TLS_ALERT) {
            return Err(TransportError::SpeaksTls);
        }
        if !is_info || first.len() > LONGEST {
            return Err(TransportError::NotNats { start: shown(&first) });
        }
        if read == 0 {
            return Err(TransportError::Closed);
        }
    }
    Ok(first.freeze())
}

/// A byte stream as chunks: what was read before it, then blocks as they are read.
pub(crate) struct Tcp<S> {
    io: S,
    first: Option<Bytes>,
    blocks: Blocks,
    waiting: Chunks,
}

impl<S> Tcp<S> {
    pub(crate) fn new(io: S, first: Bytes) -> Self {
        let first = (!first.is_empty()).then_some(first);
        Self { io, first, blocks: Blocks::default(), waiting: Chunks::default() }
    }
}

impl<S: AsyncRead + Unpin> Stream for Tcp<S> {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        // The future holds nothing between polls, so making a new one each time loses nothing, and
        // it reads into room that was never written to, without filling it with zeros first.
        match ready!(pin!(this.io.read_buf(this.blocks.with_room())).poll(cx)) {
            Ok(0) => Poll::Ready(None),
            Ok(_) => Poll::Ready(Some(Ok(this.blocks.open().split().freeze()))),
            Err(error) => Poll::Ready(Some(Err(error.into()))),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for Tcp<S> {
    fn reclaim(&mut self) -> Option<Vec<u8>> {
        self.waiting.reclaim()
    }
}

impl<S: AsyncWrite + Unpin> Sink<Bytes> for Tcp<S> {
    type Error = TransportError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let this = self.get_mut();
        if this.waiting.has_room() {
            Poll::Ready(Ok(()))
        } else {
            this.waiting.poll_write(&mut this.io, cx)
        }
    }

    fn start_send(self: Pin<&mut Self>, chunk: Bytes) -> Result<(), TransportError> {
        self.get_mut().waiting.push(chunk);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let this = self.get_mut();
        this.waiting.poll_flush(&mut this.io, cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let this = self.get_mut();
        ready!(this.waiting.poll_write(&mut this.io, cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx).map_err(Into::into)
    }
}
