//! Asking which services are there, of services that say whatever a test wants.

use std::error::Error;
use std::time::Duration;

use futures_util::StreamExt;
use natsws::embedded::Broker;
use natsws::{Client, Replies, RequestError};
use natsws_service::{
    Answer, Answers, Discovery, DiscoveryError, EndpointInfo, EndpointStats, ServiceInfo,
    ServicePing, ServiceStats, Services,
};
use natsws_tests::within;
use serde_json::{Value, json};

/// Longer than a test may take, where the clock is not paused.
const LONG: Duration = Duration::from_secs(60);

fn ping_of(name: &str, id: &str) -> ServicePing {
    ServicePing::new(name, id, "1.0.0")
}

fn json_of(ping: &ServicePing) -> String {
    serde_json::to_string(ping).expect("it has JSON")
}

/// A broker, a client that asks, and one that answers.
async fn start() -> (Broker, Client, Client) {
    let broker = Broker::start().await.expect("a broker");
    let client = broker.connect().await.expect("connected");
    let service = broker.connect().await.expect("connected");
    (broker, client, service)
}

/// Answers what comes on a subject with these payloads.
async fn answer(service: &Client, subject: &str, answers: Vec<String>) {
    let mut asked = service.connection().subscribe(subject).await.expect("subscribed");
    tokio::spawn(async move {
        while let Some(Ok(msg)) = asked.next().await {
            assert_eq!((msg.payload(), msg.headers().is_empty()), (&b""[..], true));
            for answer in &answers {
                msg.respond(answer.as_str()).await.expect("answered");
            }
        }
    });
}

/// All items up to the end, errors in words with what caused them.
async fn items<A: Answer>(answers: Answers<A>, shown: impl Fn(A) -> String) -> Vec<String> {
    let word = |item: Result<A, DiscoveryError>| match item {
        Ok(answer) => shown(answer),
        Err(error) => format!("{error}: {}", error.source().expect("a cause")),
    };
    within("the end", answers.map(word).collect()).await
}

#[tokio::test(start_paused = true)]
async fn name_and_id_say_who_is_asked() {
    let (_broker, client, service) = start().await;
    let all = [ping_of("orders", "A1"), ping_of("orders", "B2"), ping_of("bills", "C3")];
    let texts = all.each_ref().map(json_of);
    answer(&service, "$SRV.PING", texts.to_vec()).await;
    answer(&service, "$SRV.PING.orders", texts[..2].to_vec()).await;
    answer(&service, "$SRV.PING.orders.B2", texts[1..2].to_vec()).await;
    let services = client.services();
    assert_eq!(services.ping().await.expect("answers"), all);
    assert_eq!(services.ping().name("orders").await.expect("answers"), all[..2]);
    assert_eq!(services.ping().name("orders").id("B2").await.expect("answers"), all[1..2]);
    let one = services.ping().replies(Replies::Count(1));
    assert_eq!(one.await.expect("answers"), all[..1]);
}

#[tokio::test]
async fn one_instance_is_waited_for_no_longer_than_it_takes_to_answer() {
    let (_broker, client, service) = start().await;
    let ping = ping_of("orders", "A1");
    answer(&service, "$SRV.PING.orders.A1", vec![json_of(&ping)]).await;
    let asked = client.services().ping().name("orders").id("A1").timeout(LONG);
    assert_eq!(within("the answer", asked.into_future()).await.expect("an answer"), [ping]);
}

#[tokio::test(start_paused = true)]
async fn each_question_has_its_own_answer() {
    let (_broker, client, service) = start().await;
    let mut info = ServiceInfo::new("orders", "A1", "1.0.0");
    info.endpoints = vec![EndpointInfo::new("get", "orders.get", "q")];
    let started = std::time::UNIX_EPOCH + Duration::from_millis(1_500);
    let mut stats = ServiceStats::new("orders", "A1", "1.0.0", started);
    stats.endpoints = vec![EndpointStats::new("get", "orders.get", "q")];
    let text = |value| serde_json::to_string(&value).expect("it has JSON");
    answer(&service, "$SRV.INFO", vec![text(json!(info))]).await;
    answer(&service, "$SRV.STATS", vec![text(json!(stats))]).await;
    assert_eq!(client.services().info().await.expect("answers"), [info]);
    assert_eq!(client.services().stats().await.expect("answers"), [stats]);
}

#[tokio::test(start_paused = true)]
async fn another_prefix_is_used_as_it_is() {
    let (_broker, client, service) = start().await;
    let ping = ping_of("orders", "A1");
    answer(&service, "hello.service.PING.orders", vec![json_of(&ping)]).await;
    let services = Discovery::new(&client).prefix("hello.service");
    assert_eq!(services.ping().name("orders").await.expect("answers"), [ping]);
    for prefix in ["", "a..b", "a b", "a.*", ">"] {
        let error = Discovery::new(&client).prefix(prefix).ping().await.expect_err(prefix);
        let is_subject = matches!(error, DiscoveryError::Request(RequestError::Subject(_)));
        assert!(is_subject, "{prefix}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_read_is_an_item_and_the_others_follow() {
    let (_broker, client, service) = start().await;
    let (one, two) = (json_of(&ping_of("orders", "A1")), json_of(&ping_of("orders", "B2")));
    let info = serde_json::to_string(&ServiceInfo::new("orders", "A1", "1.0.0")).expect("JSON");
    let answers = vec![one, "garbage".to_owned(), info, String::new(), "{}".to_owned(), two];
    answer(&service, "$SRV.PING", answers).await;
    let answers = client.services().ping().stream().await.expect("asked");
    let unreadable = |why: &str| format!("an answer could not be read: {why}");
    assert_eq!(
        items(answers, |ping| ping.id).await,
        [
            "A1".to_owned(),
            unreadable("expected value at line 1 column 1"),
            unreadable("the type is not \"io.nats.micro.v1.ping_response\" at line 1 column 40"),
            unreadable("EOF while parsing a value at line 1 column 0"),
            unreadable("missing field `type` at line 1 column 2"),
            "B2".to_owned(),
        ]
    );
    let error = client.services().ping().await.expect_err("not all can be read");
    let DiscoveryError::Unreadable { reply, .. } = error else { panic!("{error:?}") };
    assert_eq!(reply.payload(), b"garbage");
}

#[tokio::test(start_paused = true)]
async fn a_time_that_cannot_be_read_is_an_item() {
    let (_broker, client, service) = start().await;
    let stats = |started: Value| {
        json!({
            "type": "io.nats.micro.v1.stats_response", "name": "orders", "id": "A1",
            "version": "1.0.0", "started": started,
        })
        .to_string()
    };
    let answers = vec![stats(json!("soon")), stats(json!(7)), stats(json!("1970-01-01T00:00:00Z"))];
    answer(&service, "$SRV.STATS", answers).await;
    let answers = client.services().stats().stream().await.expect("asked");
    let shown = items(answers, |stats| format!("{:?}", stats.started)).await;
    assert_eq!(
        (shown.len(), shown[2].as_str()),
        (3, format!("{:?}", std::time::UNIX_EPOCH).as_str())
    );
    assert!(shown[0].starts_with("an answer could not be read: the time is not one of RFC 3339"));
    assert!(shown[1].starts_with("an answer could not be read: invalid type"));
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_service_is_an_item_and_the_others_follow() {
    let (_broker, client, service) = start().await;
    let mut asked = service.connection().subscribe("$SRV.PING").await.expect("subscribed");
    tokio::spawn(async move {
        while let Some(Ok(msg)) = asked.next().await {
            let error = msg.respond("").header("Nats-Service-Error", "not now");
            error.header("Nats-Service-Error-Code", "503").await.expect("answered");
            let ping = json_of(&ping_of("orders", "A1"));
            msg.respond(ping).header("Trace", "1").await.expect("answered");
        }
    });
    let answers = client.services().ping().stream().await.expect("asked");
    let error = "a service could not answer: the service answered 503: \"not now\"";
    assert_eq!(items(answers, |ping| ping.id).await, [error, "A1"]);
}

#[tokio::test]
async fn that_nobody_is_there_is_told_at_once_and_with_the_subject() {
    let (_broker, client, _service) = start().await;
    let services = client.services();
    for (asked, expected) in [
        (services.ping(), "$SRV.PING"),
        (services.ping().name("orders"), "$SRV.PING.orders"),
        (services.ping().name("orders").id("A1"), "$SRV.PING.orders.A1"),
    ] {
        let error = within("the error", asked.timeout(LONG).into_future()).await;
        let error = error.expect_err("nobody is there");
        assert!(error.is_no_responders(), "{error:?}");
        let DiscoveryError::NoResponders { subject } = error else { panic!("{error:?}") };
        assert_eq!(subject, expected);
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_before_anything_is_sent() {
    let (broker, client, _service) = start().await;
    let services = client.services();
    let mut words = Vec::new();
    for asked in [
        services.ping().id("A1"),
        services.ping().name("a.b"),
        services.ping().name(""),
        services.ping().name(">").id("A1"),
        services.ping().name("orders").id("*"),
    ] {
        words.push(asked.await.expect_err("it is refused").to_string());
    }
    let name = |name: &str| {
        format!("no service has the name {name:?}: names have letters, digits, `-` and `_`")
    };
    assert_eq!(
        words,
        [
            "the instance \"A1\" can only be asked with the name of its service".to_owned(),
            name("a.b"),
            name(""),
            name(">"),
            "no instance has the id \"*\": ids have letters, digits, `-` and `_`".to_owned(),
        ]
    );
    client.flush().await.expect("flushed");
    assert!(broker.published_msgs().expect("all recorded").is_empty());
    client.close().await;
    let error = services.ping().await.expect_err("it is closed");
    assert!(matches!(error, DiscoveryError::Request(RequestError::Closed)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn who_is_there_and_silent_is_no_answer_and_no_error() {
    let (_broker, client, service) = start().await;
    let _silent = service.connection().subscribe("$SRV.>").await.expect("subscribed");
    assert_eq!(client.services().ping().await.expect("no error"), []);
    let answers = client.services().stats().name("a").id("b").stream().await.expect("asked");
    assert!(items(answers, |stats| stats.id).await.is_empty());
    assert_eq!(client.connection().requests_in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_never_stops_answering_is_not_listened_to_for_ever() {
    let (_broker, client, service) = start().await;
    let mut asked = service.connection().subscribe("$SRV.PING").await.expect("subscribed");
    tokio::spawn(async move {
        while let Some(Ok(msg)) = asked.next().await {
            // Each comes before the pause is too long, and all of them take longer than the test.
            tokio::spawn(async move {
                let mut ticks = tokio::time::interval(Duration::from_millis(250));
                for id in 0..1_000 {
                    ticks.tick().await;
                    let ping = json_of(&ping_of("orders", &id.to_string()));
                    msg.respond(ping).await.expect("answered");
                }
            });
        }
    });
    let heard = client.services().ping().timeout(Duration::from_millis(1_100)).await;
    let heard: Vec<_> = heard.expect("answers").into_iter().map(|ping| ping.id).collect();
    assert_eq!(heard, ["0", "1", "2", "3", "4"]);
    let heard = client.services().ping().stall(Duration::from_millis(100)).await;
    assert_eq!(heard.expect("answers").len(), 1, "the second comes after the pause");
}

#[tokio::test]
async fn a_flood_of_answers_is_read_whole() {
    let (_broker, client, service) = start().await;
    let all: Vec<_> = (0..1_000).map(|id| ping_of("orders", &format!("i{id}"))).collect();
    answer(&service, "$SRV.PING.orders", all.iter().map(json_of).collect()).await;
    let asked = client.services().ping().name("orders").timeout(LONG);
    let heard = within("the answers", asked.into_future()).await.expect("answers");
    assert_eq!(heard, all);
    let mut answers = client.services().ping().name("orders").stream().await.expect("asked");
    let first = within("an answer", answers.next()).await.expect("an answer").expect("a ping");
    assert_eq!(first, all[0]);
    drop(answers);
    assert_eq!(client.connection().requests_in_flight(), 0);
}
