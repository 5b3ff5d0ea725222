//! What a server says in `-ERR`, as values (ADR-40 lists the texts).

use crate::subject::Shown;

/// An error that the server reported.
///
/// The server sends text; what is not known here is kept word for word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The credentials are wrong or missing.
    #[error("the server refused the credentials")]
    AuthorizationViolation,
    /// The credentials were not sent in time.
    #[error("the server did not get credentials in time")]
    AuthenticationTimeout,
    /// The user's credentials have expired.
    #[error("the user's credentials have expired")]
    UserAuthenticationExpired,
    /// The account's credentials have expired.
    #[error("the account's credentials have expired")]
    AccountAuthenticationExpired,
    /// The user may not publish to a subject.
    #[error("publishing to {subject} is not permitted", subject = Shown(subject))]
    PublishDenied {
        /// The subject of the publish.
        subject: String,
    },
    /// The user may not subscribe to a subject.
    #[error("subscribing to {subject} is not permitted", subject = Shown(subject))]
    SubscribeDenied {
        /// The subject of the subscription.
        subject: String,
        /// Its queue group.
        queue_group: Option<String>,
    },
    /// The server heard nothing from this client and gave it up.
    #[error("the server found the connection stale")]
    StaleConnection,
    /// A message was larger than the server accepts.
    #[error("the server refused a message as too large")]
    MaximumPayloadViolation,
    /// The server has as many connections as it may have.
    #[error("the server has too many connections")]
    MaximumConnectionsExceeded,
    /// Any other text.
    #[error("the server reported {text}", text = Shown(text))]
    Other {
        /// The text as sent, without its quotes.
        text: String,
    },
}

impl ServerError {
    /// Whether the server refused who is connecting.
    pub fn is_auth(&self) -> bool {
        matches!(
            self,
            Self::AuthorizationViolation
                | Self::AuthenticationTimeout
                | Self::UserAuthenticationExpired
                | Self::AccountAuthenticationExpired
        )
    }

    /// Whether a permission is missing; the connection goes on then.
    pub fn is_permission(&self) -> bool {
        matches!(self, Self::PublishDenied { .. } | Self::SubscribeDenied { .. })
    }

    pub(crate) fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let text = text.trim().trim_matches('\'');
        let lower = text.to_ascii_lowercase();
        if lower.contains("permissions violation") {
            return Self::permissions(text)
                .unwrap_or_else(|| Self::Other { text: text.to_owned() });
        }
        let known = [
            ("authorization violation", Self::AuthorizationViolation),
            ("user authentication expired", Self::UserAuthenticationExpired),
            ("account authentication expired", Self::AccountAuthenticationExpired),
            ("authentication timeout", Self::AuthenticationTimeout),
            ("stale connection", Self::StaleConnection),
            ("maximum payload violation", Self::MaximumPayloadViolation),
            ("maximum connections exceeded", Self::MaximumConnectionsExceeded),
        ];
        known
            .into_iter()
            .find_map(|(words, error)| lower.contains(words).then_some(error))
            .unwrap_or_else(|| Self::Other { text: text.to_owned() })
    }

    /// Reads `Permissions Violation for Publish to "x"` and
    /// `Permissions Violation for Subscription to "x" using queue "q"`.
    fn permissions(text: &str) -> Option<Self> {
        let quoted = |after: &str| {
            let (_, rest) = text.split_once(after)?;
            rest.strip_prefix('"')?.split('"').next().map(str::to_owned)
        };
        if let Some(subject) = quoted("Publish to ") {
            return Some(Self::PublishDenied { subject });
        }
        let subject = quoted("Subscription to ")?;
        Some(Self::SubscribeDenied { subject, queue_group: quoted("using queue ") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_of_the_server_has_its_variant() {
        let denied = |subject: &str, group: Option<&str>| ServerError::SubscribeDenied {
            subject: subject.to_owned(),
            queue_group: group.map(str::to_owned),
        };
        for (text, expected) in [
            ("'Authorization Violation'", ServerError::AuthorizationViolation),
            ("'User Authentication Expired'", ServerError::UserAuthenticationExpired),
            ("'Account Authentication Expired'", ServerError::AccountAuthenticationExpired),
            ("'Authentication Timeout'", ServerError::AuthenticationTimeout),
            ("'Stale Connection'", ServerError::StaleConnection),
            ("'Maximum Payload Violation'", ServerError::MaximumPayloadViolation),
            ("'maximum connections exceeded'", ServerError::MaximumConnectionsExceeded),
            (
                "'Permissions Violation for Publish to \"no.pe\"'",
                ServerError::PublishDenied { subject: "no.pe".to_owned() },
            ),
            ("'Permissions Violation for Subscription to \"a.>\"'", denied("a.>", None)),
            (
                "'Permissions Violation for Subscription to \"a\" using queue \"q\"'",
                denied("a", Some("q")),
            ),
            (
                "'Unknown Protocol Operation'",
                ServerError::Other { text: "Unknown Protocol Operation".to_owned() },
            ),
            (
                "'Permissions Violation'",
                ServerError::Other { text: "Permissions Violation".to_owned() },
            ),
        ] {
            assert_eq!(ServerError::parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn hostile_text_is_shown_escaped() {
        let error = ServerError::parse(b"'\x1b[2J\r\n'");
        assert_eq!(error.to_string(), "the server reported \"\\u{1b}[2J\\r\\n\"");
    }
}
