//! What the server says of a pull instead of a message: a status, its text, and some headers
//! (ADR-37).

use super::account::Rest;
use crate::msg::Msg;

/// What the server says instead of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) word: Word,
    /// What will not come of the pull that it is about, where the server says it.
    pub(super) rest: Option<Rest>,
    pub(super) code: u16,
    pub(super) description: String,
}

/// What it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// It is still there; the number of the last delivery, and that of the last message in the
    /// stream that was looked at.
    Heartbeat {
        consumer_sequence: Option<u64>,
        stream_sequence: Option<u64>,
    },
    /// The pull is over: its time is, there are no messages, or it brought all that its limits
    /// allow.
    Over,
    /// The next message is larger than what the pull may still bring.
    TooLarge,
    /// The pull asks for more than the consumer's limits allow.
    ExceedsLimits,
    /// Another client has the messages of the group, or another name was given to this one.
    PinLost,
    /// Who led the consumer does so no more, and all its pulls are over.
    LeaderChanged,
    /// Nobody takes pulls: a leader is missing, or the consumer is.
    NoResponders,
    ConsumerDeleted,
    PushBased,
    /// The server does not understand, or does not do it.
    Refused,
}

impl Told {
    /// Reads a message that was sent to the inbox of a pull.
    pub(super) fn read(msg: &Msg) -> Self {
        let headers = msg.headers();
        let (code, text) = match msg.status() {
            Some(status) => (status.code(), status.description()),
            None => (0, ""),
        };
        let number = |name| headers.get(name).and_then(|text| text.parse::<u64>().ok());
        let size = |name| number(name).map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        let rest = match (size("Nats-Pending-Messages"), size("Nats-Pending-Bytes")) {
            (None, None) => None,
            (messages, bytes) => {
                Some(Rest { messages: messages.unwrap_or(0), bytes: bytes.unwrap_or(0) })
            }
        };
        let word = match code {
            100 => Word::Heartbeat {
                consumer_sequence: number("Nats-Last-Consumer"),
                stream_sequence: number("Nats-Last-Stream"),
            },
            409 => Word::of_conflict(text),
            404 | 408 => Word::Over,
            423 => Word::PinLost,
            503 => Word::NoResponders,
            _ => Word::Refused,
        };
        Self { word, rest, code, description: text.to_owned() }
    }
}

impl Word {
    /// The meaning of a text that comes with 409. A text that a newer server may have is the end of
    /// the pull, as all of them are.
    fn of_conflict(text: &str) -> Self {
        let begins = |with: &str| {
            text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
        };
        if begins("consumer deleted") {
            Self::ConsumerDeleted
        } else if begins("consumer is push based") {
            Self::PushBased
        } else if begins("leadership change") {
            Self::LeaderChanged
        } else if begins("message size exceeds") {
            Self::TooLarge
        } else if begins("exceeded") {
            Self::ExceedsLimits
        } else {
            Self::Over
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::Headers;

    fn told(block: &str) -> Told {
        let headers = Headers::parse(&bytes::Bytes::from(block.to_owned())).expect("headers");
        Told::read(&Msg::local("inbox", None, headers, "").expect("a good subject"))
    }

    #[test]
    fn every_status_of_the_server_has_its_meaning() {
        for (line, expected) in [
            (
                "100 Idle Heartbeat",
                Word::Heartbeat { consumer_sequence: None, stream_sequence: None },
            ),
            ("404 No Messages", Word::Over),
            ("408 Request Timeout", Word::Over),
            ("408 Requests Pending", Word::Over),
            ("408 Interest Expired", Word::Over),
            ("409 Batch Completed", Word::Over),
            ("409 Server Shutdown", Word::Over),
            ("409 What a newer server says", Word::Over),
            ("409 Message Size Exceeds MaxBytes", Word::TooLarge),
            ("409 Exceeded MaxWaiting", Word::ExceedsLimits),
            ("409 Exceeded MaxRequestBatch of 10", Word::ExceedsLimits),
            ("409 Exceeded MaxRequestExpires of 1s", Word::ExceedsLimits),
            ("409 Exceeded MaxRequestMaxBytes of 10", Word::ExceedsLimits),
            ("409 Leadership Change", Word::LeaderChanged),
            ("409 Consumer Deleted", Word::ConsumerDeleted),
            ("409 consumer is push based", Word::PushBased),
            ("423 Nats-Pin-Id mismatch", Word::PinLost),
            ("423 Nats-Wrong-Pin-Id", Word::PinLost),
            ("503", Word::NoResponders),
            ("400 Bad Request - Invalid Priority Group", Word::Refused),
            ("412 Required Api Level", Word::Refused),
        ] {
            assert_eq!(told(&format!("NATS/1.0 {line}\r\n\r\n")).word, expected, "{line}");
        }
    }

    #[test]
    fn what_will_not_come_of_a_pull_stands_in_its_headers() {
        let all = told(
            "NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 7\r\nNats-Pending-Bytes: 90\r\n\r\n",
        );
        assert_eq!(all.rest, Some(Rest { messages: 7, bytes: 90 }));
        assert_eq!((all.code, all.description.as_str()), (408, "Request Timeout"));
        let none = told("NATS/1.0 404 No Messages\r\n\r\n");
        assert_eq!(none.rest, None);
        let garbage = told("NATS/1.0 408 X\r\nNats-Pending-Messages: -1\r\n\r\n");
        assert_eq!(garbage.rest, None);
    }

    #[test]
    fn a_heartbeat_says_how_many_were_delivered() {
        let beat = told(
            "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 9\r\nNats-Last-Stream: 12\r\n\r\n",
        );
        let expected = Word::Heartbeat { consumer_sequence: Some(9), stream_sequence: Some(12) };
        assert_eq!(beat.word, expected);
    }
}
