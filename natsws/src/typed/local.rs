//! Requests that go over no connection: to a service that is called where it is.

use std::time::Duration;

use super::message::Request;
use super::scratch::{Envelope, Fault, encoded};
use crate::deadline::Deadline;
use crate::header::Headers;
use crate::msg::Msg;
use crate::request::RequestError;
use crate::scope::Scope;

/// Nobody listens there.
const REPLY: &str = "_INBOX.local";

/// The message that a service would receive for this request.
pub(crate) fn local_request<M: Request>(message: &M) -> Result<Msg, RequestError<M::Error>> {
    let scope = Scope::current();
    let timeout = scope.deadline.map(Deadline::remaining);
    if timeout.is_some_and(|left| left.is_zero()) {
        return Err(RequestError::TimedOut { after: Duration::ZERO });
    }
    let envelope = Envelope {
        subject: None,
        reply: Some(REPLY),
        headers: &Headers::new(),
        timeout,
        trace: scope.trace.as_ref(),
    };
    match encoded(message, &envelope, Msg::from_head) {
        Ok(msg) => Ok(msg?),
        Err(Fault::Subject(error)) => Err(error.into()),
        Err(Fault::Codec(error)) => Err(RequestError::Encode(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::codec::{ErrorCodec, Json};
    use crate::typed::decode;
    use crate::{ServiceError, Subject};

    #[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
    #[subject("squares.{number}", reply = u64, error = NoSquare, crate = crate)]
    struct GetSquare {
        number: u64,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
    #[error("there is none")]
    struct NoSquare;

    fn headers(msg: &Msg) -> Vec<(&str, &str)> {
        msg.headers().iter().collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_local_request_is_what_a_service_would_receive() {
        let ask = GetSquare { number: 7 };
        let msg = local_request(&ask).expect("made");
        assert_eq!((msg.subject(), msg.reply()), ("squares.7", Some("_INBOX.local")));
        assert_eq!(headers(&msg), [("Content-Type", "application/json")]);
        assert_eq!(msg.decode::<GetSquare>().expect("decoded"), ask);
        let deadline = Deadline::after(Duration::from_secs(2));
        let msg = deadline.scope_sync(|| local_request(&ask)).expect("made");
        assert_eq!(
            headers(&msg),
            [("Content-Type", "application/json"), ("Request-Timeout", "2000ms")]
        );
        tokio::time::advance(Duration::from_secs(2)).await;
        let late = deadline.scope_sync(|| local_request(&ask)).expect_err("too late");
        assert!(late.is_timed_out());
    }

    #[test]
    fn a_reply_is_read_as_a_client_reads_it() {
        let reply = |headers, payload| Msg::local("r", None, headers, payload).expect("made");
        let square = decode::<GetSquare>(reply(Headers::new(), &b"49"[..]));
        assert_eq!(square.expect("a reply"), 49);
        let none = Json::encode_error(&NoSquare, 404);
        let none = decode::<GetSquare>(reply(none.to_headers(), none.body()));
        assert!(matches!(none, Err(RequestError::Remote(NoSquare))));
        let busy = ServiceError::new(503, "busy");
        match decode::<GetSquare>(reply(busy.to_headers(), &b""[..])) {
            Err(RequestError::Service(error)) => assert_eq!(error, busy),
            other => panic!("{other:?}"),
        }
        let garbage = decode::<GetSquare>(reply(Headers::new(), &b"x"[..]));
        assert!(matches!(garbage, Err(RequestError::Decode { .. })));
    }
}
