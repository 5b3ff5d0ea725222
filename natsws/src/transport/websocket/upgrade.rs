//! The client's side of the WebSocket handshake (RFC 6455, section 4).
//!
//! Nothing but the request is written before the answer is there, no more is read than the answer,
//! and whatever answers instead of a WebSocket is told by what it said.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use data_encoding::BASE64;
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::extension;
use crate::runtime;
use crate::server_addr::{Scheme, ServerAddr};
use crate::transport::TransportError;

/// The largest answer that is read.
const LARGEST: usize = 16 * 1024;
/// The most headers that it may have.
const HEADERS: usize = 100;
/// How much is read of a page that comes in place of a WebSocket.
const PAGE: usize = 512;
/// How long that may take: the page is worth a moment, and not the whole attempt.
const PAGE_WAIT: Duration = Duration::from_millis(250);

/// An answer that does not agree on a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("No \"Upgrade: websocket\" header")]
    Upgrade,
    #[error("No \"Connection: upgrade\" header")]
    Connection,
    #[error("Key mismatch in \"Sec-WebSocket-Accept\" header")]
    Accept,
    #[error("the server accepted more than once")]
    AcceptedTwice,
    #[error(transparent)]
    Extension(#[from] extension::Fault),
    #[error("the server chose a subprotocol that was not offered")]
    Subprotocol,
    #[error("Too many headers")]
    TooManyHeaders,
    #[error(transparent)]
    Http(httparse::Error),
}

impl From<Fault> for TransportError {
    fn from(fault: Fault) -> Self {
        Self::WebSocket(Box::new(fault))
    }
}

/// Asks for a WebSocket. Gives back what the server has sent behind its answer, and whether
/// compression was agreed on.
pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    io: &mut S,
    addr: &ServerAddr,
    headers: &[(String, String)],
    offer_compression: bool,
) -> Result<(BytesMut, bool), TransportError> {
    // It protects from caches that know nothing of WebSockets, not from anybody who reads it.
    let key = BASE64.encode(&fastrand::u128(..).to_ne_bytes());
    io.write_all(&request(addr, headers, offer_compression, &key)).await?;
    io.flush().await?;
    let (head, rest) = read_head(io).await?;
    let mut parsed = [httparse::EMPTY_HEADER; HEADERS];
    let mut answer = httparse::Response::new(&mut parsed);
    answer.parse(&head).map_err(|error| match error {
        httparse::Error::TooManyHeaders => Fault::TooManyHeaders,
        error => Fault::Http(error),
    })?;
    match answer.code {
        Some(101) => {
            check(&answer, &key)?;
            let extensions = header(&answer, "Sec-WebSocket-Extensions");
            let compression =
                extension::agreed(extensions, offer_compression).map_err(Fault::from)?;
            Ok((rest, compression))
        }
        code => {
            let status = code.unwrap_or_default();
            let mut page = rest;
            let reading = read_page(io, &mut page, &answer);
            let _: Option<()> = runtime::timeout(PAGE_WAIT, reading).await;
            if header(&answer, "Transfer-Encoding").any(|value| value.contains("chunked")) {
                // The first line is the size of the first chunk.
                let end = memmem::find(&page, b"\r\n").map_or(0, |at| at + 2);
                page = page.split_off(end);
            }
            Err(refused(status, &page))
        }
    }
}

/// The whole request. Reserved headers are not among `headers`.
fn request(
    addr: &ServerAddr,
    headers: &[(String, String)],
    offer_compression: bool,
    key: &str,
) -> Bytes {
    let default = if addr.scheme() == Scheme::Wss { 443 } else { 80 };
    let authority = addr.authority();
    let host = match authority.strip_suffix(&format!(":{default}")) {
        Some(host) if addr.port() == default => host,
        _ => &authority,
    };
    let path = if addr.path().is_empty() { "/" } else { addr.path() };
    let mut request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
    );
    if offer_compression {
        request.extend(["Sec-WebSocket-Extensions: ", extension::OFFER, "\r\n"]);
    }
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request.push_str("\r\n");
    request.into()
}

/// Reads up to the end of the answer's head; also gives back what came behind it.
async fn read_head<S: AsyncRead + Unpin>(
    io: &mut S,
) -> Result<(BytesMut, BytesMut), TransportError> {
    let mut read = BytesMut::with_capacity(4096);
    loop {
        if let Some(stranger) = stranger(&read) {
            return Err(stranger);
        }
        if let Some(end) = memmem::find(&read, b"\r\n\r\n") {
            let rest = read.split_off(end + 4);
            return Ok((read, rest));
        }
        if read.len() > LARGEST {
            return Err(TransportError::UpgradeTooLarge { max: LARGEST });
        }
        if io.read_buf(&mut read).await? == 0 {
            return Err(TransportError::Closed);
        }
    }
}

/// What speaks there, where that can be told already and is not HTTP.
fn stranger(read: &[u8]) -> Option<TransportError> {
    // An alert of TLS.
    if read.starts_with(&[0x15, 0x03]) {
        return Some(TransportError::SpeaksTls);
    }
    if read.starts_with(b"INFO {") {
        return Some(TransportError::NotWebSocket);
    }
    let known = read.len().min(5);
    let may_become = |start: &[u8]| start.get(..known) == read.get(..known);
    let is_open = may_become(b"HTTP/") || may_become(b"INFO ") || may_become(b"\x15");
    (!is_open).then(|| Fault::Http(httparse::Error::Version).into())
}

/// Reads the beginning of a page, as far as the answer says that there is one.
async fn read_page<S: AsyncRead + Unpin>(
    io: &mut S,
    page: &mut BytesMut,
    answer: &httparse::Response<'_, '_>,
) {
    let value = |name: &str| header(answer, name).next().unwrap_or_default();
    let len = value("Content-Length").trim().parse().ok();
    let is_chunked = value("Transfer-Encoding").to_ascii_lowercase().contains("chunked");
    let closes = value("Connection").eq_ignore_ascii_case("close") || answer.version == Some(0);
    // Without any of these there is no page, and waiting for one would be waiting for nothing.
    let wanted = match len {
        Some(len) => PAGE.min(len),
        None if is_chunked || closes => PAGE,
        None => 0,
    };
    while page.len() < wanted {
        // What was said already is worth more than why there is no more of it.
        if !io.read_buf(page).await.is_ok_and(|read| read > 0) {
            break;
        }
    }
}

fn refused(status: u16, page: &[u8]) -> TransportError {
    let text = String::from_utf8_lossy(page.get(..PAGE).unwrap_or(page));
    // These are the words of a server of HTTP and TLS to a client without.
    if text.contains("HTTP request to an HTTPS server") {
        return TransportError::SpeaksTls;
    }
    let first_line = text.lines().next().unwrap_or_default().chars().take(200).collect();
    TransportError::Upgrade { status, first_line }
}

fn header<'a>(answer: &'a httparse::Response<'_, '_>, name: &str) -> impl Iterator<Item = &'a str> {
    answer.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(
        // A value that is not text matches nothing.
        |header| std::str::from_utf8(header.value).unwrap_or("\u{fffd}"),
    )
}

/// Whether the server agrees, to what was asked for and to nothing else but extensions.
fn check(answer: &httparse::Response<'_, '_>, key: &str) -> Result<(), Fault> {
    let names = |name: &str, wanted: &str| {
        header(answer, name)
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case(wanted))
    };
    if !names("Upgrade", "websocket") {
        return Err(Fault::Upgrade);
    }
    if !names("Connection", "upgrade") {
        return Err(Fault::Connection);
    }
    let mut accepted = header(answer, "Sec-WebSocket-Accept");
    if accepted.next().map(str::trim) != Some(derive_accept_key(key.as_bytes()).as_str()) {
        return Err(Fault::Accept);
    }
    if accepted.next().is_some() {
        return Err(Fault::AcceptedTwice);
    }
    if header(answer, "Sec-WebSocket-Protocol").next().is_some() {
        return Err(Fault::Subprotocol);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(addr: &str, headers: &[(&str, &str)]) -> String {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<_> = headers.iter().map(own).collect();
        let addr = addr.parse().expect("a good address");
        String::from_utf8(request(&addr, &headers, false, "KEY").to_vec()).expect("text")
    }

    #[test]
    fn the_request_says_what_the_protocol_wants_and_what_the_application_adds() {
        assert_eq!(
            asked("ws://broker.example:8080/nats?v=1", &[("Cookie", "a=b"), ("X", "y")]),
            "GET /nats?v=1 HTTP/1.1\r\nHost: broker.example:8080\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: KEY\r\n\
             Cookie: a=b\r\nX: y\r\n\r\n"
        );
        for (addr, host) in [
            ("ws://a", "a"),
            ("wss://a", "a"),
            ("ws://a:443", "a:443"),
            ("wss://a:80", "a:80"),
            ("ws://[::1]:80", "[::1]"),
            ("ws://[::1]:81", "[::1]:81"),
        ] {
            assert!(asked(addr, &[]).contains(&format!("\r\nHost: {host}\r\n")), "{addr}");
        }
    }

    #[test]
    fn strangers_are_told_by_how_they_begin() {
        for (read, expected) in [
            (&b"INFO {\"a\":1} \r\n"[..], "this port speaks NATS without a WebSocket"),
            (b"\x15\x03\x01\x00\x02\x02\x16", "this port speaks TLS"),
            (b"SSH-2.0-OpenSSH\r\n", "the WebSocket failed"),
        ] {
            let told = stranger(read).expect("it is none").to_string();
            assert!(told.starts_with(expected), "{told}");
        }
        for begun in [&b""[..], b"H", b"HTTP/1.1 101", b"I", b"INFO "] {
            assert!(stranger(begun).is_none(), "{begun:?}");
        }
    }
}
