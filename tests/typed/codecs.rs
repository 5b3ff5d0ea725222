//! What codecs say of a message on the wire, and what is made of what others say.

use std::fmt::{self, Display};
use std::future::IntoFuture;
use std::str::FromStr;

use natsws::bytes::Bytes;
use natsws::{
    Client, CodecError, DecodeError, DecodeOwned, EncodeMessage, Headers, Msg, ReceiveError,
    RequestError, ServiceError, Subject, TypedSubscription,
};
use natsws_service::{Router, serve};
use natsws_tests::within;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::{everywhere, next, stop};

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("codecs.json")]
struct AsJson {
    words: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("codecs.msgpack", codec = MsgPack)]
struct AsMsgPack {
    words: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("codecs.compact", codec = MsgPackCompact)]
struct AsCompact {
    words: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("codecs.packed", codec = Compressed<Json>)]
struct AsPacked {
    words: Vec<String>,
}

#[derive(Debug, PartialEq, Subject)]
#[subject("codecs.text", codec = Text)]
struct AsText(u64);

impl Display for AsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for AsText {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[derive(Debug, PartialEq, Subject)]
#[subject("codecs.raw", codec = Raw)]
struct AsRaw(Bytes);

impl AsRef<[u8]> for AsRaw {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Bytes> for AsRaw {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

fn words() -> Vec<String> {
    vec!["word".to_owned(); 100]
}

fn content(headers: &Headers) -> (Option<&str>, Option<&str>) {
    (headers.get("Content-Type"), headers.get("Content-Encoding"))
}

/// Publishes and receives a message, and gives back what travelled.
async fn travelled<M>(client: &Client, message: M) -> Msg
where
    M: EncodeMessage + DecodeOwned + PartialEq + fmt::Debug + Sync,
{
    let mut sub = client.subscribe::<M>().await.expect("subscribed");
    client.publish(&message).await.expect("published");
    let received = within("it", sub.next()).await.expect("a message").expect("it decodes");
    assert_eq!(*received, message);
    received.msg().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_codec_says_what_its_payloads_are() {
    everywhere(async |client| {
        let json = travelled(&client, AsJson { words: words() }).await;
        assert_eq!(content(json.headers()), (Some("application/json"), None));
        let msgpack = travelled(&client, AsMsgPack { words: words() }).await;
        assert_eq!(content(msgpack.headers()), (Some("application/msgpack"), None));
        let compact = travelled(&client, AsCompact { words: words() }).await;
        assert_eq!(content(compact.headers()), (Some("application/msgpack"), None));
        assert!(compact.payload().len() < msgpack.payload().len());
        let text = travelled(&client, AsText(7)).await;
        assert_eq!(
            (content(text.headers()), text.payload()),
            ((Some("text/plain"), None), &b"7"[..])
        );
        let raw = travelled(&client, AsRaw(Bytes::from_static(b"\0\xff"))).await;
        assert_eq!(content(raw.headers()), (Some("application/octet-stream"), None));
        let packed = travelled(&client, AsPacked { words: words() }).await;
        assert_eq!(content(packed.headers()), (Some("application/json"), Some("deflate")));
        assert!(packed.payload().len() * 10 < json.payload().len(), "{}", packed.payload().len());
    })
    .await;
}

/// The next item, which is a message that was not decoded.
async fn refused<M: DecodeOwned + fmt::Debug>(sub: &mut TypedSubscription<M>) -> CodecError {
    match within("it", sub.next()).await {
        Some(Err(ReceiveError::Decode { source: DecodeError::Payload(error), .. })) => error,
        other => unreachable!("{other:?} is decoded, or something else"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_type_is_optional_and_one_that_is_wrong_is_refused() {
    everywhere(async |client| {
        let mut sub = client.subscribe::<AsJson>().await.expect("subscribed");
        let plain = client.connection();
        let publish = |kind| plain.publish("codecs.json", r#"{"words":[]}"#).header("Content-Type", kind);
        plain.publish("codecs.json", r#"{"words":[]}"#).await.expect("published");
        publish("application/json; charset=utf-8").await.expect("published");
        publish("Application/JSON").await.expect("published");
        publish("application/problem+json").await.expect("published");
        publish("application/msgpack").await.expect("published");
        publish("application/json").header("Content-Encoding", "deflate").await.expect("published");
        publish("application/json").header("Content-Encoding", "identity").await.expect("published");
        for _ in 0..4 {
            assert_eq!(next(&mut sub).await, AsJson { words: Vec::new() });
        }
        assert!(matches!(
            refused(&mut sub).await,
            CodecError::ContentType { expected: "application/json", found } if found == "application/msgpack"
        ));
        assert!(matches!(
            refused(&mut sub).await,
            CodecError::ContentEncoding { expected: None, found } if found == "deflate"
        ));
        assert_eq!(next(&mut sub).await, AsJson { words: Vec::new() });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_packed_and_what_is_not_arrive_on_one_subscription() {
    everywhere(async |client| {
        let mut sub = client.subscribe::<AsPacked>().await.expect("subscribed");
        // As every other client does it.
        client
            .connection()
            .publish("codecs.packed", r#"{"words":["x"]}"#)
            .await
            .expect("published");
        client.publish(&AsPacked { words: words() }).await.expect("published");
        assert_eq!(next(&mut sub).await, AsPacked { words: vec!["x".to_owned()] });
        assert_eq!(next(&mut sub).await, AsPacked { words: words() });
        assert_eq!(sub.received(), 2);
    })
    .await;
}

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("codecs.ask.{id}", codec = Compressed<MsgPack>, reply = Vec<String>, error = TooMany)]
struct Ask {
    #[serde(default)]
    id: u8,
    #[serde(default)]
    words: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{} words are too many", words.len())]
struct TooMany {
    words: Vec<String>,
}

/// The same requests, whose error is the reply of any service.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("codecs.plain", codec = Compressed<Json>, reply = u8, error = ServiceError)]
struct AskPlainly;

#[tokio::test(flavor = "multi_thread")]
async fn requests_replies_and_errors_travel_packed() {
    everywhere(async |client| {
        let echo = async |ask: Ask| {
            if ask.id == 0 { Ok(ask.words) } else { Err(TooMany { words: ask.words }) }
        };
        let plainly = async |_: AskPlainly| Err::<u8, _>(ServiceError::new(418, "teapot"));
        let router = Router::new("codecs", "1.0.0").endpoint(echo).endpoint(plainly);
        let (ready, is_ready) = oneshot::channel();
        let serving =
            serve(client.clone(), router).on_ready(move || ready.send(()).unwrap_or_default());
        let serving = tokio::spawn(serving.into_future());
        within("the service", is_ready).await.expect("it is there");

        let reply = client.request(&Ask { id: 0, words: words() }).await.expect("a reply");
        assert_eq!(reply, words());
        match client.request(&Ask { id: 1, words: words() }).await {
            Err(RequestError::Remote(error)) => assert_eq!(error, TooMany { words: words() }),
            other => panic!("{other:?}"),
        }
        match client.request(&AskPlainly).await {
            Err(RequestError::Remote(error)) => {
                assert_eq!((error.code(), error.description()), (418, "teapot"));
            }
            other => panic!("{other:?}"),
        }

        // As the wire has it: who does not pack is answered, too, and learns that the answer is.
        let plain = client.connection();
        let reply =
            plain.request("codecs.ask.0", b"\x81\xa5words\x91\xa1x").await.expect("a reply");
        assert_eq!(content(reply.headers()), (Some("application/msgpack"), Some("deflate")));
        let failed = plain.request("codecs.ask.1", b"\x80").await.expect("a reply");
        assert_eq!(content(failed.headers()), (Some("application/msgpack"), Some("deflate")));
        assert_eq!(failed.headers().get("Nats-Service-Error"), Some("0 words are too many"));
        // A mismatch is the caller's fault.
        for (name, value, expected) in [
            (
                "Content-Type",
                "application/json",
                r#"the message is "application/json", but application/msgpack was expected"#,
            ),
            (
                "Content-Encoding",
                "gzip",
                r#"the message is encoded as "gzip", but deflate was expected"#,
            ),
        ] {
            let refused =
                plain.request("codecs.ask.0", b"\x80").header(name, value).await.expect("a reply");
            assert_eq!(refused.headers().get("Nats-Service-Error-Code"), Some("400"));
            let expected = format!("the payload does not fit the message: {expected}");
            assert_eq!(refused.headers().get("Nats-Service-Error"), Some(&*expected));
        }
        stop(&client, serving).await;
    })
    .await;
}

#[derive(Debug, Serialize, Subject)]
#[subject("codecs.question", reply = String)]
struct Question;

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_of_another_content_type_is_an_error_that_names_both() {
    everywhere(async |client| {
        let mut asked = client.connection().subscribe("codecs.question").max(3).await.expect("it");
        let service = tokio::spawn(async move {
            for headers in [
                vec![("Content-Type", "application/msgpack")],
                vec![("Content-Encoding", "deflate")],
                vec![("Content-Type", "application/json; charset=utf-8")],
            ] {
                let msg = asked.next().await.expect("a request").expect("no gap");
                let mut answer = msg.respond("\"hello\"");
                for (name, value) in headers {
                    answer = answer.header(name, value);
                }
                answer.await.expect("sent");
            }
        });
        for expected in [
            r#"the message is "application/msgpack", but application/json was expected"#,
            r#"the message is encoded as "deflate", but none was expected"#,
        ] {
            match client.request(&Question).await {
                Err(RequestError::Decode { source, reply }) => {
                    assert_eq!(source.to_string(), expected);
                    assert_eq!(reply.text(), Ok("\"hello\""));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(client.request(&Question).await.expect("a reply"), "hello");
        service.await.expect("no panic");
    })
    .await;
}

/// What borrows from the message that it is read from.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("codecs.lines.{host}", codec = MsgPack)]
struct Line<'a> {
    host: &'a str,
    text: &'a str,
    #[serde(borrow)]
    bytes: Option<&'a [u8]>,
}

/// The same, kept.
#[derive(Debug, Deserialize, Subject)]
#[subject("codecs.lines.{host}", codec = MsgPack)]
struct OwnedLine {
    host: String,
    text: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_borrowed_value_points_into_the_message() {
    everywhere(async |client| {
        let mut raw = client.connection().subscribe("codecs.lines.*").await.expect("subscribed");
        let mut typed = client.subscribe::<OwnedLine>().await.expect("subscribed");
        let payload = b"\x83\xa4host\xa3lie\xa4text\xa5hello\xa5bytes\xc4\x03abc";
        client.connection().publish("codecs.lines.here", payload).await.expect("published");
        let msg = within("it", raw.next()).await.expect("a message").expect("no gap");
        let received = within("it", typed.next()).await.expect("a message").expect("it decodes");
        assert_eq!((&*received.host, &*received.text), ("here", "hello"));
        let lines: [(Line<'_>, &Msg); 2] = [
            (msg.decode().expect("it decodes"), &msg),
            (received.view().expect("it decodes"), received.msg()),
        ];
        for (line, msg) in lines {
            assert_eq!((line.host, line.text, line.bytes), ("here", "hello", Some(&b"abc"[..])));
            assert!(msg.subject().as_bytes().as_ptr_range().contains(&line.host.as_ptr()));
            let memory = msg.payload().as_ptr_range();
            assert!(memory.contains(&line.text.as_ptr()));
            assert!(memory.contains(&line.bytes.expect("some").as_ptr()));
        }
    })
    .await;
}
