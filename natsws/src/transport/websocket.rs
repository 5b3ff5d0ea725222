//! WebSocket through tokio-tungstenite: a binary frame for each chunk that is sent, any framing
//! accepted on read.

mod opening;

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;
use http::header::{HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS};
use http::{HeaderMap, Request, Uri};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::headers::{check_header, is_credential};
use super::options::UpgradeOptions;
use super::{BoxTransport, Phase, Progress, TransportError, TransportOptions, socket};
use crate::runtime::MaybeSend;
use crate::server_addr::{Scheme, ServerAddr};
use opening::Opening;

/// A server puts everything that waits into one frame, which is bounded by its `max_pending` of
/// 64 MiB and one message more. What is limited here are NATS messages, in the decoder.
const LARGEST_FRAME: usize = 160 * 1024 * 1024;

/// Connects to a `ws://` or `wss://` address.
pub(super) async fn dial(
    addr: &ServerAddr,
    discovered: bool,
    options: &TransportOptions,
    progress: &Progress,
) -> Result<BoxTransport, TransportError> {
    progress.reached(Phase::Upgrade);
    let request = request(addr, discovered, &options.upgrade).await?;
    let stream = socket::open(addr, options, progress).await?;
    if addr.scheme() == Scheme::Ws {
        return upgrade(stream, request, progress).await;
    }
    #[cfg(feature = "tls")]
    {
        let stream = super::tls::wrap(stream, addr, &options.tls, progress).await?;
        upgrade(stream, request, progress).await
    }
    #[cfg(not(feature = "tls"))]
    Err(TransportError::FeatureMissing { scheme: addr.scheme(), feature: "tls-ring" })
}

/// The handshake's request, with what the application adds to it.
async fn request(
    addr: &ServerAddr,
    discovered: bool,
    options: &UpgradeOptions,
) -> Result<Request<()>, TransportError> {
    let path = if addr.path().is_empty() { "/" } else { addr.path() };
    let uri = format!("{}://{}{path}", addr.scheme().as_str(), addr.authority());
    let uri: Uri = uri.parse().map_err(|error| TransportError::WebSocket(Box::new(error)))?;
    let mut request = uri.into_client_request().map_err(failed)?;
    for (name, value) in &options.headers {
        // Whoever lists another server does not get to see what is meant for this one.
        if !(discovered && is_credential(name)) {
            add(request.headers_mut(), name, value)?;
        }
    }
    for provider in &options.providers {
        let provided = provider.headers(addr.clone()).await;
        for (name, value) in provided.map_err(TransportError::UpgradeHeaders)? {
            add(request.headers_mut(), &name, &value)?;
        }
    }
    Ok(request)
}

fn add(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), TransportError> {
    check_header(name, value)?;
    let fault = || TransportError::UpgradeHeader {
        name: name.to_owned(),
        fault: "it is no header of HTTP",
    };
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| fault())?;
    let mut value = HeaderValue::from_str(value).map_err(|_| fault())?;
    value.set_sensitive(true);
    headers.append(header, value);
    Ok(())
}

/// Does the WebSocket handshake on a connection that is up.
async fn upgrade<S>(
    stream: S,
    request: Request<()>,
    progress: &Progress,
) -> Result<BoxTransport, TransportError>
where
    S: AsyncRead + AsyncWrite + MaybeSend + Unpin + 'static,
{
    progress.reached(Phase::Upgrade);
    let (stream, seen) = Opening::new(stream);
    let handshake = tokio_tungstenite::client_async_with_config(request, stream, Some(config()));
    let (mut stream, response) =
        handshake.await.map_err(|error| seen.explained().unwrap_or_else(|| failed(error)))?;
    // Nothing was asked for, so nothing may be agreed on.
    if response.headers().contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err(TransportError::WebSocket("the server chose an unknown extension".into()));
    }
    if response.headers().get_all(SEC_WEBSOCKET_ACCEPT).iter().count() > 1 {
        return Err(TransportError::WebSocket("the server accepted more than once".into()));
    }
    stream.get_mut().opened();
    progress.reached(Phase::Info);
    Ok(Box::new(WebSocket { stream }))
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(LARGEST_FRAME))
        .max_frame_size(Some(LARGEST_FRAME))
}

fn failed(error: Error) -> TransportError {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => TransportError::Closed,
        Error::Io(error) => error.into(),
        Error::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            let text = String::from_utf8_lossy(body.get(..body.len().min(512)).unwrap_or(body));
            let first_line = text.lines().next().unwrap_or_default().chars().take(200).collect();
            TransportError::Upgrade { status: response.status().as_u16(), first_line }
        }
        error => TransportError::WebSocket(Box::new(error)),
    }
}

/// A WebSocket as chunks.
pub(crate) struct WebSocket<S> {
    stream: WebSocketStream<S>,
}

#[cfg(feature = "embedded")]
impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Answers a client's WebSocket handshake, whatever the path is.
    pub(crate) async fn accept(stream: S) -> Result<Self, TransportError> {
        let stream = tokio_tungstenite::accept_async_with_config(stream, Some(config())).await;
        Ok(Self { stream: stream.map_err(failed)? })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let chunk = match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => bytes,
                Some(Ok(Message::Text(text))) => text.into(),
                // Pings are answered by the library; a close ends the stream by itself.
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Poll::Ready(Some(Err(failed(error)))),
                None => return Poll::Ready(None),
            };
            return Poll::Ready(Some(Ok(chunk)));
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Bytes> for WebSocket<S> {
    type Error = TransportError;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        Pin::new(&mut self.stream).poll_ready(cx).map_err(failed)
    }

    fn start_send(mut self: Pin<&mut Self>, chunk: Bytes) -> Result<(), TransportError> {
        Pin::new(&mut self.stream).start_send(Message::Binary(chunk)).map_err(failed)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        Pin::new(&mut self.stream).poll_flush(cx).map_err(failed)
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        Pin::new(&mut self.stream).poll_close(cx).map_err(failed)
    }
}
