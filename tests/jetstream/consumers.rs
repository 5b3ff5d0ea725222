//! Consumers: made, changed, moved, and delivering again.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use natsws::Connection;
use natsws::jetstream::{
    AckPolicy, Consumer, ConsumerConfig, DeliverPolicy, JetStreamError, Untyped,
};
use natsws_tests::within;

use crate::stage::{SECOND, Stage};

async fn next(consumer: &Consumer) -> u64 {
    let message = within("a message", consumer.next::<Untyped>().into_future()).await;
    let message = message.expect("asked").expect("one");
    message.ack_confirmed().await.expect("confirmed");
    message.sequence()
}

fn refused_with(error: &JetStreamError, code: u32) {
    assert_eq!(error.err_code(), Some(code), "{error:?}");
}

#[tokio::test]
async fn a_consumer_is_as_it_was_made_until_it_is_changed_or_deleted() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let config = ConsumerConfig::durable("C").description("mine");
    let made = stream.create_consumer(config.clone()).await.expect("made");
    let found = stream.consumer("C").await.expect("there");
    let info = found.cached_info().expect("it was looked up");
    assert_eq!((info.stream.as_str(), info.name.as_str()), ("S", "C"));
    assert_eq!(info.config.durable_name.as_deref(), Some("C"));
    assert_eq!(info.config.ack_policy, AckPolicy::Explicit);
    let made = made.cached_info().expect("it was told");
    assert_eq!((&info.config, info.created), (&made.config, made.created));
    let same = stream.create_consumer(config.clone()).await.expect("the same");
    assert_eq!(same.cached_info().expect("it was told").created, made.created);

    let other = config.clone().description("yours");
    let exists = stream.create_consumer(other.clone()).await.expect_err("it is another one");
    refused_with(&exists, 10148);
    let absent = stream.update_consumer(ConsumerConfig::durable("none")).await;
    refused_with(&absent.expect_err("there is none"), 10149);
    stream.create_or_update_consumer(other).await.expect("changed");
    let now = found.info().await.expect("there").config;
    assert_eq!(now.description.as_deref(), Some("yours"));
    assert_eq!(info.config.description.as_deref(), Some("mine"), "it is as it was looked up");
    let new = stream.create_or_update_consumer(ConsumerConfig::durable("new")).await;
    assert_eq!(new.expect("made").name(), "new");

    found.delete().await.expect("deleted");
    assert!(found.info().await.expect_err("gone").is_not_found());
    assert!(found.delete().await.expect_err("gone").is_not_found());
    match stage.js.consumer("NONE", "C").await {
        Err(JetStreamError::StreamNotFound { name }) => assert_eq!(name, "NONE"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_can_be_changed_of_a_consumer_is_changed() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let config = ConsumerConfig::durable("C");
    stream.create_consumer(config.clone()).await.expect("made");
    let wanted = config
        .clone()
        .description("yours")
        .ack_wait(7 * SECOND)
        .max_deliver(5)
        .sample_percent(50)
        .max_ack_pending(20)
        .headers_only(true)
        .max_request_batch(10)
        .max_request_expires(5 * SECOND)
        .max_request_bytes(1000)
        .inactive_threshold(600 * SECOND);
    let changed = stream.update_consumer(wanted.clone()).await.expect("changed");
    let mut told = changed.info().await.expect("there").config;
    told.metadata.retain(|key, _| !key.starts_with("_nats"));
    let same = |config: &ConsumerConfig| {
        (
            config.description.clone(),
            (config.ack_wait, config.max_deliver, config.sample_percent, config.max_ack_pending),
            (config.headers_only, config.max_request_batch, config.max_request_bytes),
            (config.max_request_expires, config.inactive_threshold),
        )
    };
    assert_eq!(same(&told), same(&wanted));
    for refused in [
        wanted.clone().deliver_policy(DeliverPolicy::New),
        wanted.clone().ack_policy(AckPolicy::All),
        wanted.clone().replicas(3),
    ] {
        let error = stream.update_consumer(refused).await.expect_err("refused");
        assert!(matches!(error, JetStreamError::Api(_)), "{error:?}");
    }
    let three = stream.create_consumer(ConsumerConfig::durable("three").replicas(3)).await;
    assert!(matches!(three, Err(JetStreamError::Api(_))), "{three:?}");
}

#[tokio::test]
async fn filters_choose_what_comes_and_can_be_changed() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    stage.store(5).await;
    let config =
        |filters: &[&str]| ConsumerConfig::durable("C").filter_subjects(filters.iter().copied());
    let consumer = stream.create_consumer(config(&["s.1", "s.2"])).await.expect("made");
    assert_eq!((next(&consumer).await, next(&consumer).await), (1, 2));
    let none = consumer.next::<Untyped>().no_wait().await.expect("asked");
    assert!(none.is_none(), "{none:?}");
    for (filters, expected) in [(&["s.4"][..], 4), (&["s.2", "s.5"], 5)] {
        let changed = stream.update_consumer(config(filters)).await.expect("changed");
        assert_eq!(changed.cached_info().expect("it was told").config.filter_subjects, filters);
        assert_eq!(next(&consumer).await, expected);
    }
}

#[tokio::test]
async fn the_subject_of_the_api_says_the_name_and_the_only_filter() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let asked = "$JS.API.CONSUMER.CREATE.>";
    let mut asked = stage.connection().subscribe(asked).await.expect("subscribed");
    for (config, subject) in [
        (ConsumerConfig::durable("a"), "S.a"),
        (ConsumerConfig::named("b").filter_subject("s.1"), "S.b.s.1"),
        (ConsumerConfig::named("c").filter_subjects(["s.1", "s.2"]), "S.c"),
        (ConsumerConfig::new(), "S"),
    ] {
        let durable = config.durable_name.clone();
        let made = stream.create_consumer(config).await.expect("made");
        let call = within("the call", asked.next()).await.expect("one").expect("read");
        assert_eq!(call.subject(), format!("$JS.API.CONSUMER.CREATE.{subject}"));
        assert!(!made.name().is_empty());
        assert_eq!(made.cached_info().expect("it was told").config.durable_name, durable);
    }
}

#[tokio::test]
async fn a_reset_goes_back_to_what_is_not_acknowledged_and_not_before_the_beginning() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(5).await;
    for expected in 1..=3 {
        assert_eq!(next(&consumer).await, expected);
    }
    let lost = consumer.next::<Untyped>().await.expect("asked").expect("one");
    assert_eq!(lost.sequence(), 4);
    let reset = consumer.reset(None).await.expect("reset");
    assert_eq!(reset.sequence, 4);
    assert_eq!(reset.info.ack_pending, 0);
    assert_eq!(next(&consumer).await, 4);

    let stream = stage.js.stream("S").await.expect("there");
    let config = ConsumerConfig::durable("from").deliver_policy(DeliverPolicy::FromSequence(3));
    let from = stream.create_consumer(config).await.expect("made");
    assert_eq!(next(&from).await, 3);
    let refused = from.reset(2).await.expect_err("it is before the beginning");
    assert!(matches!(refused, JetStreamError::Api(_)), "{refused:?}");
    for sequence in [3, 5] {
        assert_eq!(from.reset(sequence).await.expect("reset").sequence, sequence);
        assert_eq!(next(&from).await, sequence);
    }
}

#[tokio::test]
async fn what_nobody_answers_comes_again_after_the_pauses_of_its_consumer() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let pauses = [Duration::from_millis(200), Duration::from_millis(600)];
    let config = ConsumerConfig::durable("C").backoff(pauses).max_deliver(4);
    let consumer = stream.create_consumer(config).await.expect("made");
    stage.store(1).await;
    let mut waited = Vec::new();
    for delivered in 1..=4 {
        let began = Instant::now();
        let message = within("a message", consumer.next::<Untyped>().into_future()).await;
        assert_eq!(message.expect("asked").expect("one").delivered(), delivered);
        waited.push(began.elapsed());
    }
    // The last pause is for all that follow.
    for (waited, pause) in waited.iter().skip(1).zip([pauses[0], pauses[1], pauses[1]]) {
        assert!(*waited > pause.mul_f64(0.9), "{waited:?} instead of {pause:?}");
    }
    let none = consumer.next::<Untyped>().expires(SECOND).await.expect("asked");
    assert!(none.is_none(), "{none:?}");
}

/// Passes on what is asked below the prefix `lost.API`; the first answer to each question about
/// making a consumer goes nowhere.
async fn lose_first_answers(connection: Connection) -> tokio::task::JoinHandle<()> {
    let mut asked = connection.subscribe("lost.API.>").await.expect("subscribed");
    tokio::spawn(async move {
        let mut lost = HashSet::new();
        while let Some(msg) = asked.next().await {
            let msg = msg.expect("good");
            let operation = msg.subject().strip_prefix("lost.API.").expect("its subject");
            let is_first =
                operation.starts_with("CONSUMER.CREATE.") && lost.insert(operation.to_owned());
            let reply = if is_first { "nobody" } else { msg.reply().expect("it is a question") };
            let subject = format!("$JS.API.{operation}");
            let passed_on = connection.publish(&subject, msg.payload()).reply(reply);
            passed_on.await.expect("accepted");
        }
    })
}

#[tokio::test]
async fn a_consumer_is_asked_for_again_when_nobody_answers_and_made_once() {
    let stage = Stage::new().await;
    stage.stream().await;
    stage.store(3).await;
    let losing = lose_first_answers(stage.connection().clone()).await;
    let js = stage.client.jetstream().with_prefix("lost.API").expect("a good prefix");
    let durable = async {
        let stream = js.stream("S").await.expect("it is there");
        stream.create_consumer(ConsumerConfig::durable("C")).await.expect("made")
    };
    let pulled = js.ordered::<Untyped>("S").into_future();
    let pushed = js.ordered::<Untyped>("S").push().into_future();
    let all = async { tokio::join!(durable, pulled, pushed) };
    let (durable, pulled, pushed) = within("the consumers", all).await;
    assert_eq!(durable.name(), "C");
    let mut readers = [pulled.expect("reading"), pushed.expect("reading")];
    for messages in &mut readers {
        for number in 1..=3 {
            let message = within("a message", messages.next()).await.expect("one").expect("good");
            assert_eq!(message.sequence(), number);
        }
        assert_eq!(messages.consumers_made(), 1);
    }
    let info = js.stream("S").await.expect("it is there").info().await.expect("it is there");
    assert_eq!(info.state.consumers, 3);
    losing.abort();
}
