//! Groups of clients that read one consumer (ADR-42).

use natsws::jetstream::{
    ConfigError, ConsumeError, Consumer, ConsumerConfig, Notice, PriorityPolicy, Untyped,
};
use natsws_tests::within;
use serde_json::json;

use crate::stage::{SECOND, Stage, notice, numbers, pull, read};

async fn consumer(stage: &Stage, policy: PriorityPolicy) -> Consumer {
    let config = ConsumerConfig::durable("C").priority_groups(["jobs"]).priority_policy(policy);
    stage.stream().await.create_consumer(config).await.expect("made")
}

#[tokio::test]
async fn an_overflow_gets_messages_only_when_many_wait() {
    let stage = Stage::new().await;
    let consumer = consumer(&stage, PriorityPolicy::Overflow).await;
    let mut pulls = stage.pulls().await;
    stage.store(5).await;
    let few = consumer.fetch::<Untyped>(10).min_pending(6).expires(SECOND / 2);
    let mut few = few.await.expect("asked");
    assert!(within("the end", few.next()).await.is_none());
    stage.store(5).await;
    let many = consumer.fetch::<Untyped>(10).min_pending(6).min_ack_pending(100);
    let mut many = many.group("jobs").expires(SECOND).await.expect("asked");
    for sequence in 1..=5 {
        let message = within("a message", many.next()).await.expect("one").expect("good");
        assert_eq!(message.sequence(), sequence);
        message.ack().await.expect("sent");
    }
    assert!(within("the end", many.next()).await.is_none());
    let message = consumer.next::<Untyped>().await.expect("asked").expect("one");
    message.ack().await.expect("sent");
    let first = pull(&mut pulls).await;
    assert_eq!((&first["group"], &first["min_pending"]), (&json!("jobs"), &json!(6)));
    assert_eq!(pull(&mut pulls).await["min_ack_pending"], 100);
    assert_eq!(pull(&mut pulls).await["group"], "jobs");
    for refused in [
        consumer.messages::<Untyped>().priority(1).await.map(drop),
        consumer.messages::<Untyped>().group("others").await.map(drop),
    ] {
        assert!(matches!(refused, Err(ConsumeError::Config(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn who_has_priority_gets_messages_first() {
    let stage = Stage::new().await;
    let consumer = consumer(&stage, PriorityPolicy::Prioritized).await;
    let mut second = consumer.messages::<Untyped>().priority(5).await.expect("reading");
    let mut notices = second.notices();
    let mut first = consumer.messages::<Untyped>().priority(0).await.expect("reading");
    // Both have asked by then.
    let waits = async {
        tokio::select! {
            message = second.next() => panic!("{message:?}"),
            message = first.next() => panic!("{message:?}"),
            () = async { while consumer.info().await.expect("there").waiting < 2 {} } => {}
        }
    };
    within("both pulls", waits).await;
    stage.store(30).await;
    assert_eq!(read(&mut first, 30).await, numbers(1..=30));
    assert_eq!(notices.try_next(), None);
    drop(first);
    stage.store(1).await;
    assert_eq!(read(&mut second, 1).await, ["1"]);
    let low = consumer.messages::<Untyped>().priority(10).await.map(drop);
    assert!(
        matches!(&low, Err(ConsumeError::Config(ConfigError::TooLarge { most: 9, .. }))),
        "{low:?}"
    );
}

#[tokio::test]
async fn one_client_gets_all_messages_until_it_is_unpinned() {
    let stage = Stage::new().await;
    let consumer = consumer(&stage, PriorityPolicy::PinnedClient).await;
    let mut pulls = stage.pulls().await;
    let reading = || consumer.messages::<Untyped>().max_messages(4).expires(2 * SECOND);
    let mut first = reading().await.expect("reading");
    let mut told_first = first.notices();
    stage.store(1).await;
    assert_eq!(read(&mut first, 1).await, ["1"]);
    let Some(Notice::Pinned { id }) = told_first.try_next() else { panic!("it is pinned") };
    // The second pull says who asks.
    stage.store(1).await;
    assert_eq!(read(&mut first, 1).await, ["1"]);
    assert_eq!(pull(&mut pulls).await.get("id"), None);
    assert_eq!(pull(&mut pulls).await["id"], id.as_str());

    let mut second = reading().await.expect("reading");
    let mut told_second = second.notices();
    let beat = |notice: &Notice| matches!(notice, Notice::Heartbeat { .. });
    notice(&mut second, &mut told_second, beat).await;
    stage.store(3).await;
    assert_eq!(read(&mut first, 3).await, numbers(1..=3));
    assert_eq!(told_second.try_next(), None);

    let group = &consumer.info().await.expect("it is there").priority_groups[0];
    assert_eq!(group.pinned_client_id.as_deref(), Some(id.as_str()));
    consumer.unpin("jobs").await.expect("unpinned");
    stage.store(1).await;
    assert_eq!(read(&mut second, 1).await, ["1"]);
    let pinned = |notice: &Notice| matches!(notice, Notice::Pinned { .. });
    let now = std::iter::from_fn(|| told_second.try_next()).find(pinned);
    assert!(now.is_some_and(|now| now != Notice::Pinned { id }));
    // The first learns it with its next pull at the latest, and asks as anybody.
    notice(&mut first, &mut told_first, |notice| *notice == Notice::Unpinned).await;
    drop(second);
    consumer.unpin("jobs").await.expect("unpinned");
    stage.store(1).await;
    assert_eq!(read(&mut first, 1).await, ["1"]);
}

#[tokio::test]
async fn there_is_nothing_to_unpin_in_another_group() {
    let stage = Stage::new().await;
    let consumer = consumer(&stage, PriorityPolicy::PinnedClient).await;
    consumer.unpin("others").await.expect_err("there is none");
}
