//! Streams: made, changed, listed, looked into, purged, sealed, and fed by other streams.

use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use natsws::Client;
use natsws::jetstream::{
    ApiError, Compression, ConfigError, ConsumerConfig, Discard, JetStreamError, Republish, Source,
    Storage, Stream, StreamConfig, SubjectTransform, Untyped,
};
use natsws_tests::{Server, eventually, within};

use crate::stage::{OrderCreated, Stage};

fn memory(name: &str) -> StreamConfig {
    StreamConfig::new(name).storage(Storage::Memory)
}

async fn publish(client: &Client, subject: &str, count: u64) {
    for _ in 0..count {
        client.connection().publish(subject, "x").await.expect("sent");
    }
    client.flush().await.expect("flushed");
}

/// As soon as the stream has so many messages.
async fn has(stream: &Stream, messages: u64) {
    eventually("the messages", async || {
        let state = stream.info().await.expect("there").state;
        (state.messages == messages).then_some(())
    })
    .await;
}

/// Three messages each of `s.a`, `s.b` and `s.c`, one after the other.
async fn nine(stage: &Stage) -> Stream {
    let stream = stage.js.create_stream(memory("S").subjects(["s.*"])).await.expect("made");
    for _ in 0..3 {
        for subject in ["s.a", "s.b", "s.c"] {
            publish(&stage.client, subject, 1).await;
        }
    }
    has(&stream, 9).await;
    stream
}

fn refused_with(error: &JetStreamError, code: u32) {
    assert_eq!(error.err_code(), Some(code), "{error:?}");
}

#[tokio::test]
async fn a_stream_is_as_it_was_made_until_it_is_changed_or_deleted() {
    let stage = Stage::new().await;
    let made = stage.js.create_stream(memory("S").subjects(["a"])).await.expect("made");
    let found = stage.js.stream("S").await.expect("there");
    assert_eq!(made.cached_info().config, found.cached_info().config);
    assert_eq!(made.cached_info().created, found.cached_info().created);
    assert_eq!(made.cached_info().state, found.cached_info().state);
    let same = stage.js.create_stream(memory("S").subjects(["a"])).await.expect("the same");
    assert_eq!(same.cached_info().created, made.cached_info().created);
    let other = stage.js.create_stream(memory("S").subjects(["b"])).await.expect_err("refused");
    refused_with(&other, ApiError::STREAM_NAME_IN_USE);
    let overlap = stage.js.create_stream(memory("T").subjects(["a"])).await.expect_err("refused");
    refused_with(&overlap, ApiError::SUBJECTS_OVERLAP);
    made.delete().await.expect("deleted");
    assert!(made.info().await.expect_err("gone").is_not_found());
    assert!(made.delete().await.expect_err("gone").is_not_found());
    assert!(stage.js.stream("S").await.expect_err("gone").is_not_found());
}

#[tokio::test]
async fn an_update_changes_what_it_says_and_keeps_the_rest() {
    let stage = Stage::new().await;
    let config = memory("S").subjects(["a"]).max_messages(10).max_age(Duration::from_secs(60));
    let stream = stage.js.create_stream(config.description("it is mine")).await.expect("made");
    let changed = stream.update(|config| config.subjects(["a", "b"])).await.expect("changed");
    let config = &changed.cached_info().config;
    assert_eq!(config.subjects, ["a", "b"]);
    assert_eq!((config.max_messages, config.max_age), (Some(10), Some(Duration::from_secs(60))));
    assert_eq!(config.description.as_deref(), Some("it is mine"));
    publish(&stage.client, "b", 1).await;
    has(&stream, 1).await;
    let all = |config: StreamConfig| {
        config
            .description("yours")
            .max_messages(None)
            .max_bytes(10_000)
            .max_age(None)
            .max_message_size(100)
            .max_messages_per_subject(5)
            .max_consumers(3)
            .discard(Discard::New)
            .deny_delete(true)
            .allow_rollup(true)
            .allow_direct(true)
            .duplicate_window(Duration::from_secs(5))
    };
    let changed = stream.update(all).await.expect("changed");
    let wanted = all(config.clone());
    assert_eq!(changed.cached_info().config, wanted);
    let storage = stream.update(|config| config.storage(Storage::File)).await;
    assert!(storage.is_err(), "{storage:?}");
    let gone = stage.js.update_stream(memory("NONE")).await.expect_err("refused");
    assert!(gone.is_not_found(), "{gone:?}");
}

#[tokio::test]
async fn names_that_nothing_can_have_are_refused_by_every_call() {
    let stage = Stage::new().await;
    let js = &stage.js;
    let before = stage.client.connection().stats().out_msgs;
    for name in ["", "a.b", "a*", "a>", "a/b", "a\\b", "a b", "a\tb", "a\r", "a\n"] {
        let wrong = |error: JetStreamError| {
            let is_name = matches!(
                error,
                JetStreamError::Name(_) | JetStreamError::Config(ConfigError::Name(_))
            );
            assert!(is_name, "{error:?}");
        };
        wrong(js.create_stream(StreamConfig::new(name)).await.expect_err("refused"));
        wrong(js.update_stream(StreamConfig::new(name)).await.expect_err("refused"));
        wrong(js.create_or_update_stream(StreamConfig::new(name)).await.expect_err("refused"));
        wrong(js.stream(name).await.expect_err("refused"));
        wrong(js.delete_stream(name).await.expect_err("refused"));
        wrong(js.consumer(name, "c").await.expect_err("refused"));
        wrong(js.consumer("S", name).await.expect_err("refused"));
    }
    assert_eq!(stage.client.connection().stats().out_msgs, before, "nothing was sent");
}

#[tokio::test]
async fn an_empty_account_has_empty_lists() {
    let stage = Stage::new().await;
    let mut streams = stage.js.streams();
    assert!(within("the end", streams.next()).await.is_none());
    assert!(streams.next().await.is_none(), "the end stays the end");
    assert!(within("the end", stage.js.stream_names().next()).await.is_none());
    let stream = stage.js.create_stream(memory("S")).await.expect("made");
    assert!(within("the end", stream.consumers().next()).await.is_none());
    assert!(within("the end", stream.consumer_names().next()).await.is_none());
    stream.delete().await.expect("deleted");
    let mut consumers = stream.consumers();
    let error = within("the error", consumers.next()).await.expect("one").expect_err("gone");
    assert!(error.is_not_found(), "{error:?}");
    assert!(consumers.next().await.is_none(), "an error is the end");
}

#[tokio::test]
async fn lists_go_on_over_many_pages() {
    let stage = Stage::new().await;
    let name = |index: usize| format!("S{index:03}");
    for index in 0..300 {
        let config = memory(&name(index)).subjects([format!("s.{index}")]);
        stage.js.create_stream(config).await.expect("made");
    }
    let expected: Vec<_> = (0..300).map(name).collect();
    let streams: Vec<Stream> = stage.js.streams().try_collect().await.expect("listed");
    assert_eq!(streams.iter().map(|stream| stream.name().to_owned()).collect::<Vec<_>>(), expected);
    let names: Vec<String> = stage.js.stream_names().try_collect().await.expect("listed");
    assert_eq!(names, expected);
    let stream = &streams[0];
    for index in 0..300 {
        let config = ConsumerConfig::durable(name(index)).memory_storage(true);
        stream.create_consumer(config).await.expect("made");
    }
    let infos: Vec<_> = stream.consumers().try_collect().await.expect("listed");
    assert_eq!(infos.iter().map(|info| info.name.clone()).collect::<Vec<_>>(), expected);
    let names: Vec<String> = stream.consumer_names().try_collect().await.expect("listed");
    assert_eq!(names, expected);
    assert_eq!(stage.js.account_info().await.expect("there").streams, 300);
}

#[tokio::test]
async fn streams_are_found_by_what_they_keep() {
    let stage = Stage::new().await;
    for (name, subjects) in [("A", ["a.>", "x.1"]), ("B", ["b.>", "x.2"]), ("C", ["c.>", "c"])] {
        stage.js.create_stream(memory(name).subjects(subjects)).await.expect("made");
    }
    let names = async |subject: &str| -> Vec<String> {
        stage.js.stream_names_of(subject).try_collect().await.expect("listed")
    };
    assert_eq!(names("x.*").await, ["A", "B"]);
    assert_eq!(names("c").await, ["C"]);
    assert_eq!(names(">").await, ["A", "B", "C"]);
    assert_eq!(names("d").await, [""; 0]);
    let streams: Vec<Stream> = stage.js.streams_of("x.*").try_collect().await.expect("listed");
    assert_eq!(streams.iter().map(Stream::name).collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(stage.js.stream_by_subject("b.1.2").await.expect("found").name(), "B");
    match stage.js.stream_by_subject("d.1").await {
        Err(JetStreamError::StreamNotFound { name }) => assert_eq!(name, "d.1"),
        other => panic!("{other:?}"),
    }
    let error = stage.js.stream_by_subject("x.*").await.expect_err("refused");
    assert_eq!(
        error.to_string(),
        r#"several streams have subjects that "x.*" matches, as "A" and "B": name one of them"#
    );
    let error = stage.js.stream_by_subject("a..b").await.expect_err("refused");
    assert!(matches!(error, JetStreamError::Subject(_)), "{error:?}");
}

#[tokio::test]
async fn a_purge_deletes_what_it_is_told_and_says_how_much() {
    let stage = Stage::new().await;
    let numbers = async |stream: &Stream| {
        let now = stream.info().await.expect("there").state;
        (now.messages, now.first_sequence, now.last_sequence)
    };
    let stream = nine(&stage).await;
    assert_eq!(stream.purge().before_sequence(1).await.expect("purged"), 0);
    assert_eq!(stream.purge().before_sequence(4).await.expect("purged"), 3);
    assert_eq!(numbers(&stream).await, (6, 4, 9));
    assert_eq!(stream.purge().filter("s.a").before_sequence(5).await.expect("purged"), 1);
    assert_eq!(stream.purge().filter("s.b").keep(1).await.expect("purged"), 1);
    assert_eq!(stream.purge().filter("s.c").await.expect("purged"), 2);
    assert_eq!(numbers(&stream).await, (2, 7, 9));
    assert_eq!(stream.purge().keep(1).await.expect("purged"), 1);
    assert_eq!(stream.purge().keep(0).await.expect("purged"), 1);
    assert_eq!(stream.purge().await.expect("purged"), 0);
    stream.delete().await.expect("deleted");
    let stream = nine(&stage).await;
    assert_eq!(stream.purge().filter("s.*").keep(1).await.expect("purged"), 8);
    assert_eq!(stream.purge().await.expect("purged"), 1);
    assert_eq!(numbers(&stream).await, (0, 10, 9));
}

#[tokio::test]
async fn a_purge_that_contradicts_itself_deletes_nothing() {
    let stage = Stage::new().await;
    let stream = nine(&stage).await;
    let error = stream.purge().keep(1).before_sequence(4).await.expect_err("refused");
    assert_eq!(
        error.to_string(),
        "`keep` and `before_sequence` exclude each other: leave one of them out"
    );
    let error = stream.purge().before_sequence(0).await.expect_err("refused");
    assert!(matches!(error, JetStreamError::Config(ConfigError::Value { .. })), "{error:?}");
    let error = stream.purge().filter("a..b").await.expect_err("refused");
    assert!(matches!(error, JetStreamError::Subject(_)), "{error:?}");
    has(&stream, 9).await;
    stream.delete().await.expect("deleted");
    assert!(stream.purge().await.expect_err("gone").is_not_found());
}

#[tokio::test]
async fn an_info_has_subjects_and_deleted_messages_where_that_is_asked_for() {
    let stage = Stage::new().await;
    let stream = nine(&stage).await;
    stream.delete_message(2).await.expect("deleted");
    stream.delete_message(5).await.expect("deleted");
    let plain = stream.info().await.expect("there").state;
    assert_eq!((plain.num_subjects, plain.num_deleted), (3, 2));
    assert!(plain.subjects.is_empty() && plain.deleted.is_empty());
    let info = stream.info().with_subjects("s.*").with_deleted().await.expect("there");
    let subjects: Vec<_> = info.state.subjects.into_iter().collect();
    let expected = [("s.a", 3), ("s.b", 1), ("s.c", 3)];
    assert_eq!(subjects, expected.map(|(subject, count)| (subject.to_owned(), count)));
    assert_eq!(info.state.deleted, [2, 5]);
    let one = stream.info().with_subjects("s.b").await.expect("there");
    assert_eq!(one.state.subjects.into_iter().collect::<Vec<_>>(), [("s.b".to_owned(), 1)]);
    let error = stream.info().with_subjects("a..b").await.expect_err("refused");
    assert!(matches!(error, JetStreamError::Subject(_)), "{error:?}");
}

#[tokio::test]
async fn all_subjects_are_collected_over_pages() {
    let stage = Stage::new().await;
    let stream = stage.js.create_stream(memory("S").subjects(["s.*"])).await.expect("made");
    // One more than a server says at once.
    let count = 100_001;
    for index in 0..count {
        stage.client.connection().publish(&format!("s.{index}"), "").await.expect("sent");
    }
    stage.client.flush().await.expect("flushed");
    has(&stream, count).await;
    let info = stream.info().with_subjects(">").await.expect("there");
    assert_eq!(info.state.subjects.len(), 100_001);
    assert!(info.state.subjects.values().all(|messages| *messages == 1));
}

#[tokio::test]
async fn a_full_stream_that_takes_nothing_new_says_so_until_it_is_purged() {
    let stage = Stage::new().await;
    let config = memory("ORDERS").subjects(["orders.>"]).discard(Discard::New).max_messages(1);
    let stream = stage.js.create_stream(config).await.expect("made");
    stage.js.publish(&OrderCreated::new("eu", 1)).await.expect("stored");
    let error = stage.js.publish(&OrderCreated::new("eu", 2)).await.expect_err("it is full");
    let chain = std::error::Error::source(&error).expect("why").to_string();
    assert_eq!(
        chain,
        "maximum messages exceeded (code 503, error 10077); \
         purge the stream, raise its limits, or let it discard old messages"
    );
    assert_eq!(stream.purge().await.expect("purged"), 1);
    stage.js.publish(&OrderCreated::new("eu", 2)).await.expect("stored");
}

#[tokio::test]
async fn a_sealed_stream_is_read_and_nothing_in_it_changes() {
    let stage = Stage::new().await;
    let stream = nine(&stage).await;
    let sealed = stream.update(|config| config.sealed(true)).await.expect("sealed");
    assert!(sealed.cached_info().config.sealed);
    let error = stream.delete_message(1).await.expect_err("sealed");
    refused_with(&error, 10109);
    assert!(error.to_string().ends_with("the stream is sealed for good: nothing in it changes"));
    refused_with(&stream.purge().await.expect_err("sealed"), 10109);
    let error = stream.update(|config| config.sealed(false)).await.expect_err("for good");
    assert!(matches!(error, JetStreamError::Api(_)), "{error:?}");
    assert!(stream.message::<Untyped>(1).await.expect("read").is_some());
}

#[tokio::test]
async fn what_a_stream_denies_is_refused() {
    let stage = Stage::new().await;
    let config = memory("S").subjects(["s.*"]).deny_delete(true).deny_purge(true);
    let stream = stage.js.create_stream(config).await.expect("made");
    publish(&stage.client, "s.a", 2).await;
    has(&stream, 2).await;
    let error = stream.delete_message(1).await.expect_err("denied");
    refused_with(&error, ApiError::DELETE_FAILED);
    assert!(error.to_string().starts_with("message delete not permitted"), "{error}");
    refused_with(&stream.purge().await.expect_err("denied"), 10110);
    has(&stream, 2).await;
}

#[tokio::test]
async fn a_stream_begins_with_the_number_that_it_is_told() {
    let stage = Stage::new().await;
    let config = memory("ORDERS").subjects(["orders.>"]).first_sequence(50);
    stage.js.create_stream(config).await.expect("made");
    let ack = stage.js.publish(&OrderCreated::new("eu", 1)).await.expect("stored");
    assert_eq!(ack.sequence, 50);
}

#[tokio::test]
async fn a_mirror_has_what_its_stream_has_and_is_an_alternate_of_it() {
    let stage = Stage::new().await;
    let stream = nine(&stage).await;
    let config = memory("M").mirror(Source::new("S")).allow_direct(true);
    let mirror = stage.js.create_stream(config).await.expect("made");
    has(&mirror, 9).await;
    assert_eq!(mirror.message::<Untyped>(3).await.expect("read").expect("there").subject(), "s.c");
    let info = mirror.info().await.expect("there");
    assert_eq!(info.mirror.expect("it is one").name, "S");
    // Only a cluster says which of them is nearer.
    assert_eq!(stream.alternates().await.expect("asked").len(), 0);
    assert_eq!(stream.best().await.expect("asked").name(), "S");
    let promoted = mirror.update(|mut config| {
        config.mirror = None;
        config
    });
    assert_eq!(promoted.await.expect("it stands alone").cached_info().config.mirror, None);
}

#[tokio::test]
async fn sources_are_gathered_filtered_and_renamed() {
    let stage = Stage::new().await;
    nine(&stage).await;
    stage.js.create_stream(memory("T").subjects(["t.*"])).await.expect("made");
    publish(&stage.client, "t.1", 1).await;
    let renamed = SubjectTransform::new("t.*", "all.t.{{wildcard(1)}}");
    let sources =
        [Source::new("S").filter_subject("s.b"), Source::new("T").subject_transforms([renamed])];
    let stream = stage.js.create_stream(memory("ALL").sources(sources)).await.expect("made");
    has(&stream, 4).await;
    let info = stream.info().with_subjects(">").await.expect("there");
    let subjects: Vec<_> = info.state.subjects.into_iter().collect();
    assert_eq!(subjects, [("all.t.1".to_owned(), 1), ("s.b".to_owned(), 3)]);
    let mut names: Vec<_> = info.sources.into_iter().map(|source| source.name).collect();
    names.sort_unstable();
    assert_eq!(names, ["S", "T"]);
}

#[tokio::test]
async fn subjects_are_changed_as_messages_come_in_and_go_out_again() {
    let stage = Stage::new().await;
    let config = memory("S")
        .subjects(["in.*"])
        .subject_transform(SubjectTransform::new("in.*", "kept.{{wildcard(1)}}"))
        .republish(Republish::new("kept.*", "out.{{wildcard(1)}}"))
        .compression(Compression::None);
    let stream = stage.js.create_stream(config).await.expect("made");
    let mut out = stage.client.connection().subscribe("out.*").await.expect("subscribed");
    publish(&stage.client, "in.7", 1).await;
    let again = within("the message", out.next()).await.expect("one").expect("well formed");
    assert_eq!(again.subject(), "out.7");
    let headers = ["Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Last-Sequence"];
    let said: Vec<_> = headers.iter().map(|name| again.headers().get(name)).collect();
    assert_eq!(said, [Some("S"), Some("kept.7"), Some("1"), Some("0")]);
    let kept = stream.message::<Untyped>(1).await.expect("read").expect("there");
    assert_eq!(kept.subject(), "kept.7");
}

#[tokio::test]
async fn a_compressed_stream_has_its_messages_and_can_be_told_otherwise() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("S").subjects(["s"]).compression(Compression::S2);
    let stream = stage.js.create_stream(config).await.expect("made");
    assert_eq!(stream.cached_info().config.compression, Compression::S2);
    publish(&stage.client, "s", 3).await;
    has(&stream, 3).await;
    let plain = stream.update(|config| config.compression(Compression::None)).await;
    assert_eq!(plain.expect("changed").cached_info().config.compression, Compression::None);
}

#[tokio::test]
async fn rollups_leave_the_newest_where_they_are_allowed() {
    let stage = Stage::new().await;
    let stream = nine(&stage).await;
    let connection = stage.client.connection();
    let rollup = async |subject: &str, what: &str| {
        let asked = connection.request(subject, "new").header("Nats-Rollup", what);
        String::from_utf8_lossy(asked.await.expect("answered").payload()).into_owned()
    };
    assert!(rollup("s.a", "all").await.contains("error"), "not allowed");
    stream.update(|config| config.allow_rollup(true)).await.expect("changed");
    assert!(!rollup("s.a", "sub").await.contains("error"));
    has(&stream, 7).await;
    assert!(!rollup("s.a", "all").await.contains("error"));
    has(&stream, 1).await;
}

#[tokio::test]
async fn an_error_of_the_api_says_its_code_and_its_words() {
    let stage = Stage::new().await;
    let error = stage.js.create_stream(memory("S").replicas(3)).await.expect_err("refused");
    let JetStreamError::Api(error) = error else { panic!("{error:?}") };
    assert_eq!((error.code, error.err_code), (500, 10074));
    assert_eq!(error.description, "replicas > 1 not supported in non-clustered mode");
}

#[tokio::test]
async fn a_stream_has_consumers_that_can_be_deleted() {
    let stage = Stage::new().await;
    let stream = nine(&stage).await;
    stream.create_consumer(ConsumerConfig::durable("c")).await.expect("made");
    assert_eq!(stream.consumer("c").await.expect("there").stream(), "S");
    stream.delete_consumer("c").await.expect("deleted");
    match stream.delete_consumer("c").await {
        Err(JetStreamError::ConsumerNotFound { stream, name }) => {
            assert_eq!((stream.as_str(), name.as_str()), ("S", "c"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_account_says_what_it_uses_and_may_use() {
    let config = "
        accounts {
            A { jetstream { max_mem: 1000000, max_file: 2000000, max_streams: 2, max_consumers: 3 }
                users: [{ user: a, password: a }] }
        }";
    let server = Server::builder().jetstream().config(config).start();
    let url = server.nats_url().replace("nats://", "nats://a:a@");
    let client = Client::connect(url).await.expect("it connects");
    let js = client.jetstream();
    let stream = js.create_stream(memory("S").subjects(["s"])).await.expect("made");
    publish(&client, "s", 5).await;
    has(&stream, 5).await;
    let info = js.account_info().await.expect("there");
    assert_eq!((info.streams, info.consumers, info.storage), (1, 0, 0));
    assert!(info.memory > 0 && info.api.total >= 2 && info.api.level >= 2, "{info:?}");
    let limits = info.limits;
    assert_eq!((limits.max_memory, limits.max_storage), (1_000_000, 2_000_000));
    assert_eq!((limits.max_streams, limits.max_consumers), (2, 3));
    js.create_stream(memory("T")).await.expect("made");
    let error = js.create_stream(memory("U")).await.expect_err("too many");
    refused_with(&error, 10027);
    assert!(error.to_string().ends_with("raise the account's limit of streams, or delete some"));
}

#[tokio::test]
async fn a_message_can_be_kept_for_a_time_of_its_own() {
    let stage = Stage::new().await;
    let config = memory("ORDERS").subjects(["orders.>"]).allow_message_ttl(true);
    let stream = stage.js.create_stream(config).await.expect("made");
    let stored = stage.js.publish(&OrderCreated::new("eu", 1)).ttl(Duration::from_secs(1)).await;
    stored.expect("stored");
    let begin = SystemTime::now();
    has(&stream, 0).await;
    assert!(begin.elapsed().expect("time goes on") < Duration::from_secs(8));
    let back = stream.update(|config| config.allow_message_ttl(false)).await;
    assert!(back.is_err(), "it cannot be taken back: {back:?}");
}
