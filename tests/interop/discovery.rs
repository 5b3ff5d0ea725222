//! Services of the official JavaScript client as this library discovers them, and the other way.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use natsws::{Client, Msg, ServiceError};
use natsws_service::{
    DiscoveryError, Endpoint, EndpointInfo, EndpointStats, Router, ServiceInfo, ServiceStats,
    Services, serve,
};
use natsws_tests::{Server, Transport, eventually, within};
use serde::Serialize;
use serde_json::{Value, json};

use crate::javascript::{JavaScript, Whom};

async fn connect(url: &str) -> Client {
    within("connecting", Client::connect(url)).await.expect("the server is there")
}

fn words<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// As JSON, without what the JavaScript client leaves out and ADR-32 does not: the text of an error
/// that there was not.
fn as_javascript_says<T: Serialize>(answers: &[T]) -> Vec<Value> {
    let mut answers = answers.iter().map(json_of).collect::<Vec<_>>();
    let endpoints = answers.iter_mut().filter_map(|answer| answer.get_mut("endpoints"));
    for endpoint in endpoints.filter_map(Value::as_array_mut).flatten() {
        let endpoint = endpoint.as_object_mut().expect("an object");
        if endpoint.get("last_error") == Some(&json!("")) {
            endpoint.remove("last_error");
        }
    }
    answers
}

fn json_of(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("it has JSON")
}

fn orders() -> Value {
    json!({
        "name": "orders", "version": "1.2.3-beta+7", "description": "takes orders",
        "metadata": { "region": "eu" },
    })
}

async fn is_discovered_over(transport: Transport) {
    let server = Server::start();
    let url = server.url(transport);
    let client = connect(&url).await;
    let mut javascript = JavaScript::connect(&url).await;
    let before = SystemTime::now() - Duration::from_millis(1);
    let id = javascript.serve(orders(), Some(json!({ "open": [7, null] }))).await;

    // One request that succeeds, and two that fail.
    let echo = javascript.request("echo", "hello").await;
    assert_eq!(echo, json!({ "payload": "hello", "headers": {} }));
    for _ in 0..2 {
        let failed = javascript.request("admin.fail.now", "").await;
        assert_eq!(failed["headers"]["Nats-Service-Error-Code"], json!(["500"]));
    }

    let pings = client.services().ping().await.expect("answers");
    let heard = javascript.discover("ping", Whom::default()).await.expect("answers");
    assert_eq!(as_javascript_says(&pings), heard);
    let [ping] = &pings[..] else { panic!("{pings:?}") };
    assert_eq!(
        (ping.name.as_str(), &ping.id, ping.version.as_str()),
        ("orders", &id, "1.2.3-beta+7")
    );
    assert_eq!(ping.metadata, words([("region", "eu")]));

    let infos = client.services().info().name("orders").await.expect("answers");
    let whom = Whom { name: Some("orders"), ..Whom::default() };
    assert_eq!(as_javascript_says(&infos), javascript.discover("info", whom).await.expect("heard"));
    let [info] = &infos[..] else { panic!("{infos:?}") };
    assert_eq!((info.description.as_str(), &info.metadata), ("takes orders", &ping.metadata));
    let endpoints = info.endpoints.iter().map(|endpoint| {
        (endpoint.name.as_str(), endpoint.subject.as_str(), endpoint.queue_group.as_str())
    });
    let expected = [("echo", "echo", "q"), ("fail", "admin.fail.*", "operators")];
    assert_eq!(endpoints.collect::<Vec<_>>(), expected);
    assert_eq!(info.endpoints[0].metadata, words([("format", "bytes")]));
    assert_eq!(info.endpoints[1].metadata, words([]));

    let stats = client.services().stats().name("orders").id(&id).await.expect("answers");
    let whom = Whom { name: Some("orders"), id: Some(&id), ..Whom::default() };
    assert_eq!(
        as_javascript_says(&stats),
        javascript.discover("stats", whom).await.expect("heard")
    );
    let [stats] = &stats[..] else { panic!("{stats:?}") };
    assert!((before..=SystemTime::now()).contains(&stats.started), "{:?}", stats.started);
    let [echo, fail] = &stats.endpoints[..] else { panic!("{stats:?}") };
    assert_eq!((echo.num_requests, echo.num_errors, echo.last_error.as_deref()), (1, 0, None));
    assert_eq!(
        (fail.num_requests, fail.num_errors, fail.last_error.as_deref()),
        (2, 2, Some("it always fails"))
    );
    assert_eq!(fail.data, Some(json!({ "of": "fail", "open": [7, null] })));
    assert!(fail.average_processing_time <= fail.processing_time, "{fail:?}");

    javascript.stop(&id).await;
    let error = client.services().ping().name("orders").await.expect_err("it is gone");
    assert!(error.is_no_responders(), "{error:?}");
    javascript.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn a_javascript_service_is_discovered_over_websocket() {
    is_discovered_over(Transport::Ws).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn a_javascript_service_is_discovered_over_tcp() {
    is_discovered_over(Transport::Tcp).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn both_clients_hear_the_same_of_several_services() {
    let server = Server::start();
    let client = connect(&server.ws_url()).await;
    let mut javascript = JavaScript::connect(&server.ws_url()).await;
    let bills = json!({ "name": "bills", "version": "0.1.0" });
    let mut ids = Vec::new();
    for config in [orders(), orders(), bills] {
        ids.push(javascript.serve(config, None).await);
    }

    for (name, id, expected) in [
        (None, None, &ids[..]),
        (Some("orders"), None, &ids[..2]),
        (Some("bills"), Some(ids[2].as_str()), &ids[2..]),
    ] {
        let mut asked = client.services().info();
        if let Some(name) = name {
            asked = asked.name(name);
        }
        if let Some(id) = id {
            asked = asked.id(id);
        }
        let mut heard = as_javascript_says(&asked.await.expect("answers"));
        let whom = Whom { name, id, ..Whom::default() };
        let mut by_javascript = javascript.discover("info", whom).await.expect("answers");
        let id = |answer: &Value| answer["id"].as_str().expect("an id").to_owned();
        heard.sort_by_key(id);
        by_javascript.sort_by_key(id);
        assert_eq!(heard, by_javascript);
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(heard.iter().map(id).collect::<Vec<_>>(), expected);
    }
    // The one without words of its own says nothing of them.
    let bills = client.services().info().name("bills").await.expect("answers");
    assert_eq!((bills[0].description.as_str(), &bills[0].metadata), ("", &words([])));

    let whom = Whom { name: Some("nobody"), ..Whom::default() };
    let theirs = javascript.discover("ping", whom).await.expect_err("nobody is there");
    let ours = client.services().ping().name("nobody").await.expect_err("nobody is there");
    assert_eq!(theirs.name, "NoResponders");
    let DiscoveryError::NoResponders { subject } = ours else { panic!("{ours:?}") };
    assert_eq!(subject, "$SRV.PING.nobody");
    assert_eq!(theirs.message, format!("no responders: '{subject}'"));
    javascript.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn the_javascript_client_reads_what_this_library_writes() {
    let server = Server::start();
    let client = connect(&server.ws_url()).await;
    let mut javascript = JavaScript::connect(&server.ws_url()).await;
    let mut info = ServiceInfo::new("orders", "A1", "1.0.0");
    info.endpoints = vec![EndpointInfo::new("get", "orders.*.get", "")];
    info.endpoints[0].metadata = words([("format", "§12")]);
    let started = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_323_045_678);
    let mut stats = ServiceStats::new("orders", "A1", "1.0.0", started);
    stats.metadata = words([("region", "eu")]);
    stats.endpoints = vec![EndpointStats::new("get", "orders.*.get", "")];
    stats.endpoints[0].processing_time = Duration::from_nanos(1_234_567_891);
    let (info, stats) = (json_of(&info), json_of(&stats));
    for (subject, answer) in
        [("hello.service.INFO.orders", &info), ("hello.service.STATS.orders.A1", &stats)]
    {
        let mut asked = client.connection().subscribe(subject).await.expect("subscribed");
        let answer = answer.to_string();
        tokio::spawn(async move {
            while let Some(Ok(msg)) = asked.next().await {
                msg.respond(answer.as_str()).await.expect("answered");
            }
        });
    }

    let whom = Whom { name: Some("orders"), prefix: Some("hello.service"), ..Whom::default() };
    assert_eq!(javascript.discover("info", whom).await.expect("heard"), [info]);
    let whom = Whom { name: Some("orders"), id: Some("A1"), prefix: Some("hello.service") };
    assert_eq!(javascript.discover("stats", whom).await.expect("heard"), [stats]);
    javascript.end().await;
}

async fn ours_is_discovered_over(transport: Transport) {
    let server = Server::start();
    let url = server.url(transport);
    let mut javascript = JavaScript::connect(&url).await;
    let router = Router::new("orders", "1.2.3-beta.1")
        .description("takes orders")
        .metadata("region", "eu")
        .raw_with(
            "echo",
            async |msg: Msg| msg.payload().to_vec(),
            |endpoint| {
                endpoint.metadata("format", "bytes").stats_data(|| json!({ "open": [7, null] }))
            },
        )
        .group("admin", |admin| {
            admin.queue("operators").raw_with(
                "fail.*",
                async || Err::<(), _>(ServiceError::new(422, "it always fails")),
                |endpoint| endpoint.name("fail"),
            )
        })
        .raw_with("all", async || "here", Endpoint::no_queue);
    let service = serve(connect(&url).await, router).start().await.expect("served");

    let echo = javascript.request("echo", "hello").await;
    assert_eq!(echo, json!({ "payload": "hello", "headers": {} }));
    for _ in 0..2 {
        let failed = javascript.request("admin.fail.now", "").await;
        assert_eq!(
            failed["headers"],
            json!({
                "Nats-Service-Error": ["it always fails"],
                "Nats-Service-Error-Code": ["422"],
            })
        );
    }
    let stats = eventually("the statistics", async || {
        let stats = service.stats();
        let done: u64 = stats.endpoints.iter().map(|endpoint| endpoint.num_requests).sum();
        (done == 3).then_some(stats)
    })
    .await;

    let (id, about) = (service.id(), json!({ "region": "eu" }));
    let ping = json!({
        "type": "io.nats.micro.v1.ping_response",
        "name": "orders", "id": id, "version": "1.2.3-beta.1", "metadata": about,
    });
    let info = json!({
        "type": "io.nats.micro.v1.info_response",
        "name": "orders", "id": id, "version": "1.2.3-beta.1", "metadata": about,
        "description": "takes orders",
        "endpoints": [
            {
                "name": "echo", "subject": "echo", "queue_group": "q",
                "metadata": { "format": "bytes" },
            },
            { "name": "fail", "subject": "admin.fail.*", "queue_group": "operators" },
            { "name": "all", "subject": "all", "queue_group": "" },
        ],
    });
    for (name, id) in [(None, None), (Some("orders"), None), (Some("orders"), Some(id))] {
        let whom = || Whom { name, id, ..Whom::default() };
        for (verb, said) in [("ping", &ping), ("info", &info), ("stats", &json_of(&stats))] {
            let heard = javascript.discover(verb, whom()).await.expect("heard");
            assert_eq!(heard.iter().collect::<Vec<_>>(), [said]);
        }
    }
    let [echo, fail, all] = &stats.endpoints[..] else { panic!("{stats:?}") };
    assert_eq!((echo.num_requests, echo.num_errors, all.num_requests), (1, 0, 0));
    assert_eq!(echo.data, Some(json!({ "open": [7, null] })));
    assert_eq!((fail.num_requests, fail.num_errors), (2, 2));
    assert_eq!(fail.last_error.as_deref(), Some("422:it always fails"));

    within("the drain", service.drain()).await;
    let whom = Whom { name: Some("orders"), ..Whom::default() };
    let gone = javascript.discover("ping", whom).await.expect_err("it is gone");
    assert_eq!(gone.name, "NoResponders");
    javascript.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn the_javascript_client_discovers_our_service_over_websocket() {
    ours_is_discovered_over(Transport::Ws).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn the_javascript_client_discovers_our_service_over_tcp() {
    ours_is_discovered_over(Transport::Tcp).await;
}
