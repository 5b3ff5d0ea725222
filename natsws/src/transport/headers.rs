//! Headers and cookies that the application adds to the WebSocket handshake.

use std::error::Error;
use std::future::Future;

use super::TransportError;
use crate::runtime::{self, SendFuture};
use crate::server_addr::ServerAddr;

/// Makes headers for each handshake, for the server that is connected to.
pub(crate) trait HeaderProvider: Send + Sync {
    fn headers(&self, server: ServerAddr) -> SendFuture<'_, Provided>;
}

/// Names and values, or why there are none.
pub(crate) type Provided = Result<Vec<(String, String)>, Box<dyn Error + Send + Sync>>;

/// A function that makes headers.
pub(crate) struct ProviderFn<F>(pub(crate) F);

impl<F, Fut, E> HeaderProvider for ProviderFn<F>
where
    F: Fn(ServerAddr) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Vec<(String, String)>, E>> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    fn headers(&self, server: ServerAddr) -> SendFuture<'_, Provided> {
        Box::pin(async move { runtime::contained(|| (self.0)(server)).await?.map_err(Into::into) })
    }
}

/// Refuses what would break the handshake, or is part of it.
pub(crate) fn check_header(name: &str, value: &str) -> Result<(), TransportError> {
    let fault =
        |fault| Err(TransportError::UpgradeHeader { name: name.escape_debug().to_string(), fault });
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) {
        return fault("a name has letters, digits and some signs alone");
    }
    let lower = name.to_ascii_lowercase();
    let is_reserved = matches!(
        lower.as_str(),
        "host" | "upgrade" | "connection" | "content-length" | "transfer-encoding"
    );
    if is_reserved || lower.starts_with("sec-websocket-") {
        return fault("it belongs to the handshake itself");
    }
    if !value.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b)) {
        return fault("a value has printable ASCII alone");
    }
    Ok(())
}

/// Whether a header says who is connecting, so that it is for the hosts alone that the application
/// named.
pub(crate) fn is_credential(name: &str) -> bool {
    ["cookie", "authorization", "proxy-authorization"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_would_break_the_handshake_are_refused() {
        for (name, value, fault) in [
            ("", "x", "a name has letters, digits and some signs alone"),
            ("A B", "x", "a name has letters, digits and some signs alone"),
            ("A\r\nB", "x", "a name has letters, digits and some signs alone"),
            ("Host", "x", "it belongs to the handshake itself"),
            ("UPGRADE", "x", "it belongs to the handshake itself"),
            ("connection", "x", "it belongs to the handshake itself"),
            ("Sec-WebSocket-Protocol", "x", "it belongs to the handshake itself"),
            ("A", "x\r\nB: y", "a value has printable ASCII alone"),
            ("A", "\u{e9}", "a value has printable ASCII alone"),
        ] {
            let error = check_header(name, value).expect_err("refused").to_string();
            assert!(error.ends_with(fault), "{error}");
        }
        assert!(check_header("X-Trace", "a b;c=\"d\"").is_ok());
        assert!(check_header("Cookie", "").is_ok());
    }

    #[test]
    fn cookies_and_the_like_are_for_named_hosts_alone() {
        assert!(is_credential("cookie") && is_credential("Authorization"));
        assert!(!is_credential("X-Trace"));
    }
}
