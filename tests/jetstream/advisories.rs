//! What JetStream tells of itself.

use std::time::{Duration, SystemTime};

use natsws::jetstream::{
    Advisories, Advisory, AdvisoryAction, AdvisoryKind, BatchAbandoned, ConsumerConfig, JetStream,
    Placement, Source, StreamConfig, Untyped,
};
use natsws::{Client, SubscribeError};
use natsws_tests::{Cluster, Server, Transport, eventually, within};

use crate::stage::Stage;

/// All that was heard. Different servers and threads of one tell it, so no order is certain.
struct Heard {
    advisories: Advisories,
    all: Vec<Advisory>,
}

impl Heard {
    async fn on(js: &JetStream) -> Self {
        Self { advisories: js.advisories().await.expect("listening"), all: Vec::new() }
    }

    /// The first that is one, as the function says.
    async fn first<T>(&mut self, what: &str, find: impl Fn(&Advisory) -> Option<T>) -> T {
        if let Some(found) = self.all.iter().find_map(&find) {
            return found;
        }
        let finding = async {
            loop {
                let advisory = self.advisories.next().await.expect("one").expect("all are read");
                let found = find(&advisory);
                self.all.push(advisory);
                if let Some(found) = found {
                    return found;
                }
            }
        };
        within(what, finding).await
    }
}

#[tokio::test]
async fn what_is_done_to_streams_and_consumers_is_told() {
    let stage = Stage::new().await;
    let mut heard = Heard::on(&stage.js).await;
    let begin = SystemTime::now() - Duration::from_secs(1);
    let stream =
        stage.js.create_stream(StreamConfig::new("S").subjects(["s"])).await.expect("made");
    let (id, time) = heard
        .first("the stream", |advisory| match &advisory.kind {
            AdvisoryKind::StreamAction { stream, action: AdvisoryAction::Create, .. } => {
                assert_eq!(stream, "S");
                Some((advisory.id.clone(), advisory.time))
            }
            _ => None,
        })
        .await;
    assert!(!id.is_empty());
    assert!(time.is_some_and(|time| time > begin && time < SystemTime::now()), "{time:?}");
    let audited = heard
        .first("the audit", |advisory| match &advisory.kind {
            AdvisoryKind::ApiAudit { subject, request, response, client, .. }
                if subject == "$JS.API.STREAM.CREATE.S" =>
            {
                assert!(response.contains("stream_create_response"), "{response}");
                assert_eq!(client.language.as_deref(), Some("rust"));
                assert!(client.id > 0 && client.version.is_some(), "{client:?}");
                request.clone()
            }
            _ => None,
        })
        .await;
    assert!(audited.contains("\"subjects\":[\"s\"]"), "{audited}");
    stream.update(|config| config.description("mine")).await.expect("changed");
    stream.create_consumer(ConsumerConfig::durable("c")).await.expect("made");
    heard
        .first("the change", |advisory| {
            let kind = &advisory.kind;
            matches!(kind, AdvisoryKind::StreamAction { action: AdvisoryAction::Modify, .. })
                .then_some(())
        })
        .await;
    heard
        .first("the consumer", |advisory| match &advisory.kind {
            AdvisoryKind::ConsumerAction { stream, consumer, action, .. } => {
                assert_eq!((stream.as_str(), consumer.as_str()), ("S", "c"));
                assert_eq!(*action, AdvisoryAction::Create);
                Some(())
            }
            _ => None,
        })
        .await;
    stream.delete().await.expect("deleted");
    heard
        .first("the end", |advisory| {
            let kind = &advisory.kind;
            matches!(kind, AdvisoryKind::StreamAction { action: AdvisoryAction::Delete, .. })
                .then_some(())
        })
        .await;
}

#[tokio::test]
async fn what_becomes_of_messages_is_told() {
    let stage = Stage::new().await;
    let mut heard = Heard::on(&stage.js).await;
    let stream =
        stage.js.create_stream(StreamConfig::new("S").subjects(["s"])).await.expect("made");
    let mut config =
        ConsumerConfig::durable("c").max_deliver(1).ack_wait(Duration::from_millis(100));
    config.sample_percent = Some(100);
    let consumer = stream.create_consumer(config).await.expect("made");
    for _ in 0..4 {
        stage.client.connection().publish("s", "x").await.expect("sent");
    }
    let mut messages = consumer.fetch::<Untyped>(4).await.expect("asked");
    let mut next = async || within("a message", messages.next()).await.expect("one").expect("read");
    next().await.ack().await.expect("sent");
    next().await.term("no good").await.expect("sent");
    next().await.nak(None).await.expect("sent");
    drop(next().await);
    heard
        .first("the acknowledgement", |advisory| match advisory.kind {
            AdvisoryKind::ConsumerAck { stream_sequence, ack_time, deliveries, .. } => {
                assert_eq!((stream_sequence, deliveries), (1, 1));
                assert!(ack_time > Duration::ZERO);
                Some(())
            }
            _ => None,
        })
        .await;
    heard
        .first("the termination", |advisory| match &advisory.kind {
            AdvisoryKind::Terminated { stream_sequence, reason, .. } => {
                assert_eq!((*stream_sequence, reason.as_deref()), (2, Some("no good")));
                Some(())
            }
            _ => None,
        })
        .await;
    heard
        .first("the one given back", |advisory| match advisory.kind {
            AdvisoryKind::Nak { stream_sequence, .. } => {
                assert_eq!(stream_sequence, 3);
                Some(())
            }
            _ => None,
        })
        .await;
    // Who pulls again has the server look at what is out.
    let _more = consumer.fetch::<Untyped>(1).await.expect("asked");
    heard
        .first("the one too much", |advisory| match advisory.kind {
            AdvisoryKind::MaxDeliver { stream_sequence, deliveries, .. } => {
                assert!(stream_sequence >= 3 && deliveries == 1);
                Some(())
            }
            _ => None,
        })
        .await;
}

#[tokio::test]
async fn a_batch_that_is_given_up_and_a_consumer_that_pauses_are_told() {
    let stage = Stage::new().await;
    let mut heard = Heard::on(&stage.js).await;
    let config = StreamConfig::new("S").subjects(["s"]).allow_atomic_publish(true);
    let stream = stage.js.create_stream(config).await.expect("made");
    for sequence in ["1", "3"] {
        let publish = stage.client.connection().publish("s", "x").header("Nats-Batch-Id", "b7");
        publish.header("Nats-Batch-Sequence", sequence).await.expect("sent");
    }
    heard
        .first("the batch", |advisory| match &advisory.kind {
            AdvisoryKind::StreamBatchAbandoned { stream, batch, reason, .. } => {
                assert_eq!((stream.as_str(), batch.as_str()), ("S", "b7"));
                assert_eq!(*reason, BatchAbandoned::Incomplete);
                Some(())
            }
            _ => None,
        })
        .await;
    let mut config = ConsumerConfig::durable("c");
    config.pause_until = Some(SystemTime::now() + Duration::from_secs(60));
    stream.create_consumer(config).await.expect("made");
    heard
        .first("the pause", |advisory| match &advisory.kind {
            AdvisoryKind::ConsumerPause { consumer, paused, pause_until, .. } => {
                assert!(*paused && pause_until.is_some());
                assert_eq!(consumer, "c");
                Some(())
            }
            _ => None,
        })
        .await;
}

#[tokio::test]
async fn what_somebody_else_publishes_there_is_handed_over_as_it_came() {
    let stage = Stage::new().await;
    let mut heard = Heard::on(&stage.js).await;
    let subject = "$JS.EVENT.ADVISORY.MINE";
    stage.client.connection().publish(subject, "hello").await.expect("sent");
    heard
        .first("it", |advisory| match &advisory.kind {
            AdvisoryKind::Other { kind, json, .. } => {
                assert_eq!((kind.as_str(), json.as_str()), (subject, "hello"));
                Some(())
            }
            _ => None,
        })
        .await;
}

#[tokio::test]
async fn who_may_not_listen_is_told_so() {
    let users = [("a", "a", r#"subscribe: { deny: "$JS.EVENT.>" }"#)];
    let server = Server::builder().jetstream().users(&users).start();
    let client = Client::connect(server.nats_url().replace("://", "://a:a@")).await;
    let client = client.expect("it connects");
    let error = client.jetstream().advisories().await.expect_err("denied");
    assert!(matches!(error, SubscribeError::Denied(_)), "{error:?}");
}

#[tokio::test]
async fn a_cluster_tells_of_its_leaders_and_of_the_alternates_of_a_stream() {
    let cluster = Cluster::with(3, natsws_tests::ServerBuilder::jetstream);
    let client = Client::connect(cluster.urls(Transport::Tcp)).await.expect("it connects");
    let js = client.jetstream().with_timeout(Duration::from_secs(20));
    let mut heard = Heard::on(&js).await;
    let stream = js.create_stream(StreamConfig::new("S").replicas(3)).await.expect("made");
    let leader = heard
        .first("the leader", |advisory| match &advisory.kind {
            AdvisoryKind::StreamLeaderElected { stream, leader, replicas, .. } => {
                assert_eq!((stream.as_str(), replicas.len()), ("S", 3));
                Some(leader.clone())
            }
            _ => None,
        })
        .await;
    let info = stream.info().await.expect("there");
    assert_eq!(info.cluster.expect("it is one").leader, Some(leader));
    // Who has mirrors has alternates, and each may be the nearest.
    let mirror = js.create_stream(StreamConfig::new("M").mirror(Source::new("S"))).await;
    mirror.expect("made");
    eventually("the alternates", async || {
        let alternates = stream.alternates().await.expect("asked");
        let mut names: Vec<_> = alternates.iter().map(|other| other.name.as_str()).collect();
        let best = stream.best().await.expect("asked");
        // In between another may have become the nearest.
        let is_first = names.first().is_some_and(|first| *first == best.name());
        names.sort_unstable();
        (is_first && names == ["M", "S"]).then_some(())
    })
    .await;
    let placement = Placement::new().tags(["on:the-moon"]);
    let nowhere = js.create_stream(StreamConfig::new("T").placement(placement)).await;
    let error = nowhere.expect_err("no server is there");
    assert_eq!(error.err_code(), Some(10005), "{error:?}");
    let advice = "; ask for fewer replicas, or for a placement that the cluster has";
    assert!(error.to_string().ends_with(advice), "{error}");
}
