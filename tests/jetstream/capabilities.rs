//! What a server, an account or a user has not, and whether that is said by its name.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::TryStreamExt;
use natsws::jetstream::{
    ApiError, Compression, ConsumeError, ConsumerConfig, ConsumerLimits, JetStream, JetStreamError,
    PersistMode, PriorityPolicy, Source, SourceConsumer, Storage, Stream, StreamConfig,
    SubjectTransform, Untyped,
};
use natsws::{Client, ConnectOptions};
use natsws_tests::{ReservedPort, Scripted, Server, eventually, info_with, within};
use serde_json::{Value, json};

use crate::stage::{OrderCreated, Stage};

/// What needs a newer server, with the version.
fn newer() -> Vec<(StreamConfig, &'static str, &'static str)> {
    let config = || StreamConfig::new("S");
    let transform = || SubjectTransform::new("a.*", "b.{{wildcard(1)}}");
    let limits = ConsumerLimits::new().max_ack_pending(5);
    let transformed = Source::new("T").subject_transforms([transform()]);
    let mirrored = transformed.clone();
    let durable = || Source::new("T").consumer(SourceConsumer::new("c", "deliver"));
    let transforms = "`subject_transforms` of a mirror or source";
    let consumer = "the `consumer` of a mirror or source";
    vec![
        (config().allow_direct(true), "`allow_direct`", "2.9.0"),
        (config().metadata([("a", "b")]), "`metadata`", "2.10.0"),
        (config().first_sequence(50), "`first_sequence`", "2.10.0"),
        (config().compression(Compression::S2), "`compression`", "2.10.0"),
        (config().consumer_limits(limits), "`consumer_limits`", "2.10.0"),
        (config().subject_transform(transform()), "`subject_transform`", "2.10.0"),
        (config().sources([transformed]), transforms, "2.10.0"),
        (config().mirror(mirrored), transforms, "2.10.0"),
        (config().allow_message_ttl(true), "`allow_message_ttl`", "2.11.0"),
        (config().allow_message_counter(true), "`allow_message_counter`", "2.12.0"),
        (config().allow_atomic_publish(true), "`allow_atomic_publish`", "2.12.0"),
        (config().allow_message_schedules(true), "`allow_message_schedules`", "2.12.0"),
        (config().persist_mode(PersistMode::Async), "`PersistMode::Async`", "2.12.0"),
        (config().allow_batch_publish(true), "`allow_batch_publish`", "2.14.0"),
        (config().sources([durable()]), consumer, "2.14.0"),
    ]
}

/// A client of a server of this version, which answers nothing but pings.
async fn of_version(version: &str) -> (Client, tokio::task::JoinHandle<()>) {
    let scripted = Scripted::start();
    let url = scripted.url();
    let info = info_with(json!({ "version": version, "jetstream": true }));
    let peer = tokio::spawn(async move {
        let mut peer = scripted.accept().await;
        peer.handshake(&info).await;
        std::future::pending::<()>().await;
    });
    let connecting = ConnectOptions::new().request_timeout(Duration::from_secs(1)).connect(url);
    let client = within("connecting", connecting.into_future()).await.expect("it connects");
    (client, peer)
}

#[tokio::test]
async fn an_old_server_is_not_asked_for_what_it_does_not_know() {
    let (client, peer) = of_version("2.8.4").await;
    let js = client.jetstream();
    let before = client.connection().stats().out_msgs;
    for (config, feature, needs) in newer() {
        let error = js.create_stream(config.clone()).await.expect_err("refused");
        let text = format!("{feature} needs a server of version {needs}, this one has \"2.8.4\"");
        assert_eq!(error.to_string(), text);
        let error = js.update_stream(config).await.expect_err("refused");
        assert!(matches!(error, JetStreamError::Unsupported { .. }), "{error:?}");
    }
    assert_eq!(client.connection().stats().out_msgs, before, "nothing was sent");
    peer.abort();
}

#[tokio::test]
async fn a_server_that_makes_no_consumers_by_their_names_is_not_read_in_order() {
    let (client, peer) = of_version("2.8.4").await;
    let before = client.connection().stats().out_msgs;
    match client.jetstream().ordered::<Untyped>("S").await.map(drop) {
        Err(ConsumeError::JetStream(JetStreamError::Unsupported { feature, needs, has })) => {
            assert_eq!((feature, needs), ("making a consumer by its name", "2.9.0"));
            assert_eq!(has, "2.8.4");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(client.connection().stats().out_msgs, before, "nothing was sent");
    peer.abort();
}

#[tokio::test]
async fn a_version_has_what_came_with_it_or_before() {
    let number = |version: &str| -> Vec<u32> {
        version.split('.').map(|part| part.parse().expect("a number")).collect()
    };
    for version in ["2.9.25", "2.10.29", "2.11.0", "2.12.1"] {
        let (client, peer) = of_version(version).await;
        let js = client.jetstream().with_timeout(Duration::from_millis(50));
        for (config, feature, needs) in newer() {
            let error = js.create_stream(config).await.expect_err("nobody answers");
            let is_new = matches!(error, JetStreamError::Unsupported { .. });
            assert_eq!(
                is_new,
                number(version) < number(needs),
                "{feature} on {version}: {error:?}"
            );
        }
        peer.abort();
    }
}

/// An API below a prefix of its own, whose answers are up to the test: `None` is none at all.
async fn api(
    stage: &Stage,
    answer: impl Fn(&str, &natsws::Msg) -> Option<Value> + Send + 'static,
) -> JetStream {
    let mut asked = stage.client.connection().subscribe("TEST.API.>").await.expect("subscribed");
    tokio::spawn(async move {
        while let Some(Ok(msg)) = asked.next().await {
            let operation = msg.subject().strip_prefix("TEST.API.").expect("it is below");
            if let Some(answer) = answer(operation, &msg) {
                msg.respond(answer.to_string()).await.expect("sent");
            }
        }
    });
    stage.js.clone().with_prefix("TEST.API.").expect("a prefix")
}

fn info_of(msg: &natsws::Msg) -> Value {
    let config: Value = serde_json::from_slice(msg.payload()).expect("JSON");
    json!({ "config": config, "created": "2026-01-02T03:04:05Z", "state": {} })
}

#[tokio::test]
async fn the_level_of_the_api_is_asked_for_where_an_option_needs_it() {
    let stage = Stage::new().await;
    let levels = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&levels);
    let js = api(&stage, move |operation, msg| {
        let level = msg.headers().get("Nats-Required-Api-Level").map(str::to_owned);
        heard.lock().expect("not poisoned").push(level);
        Some(if operation.starts_with("CONSUMER") {
            let body: Value = serde_json::from_slice(msg.payload()).expect("JSON");
            let name = body["config"]["durable_name"].clone();
            json!({ "stream_name": "S", "name": name, "config": body["config"],
                    "created": "2026-01-02T03:04:05Z" })
        } else {
            info_of(msg)
        })
    })
    .await;
    let plain = StreamConfig::new("S").allow_direct(true);
    let stream = js.create_stream(plain.clone()).await.expect("made");
    js.create_stream(plain.clone().allow_message_ttl(true)).await.expect("made");
    let counter = plain.clone().allow_message_counter(true);
    js.create_stream(counter.clone()).await.expect("made");
    js.update_stream(counter.allow_batch_publish(true)).await.expect("made");
    js.update_stream(plain.description("nothing new")).await.expect("made");
    let durable = || ConsumerConfig::durable("c");
    stream.create_consumer(durable()).await.expect("made");
    let mut groups = durable();
    groups.priority_groups = vec!["a".to_owned()];
    groups.priority_policy = PriorityPolicy::Overflow;
    stream.create_consumer(groups.clone()).await.expect("made");
    groups.priority_policy = PriorityPolicy::Prioritized;
    stream.update_consumer(groups).await.expect("made");
    let levels = levels.lock().expect("not poisoned").clone();
    let expected = [None, Some("1"), Some("2"), Some("4"), None, None, Some("1"), Some("2")];
    assert_eq!(levels, expected.map(|level| level.map(str::to_owned)));
}

#[tokio::test]
async fn an_api_of_another_domain_that_is_too_old_is_named_by_its_answer() {
    let stage = Stage::new().await;
    let js = api(&stage, |operation, msg| {
        // The one refuses, the other leaves out what it does not know.
        Some(if operation == "STREAM.CREATE.NEW" {
            json!({ "error": { "code": 412, "err_code": 10185,
                               "description": "JetStream minimum api level required" } })
        } else {
            let mut info = info_of(msg);
            info["config"].as_object_mut().expect("an object").remove("compression");
            info
        })
    })
    .await;
    let atomic = StreamConfig::new("NEW").allow_atomic_publish(true);
    assert_eq!(
        js.create_stream(atomic).await.expect_err("refused").to_string(),
        "`allow_atomic_publish` needs a server of version 2.12.0, this one has \"an older API\""
    );
    let compressed = StreamConfig::new("OLD").compression(Compression::S2).allow_direct(true);
    assert_eq!(
        js.create_stream(compressed).await.expect_err("left out").to_string(),
        "`compression` needs a server of version 2.10.0, this one has \"an older version\""
    );
}

#[tokio::test]
async fn an_old_server_is_not_asked_for_many_messages_nor_for_one_by_time() {
    let scripted = Scripted::start();
    let url = scripted.url();
    let peer = tokio::spawn(async move {
        let mut peer = scripted.accept().await;
        let info = json!({ "version": "2.10.29", "jetstream": true });
        peer.handshake(&info_with(info)).await;
        let subject = "$JS.API.STREAM.INFO.S";
        let line = peer.skip_to_line(&format!("PUB {subject} ")).await;
        let reply = line.split(' ').nth(2).expect("it wants an answer").to_owned();
        let config = json!({ "name": "S", "allow_direct": true });
        let info = json!({ "config": config, "created": "2026-01-02T03:04:05Z", "state": {} });
        let info = info.to_string();
        peer.send(format!("MSG {reply} 1 {}\r\n{info}\r\n", info.len())).await;
        std::future::pending::<()>().await;
    });
    let client = within("connecting", Client::connect(url)).await.expect("it connects");
    let stream = within("the stream", client.jetstream().stream("S")).await.expect("there");
    let needs = |error: JetStreamError, feature: &str| {
        let text = format!("{feature} needs a server of version 2.11.0, this one has \"2.10.29\"");
        assert_eq!(error.to_string(), text);
    };
    let batch = "reading several messages at once";
    needs(stream.messages::<Untyped>().await.expect_err("refused"), batch);
    needs(stream.last_messages::<Untyped>(["a"]).await.expect_err("refused"), batch);
    let since = stream.next_message::<Untyped>("a", std::time::SystemTime::now()).await;
    needs(since.expect_err("refused"), "reading a message by time");
    peer.abort();
}

#[tokio::test]
async fn an_api_that_knows_no_batches_is_told_by_its_first_message() {
    let stage = Stage::new().await;
    let js = api(&stage, |operation, _msg| match operation {
        "STREAM.INFO.S" => Some(json!({
            "config": { "name": "S", "allow_direct": true },
            "created": "2026-01-02T03:04:05Z", "state": {},
        })),
        _ => None,
    })
    .await;
    let mut asked = stage.client.connection().subscribe("TEST.API.DIRECT.GET.S").await;
    let asked = asked.as_mut().expect("subscribed");
    let stream = js.stream("S").await.expect("there");
    let mut messages = stream.messages::<Untyped>().await.expect("asked");
    let request = within("the request", asked.next()).await.expect("one").expect("well formed");
    let answer = request.respond("x").header("Nats-Stream", "S").header("Nats-Subject", "a");
    let answer = answer.header("Nats-Sequence", "1");
    answer.header("Nats-Time-Stamp", "2022-08-06 00:29:27.5 +0000 UTC").await.expect("sent");
    let error = within("the answer", messages.next()).await.expect("one").expect_err("too old");
    assert_eq!(
        error.to_string(),
        "reading several messages at once needs a server of version 2.11.0, this one has \"an older version\""
    );
}

#[tokio::test]
async fn what_may_be_asked_twice_is_asked_again_when_nobody_answers() {
    let stage = Stage::new().await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    let js = api(&stage, move |operation, _msg| {
        let mut asked = heard.lock().expect("not poisoned");
        asked.push(operation.to_owned());
        let again = asked.iter().filter(|other| *other == operation).count() > 1;
        again.then(|| json!({ "streams": 7 }))
    })
    .await;
    assert_eq!(js.account_info().await.expect("answered").streams, 7);
    let js = js.with_timeout(Duration::from_millis(2500));
    let error = js.delete_stream("S").await.expect_err("nobody answers");
    assert_eq!(error.to_string(), "the server did not answer within 2.5s");
    let asked = asked.lock().expect("not poisoned").clone();
    assert_eq!(asked, ["INFO", "INFO", "STREAM.DELETE.S"], "what is done is not done twice");
}

#[tokio::test]
async fn streams_whose_servers_are_away_are_named_in_the_list() {
    let stage = Stage::new().await;
    let js = api(&stage, |_operation, msg| {
        let body: Value = serde_json::from_slice(msg.payload()).expect("JSON");
        let info = |name| {
            json!({ "config": { "name": name }, "created": "2026-01-02T03:04:05Z", "state": {} })
        };
        Some(match body["offset"].as_u64() {
            Some(0) => json!({ "total": 5, "limit": 3, "offset": 0, "streams": [info("A")],
                               "missing": ["C", "B"], "offline": { "B": "it is new" } }),
            _ => json!({ "total": 5, "limit": 3, "offset": 3, "streams": [info("D"), info("E")] }),
        })
    })
    .await;
    let mut streams = js.streams();
    let mut seen = Vec::new();
    while let Some(stream) = within("a stream", streams.next()).await {
        seen.push(match stream {
            Ok(stream) => stream.name().to_owned(),
            Err(error) => error.to_string(),
        });
    }
    let away = |name| {
        format!(
            "the servers of stream \"{name}\" do not answer: wait until its cluster has a leader, or look after its servers"
        )
    };
    assert_eq!(seen, ["A".to_owned(), away("B"), away("C"), "D".to_owned(), "E".to_owned()]);
}

const ACCOUNTS: &str = r#"
    accounts {
        HUB {
            jetstream: enabled
            users: [{ user: h, password: h }]
            exports: [
                { service: "$JS.API.>", response_type: stream }
                { service: "$JS.ACK.>", response_type: stream }
                { service: "orders.>" }
                { stream: "pushed.>" }
            ]
        }
        APP {
            users: [{ user: a, password: a }]
            imports: [
                { service: { account: HUB, subject: "$JS.API.>" }, to: "hub.API.>" }
                { service: { account: HUB, subject: "$JS.ACK.>" } }
                { service: { account: HUB, subject: "orders.>" } }
                { stream: { account: HUB, subject: "pushed.>" } }
            ]
        }
    }"#;

async fn client_of(server: &Server, user: &str) -> Client {
    let url = server.nats_url().replace("://", &format!("://{user}:{user}@"));
    within("connecting", Client::connect(url)).await.expect("it connects")
}

#[tokio::test]
async fn an_account_without_jetstream_says_so() {
    let server = Server::builder().jetstream().config(ACCOUNTS).start();
    let js = client_of(&server, "a").await.jetstream().with_timeout(Duration::from_secs(1));
    let error = js.account_info().await.expect_err("not enabled");
    assert!(error.is_not_enabled(), "{error:?}");
    assert!(error.to_string().starts_with("JetStream is not available at `$JS.API`"), "{error}");
    if let Some(source) = error.source() {
        assert!(source.to_string().contains("not enabled for account"), "{source}");
        assert_eq!(error.err_code(), Some(ApiError::NOT_ENABLED_FOR_ACCOUNT));
    }
}

#[tokio::test]
async fn a_domain_that_does_not_exist_is_named() {
    let stage = Stage::new().await;
    let js = stage.js.clone().with_domain("nowhere").expect("a name");
    let error = js.account_info().await.expect_err("there is none");
    assert_eq!(
        error.to_string(),
        "JetStream is not available at `$JS.nowhere.API`: enable it on the server and for the account, or correct the domain"
    );
}

#[tokio::test]
async fn a_stream_of_another_account_is_used_as_ones_own() {
    let server = Server::builder().jetstream().config(ACCOUNTS).start();
    let client = client_of(&server, "a").await;
    let js = client.jetstream().with_prefix("hub.API").expect("a prefix");
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]).storage(Storage::Memory);
    let stream = js.create_stream(config.allow_direct(true)).await.expect("made");
    for id in 1..=3 {
        js.publish(&OrderCreated::new("eu", id)).await.expect("stored");
    }
    assert_eq!(js.account_info().await.expect("there").streams, 1);
    let names: Vec<String> = js.stream_names().try_collect().await.expect("listed");
    assert_eq!(names, ["ORDERS"]);
    let order = stream.message::<OrderCreated>(2).await.expect("read").expect("there");
    assert_eq!(order.id, 2);
    let order = stream.last_message::<OrderCreated>("orders.eu.created").from_leader().await;
    assert_eq!(order.expect("read").expect("there").id, 3);
    let orders = stream.messages::<OrderCreated>().await.expect("reading");
    let orders: Vec<_> = within("the orders", orders.try_collect()).await.expect("read");
    assert_eq!(orders.iter().map(|order| order.id).collect::<Vec<_>>(), [1, 2, 3]);
    let consumer = stream.create_consumer(ConsumerConfig::durable("c")).await.expect("made");
    let mut fetch = consumer.fetch::<OrderCreated>(3).await.expect("asked");
    while let Some(order) = within("an order", fetch.next()).await {
        order.expect("read").ack_confirmed().await.expect("confirmed");
    }
    assert_eq!(consumer.info().await.expect("there").ack_floor.stream_sequence, 3);
    let stream = stream.update(|config| config.description("theirs")).await.expect("changed");
    assert!(stream.delete_message(1).await.expect("deleted"));
    assert_eq!(stream.purge().await.expect("purged"), 2);
    stream.delete_consumer("c").await.expect("deleted");
    stream.delete().await.expect("deleted");
    let own = client_of(&server, "h").await.jetstream();
    assert!(own.stream("ORDERS").await.expect_err("gone").is_not_found());
}

#[tokio::test]
async fn a_consumer_of_another_account_pushes_here() {
    let server = Server::builder().jetstream().config(ACCOUNTS).start();
    let (hub, app) = (client_of(&server, "h").await, client_of(&server, "a").await);
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]).storage(Storage::Memory);
    let stream = hub.jetstream().create_stream(config).await.expect("made");
    let config = ConsumerConfig::durable("c").deliver_subject("pushed.here");
    let pushing = stream.create_push_consumer(config).await.expect("made");
    let bound = app.jetstream().bound_push_consumer("pushed.here", None).expect("a subject");
    let mut orders = bound.messages::<OrderCreated>().await.expect("reading");
    for id in 1..=3 {
        hub.jetstream().publish(&OrderCreated::new("eu", id)).await.expect("stored");
    }
    for id in 1..=3 {
        let order = within("an order", orders.next()).await.expect("one").expect("read");
        assert_eq!(order.id, id);
        order.ack_confirmed().await.expect("confirmed");
    }
    assert_eq!(pushing.info().await.expect("there").ack_floor.stream_sequence, 3);
    // What it is does not concern who reads it.
    let js = app.jetstream().with_timeout(Duration::from_secs(1));
    assert!(js.push_consumer("ORDERS", "c").await.is_err());
}

#[tokio::test]
async fn a_domain_behind_a_leaf_node_is_used_by_its_name_and_can_be_mirrored() {
    let port = ReservedPort::new();
    let hub = format!("server_name: hub\nleafnodes {{ listen: \"127.0.0.1:{}\" }}", port.number());
    let remote = format!("[{{ url: \"nats://127.0.0.1:{}\" }}]", port.number());
    let leaf = format!("server_name: leaf\nleafnodes {{ remotes: {remote} }}");
    let _hub = Server::builder().config(&hub).domain("hub").start();
    let leaf = Server::builder().config(&leaf).domain("leaf").start();
    let client = Client::connect(leaf.nats_url()).await.expect("it connects");
    let own = client.jetstream();
    let hub = client.jetstream().with_domain("hub").expect("a name");
    eventually("the leaf node", async || hub.account_info().await.ok()).await;
    assert_eq!(own.account_info().await.expect("there").domain.as_deref(), Some("leaf"));
    assert_eq!(hub.account_info().await.expect("there").domain.as_deref(), Some("hub"));
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]);
    let stream = hub.create_stream(config).await.expect("made");
    let ack = hub.publish(&OrderCreated::new("eu", 1)).await.expect("stored");
    assert_eq!((ack.stream.as_str(), ack.domain.as_deref()), ("ORDERS", Some("hub")));
    let order = stream.message::<OrderCreated>(1).await.expect("read").expect("there");
    assert_eq!(order.region, "eu");
    assert!(own.stream("ORDERS").await.expect_err("it is there").is_not_found());
    let copy = StreamConfig::new("COPY").mirror(Source::new("ORDERS").domain("hub"));
    let copy = own.create_stream(copy).await.expect("made");
    let external = copy.cached_info().config.mirror.as_ref().expect("it is one").external.clone();
    assert_eq!(external.expect("it is elsewhere").api, "$JS.hub.API");
    eventually("the copy", async || copy.message::<Untyped>(1).await.expect("read")).await;
}

#[tokio::test]
async fn what_a_user_may_not_ask_is_named() {
    let deny = r#"publish: { deny: ["$JS.API.STREAM.DELETE.>", "$JS.API.STREAM.MSG.GET.>",
        "$JS.API.STREAM.LIST", "$JS.API.DIRECT.GET.ORDERS"] }"#;
    let server = Server::builder().jetstream().users(&[("u", "u", deny)]).start();
    let js = client_of(&server, "u").await.jetstream().with_timeout(Duration::from_secs(2));
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]).allow_direct(true);
    let stream = js.create_stream(config).await.expect("made");
    js.publish(&OrderCreated::new("eu", 1)).await.expect("stored");
    let denied = |error: JetStreamError, expected: &str| match &error {
        JetStreamError::PermissionDenied { operation } => {
            assert_eq!(operation, expected);
            let begin = format!("the server does not permit `{expected}`: allow the user");
            assert!(error.to_string().starts_with(&begin), "{error}");
        }
        other => panic!("{other:?}"),
    };
    denied(stream.delete().await.expect_err("denied"), "STREAM.DELETE.ORDERS");
    let listed = js.streams().try_collect::<Vec<Stream>>().await;
    denied(listed.expect_err("denied"), "STREAM.LIST");
    let by_number = stream.message::<Untyped>(1).await.expect_err("denied");
    denied(by_number, "DIRECT.GET.ORDERS");
    let by_leader = stream.message::<Untyped>(1).from_leader().await.expect_err("denied");
    denied(by_leader, "STREAM.MSG.GET.ORDERS");
    let mut all = stream.messages::<Untyped>().await.expect("asked");
    let error = within("the refusal", all.next()).await.expect("one").expect_err("denied");
    denied(error, "DIRECT.GET.ORDERS");
    // A permission may be for single subjects.
    let last = stream.last_message::<OrderCreated>("orders.eu.created").await;
    assert_eq!(last.expect("permitted").expect("there").id, 1);
}
