//! Messages: what one library publishes, the other reads and answers as it was published.

use std::time::{Duration, SystemTime};

use data_encoding::BASE64;
use futures_util::TryStreamExt;
use natsws::Headers;
use natsws::jetstream::{
    ConsumerConfig, ConsumerInfo, Deliverable, Delivery, PublishAck, PublishError, Rollup,
    Schedule, StoredMessage, StoredMessages, Stream, StreamConfig, Untyped,
};
use natsws_tests::{eventually, within};
use serde_json::{Map, Value, json};

use crate::javascript::{Stage, base64, nanos};

/// Each message: subject, headers, payload.
type Sent = (&'static str, &'static [(&'static str, &'static str)], &'static [u8]);

const SENT: [Sent; 6] = [
    ("s.text", &[("Nats-Msg-Id", "1")], b"hello"),
    ("s.empty", &[], b""),
    ("s.bytes", &[("Nats-Msg-Id", "3"), ("Trace", "7f3a")], b"\x00\xff\xfe\r\n\x80"),
    (
        "s.größe",
        &[("Nats-Msg-Id", "4"), ("Street", "Große Straße § 12, \u{1f980}")],
        "größe \u{1f980}".as_bytes(),
    ),
    ("s.many", &[("Tag", "red"), ("Tag", "round"), ("tag", "other"), ("Empty", "")], b"many"),
    ("s.text", &[("Nats-Msg-Id", "6"), ("Last", "one")], b"again"),
];

/// The subjects that ours publishes what has a time to.
const OURS: [&str; 6] = ["s.ours.0", "s.ours.1", "s.ours.2", "s.ours.3", "s.ours.4", "s.ours.5"];

/// The stage with stream `S`, which is read directly.
async fn stage() -> (Stage, Stream) {
    let stage = Stage::new("streams.mjs").await;
    let config = StreamConfig::new("S").subjects(["s.>"]).allow_direct(true);
    let stream = stage.js.create_stream(config).await.expect("made");
    (stage, stream)
}

/// As the script says what it reads.
fn told(
    subject: &str,
    headers: &Headers,
    payload: &[u8],
    sequence: u64,
    time: SystemTime,
) -> Value {
    let mut said = Map::new();
    for (name, value) in headers.iter() {
        let values = said.entry(name).or_insert_with(|| json!([]));
        values.as_array_mut().expect("a list").push(json!(value));
    }
    json!({
        "subject": subject, "sequence": sequence, "headers": said, "payload": base64(payload),
        "nanos": nanos(time),
    })
}

fn delivered(m: &Delivery) -> Value {
    told(m.subject(), m.headers(), m.payload(), m.sequence(), m.info().time)
}

fn stored(m: &StoredMessage) -> Value {
    told(m.subject(), m.headers(), m.payload(), m.sequence(), m.time())
}

/// What was sent, without when it was stored.
fn sent(sequence: u64, (subject, headers, payload): Sent) -> Value {
    let mut all = Headers::new();
    for (name, value) in headers {
        all.append(name, value).expect("valid");
    }
    let mut said = told(subject, &all, payload, sequence, SystemTime::UNIX_EPOCH);
    said.as_object_mut().expect("a map").remove("nanos");
    said
}

fn without_times(messages: &[Value]) -> Vec<Value> {
    let mut messages = messages.to_vec();
    for message in &mut messages {
        message.as_object_mut().expect("a map").remove("nanos");
    }
    messages
}

/// A direct answer as theirs gives it has the headers of the server too; ours has the message's own.
fn own(mut message: Value) -> Value {
    let headers = message["headers"].as_object_mut().expect("a map");
    let expected = ["Nats-Sequence", "Nats-Stream", "Nats-Subject", "Nats-Time-Stamp"];
    for name in expected {
        assert!(headers.remove(name).is_some(), "{name}");
    }
    for name in ["Nats-Last-Sequence", "Nats-Num-Pending"] {
        headers.remove(name);
    }
    message
}

async fn publish_ours(stage: &Stage, (subject, headers, payload): Sent) -> PublishAck {
    let mut message = stage.js.publish_bytes(subject, payload).without_message_id();
    for (name, value) in headers {
        message = match *name {
            "Nats-Msg-Id" => message.message_id(value),
            name => message.header(name, value),
        };
    }
    message.await.expect("stored")
}

async fn publish_theirs(stage: &mut Stage, (subject, headers, payload): Sent) -> Value {
    let given = json!({ "subject": subject, "header": headers, "payload": base64(payload) });
    stage.theirs.can("publish", given).await
}

async fn all<T: Deliverable>(messages: StoredMessages<T>) -> Vec<StoredMessage<T>> {
    within("the messages", messages.try_collect()).await.expect("read")
}

/// Both read stream `S` in every way that there is, and read the same; it is what was sent.
async fn both_read(stage: &mut Stage, stream: &Stream) {
    // In order.
    let mut ordered = stream.ordered::<Untyped>().await.expect("reading");
    let mut ours = Vec::new();
    for _ in SENT {
        let next = within("a message", ordered.next()).await.expect("one").expect("good");
        ours.push(delivered(&next));
    }
    let expected: Vec<_> = (1..).zip(SENT).map(|(number, message)| sent(number, message)).collect();
    assert_eq!(without_times(&ours), expected);
    let given = json!({ "stream": "S", "options": {}, "count": SENT.len() });
    assert_eq!(stage.theirs.can("ordered", given).await, json!(ours));
    // By a consumer that each has made for itself, and that the other reads with.
    stream.create_consumer(ConsumerConfig::durable("ours")).await.expect("made");
    let config = json!({ "durable_name": "theirs", "ack_policy": "explicit" });
    stage.theirs.can("addConsumer", json!({ "stream": "S", "config": config })).await;
    let given = json!({ "stream": "S", "consumer": "ours", "count": SENT.len() });
    assert_eq!(stage.theirs.can("fetch", given).await, json!(ours));
    let theirs = stream.consumer("theirs").await.expect("there");
    let mut fetch = theirs.fetch::<Untyped>(SENT.len()).await.expect("asked");
    for message in &ours {
        let next = within("a message", fetch.next()).await.expect("one").expect("good");
        assert_eq!(&delivered(&next), message);
    }
    // One by one, from any server and from the leader.
    for (sequence, message) in (1..).zip(&ours) {
        let query = json!({ "stream": "S", "query": { "seq": sequence } });
        let direct = stage.theirs.can("direct", query.clone()).await;
        assert_eq!((&own(direct), &stage.theirs.can("get", query).await), (message, message));
        let direct = stream.message::<Untyped>(sequence).await.expect("read").expect("there");
        let leaders = stream.message::<Untyped>(sequence).from_leader().await;
        let leaders = leaders.expect("read").expect("there");
        assert_eq!((&stored(&direct), &stored(&leaders)), (message, message));
    }
    // The last, and the next.
    let query = json!({ "stream": "S", "query": { "last_by_subj": "s.text" } });
    assert_eq!(own(stage.theirs.can("direct", query.clone()).await), ours[5]);
    assert_eq!(stage.theirs.can("get", query).await, ours[5]);
    let last = stream.last_message::<Untyped>("s.text").await.expect("read").expect("there");
    assert_eq!(stored(&last), ours[5]);
    let query = json!({ "stream": "S", "query": { "next_by_subj": "s.text", "seq": 2 } });
    assert_eq!(own(stage.theirs.can("direct", query).await), ours[5]);
    let next = stream.next_message::<Untyped>("s.text", 2).await.expect("read").expect("there");
    assert_eq!(stored(&next), ours[5]);
    // None at all.
    let query = json!({ "stream": "S", "query": { "seq": 7 } });
    assert_eq!(stage.theirs.can("direct", query.clone()).await, Value::Null);
    assert_eq!(stage.theirs.can("get", query).await, Value::Null);
    assert!(stream.message::<Untyped>(7).await.expect("read").is_none());
    // Many at once.
    let query = json!({ "stream": "S", "query": { "seq": 2, "batch": 3 } });
    let batch = stage.theirs.can("batch", query).await;
    let batch = batch.as_array().expect("a list").iter().cloned().map(own);
    assert_eq!(batch.collect::<Vec<_>>(), ours[1..4]);
    let batch = all(stream.messages::<Untyped>().from(2).limit(3).await.expect("reading")).await;
    assert_eq!(batch.iter().map(stored).collect::<Vec<_>>(), ours[1..4]);
    let query = json!({ "stream": "S", "query": { "multi_last": ["s.text", "s.many"] } });
    let last = stage.theirs.can("last", query).await;
    let last = last.as_array().expect("a list").iter().cloned().map(own);
    assert_eq!(last.collect::<Vec<_>>(), ours[4..]);
    let last = all(stream.last_messages::<Untyped>(["s.text", "s.many"]).await.expect("read"));
    assert_eq!(last.await.iter().map(stored).collect::<Vec<_>>(), ours[4..]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn what_we_publish_is_read_the_same_by_both() {
    let (mut stage, stream) = stage().await;
    for (sequence, message) in (1..).zip(SENT) {
        let ack = publish_ours(&stage, message).await;
        assert_eq!((ack.stream.as_str(), ack.sequence, ack.duplicate), ("S", sequence, false));
    }
    both_read(&mut stage, &stream).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn what_they_publish_is_read_the_same_by_both() {
    let (mut stage, stream) = stage().await;
    for (sequence, message) in (1..).zip(SENT) {
        let ack = publish_theirs(&mut stage, message).await;
        assert_eq!(ack, json!({ "stream": "S", "seq": sequence, "duplicate": false }));
    }
    both_read(&mut stage, &stream).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn an_id_is_known_again_whoever_publishes_it() {
    let (mut stage, stream) = stage().await;
    publish_ours(&stage, SENT[0]).await;
    let again = publish_theirs(&mut stage, SENT[0]).await;
    assert_eq!(again, json!({ "stream": "S", "seq": 1, "duplicate": true }));
    publish_theirs(&mut stage, SENT[2]).await;
    let again = publish_ours(&stage, SENT[2]).await;
    assert_eq!((again.sequence, again.duplicate), (2, true));
    // Ours makes an id where none was given, and theirs makes none.
    stage.js.publish_bytes("s.a", "a").await.expect("stored");
    let given = json!({ "subject": "s.a", "payload": "" });
    stage.theirs.can("publish", given.clone()).await;
    let given = json!({ "stream": "S", "query": { "seq": 3 } });
    let ours = stage.theirs.can("get", given).await;
    let names: Vec<_> = ours["headers"].as_object().expect("a map").keys().collect();
    assert_eq!(names, ["Nats-Msg-Id"]);
    let theirs = stream.message::<Untyped>(4).await.expect("read").expect("there");
    assert!(theirs.headers().is_empty(), "{theirs:?}");
    assert_eq!(stream.info().await.expect("there").state.last_sequence, 4);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn what_is_expected_of_a_stream_is_expected_in_the_same_words() {
    let (mut stage, _stream) = stage().await;
    publish_ours(&stage, SENT[0]).await;
    publish_theirs(&mut stage, SENT[1]).await;
    publish_ours(&stage, SENT[2]).await;
    let refused = |published: Result<PublishAck, PublishError>| {
        let (PublishError::WrongLast(error) | PublishError::Rejected(error)) =
            published.expect_err("refused")
        else {
            panic!("another error")
        };
        (error.err_code, error.description)
    };
    let publish = || stage.js.publish_bytes("s.text", "new");
    for (ours, theirs, code) in [
        (publish().expect_stream("T"), json!({ "streamName": "T" }), 10060),
        (publish().expect_last_sequence(2), json!({ "lastSequence": 2 }), 10071),
        (publish().expect_last_sequence(0), json!({ "lastSequence": 0 }), 10071),
        (publish().expect_last_message_id("1"), json!({ "lastMsgID": "1" }), 10070),
        (publish().expect_last_subject_sequence(0), json!({ "lastSubjectSequence": 0 }), 10071),
        (
            publish().expect_last_subject_sequence(2).expect_last_of("s.bytes"),
            json!({ "lastSubjectSequence": 2, "lastSubjectSequenceSubject": "s.bytes" }),
            10071,
        ),
    ] {
        let (err_code, words) = refused(ours.await);
        assert_eq!(err_code, code, "{theirs}");
        let options = json!({ "expect": theirs });
        let given = json!({ "subject": "s.text", "payload": "", "options": options });
        assert_eq!(stage.theirs.cannot("publish", given).await, words);
    }
    // And what is as it is expected to be is stored.
    let expect = json!({
        "streamName": "S", "lastSequence": 3, "lastMsgID": "3", "lastSubjectSequence": 1,
    });
    let given = json!({ "subject": "s.text", "payload": "", "options": { "expect": expect } });
    assert_eq!(stage.theirs.can("publish", given).await["seq"], 4);
    let ack = stage.js.publish_bytes("s.text", "new").expect_stream("S").expect_last_sequence(4);
    let ack = ack.expect_last_subject_sequence(4).await.expect("stored");
    assert_eq!(ack.sequence, 5);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn times_to_live_and_schedules_are_the_same_headers() {
    let mut stage = Stage::new("streams.mjs").await;
    let config = StreamConfig::new("S")
        .subjects(["s.>"])
        .allow_message_ttl(true)
        .allow_rollup(true)
        .allow_message_schedules(true);
    let stream = stage.js.create_stream(config).await.expect("made");
    let minute = Duration::from_secs(60);
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(4_000_000_000_500);
    let at = Schedule::at(time).to("s.due").ttl(minute).rollup(Rollup::Subject);
    let every = Schedule::every(90 * minute).to("s.due").last_of("s.ours.1");
    let cron = Schedule::cron("0 30 8 * * mon-fri").to("s.due").time_zone("Europe/Berlin");
    let js = stage.js.clone();
    let published = |number: usize| js.publish_bytes(OURS[number], "").without_message_id();
    let ours = [
        published(0).ttl(minute),
        published(1).never_expires(),
        published(2).schedule(&at),
        published(3).schedule(&every),
        published(4).schedule(&cron),
        published(5).schedule(&Schedule::daily().to("s.due")),
    ];
    let theirs = [
        json!({ "ttl": "60s" }),
        json!({ "ttl": "never" }),
        json!({ "schedule": {
            "specification": { "at": "2096-10-02T07:06:40.5Z" }, "target": "s.due", "ttl": "60s",
            "rollup": "sub",
        } }),
        json!({ "schedule": {
            "specification": { "every": "5400s" }, "target": "s.due", "source": "s.ours.1",
        } }),
        json!({ "schedule": {
            "specification": { "cron": "0 30 8 * * mon-fri" }, "target": "s.due",
            "timezone": "Europe/Berlin",
        } }),
        json!({ "schedule": { "specification": { "predefined": "@daily" }, "target": "s.due" } }),
    ];
    for ((ours, theirs), subject) in ours.into_iter().zip(theirs).zip(OURS) {
        let sequence = ours.await.expect("stored").sequence;
        let ours = stream.message::<Untyped>(sequence).await.expect("read").expect("there");
        let their_subject = subject.replace("ours", "theirs");
        let given = json!({ "subject": their_subject, "payload": "", "options": theirs });
        let sequence = stage.theirs.can("publish", given).await["seq"].clone();
        let query = json!({ "stream": "S", "query": { "seq": sequence } });
        let theirs = stage.theirs.can("get", query).await;
        assert_eq!(stored(&ours)["headers"], theirs["headers"]);
        assert!(!ours.headers().is_empty());
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn a_batch_of_one_is_whole_to_the_other() {
    let mut stage = Stage::new("streams.mjs").await;
    let config = StreamConfig::new("S").subjects(["s.>"]).allow_atomic_publish(true);
    let stream = stage.js.create_stream(config).await.expect("made");
    let mut batch = stage.js.batch();
    for payload in ["a", "b"] {
        batch.add_bytes("s.ours", payload).await.expect("taken");
    }
    let ours = batch.commit_bytes("s.ours", "c").await.expect("stored");
    assert_eq!((ours.stream.as_str(), ours.sequence, ours.count), ("S", 3, 3));
    let given = json!({ "subject": "s.theirs", "payloads": ["d", "e", "f"] });
    let theirs = stage.theirs.can("batch_of", given).await;
    assert_eq!((&theirs["seq"], &theirs["count"]), (&json!(6), &json!(3)));
    for (sequence, payload) in (1..).zip(["a", "b", "c", "d", "e", "f"]) {
        let message = stream.message::<Untyped>(sequence).await.expect("read").expect("there");
        let query = json!({ "stream": "S", "query": { "seq": sequence } });
        assert_eq!(stage.theirs.can("get", query).await, stored(&message));
        assert_eq!(message.payload(), payload.as_bytes());
        let place = ((sequence - 1) % 3 + 1).to_string();
        assert_eq!(message.headers().get("Nats-Batch-Sequence"), Some(place.as_str()));
        let commit = message.headers().get("Nats-Batch-Commit");
        assert_eq!(commit, (sequence % 3 == 0).then_some("1"));
    }
    stage.end().await;
}

/// What both say of a consumer: delivered, the floor of what is acknowledged, open, delivered again.
fn numbers(info: &ConsumerInfo) -> Value {
    json!({
        "delivered": [info.delivered.consumer_sequence, info.delivered.stream_sequence],
        "ack_floor": [info.ack_floor.consumer_sequence, info.ack_floor.stream_sequence],
        "num_ack_pending": info.ack_pending, "num_redelivered": info.redelivered,
        "num_pending": info.pending,
    })
}

fn their_numbers(info: &Value) -> Value {
    let pair = |key: &str| json!([info[key]["consumer_seq"], info[key]["stream_seq"]]);
    json!({
        "delivered": pair("delivered"), "ack_floor": pair("ack_floor"),
        "num_ack_pending": info["num_ack_pending"], "num_redelivered": info["num_redelivered"],
        "num_pending": info["num_pending"],
    })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn what_one_answers_to_a_message_the_other_sees() {
    let (mut stage, stream) = stage().await;
    for message in SENT {
        publish_ours(&stage, message).await;
    }
    let config = ConsumerConfig::durable("C").ack_wait(Duration::from_secs(60));
    let consumer = stream.create_consumer(config).await.expect("made");
    // Three for each.
    let mut fetch = consumer.fetch::<Untyped>(3).await.expect("asked");
    let mut ours = Vec::new();
    while let Some(message) = within("a message", fetch.next()).await {
        ours.push(message.expect("good"));
    }
    assert_eq!(ours.len(), 3);
    let given = json!({ "stream": "S", "consumer": "C", "count": 3 });
    stage.theirs.can("fetch", given).await;
    let asked = json!({ "stream": "S", "consumer": "C" });
    let both_say = async |stage: &mut Stage, expected: Value| {
        eventually("the numbers", async || {
            let info = consumer.info().await.expect("there");
            (numbers(&info) == expected).then_some(())
        })
        .await;
        let theirs = stage.theirs.can("consumer", asked.clone()).await;
        assert_eq!(their_numbers(&theirs), expected);
    };
    let mut expected = json!({
        "delivered": [6, 6], "ack_floor": [0, 0], "num_ack_pending": 6, "num_redelivered": 0,
        "num_pending": 0,
    });
    both_say(&mut stage, expected.clone()).await;

    ours[0].ack_confirmed().await.expect("acknowledged");
    ours[1].term("it is spoiled").await.expect("sent");
    let given = json!({ "sequence": 4, "how": "ack" });
    assert_eq!(stage.theirs.can("answer", given).await, 1);
    let given = json!({ "sequence": 5, "how": "term", "given": "it is spoiled" });
    stage.theirs.can("answer", given).await;
    (expected["ack_floor"], expected["num_ack_pending"]) = (json!([2, 2]), json!(2));
    both_say(&mut stage, expected.clone()).await;

    // What one gives back the other gets.
    ours[2].nak(None).await.expect("sent");
    let given = json!({ "stream": "S", "consumer": "C", "count": 1 });
    let again = stage.theirs.can("fetch", given).await;
    assert_eq!(without_times(again.as_array().expect("a list")), [sent(3, SENT[2])]);
    let given = json!({ "sequence": 7, "how": "working" });
    assert_eq!(stage.theirs.can("answer", given).await, 2);
    stage.theirs.can("answer", json!({ "sequence": 6, "how": "nak", "given": 200 })).await;
    let again = consumer.next::<Untyped>().await.expect("asked");
    let again = again.expect("one");
    assert_eq!((again.sequence(), again.delivered()), (6, 2));
    expected["delivered"] = json!([8, 6]);
    expected["num_redelivered"] = json!(2);
    both_say(&mut stage, expected.clone()).await;

    again.ack().await.expect("sent");
    stage.theirs.can("answer", json!({ "sequence": 7, "how": "ack" })).await;
    expected["ack_floor"] = json!([8, 6]);
    (expected["num_ack_pending"], expected["num_redelivered"]) = (json!(0), json!(0));
    both_say(&mut stage, expected).await;
    stage.end().await;
}

#[test]
fn what_is_sent_is_told_as_the_script_tells_it() {
    let message = sent(7, SENT[4]);
    let tags = json!({ "Tag": ["red", "round"], "tag": ["other"], "Empty": [""] });
    assert_eq!(
        message,
        json!({
            "subject": "s.many", "sequence": 7, "headers": tags,
            "payload": BASE64.encode(b"many"),
        })
    );
}
