//! Reading a stream in order.

use std::time::SystemTime;

use natsws::jetstream::{
    ConsumeError, DeliverPolicy, Notice, OrderedMessages, Stream, StreamConfig, Untyped,
};
use natsws_tests::{Peer, Scripted, eventually, info, within};
use serde_json::json;

use crate::stage::{OrderCreated, SECOND, Stage, numbers};

async fn read(messages: &mut OrderedMessages<Untyped>, count: usize) -> Vec<String> {
    let mut payloads = Vec::new();
    while payloads.len() < count {
        let message = within("a message", messages.next()).await.expect("one").expect("good");
        payloads.push(String::from_utf8_lossy(message.payload()).into_owned());
    }
    payloads
}

async fn consumers(stage: &Stage) -> usize {
    let info = stage.js.stream("S").await.expect("it is there").info().await;
    usize::try_from(info.expect("it is there").state.consumers).expect("few")
}

/// Stores so many, and returns a time behind all of them: what was flushed need not be stored yet.
async fn store(stage: &Stage, stream: &Stream, count: u64) -> SystemTime {
    let messages = async || stream.info().await.expect("it is there").state.messages;
    let all = messages().await + count;
    stage.store(usize::try_from(count).expect("few")).await;
    eventually("the messages", async || (messages().await == all).then_some(())).await;
    SystemTime::now()
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_an_error_at_once() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    stage.js.delete_stream("S").await.expect("deleted");
    match stream.ordered::<Untyped>().await {
        Err(ConsumeError::StreamGone { stream }) => assert_eq!(stream, "S"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn its_consumer_is_named_and_made_as_it_was_said() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    stage.store(3).await;
    for push in [false, true] {
        let reading = stream.ordered::<Untyped>().name_prefix("mine").headers_only();
        let reading = reading.filter_subjects(["s.1", "s.3"]);
        let reading = if push { reading.push() } else { reading };
        let mut messages = reading.await.expect("reading");
        let made = stage.js.consumer("S", "mine_1").await.expect("it is there");
        let config = &made.cached_info().expect("it was looked up").config;
        assert_eq!(config.filter_subjects, ["s.1", "s.3"]);
        assert!(config.headers_only && config.memory_storage);
        assert_eq!((config.max_deliver, config.replicas), (Some(1), Some(1)));
        assert_eq!((config.deliver_subject.is_some(), config.flow_control), (push, push));
        for number in [1, 3] {
            let message = within("a message", messages.next()).await.expect("one").expect("good");
            assert_eq!((message.payload(), message.sequence()), (&b""[..], number));
            assert_eq!(message.headers().get("Nats-Msg-Size"), Some("1"));
        }
        drop(messages);
        eventually("its end", async || (consumers(&stage).await == 0).then_some(())).await;
    }
    for prefix in ["", "a.b"] {
        let refused = stream.ordered::<Untyped>().name_prefix(prefix).await.map(drop);
        assert!(matches!(refused, Err(ConsumeError::JetStream(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn it_begins_where_it_is_told_to() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let time = store(&stage, &stream, 3).await;
    store(&stage, &stream, 3).await;
    for push in [false, true] {
        for (policy, expected, first) in [
            (DeliverPolicy::All, 6, ("1", 1)),
            (DeliverPolicy::FromSequence(5), 2, ("2", 5)),
            (DeliverPolicy::FromTime(time), 3, ("1", 4)),
            (DeliverPolicy::Last, 1, ("3", 6)),
            (DeliverPolicy::LastPerSubject, 3, ("1", 4)),
        ] {
            let reading = stream.ordered::<Untyped>().deliver_policy(policy.clone());
            let reading = if push { reading.push() } else { reading };
            let mut messages = reading.await.expect("reading");
            assert_eq!(messages.initial_pending(), expected, "{policy:?}");
            let message = within("a message", messages.next()).await.expect("one").expect("good");
            assert_eq!((message.payload(), message.sequence()), (first.0.as_bytes(), first.1));
            assert_eq!(message.pending(), expected - 1, "{policy:?}");
        }
    }
    let reading = stream.ordered::<Untyped>().deliver_policy(DeliverPolicy::New);
    let mut new = reading.await.expect("reading");
    assert_eq!(new.initial_pending(), 0);
    stage.store(1).await;
    let message = within("a message", new.next()).await.expect("one").expect("good");
    assert_eq!(message.sequence(), 7);
}

#[tokio::test]
async fn what_began_at_a_time_goes_on_behind_the_last_message() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let time = store(&stage, &stream, 2).await;
    let reading = stream.ordered::<Untyped>().name_prefix("mine").heartbeat(SECOND / 2);
    let reading = reading.deliver_policy(DeliverPolicy::FromTime(time));
    let mut messages = reading.await.expect("reading");
    stage.store_one(3).await;
    assert_eq!(read(&mut messages, 1).await, ["3"]);
    stage.js.consumer("S", "mine_1").await.expect("it is there").delete().await.expect("deleted");
    stage.store_one(4).await;
    assert_eq!(read(&mut messages, 1).await, ["4"]);
    assert_eq!(messages.consumers_made(), 2);
}

#[tokio::test]
async fn a_consumer_that_is_deleted_is_made_again_behind_the_last_message() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    stage.store(5).await;
    for push in [false, true] {
        let reading = stream.ordered::<Untyped>().name_prefix("mine").heartbeat(SECOND / 2);
        let reading = if push { reading.push() } else { reading };
        let mut messages = reading.await.expect("reading");
        let mut notices = messages.notices();
        assert_eq!(read(&mut messages, 5).await, numbers(1..=5));
        stage
            .js
            .consumer("S", "mine_1")
            .await
            .expect("it is there")
            .delete()
            .await
            .expect("deleted");
        stage.store_one(6).await;
        assert_eq!(read(&mut messages, 1).await, ["6"]);
        assert_eq!(messages.consumers_made(), 2);
        let recreated = Notice::Recreated { consumer: "mine_2".to_owned() };
        let told = async { while notices.next().await.expect("one") != recreated {} };
        within("the notice", told).await;
        assert_eq!(consumers(&stage).await, 1);
        drop(messages);
        eventually("its end", async || (consumers(&stage).await == 0).then_some(())).await;
        stage.js.delete_stream("S").await.expect("deleted");
        stage.stream().await;
        stage.store(5).await;
    }
}

#[tokio::test]
async fn a_reader_of_what_is_new_misses_nothing_where_its_consumer_is_made_again() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    stage.store(2).await;
    let reading = stream.ordered::<Untyped>().name_prefix("mine").heartbeat(SECOND / 2);
    let mut new = reading.deliver_policy(DeliverPolicy::New).await.expect("reading");
    stage.js.consumer("S", "mine_1").await.expect("it is there").delete().await.expect("deleted");
    stage.store_one(3).await;
    stage.client.flush().await.expect("flushed");
    assert_eq!(read(&mut new, 1).await, ["3"]);
    assert_eq!(new.consumers_made(), 2);
}

#[tokio::test]
async fn a_connection_that_is_lost_leaves_no_gap_and_brings_nothing_twice() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let (proxy, client) = stage.proxied().await;
    let same = client.jetstream().stream("S").await.expect("it is there");
    for push in [false, true] {
        let reading = same.ordered::<Untyped>().max_messages(50);
        let reading = if push { reading.push() } else { reading };
        let mut messages = reading.await.expect("reading");
        let mut sequences = Vec::new();
        for _ in 0..5 {
            stage.store(100).await;
            let last = stream.info().await.expect("it is there").state.last_sequence;
            while sequences.last() != Some(&last) {
                let message = within("a message", messages.next()).await.expect("one");
                sequences.push(message.expect("good").sequence());
                if sequences.len() % 60 == 0 {
                    proxy.cut();
                }
            }
            proxy.cut();
        }
        assert!(sequences.iter().copied().eq(1..=sequences.len() as u64), "{sequences:?}");
        assert!(messages.consumers_made() > 1);
    }
}

#[tokio::test]
async fn a_stream_that_is_gone_is_the_end() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    stage.store(1).await;
    for push in [false, true] {
        let reading = stream.ordered::<Untyped>().heartbeat(SECOND / 2);
        let reading = if push { reading.push() } else { reading };
        let mut messages = reading.await.expect("reading");
        read(&mut messages, 1).await;
        stage.js.delete_stream("S").await.expect("deleted");
        let told = within("the end", messages.next()).await;
        assert!(matches!(told, Some(Err(ConsumeError::StreamGone { .. }))), "{told:?}");
        assert!(within("the end", messages.next()).await.is_none());
        stage.stream().await;
        stage.store(1).await;
    }
}

#[tokio::test]
async fn another_stream_of_the_same_name_is_read_from_its_beginning_where_that_is_wanted() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    stage.store(5).await;
    let reading = || stream.ordered::<Untyped>().heartbeat(SECOND / 2);
    let mut waits = reading().wait_if_gone().await.expect("reading");
    let mut ends = reading().await.expect("reading");
    assert_eq!(read(&mut waits, 5).await, numbers(1..=5));
    assert_eq!(read(&mut ends, 5).await, numbers(1..=5));
    // Nobody sees that it was away.
    stage.js.delete_stream("S").await.expect("deleted");
    stage.stream().await;
    stage.store(2).await;
    assert_eq!(read(&mut waits, 2).await, numbers(1..=2));
    let told = within("the end", ends.next()).await;
    assert!(matches!(told, Some(Err(ConsumeError::StreamGone { .. }))), "{told:?}");
    // It is seen that it is away.
    let mut notices = waits.notices();
    stage.js.delete_stream("S").await.expect("deleted");
    let missing = async {
        tokio::select! {
            () = async { while notices.next().await.expect("one") != Notice::StreamMissing {} } => {}
            message = waits.next() => panic!("{message:?}"),
        }
    };
    within("the notice", missing).await;
    stage.stream().await;
    stage.store(1).await;
    assert_eq!(read(&mut waits, 1).await, ["1"]);
}

#[tokio::test]
async fn a_message_that_does_not_decode_is_passed_by() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]);
    let stream = stage.js.create_stream(config).await.expect("made");
    let connection = stage.connection();
    connection.publish("orders.eu.created", "garbage").await.expect("accepted");
    stage.js.publish(&OrderCreated::new("eu", 2)).await.expect("stored");
    let mut orders = stream.ordered::<OrderCreated>().await.expect("reading");
    let first = within("an item", orders.next()).await.expect("one");
    assert!(matches!(first, Err(ConsumeError::Decode { .. })), "{first:?}");
    let second = within("an item", orders.next()).await.expect("one").expect("decoded");
    assert_eq!((second.id, orders.consumers_made()), (2, 1));
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let short = stream.ordered::<Untyped>().heartbeat(SECOND / 10).await.map(drop);
    assert_eq!(
        short.expect_err("it is too short").to_string(),
        "`heartbeat` is 100ms, and has to be 500ms or more"
    );
    let none = stream.ordered::<Untyped>().max_messages(0).await.map(drop);
    assert!(matches!(none, Err(ConsumeError::Config(_))), "{none:?}");
}

/// A server that says what the test wants of a stream.
struct Script {
    peer: Peer,
}

impl Script {
    /// Answers the making of the next consumer, and returns what it was asked for, with the inbox
    /// and the number of the subscription of its reader.
    async fn make(&mut self) -> (serde_json::Value, String, String) {
        let line = loop {
            let line = self.peer.skip_to_line("PUB $JS.API.").await;
            if line.starts_with("PUB $JS.API.CONSUMER.CREATE.S.") {
                break line;
            }
            if line.starts_with("PUB $JS.API.STREAM.INFO.S ") {
                let reply = line.split(' ').nth(2).expect("a reply subject");
                let info = json!({
                    "config": { "name": "S" }, "created": "2026-01-01T00:00:00Z",
                    "state": { "last_seq": 9 },
                })
                .to_string();
                self.send(format!("MSG {reply} 1 {}\r\n{info}\r\n", info.len())).await;
            }
        };
        let reply = line.split(' ').nth(2).expect("a reply subject").to_owned();
        let body = self.peer.skip_to_line("{").await;
        let body: serde_json::Value = serde_json::from_str(&body).expect("it is JSON");
        let start = body["config"]["opt_start_seq"].as_u64().unwrap_or(1) - 1;
        let info = json!({
            "stream_name": "S", "name": body["config"]["name"], "created": "2026-01-01T00:00:00Z",
            "config": body["config"], "num_pending": 4,
            "delivered": { "consumer_seq": 0, "stream_seq": start },
        })
        .to_string();
        self.send(format!("MSG {reply} 1 {}\r\n{info}\r\n", info.len())).await;
        let line = self.peer.skip_to_line("SUB ").await;
        let parts: Vec<_> = line.split(' ').collect();
        let inbox = parts[1].trim_end_matches('*').to_owned();
        let sid = parts[2].to_owned();
        self.peer.skip_to_line("PUB $JS.API.CONSUMER.MSG.NEXT.S.").await;
        (body, inbox, sid)
    }

    async fn send(&mut self, text: String) {
        self.peer.send(text).await;
    }

    async fn deliver(&mut self, sid: &str, stream: u64, consumer: u64) {
        let reply = format!("$JS.ACK.S.C.1.{stream}.{consumer}.1.0");
        self.send(format!("MSG s.1 {sid} {reply} 1\r\n{}\r\n", stream % 10)).await;
    }

    async fn beat(&mut self, inbox: &str, sid: &str, consumer: u64) {
        let block = format!(
            "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: {consumer}\r\nNats-Last-Stream: 9\r\n\r\n"
        );
        let len = block.len();
        self.send(format!("HMSG {inbox}0 {sid} {len} {len}\r\n{block}\r\n")).await;
    }
}

#[tokio::test]
async fn gaps_repeats_and_losses_at_the_end_are_noticed() {
    let scripted = Scripted::start();
    let connecting = tokio::spawn(natsws::Client::connect(scripted.url()));
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    let client = connecting.await.expect("no panic").expect("it connects");
    let mut script = Script { peer };
    let reading = tokio::spawn(async move {
        let js = client.jetstream();
        let config = natsws::jetstream::OrderedConfig::default();
        let mut messages = js.ordered::<Untyped>("S").config(config).await.expect("reading");
        let mut sequences = Vec::new();
        while sequences.len() < 5 {
            let message = messages.next().await.expect("one").expect("good");
            sequences.push(message.sequence());
        }
        (sequences, messages.consumers_made(), messages.initial_pending())
    });
    let (config, inbox, sid) = script.make().await;
    assert_eq!(config["config"]["deliver_policy"], "all");
    script.deliver(&sid, 1, 1).await;
    script.deliver(&sid, 3, 2).await;
    // Once more, which is no gap.
    script.deliver(&sid, 3, 2).await;
    script.beat(&inbox, &sid, 2).await;
    script.deliver(&sid, 7, 4).await;
    let (config, inbox, sid) = script.make().await;
    assert_eq!(config["config"]["opt_start_seq"], 4);
    script.deliver(&sid, 5, 1).await;
    script.deliver(&sid, 7, 2).await;
    // There was a third one, and it did not come.
    script.beat(&inbox, &sid, 3).await;
    let (config, _, sid) = script.make().await;
    assert_eq!(config["config"]["opt_start_seq"], 8);
    script.deliver(&sid, 8, 1).await;
    let read = within("the messages", reading).await.expect("no panic");
    assert_eq!(read, (vec![1, 3, 5, 7, 8], 3, 4));
}
