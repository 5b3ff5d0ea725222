//! Reading a pull consumer without end.

use std::time::{Duration, SystemTime};

use natsws::jetstream::{
    ConsumeError, ConsumerConfig, DeliverPolicy, JetStreamError, Notice, StreamConfig, Untyped,
};
use natsws_tests::{Peer, Scripted, eventually, info, within};
use serde_json::json;

use crate::stage::{SECOND, Stage, notice, numbers, pull, read};

#[tokio::test]
async fn a_hundred_messages_are_asked_for_and_then_a_quarter_of_that_at_a_time() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(1000).await;
    let mut pulls = stage.pulls().await;
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    assert_eq!(read(&mut messages, 1000).await, numbers(1..=1000));
    let first = json!({
        "batch": 100, "expires": 30_000_000_000_u64, "idle_heartbeat": 15_000_000_000_u64,
    });
    assert_eq!(pull(&mut pulls).await, first);
    for _ in 0..39 {
        assert_eq!(pull(&mut pulls).await["batch"], 25);
    }
    assert_eq!(pulls.pending(), 0);
    let info = eventually("the acknowledgements", async || {
        consumer.info().await.ok().filter(|info| info.ack_pending == 0)
    });
    assert_eq!(info.await.pending, 0);
}

#[tokio::test]
async fn one_message_at_a_time_is_enough() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(20).await;
    let mut messages = consumer.messages::<Untyped>().max_messages(1).await.expect("reading");
    assert_eq!(read(&mut messages, 20).await, numbers(1..=20));
}

#[tokio::test]
async fn bytes_are_asked_for_where_they_are_the_limit() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(996).await;
    let mut pulls = stage.pulls().await;
    let reading = consumer.messages::<Untyped>().max_bytes(4096);
    let mut messages = reading.await.expect("reading");
    assert_eq!(read(&mut messages, 996).await, numbers(1..=996));
    let first = pull(&mut pulls).await;
    assert_eq!((&first["batch"], &first["max_bytes"]), (&json!(1_000_000), &json!(4096)));
    let second = pull(&mut pulls).await["max_bytes"].as_u64().expect("a number");
    assert!((1024..=1200).contains(&second), "{second}");
}

#[tokio::test]
async fn a_message_that_does_not_fit_is_told_and_not_asked_for_in_a_hurry() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    let mut pulls = stage.pulls().await;
    stage.connection().publish("s.large", vec![0; 1000]).await.expect("accepted");
    let reading = consumer.messages::<Untyped>().max_bytes(500).heartbeat(SECOND / 2);
    let mut messages = reading.expires(2 * SECOND).await.expect("reading");
    let mut notices = messages.notices();
    let too_large =
        Notice::LimitsExceeded { description: "Message Size Exceeds MaxBytes".to_owned() };
    for _ in 0..2 {
        notice(&mut messages, &mut notices, |notice| *notice == too_large).await;
    }
    for _ in 0..2 {
        assert_eq!(pull(&mut pulls).await["max_bytes"], 500);
    }
    assert_eq!(pulls.pending(), 0);
}

#[tokio::test]
async fn a_pull_that_ends_early_is_told_and_made_again() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    let mut pulls = stage.pulls().await;
    let mut messages = consumer.messages::<Untyped>().expires(SECOND).await.expect("reading");
    let mut notices = messages.notices();
    notice(&mut messages, &mut notices, |notice| {
        *notice == Notice::Discarded { messages: 100, bytes: 0 }
    })
    .await;
    assert_eq!(pull(&mut pulls).await["batch"], 100);
    stage.store(1).await;
    assert_eq!(read(&mut messages, 1).await, ["1"]);
    assert_eq!(pull(&mut pulls).await["batch"], 100);
}

#[tokio::test]
async fn heartbeats_that_are_missed_are_told_and_reading_goes_on() {
    let stage = Stage::new().await;
    stage.consumer().await;
    let (proxy, client) = stage.proxied().await;
    let consumer = client.jetstream().consumer("S", "C").await.expect("it is there");
    let reading = consumer.messages::<Untyped>().expires(2 * SECOND).heartbeat(SECOND / 2);
    let mut messages = reading.await.expect("reading");
    let mut notices = messages.notices();
    let beat = |notice: &Notice| matches!(notice, Notice::Heartbeat { .. });
    let first = notice(&mut messages, &mut notices, beat).await;
    assert_eq!(first, Notice::Heartbeat { consumer_sequence: 0, stream_sequence: 0 });
    proxy.freeze_to_client();
    let missed = |notice: &Notice| matches!(notice, Notice::HeartbeatsMissed { .. });
    let told = notice(&mut messages, &mut notices, missed).await;
    assert_eq!(told, Notice::HeartbeatsMissed { after: SECOND });
    proxy.resume();
    stage.store(3).await;
    assert_eq!(read(&mut messages, 3).await, numbers(1..=3));
}

#[tokio::test]
async fn a_connection_that_is_lost_and_made_again_is_read_on() {
    let stage = Stage::new().await;
    stage.consumer().await;
    stage.store(500).await;
    let (proxy, client) = stage.proxied().await;
    let consumer = client.jetstream().consumer("S", "C").await.expect("it is there");
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    let mut notices = messages.notices();
    read(&mut messages, 100).await;
    client.flush().await.expect("the acknowledgements are there");
    proxy.cut();
    let reading = async {
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < 400 {
            let message = messages.next().await.expect("one").expect("good");
            // What was lost on the way comes again after 30 seconds only, so it is not waited for.
            message.ack().await.expect("sent");
            seen.insert(message.sequence());
            if message.pending() == 0 {
                break;
            }
        }
        seen
    };
    let seen = within("the messages", reading).await;
    assert_eq!(seen.last(), Some(&500));
    assert_eq!(notices.try_next(), Some(Notice::Reconnected));
}

#[tokio::test]
async fn a_consumer_that_is_made_again_is_read_on_where_that_is_wanted() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    let reading = consumer.messages::<Untyped>().wait_if_gone();
    let mut messages = reading.expires(2 * SECOND).heartbeat(SECOND / 2).await.expect("reading");
    let mut notices = messages.notices();
    stage.store(1).await;
    assert_eq!(read(&mut messages, 1).await, ["1"]);
    consumer.delete().await.expect("deleted");
    notice(&mut messages, &mut notices, |notice| *notice == Notice::ConsumerMissing).await;
    stage.js.delete_stream("S").await.expect("deleted");
    notice(&mut messages, &mut notices, |notice| *notice == Notice::StreamMissing).await;
    stage.consumer().await;
    stage.store(2).await;
    assert_eq!(read(&mut messages, 2).await, numbers(1..=2));
}

#[tokio::test]
async fn a_stream_that_is_gone_ends_the_reader() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.js.delete_stream("S").await.expect("deleted");
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    let mut notices = messages.notices();
    match within("the end", messages.next()).await {
        Some(Err(ConsumeError::StreamGone { stream })) => assert_eq!(stream, "S"),
        other => panic!("{other:?}"),
    }
    assert!(within("the end", messages.next()).await.is_none());
    assert_eq!(notices.try_next(), Some(Notice::NoResponders));
}

#[tokio::test]
async fn a_consumer_that_is_not_looked_up_is_asked_for_messages_until_it_is_there() {
    let stage = Stage::new().await;
    stage.stream().await;
    stage.store(1).await;
    let consumer = stage.js.bound_consumer("S", "C").expect("good names");
    assert_eq!(consumer.cached_info(), None);
    let asked = "$JS.API.CONSUMER.INFO.>";
    let asked = stage.connection().subscribe(asked).await.expect("subscribed");
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    let mut notices = messages.notices();
    notice(&mut messages, &mut notices, |notice| *notice == Notice::NoResponders).await;
    let stream = stage.js.stream("S").await.expect("it is there");
    stream.create_consumer(ConsumerConfig::durable("C")).await.expect("made");
    assert_eq!(read(&mut messages, 1).await, ["1"]);
    assert_eq!(asked.received(), 0);
}

#[tokio::test]
async fn more_than_the_consumer_allows_is_told_again_and_again_until_it_does() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let config = ConsumerConfig::durable("C").max_request_batch(10);
    stream.create_consumer(config.clone()).await.expect("made");
    stage.store(20).await;
    let consumer = stage.js.bound_consumer("S", "C").expect("good names");
    let reading = consumer.messages::<Untyped>().expires(2 * SECOND).heartbeat(SECOND / 2);
    let mut messages = reading.await.expect("reading");
    let mut notices = messages.notices();
    let exceeded =
        Notice::LimitsExceeded { description: "Exceeded MaxRequestBatch of 10".to_owned() };
    for _ in 0..2 {
        notice(&mut messages, &mut notices, |notice| *notice == exceeded).await;
    }
    stream.update_consumer(config.max_request_batch(100)).await.expect("changed");
    assert_eq!(read(&mut messages, 20).await, numbers(1..=20));
}

#[tokio::test]
async fn a_reader_that_drains_reads_what_is_here_and_leaves_the_rest_to_others() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(150).await;
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    assert_eq!(read(&mut messages, 10).await, numbers(1..=10));
    messages.stopper().drain();
    let mut rest = Vec::new();
    while let Some(message) = within("an item", messages.next()).await {
        let message = message.expect("good");
        rest.push(String::from_utf8_lossy(message.payload()).into_owned());
        message.ack_confirmed().await.expect("confirmed");
    }
    let last = 10 + rest.len();
    assert_eq!(rest, numbers(11..=last));
    // A hundred were asked for; a busy server may not have sent all of them yet.
    assert!((10..=100).contains(&last), "{last}");
    let mut others = consumer.messages::<Untyped>().await.expect("reading");
    assert_eq!(read(&mut others, 150 - last).await, numbers(last + 1..=150));
    let info = consumer.info().await.expect("it is there");
    assert_eq!((info.redelivered, info.pending), (0, 0));
}

#[tokio::test]
async fn a_reader_ends_with_its_connection() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(5).await;
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    assert_eq!(read(&mut messages, 5).await, numbers(1..=5));
    let drained = tokio::spawn({
        let client = stage.client.clone();
        async move { client.drain().await.map(drop) }
    });
    assert!(within("the end", messages.next()).await.is_none());
    within("draining", drained).await.expect("no panic").expect("drained");
    assert!(matches!(
        consumer.next::<Untyped>().await,
        Err(ConsumeError::Subscribe(natsws::SubscribeError::Closed))
    ));
}

#[tokio::test]
async fn several_read_one_consumer_and_each_message_goes_to_one() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(400).await;
    let mut first = consumer.messages::<Untyped>().max_messages(10).await.expect("reading");
    let mut second = consumer.messages::<Untyped>().max_messages(10).await.expect("reading");
    let mut seen = read(&mut first, 20).await;
    seen.extend(read(&mut second, 20).await);
    let mut batch = consumer.fetch::<Untyped>(30).await.expect("asked");
    while let Some(message) = within("an item", batch.next()).await {
        seen.push(String::from_utf8_lossy(message.expect("good").payload()).into_owned());
    }
    assert_eq!(seen.len(), 70);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 70);
}

#[tokio::test]
async fn a_push_consumer_cannot_be_pulled() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let config = ConsumerConfig::durable("C").deliver_subject("deliver.here");
    let consumer = stream.create_consumer(config).await.expect("made");
    for error in [
        consumer.messages::<Untyped>().await.map(drop).expect_err("it is pushed"),
        consumer.fetch::<Untyped>(1).await.map(drop).expect_err("it is pushed"),
        consumer.next::<Untyped>().await.map(drop).expect_err("it is pushed"),
    ] {
        assert!(matches!(&error, ConsumeError::PushBased { consumer, .. } if consumer == "C"));
    }
    // Where it is not known, the server says so.
    let bound = stage.js.bound_consumer("S", "C").expect("good names");
    let mut messages = bound.messages::<Untyped>().await.expect("reading");
    let told = within("the end", messages.next()).await;
    assert!(matches!(told, Some(Err(ConsumeError::PushBased { .. }))), "{told:?}");
    assert!(within("the end", messages.next()).await.is_none());
}

#[tokio::test]
async fn a_paused_consumer_delivers_nothing_until_it_is_resumed() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    let until = SystemTime::now() + Duration::from_secs(3600);
    let pause = consumer.pause_until(until).await.expect("paused");
    assert!(pause.paused && pause.remaining.is_some_and(|left| left > Duration::from_secs(3500)));
    stage.store(1).await;
    let reading = consumer.messages::<Untyped>().expires(2 * SECOND).heartbeat(SECOND / 2);
    let mut messages = reading.await.expect("reading");
    let mut notices = messages.notices();
    let beat = |notice: &Notice| matches!(notice, Notice::Heartbeat { .. });
    notice(&mut messages, &mut notices, beat).await;
    assert!(!consumer.resume().await.expect("resumed").paused);
    assert_eq!(read(&mut messages, 1).await, ["1"]);
}

#[tokio::test]
async fn a_consumer_is_reset_to_where_it_is_wanted() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(5).await;
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    assert_eq!(read(&mut messages, 5).await, numbers(1..=5));
    eventually("the acknowledgements", async || {
        consumer.info().await.ok().filter(|info| info.ack_floor.stream_sequence == 5)
    })
    .await;
    let reset = consumer.reset(3).await.expect("reset");
    assert_eq!((reset.sequence, reset.info.name.as_str()), (3, "C"));
    assert_eq!(read(&mut messages, 3).await, numbers(3..=5));
    drop(messages);

    let stream = stage.js.stream("S").await.expect("it is there");
    let config = ConsumerConfig::durable("last").deliver_policy(DeliverPolicy::Last);
    let last = stream.create_consumer(config).await.expect("made");
    let refused = last.reset(1).await.expect_err("it begins with the last one");
    assert!(matches!(refused, JetStreamError::Api(_)), "{refused:?}");
}

#[tokio::test]
async fn an_old_server_is_not_asked_to_reset() {
    let scripted = Scripted::start();
    let connecting = tokio::spawn(natsws::Client::connect(scripted.url()));
    let mut peer = scripted.accept().await;
    let mut old = info();
    old["version"] = json!("2.12.1");
    peer.handshake(&old).await;
    let client = connecting.await.expect("no panic").expect("it connects");
    let consumer = client.jetstream().bound_consumer("S", "C").expect("good names");
    let error = consumer.reset(None).await.map(drop).expect_err("it is too old");
    assert_eq!(
        error.to_string(),
        "resetting a consumer needs a server of version 2.14, this one has \"2.12.1\""
    );
}

/// The next request for messages has this number, and asks for so many.
async fn asked(peer: &mut Peer, inbox: &str, number: usize, batch: usize) {
    let line = peer.skip_to_line("PUB $JS.API.CONSUMER.MSG.NEXT.S.C ").await;
    assert_eq!(line.split(' ').nth(2), Some(format!("{inbox}{number}").as_str()));
    let body = peer.skip_to_line("{").await;
    let body: serde_json::Value = serde_json::from_str(&body).expect("it is JSON");
    assert_eq!(body["batch"], batch);
}

#[tokio::test]
async fn what_the_server_says_of_pulls_from_before_a_change_of_leaders_changes_nothing() {
    let scripted = Scripted::start();
    let connecting = tokio::spawn(natsws::Client::connect(scripted.url()));
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    let client = connecting.await.expect("no panic").expect("it connects");
    let consumer = client.jetstream().bound_consumer("S", "C").expect("good names");
    let reading = consumer.messages::<Untyped>().max_messages(10);
    let mut messages = reading.await.expect("reading");
    let reader = tokio::spawn(async move {
        while let Some(Ok(message)) = messages.next().await {
            message.ack().await.expect("sent");
        }
    });
    let sub = peer.skip_to_line("SUB ").await;
    let sid = sub.rsplit(' ').next().expect("a number").to_owned();
    let inbox = sub.split(' ').nth(1).expect("a subject").trim_end_matches('*').to_owned();
    let told = |number: usize, status: &str| {
        let block = format!("NATS/1.0 {status}\r\n\r\n");
        let len = block.len();
        format!("HMSG {inbox}{number} {sid} {len} {len}\r\n{block}\r\n")
    };
    let message = |sequence: usize| {
        format!("MSG s.1 {sid} $JS.ACK.S.C.1.{sequence}.{sequence}.1.0 1\r\nx\r\n")
    };
    asked(&mut peer, &inbox, 0, 10).await;
    peer.send(message(1) + &message(2) + &message(3)).await;
    // Three are read of ten, so three more are asked for.
    asked(&mut peer, &inbox, 1, 3).await;
    peer.send(told(0, "409 Leadership Change")).await;
    asked(&mut peer, &inbox, 2, 10).await;
    // The other one that was lost, and a part of the first that never came.
    peer.send(
        told(1, "409 Leadership Change")
            + &told(0, "408 Request Timeout\r\nNats-Pending-Messages: 7\r\nNats-Pending-Bytes: 0"),
    )
    .await;
    peer.send(told(2, "408 Request Timeout\r\nNats-Pending-Messages: 4\r\nNats-Pending-Bytes: 0"))
        .await;
    // Nothing but this one was asked for anew.
    asked(&mut peer, &inbox, 3, 4).await;
    peer.send(told(3, "409 Consumer Deleted")).await;
    within("the end", reader).await.expect("no panic");
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_one_of_those_that_were_asked_for() {
    let scripted = Scripted::start();
    let connecting = tokio::spawn(natsws::Client::connect(scripted.url()));
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    let client = connecting.await.expect("no panic").expect("it connects");
    let consumer = client.jetstream().bound_consumer("S", "C").expect("good names");
    let reading = consumer.messages::<Untyped>().max_messages(1);
    let mut messages = reading.await.expect("reading");
    let reader = tokio::spawn(async move {
        let first = messages.next().await.expect("one").map(drop);
        (first, messages.next().await.expect("one").map(drop))
    });
    let sub = peer.skip_to_line("SUB ").await;
    let sid = sub.rsplit(' ').next().expect("a number").to_owned();
    let inbox = sub.split(' ').nth(1).expect("a subject").trim_end_matches('*').to_owned();
    asked(&mut peer, &inbox, 0, 1).await;
    let block = "NATS/1.0\r\nno colon\r\n\r\n";
    let len = block.len();
    let reply = "$JS.ACK.S.C.1.1.1.1.0";
    peer.send(format!("HMSG s.1 {sid} {reply} {len} {len}\r\n{block}\r\n")).await;
    asked(&mut peer, &inbox, 1, 1).await;
    peer.send(format!("MSG s.1 {sid} {reply} 0\r\n\r\n")).await;
    let (first, second) = within("both", reader).await.expect("no panic");
    assert!(matches!(first, Err(ConsumeError::Subscription(_))), "{first:?}");
    second.expect("good");
}

#[tokio::test]
async fn a_consumer_of_which_all_is_known_is_not_looked_up() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    let info = consumer.info().await.expect("it is there");
    let asked = "$JS.API.CONSUMER.INFO.>";
    let asked = stage.connection().subscribe(asked).await.expect("subscribed");
    stage.store(1).await;
    let same = stage.js.consumer_from(info);
    assert_eq!((same.stream(), same.name()), ("S", "C"));
    let mut messages = same.messages::<Untyped>().await.expect("reading");
    assert_eq!(read(&mut messages, 1).await, ["1"]);
    assert_eq!(asked.received(), 0);
}

#[tokio::test]
async fn the_inbox_of_a_reader_has_the_prefix_of_the_connection_and_goes_with_it() {
    let stage = Stage::new().await;
    let options = natsws::ConnectOptions::new().inbox_prefix("mine");
    let connection = natsws::Connection::connect_with(stage.server.nats_url(), options).await;
    let client = natsws::Client::from(connection.expect("it connects"));
    let config = StreamConfig::new("S").subjects(["s.>"]);
    let stream = client.jetstream().create_stream(config).await.expect("made");
    let consumer = stream.create_consumer(ConsumerConfig::durable("C")).await.expect("made");
    let mut pulls = stage.pulls().await;
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    let reading = tokio::spawn(async move { messages.next().await });
    let msg = within("a pull", pulls.next()).await.expect("one").expect("good");
    assert!(msg.reply().is_some_and(|reply| reply.starts_with("mine.")), "{msg:?}");
    reading.abort();
    // Nobody is there to take it, so the server keeps the message for who asks next.
    eventually("the end of the pull", async || {
        stage.store_one(1).await;
        let info = consumer.info().await.expect("it is there");
        (info.waiting == 0).then_some(())
    })
    .await;
}
