//! Payloads that are made to do harm, and values that cannot be sent.

use std::collections::BTreeMap;
use std::fmt;

use flate2::{Compress, Compression, FlushCompress};
use natsws::{
    Client, CodecError, DecodeError, DecodeOwned, PublishError, ReceiveError, RequestError, Subject,
};
use natsws_tests::within;
use serde::{Deserialize, Serialize};
use tower::Service;

use crate::{everywhere, next};

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("hostile.json")]
struct Json {
    id: u8,
    #[serde(default)]
    any: serde_json::Value,
    #[serde(default)]
    state: State,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("hostile.msgpack", codec = MsgPack)]
struct MsgPack {
    id: u8,
    #[serde(default)]
    any: serde_json::Value,
    #[serde(default)]
    state: State,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("hostile.packed", codec = Compressed<Json, 1_000_000>)]
struct Packed {
    id: u8,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
enum State {
    #[default]
    On,
}

/// Publishes each payload, then a good one: each is an error with a reason, and only the good one
/// is a value.
async fn survives<M>(client: &Client, good: &M, payloads: &[Vec<u8>], headers: &natsws::Headers)
where
    M: natsws::EncodeMessage + DecodeOwned + PartialEq + fmt::Debug + Sync,
{
    let mut sub = client.subscribe::<M>().await.expect("subscribed");
    let subject = good.subject().expect("it has one");
    for payload in payloads {
        let publish = client.connection().publish(subject.as_str(), payload).headers(headers);
        publish.await.expect("published");
    }
    client.publish(good).await.expect("published");
    for payload in payloads {
        match within("it", sub.next()).await {
            Some(Err(ReceiveError::Decode { source: DecodeError::Payload(error), msg })) => {
                assert!(matches!(error, CodecError::Decode { .. } | CodecError::TooLarge { .. }));
                assert!(error.to_string().len() < 200, "{error}");
                assert_eq!(msg.payload(), payload, "it is still there");
            }
            other => unreachable!("{other:?}: {:02x?}", payload.get(..20)),
        }
    }
    assert_eq!(&next(&mut sub).await, good);
    assert_eq!((sub.received(), sub.dropped()), (payloads.len() as u64 + 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_json_is_an_error_each_and_the_subscription_goes_on() {
    let payloads: Vec<Vec<u8>> = vec![
        format!(r#"{{"id":1,"any":{}"#, "[".repeat(100_000)).into_bytes(),
        format!(r#"{{"id":1,"any":{}"#, r#"{"a":"#.repeat(100_000)).into_bytes(),
        format!(r#"{{"id":1,"any":"{}"#, "x".repeat(500_000)).into_bytes(),
        b"{\"id\":1,\"any\":\"\xff\"}".to_vec(),
        br#"{"id":NaN}"#.to_vec(),
        br#"{"id":1e999}"#.to_vec(),
        br#"{"id":1,"id":2}"#.to_vec(),
        br#"{"id":1,"state":"New"}"#.to_vec(),
        br#"{"id":1}{"id":2}"#.to_vec(),
    ];
    everywhere(async |client| {
        let good = Json { id: 7, any: serde_json::json!([1]), state: State::On };
        survives(&client, &good, &payloads, &natsws::Headers::new()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_msgpack_is_an_error_each_and_the_subscription_goes_on() {
    let any = |rest: &[u8]| [b"\x82\xa2id\x01\xa3any", rest].concat();
    let payloads = [
        any(b"\xdd\xff\xff\xff\xff\x01"),
        any(b"\xdf\xff\xff\xff\xff\x01"),
        any(b"\xdb\xff\xff\xff\xffx"),
        any(b"\xc6\xff\xff\xff\xffx"),
        any(&b"\xdc\xff\xff".repeat(1000)),
        any(&[&vec![0x91; 100_000][..], b"\xc0"].concat()),
        any(&[&b"\x81\xa1a".repeat(100_000)[..], b"\xc0"].concat()),
        any(b"\xa1\xff"),
        any(b"\xc1"),
        b"\x82\xa2id\x01\xa2id\x02".to_vec(),
        b"\x82\xa2id\x01\xa5state\xa3New".to_vec(),
        b"\x81\xa2id\x01\x01".to_vec(),
    ];
    everywhere(async |client| {
        let good = MsgPack { id: 7, any: serde_json::json!([1]), state: State::On };
        survives(&client, &good, &payloads, &natsws::Headers::new()).await;
    })
    .await;
}

/// Nearly a megabyte that would be a gigabyte of blanks before a value.
fn bomb() -> Vec<u8> {
    let blanks = vec![b' '; 1024 * 1024];
    let mut compress = Compress::new(Compression::best(), true);
    let mut packed = Vec::with_capacity(4096);
    compress.compress_vec(&blanks, &mut packed, FlushCompress::Full).expect("it packs");
    let begin = packed.clone();
    packed.clear();
    compress.compress_vec(&blanks, &mut packed, FlushCompress::Full).expect("it packs");
    [begin, packed.repeat(1023)].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_packing_is_an_error_each_and_the_subscription_goes_on() {
    let bomb = bomb();
    // The server takes messages of a megabyte.
    let payloads =
        [bomb[..1_000_000].to_vec(), bomb[..1000].to_vec(), b"{\"id\":1}".to_vec(), Vec::new()];
    let mut headers = natsws::Headers::new();
    headers.append("Content-Encoding", "deflate").expect("a good header");
    everywhere(async |client| {
        survives(&client, &Packed { id: 7 }, &payloads, &headers).await;
    })
    .await;
}

/// JSON has no keys but texts, and finds that in the middle.
#[derive(Debug, Serialize, Subject)]
#[subject("hostile.keys", reply = u8)]
struct Keys {
    before: String,
    numbers: BTreeMap<Vec<u8>, u8>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_does_not_encode_sends_nothing_and_takes_no_request() {
    everywhere(async |client| {
        let mut all = client.connection().subscribe("hostile.>").await.expect("subscribed");
        let before = "x".repeat(1000);
        let bad = Keys { before: before.clone(), numbers: BTreeMap::from([(vec![1], 2)]) };
        let expected = "encoding as application/json failed";
        match client.publish(&bad).await {
            Err(PublishError::Encode(error)) => assert_eq!(error.to_string(), expected),
            other => panic!("{other:?}"),
        }
        match client.request(&bad).await {
            Err(RequestError::Encode(error)) => assert_eq!(error.to_string(), expected),
            other => panic!("{other:?}"),
        }
        let mut caller = client.service::<Keys>();
        match caller.call(bad).await {
            Err(RequestError::Encode(error)) => assert_eq!(error.to_string(), expected),
            other => panic!("{other:?}"),
        }
        assert_eq!(client.connection().requests_in_flight(), 0);

        // Nothing of it is left where the next one is written.
        client.publish(&Packed { id: 1 }).await.expect("published");
        client.publish(&Keys { before, numbers: BTreeMap::new() }).await.expect("published");
        let first = within("it", all.next()).await.expect("a message").expect("no gap");
        assert_eq!(first.subject(), "hostile.packed");
        let second = within("it", all.next()).await.expect("a message").expect("no gap");
        let expected = format!(r#"{{"before":"{}","numbers":{{}}}}"#, "x".repeat(1000));
        assert_eq!(second.text(), Ok(&*expected));
        assert_eq!(all.received(), 2);
    })
    .await;
}
