//! Consumers that push.

use std::collections::BTreeSet;

use natsws::jetstream::{
    AckPolicy, ConsumeError, ConsumerConfig, DeliverPolicy, Messages, Notice, Untyped,
};
use natsws_tests::{Scripted, eventually, info, within};

use crate::stage::{SECOND, Stage, notice, numbers, read};

fn pushing() -> ConsumerConfig {
    ConsumerConfig::durable("C").deliver_subject("deliver.here")
}

#[tokio::test]
async fn messages_are_pushed_and_acknowledged() {
    let stage = Stage::new().await;
    let made = stage.stream().await.create_push_consumer(pushing()).await.expect("made");
    stage.store(3).await;
    let consumer = stage.js.push_consumer("S", "C").await.expect("it is there");
    assert_eq!((consumer.stream(), consumer.name()), ("S", "C"));
    assert_eq!(made.cached_info().config, consumer.cached_info().config);
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    assert_eq!(read(&mut messages, 3).await, numbers(1..=3));
    let info = eventually("the acknowledgements", async || {
        consumer.info().await.ok().filter(|info| info.ack_floor.stream_sequence == 3)
    });
    assert!(info.await.push_bound);
    stage.connection().close().await;
    assert!(within("the end", messages.next()).await.is_none());
}

#[tokio::test]
async fn a_pull_consumer_does_not_push() {
    let stage = Stage::new().await;
    stage.consumer().await;
    let stream = stage.js.stream("S").await.expect("it is there");
    match stream.push_consumer("C").await {
        Err(ConsumeError::PullBased { stream, consumer }) => {
            assert_eq!((stream.as_str(), consumer.as_str()), ("S", "C"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_without_a_group_is_read_by_one_at_a_time() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let consumer = stream.create_push_consumer(pushing()).await.expect("made");
    let first: Messages<Untyped> = consumer.messages().await.expect("reading");
    match consumer.messages::<Untyped>().await {
        Err(ConsumeError::AlreadyBound { consumer, .. }) => assert_eq!(consumer, "C"),
        other => panic!("{other:?}"),
    }
    drop(first);
    consumer.messages::<Untyped>().await.map(drop).expect("it is free again");
}

#[tokio::test]
async fn the_members_of_a_group_share_the_messages() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let config = pushing().deliver_group("workers").ack_policy(AckPolicy::None);
    let consumer = stream.create_push_consumer(config).await.expect("made");
    let mut first = consumer.messages::<Untyped>().await.expect("reading");
    let mut second = consumer.messages::<Untyped>().await.expect("reading");
    stage.store(1000).await;
    let reading = async {
        let mut seen = [BTreeSet::new(), BTreeSet::new()];
        while seen[0].len() + seen[1].len() < 1000 {
            tokio::select! {
                message = first.next() => {
                    seen[0].insert(message.expect("one").expect("good").sequence());
                }
                message = second.next() => {
                    seen[1].insert(message.expect("one").expect("good").sequence());
                }
            }
        }
        seen
    };
    let [first, second] = within("all messages", reading).await;
    assert!(!first.is_empty() && !second.is_empty());
    assert!(first.is_disjoint(&second));
}

#[tokio::test]
async fn flow_control_is_answered_when_the_messages_before_were_read() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let config = pushing().flow_control(true).idle_heartbeat(SECOND).ack_policy(AckPolicy::None);
    let consumer = stream.create_push_consumer(config).await.expect("made");
    for _ in 0..400 {
        stage.connection().publish("s.x", vec![0; 64 * 1024]).await.expect("accepted");
    }
    stage.client.flush().await.expect("flushed");
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    let mut notices = messages.notices();
    for sequence in 1..=400 {
        let message = within("a message", messages.next()).await.expect("one").expect("good");
        assert_eq!(message.sequence(), sequence);
    }
    assert_eq!(notices.try_next(), Some(Notice::FlowControl));
}

#[tokio::test]
async fn the_answer_to_flow_control_acknowledges_where_the_consumer_says_so() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let config = pushing()
        .ack_policy(AckPolicy::FlowControl)
        .flow_control(true)
        .idle_heartbeat(SECOND)
        .max_ack_pending(100);
    let consumer = stream.create_push_consumer(config).await.expect("made");
    stage.store(250).await;
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    for sequence in 1..=250 {
        let message = within("a message", messages.next()).await.expect("one").expect("good");
        assert_eq!(message.sequence(), sequence);
    }
    let mut notices = messages.notices();
    let all = async {
        while consumer.info().await.expect("it is there").ack_floor.stream_sequence < 250 {
            notice(&mut messages, &mut notices, |notice| *notice == Notice::FlowControl).await;
        }
    };
    within("the acknowledgement of all", all).await;
}

#[tokio::test]
async fn heartbeats_say_how_far_the_server_has_come() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let config = pushing().idle_heartbeat(SECOND / 5);
    let consumer = stream.create_push_consumer(config).await.expect("made");
    stage.store(1).await;
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    let mut notices = messages.notices();
    assert_eq!(read(&mut messages, 1).await, ["1"]);
    let beat = Notice::Heartbeat { consumer_sequence: 1, stream_sequence: 1 };
    notice(&mut messages, &mut notices, |notice| *notice == beat).await;
}

#[tokio::test]
async fn heartbeats_that_are_missed_are_told_again_and_again() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let config = pushing().idle_heartbeat(SECOND / 5);
    stream.create_push_consumer(config).await.expect("made");
    let (proxy, client) = stage.proxied().await;
    let consumer = client.jetstream().push_consumer("S", "C").await.expect("it is there");
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    let mut notices = messages.notices();
    proxy.freeze_to_client();
    let missed = Notice::HeartbeatsMissed { after: 2 * SECOND / 5 };
    for _ in 0..2 {
        notice(&mut messages, &mut notices, |notice| *notice == missed).await;
    }
    proxy.resume();
    stage.store(1).await;
    assert_eq!(read(&mut messages, 1).await, ["1"]);
}

#[tokio::test]
async fn a_consumer_that_is_deleted_ends_its_reader() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let config = pushing().idle_heartbeat(SECOND / 5);
    let consumer = stream.create_push_consumer(config).await.expect("made");
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    consumer.delete().await.expect("deleted");
    let told = within("the end", messages.next()).await;
    assert!(matches!(told, Some(Err(ConsumeError::ConsumerGone { .. }))), "{told:?}");
    assert!(within("the end", messages.next()).await.is_none());
    let info = consumer.info().await.expect_err("it is gone");
    assert!(info.is_not_found());
}

#[tokio::test]
async fn a_bound_consumer_is_read_and_nothing_is_looked_up() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let config = pushing().idle_heartbeat(SECOND / 5).flow_control(true);
    stream.create_push_consumer(config).await.expect("made");
    let asked = stage.connection().subscribe("$JS.API.>").await.expect("subscribed");
    let bound = stage.js.bound_push_consumer("deliver.here", None).expect("a good subject");
    let reading = bound.heartbeat(SECOND / 5);
    let mut messages = reading.messages::<Untyped>().await.expect("reading");
    let mut notices = messages.notices();
    stage.store(2).await;
    assert_eq!(read(&mut messages, 2).await, numbers(1..=2));
    let beat = Notice::Heartbeat { consumer_sequence: 2, stream_sequence: 2 };
    notice(&mut messages, &mut notices, |notice| *notice == beat).await;
    assert_eq!(asked.received(), 0);
    assert!(stage.js.bound_push_consumer("deliver.*", None).is_err());
    assert!(stage.js.bound_push_consumer("deliver.here", Some("a b")).is_err());
}

#[tokio::test]
async fn a_consumer_that_stalls_is_answered_with_its_next_heartbeat() {
    let scripted = Scripted::start();
    let connecting = tokio::spawn(natsws::Client::connect(scripted.url()));
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    let client = connecting.await.expect("no panic").expect("it connects");
    let bound = client.jetstream().bound_push_consumer("deliver.here", None).expect("good");
    let reading = tokio::spawn(async move {
        let mut messages = bound.messages::<Untyped>().await.expect("reading");
        messages.next().await.is_none()
    });
    let sub = peer.skip_to_line("SUB deliver.here ").await;
    let sid = sub.rsplit(' ').next().expect("a number").to_owned();
    peer.skip_to_line("PING").await;
    peer.send("PONG\r\n").await;
    let told = |reply: &str, block: &str| {
        let len = block.len();
        format!("HMSG deliver.here {sid}{reply} {len} {len}\r\n{block}\r\n")
    };
    peer.send(told(" $JS.FC.S.C.one", "NATS/1.0 100 FlowControl Request\r\n\r\n")).await;
    peer.skip_to_line("PUB $JS.FC.S.C.one 0").await;
    peer.send(told(
        "",
        "NATS/1.0 100 Idle Heartbeat\r\nNats-Consumer-Stalled: $JS.FC.S.C.two\r\n\r\n",
    ))
    .await;
    peer.skip_to_line("PUB $JS.FC.S.C.two 0").await;
    reading.abort();
}

#[tokio::test]
async fn it_begins_where_it_is_told_to_and_waits_for_acknowledgements() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    stage.store(5).await;
    let config = ConsumerConfig::durable("last").deliver_policy(DeliverPolicy::Last);
    let last = stream.create_push_consumer(config).await.expect("made");
    let mut messages = last.messages::<Untyped>().await.expect("reading");
    assert_eq!(read(&mut messages, 1).await, ["5"]);

    let config = ConsumerConfig::durable("few").max_ack_pending(2);
    let few = stream.create_push_consumer(config).await.expect("made");
    let mut messages = few.messages::<Untyped>().await.expect("reading");
    let first = within("a message", messages.next()).await.expect("one").expect("good");
    within("a message", messages.next())
        .await
        .expect("one")
        .expect("good")
        .ack()
        .await
        .expect("sent");
    let third = within("a message", messages.next()).await.expect("one").expect("good");
    assert_eq!((first.sequence(), third.sequence()), (1, 3));
    assert_eq!(few.info().await.expect("it is there").ack_pending, 2);
}

#[tokio::test]
async fn a_server_that_is_started_again_pushes_on() {
    let mut stage = Stage::new().await;
    let stream = stage.stream().await;
    let config = pushing().idle_heartbeat(SECOND);
    let consumer = stream.create_push_consumer(config).await.expect("made");
    stage.store(2).await;
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    let mut notices = messages.notices();
    assert_eq!(read(&mut messages, 2).await, numbers(1..=2));
    stage.client.flush().await.expect("the acknowledgements are there");
    stage.server.restart();
    notice(&mut messages, &mut notices, |notice| *notice == Notice::Reconnected).await;
    stage.store_one(3).await;
    assert_eq!(read(&mut messages, 1).await, ["3"]);
}
