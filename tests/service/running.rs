//! Services while they run: handles, health, discovery, statistics.

use std::time::Duration;

use natsws::{Client, Msg, RequestError, ServiceError};
use natsws_service::{Discovery, Health, Router, ServeError, ServiceHandle, Services, serve};
use natsws_tests::{Server, eventually, within};

use crate::stage::{Calculate, Gate, Slow, Stage, calculate, slow};

#[tokio::test]
async fn endpoints_come_and_go_while_the_service_runs() {
    for stage in [Stage::new().await, Stage::real()] {
        let router = Router::new("math", "1.0.0").endpoint(calculate);
        let service = serve(stage.client().await, router).start().await.expect("served");
        let client = stage.client().await;
        let ask = async |subject: &str| {
            let reply = client.connection().request(subject, "").await?;
            Ok::<_, RequestError>(reply.text().unwrap_or_default().to_owned())
        };
        assert!(matches!(ask("more").await, Err(RequestError::NoResponders)));
        let more = || Router::part().raw("more", async || "more");
        service.add(more()).await.expect("added");
        assert_eq!(ask("more").await.expect("a reply"), "more");
        assert!(matches!(service.add(more()).await, Err(ServeError::DuplicateName { .. })));
        let overlapping = Router::part().raw("x.{a}", async || ()).raw("x.b", async || ());
        service.add(overlapping.allow_overlaps()).await.expect("allowed");
        service.add(Router::part().raw("unrelated", async || ())).await.expect("it is not asked");
        for name in ["x-a", "x-b", "unrelated"] {
            assert!(service.remove(name), "{name}");
        }
        let clash = Router::part().raw("math.{what}", async || ());
        assert!(matches!(service.add(clash).await, Err(ServeError::Overlap { .. })));
        let names = |service: &ServiceHandle| {
            let endpoints = service.info().endpoints;
            endpoints.into_iter().map(|endpoint| endpoint.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&service), ["math-op", "more"]);

        assert!(service.remove("more"));
        assert!(!service.remove("more"), "it is gone");
        assert_eq!(names(&service), ["math-op"]);
        eventually("the endpoint is unsubscribed", async || {
            matches!(ask("more").await, Err(RequestError::NoResponders)).then_some(())
        })
        .await;
        assert!(service.remove("math-op"));
        service.add(more()).await.expect("a service without endpoints still runs");
        assert_eq!(ask("more").await.expect("a reply"), "more");
        let report = service.drain().await;
        assert!(report.completed >= 2 && report.aborted == 0, "{report:?}");
        assert!(matches!(service.add(more()).await, Err(ServeError::Stopped)));
    }
}

#[tokio::test]
async fn a_removed_endpoint_finishes_what_it_has() {
    let stage = Stage::new().await;
    let gate = Gate::new();
    let app = Router::new("slow", "1.0.0").endpoint(slow).with_state(gate.clone());
    let service = serve(stage.client().await, app).start().await.expect("served");
    let client = stage.client().await;
    let ask = tokio::spawn(async move { client.request(&Slow { id: 7 }).await });
    gate.begun(1).await;
    assert!(service.remove("slow-id"));
    gate.open(1);
    assert_eq!(within("the reply", ask).await.expect("no panic").expect("a reply"), 7);
    assert_eq!(service.drain().await.completed, 1);
}

#[tokio::test]
async fn health_says_where_the_service_is_in_its_life() {
    let stage = Stage::new().await;
    let gate = Gate::new();
    let app = Router::new("slow", "1.0.0").endpoint(slow).with_state(gate.clone());
    let service = serve(stage.client().await, app).start().await.expect("served");
    assert_eq!(service.health(), Health::Ready);
    let client = stage.client().await;
    let ask = tokio::spawn(async move { client.request(&Slow { id: 7 }).await });
    gate.begun(1).await;
    let stopped = service.drain();
    assert_eq!(service.health(), Health::Draining);
    assert!(!service.health().is_ready() && service.health().is_live());
    gate.open(1);
    assert_eq!(within("the drain", stopped).await.completed, 1);
    assert_eq!(service.health(), Health::Stopped);
    assert!(!service.health().is_live());
    assert_eq!(within("the reply", ask).await.expect("no panic").expect("a reply"), 7);
    assert_eq!(within("the report, again", service.stopped()).await.completed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_follows_the_connection_and_discovery_is_there_again_after_a_loss() {
    let mut server = Server::builder().fixed_ports().start();
    let client = Client::connect(server.ws_url()).await.expect("the server is there");
    let router = Router::new("math", "1.0.0").endpoint(calculate);
    let service = serve(client.clone(), router).start().await.expect("served");
    server.stop();
    let health = async |wanted| (service.health() == wanted).then_some(());
    eventually("the loss is seen", async || health(Health::Disconnected).await).await;
    server.restart();
    eventually("the service is ready", async || health(Health::Ready).await).await;
    client.flush().await.expect("connected");
    let asker = Client::connect(server.ws_url()).await.expect("the server is there");
    let found = asker.services().ping().name("math").id(service.id()).await.expect("an answer");
    assert_eq!(found.len(), 1);
    assert_eq!(asker.request(&Calculate::new("add", 2, 3)).await.expect("a reply"), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_the_server_does_not_permit_is_an_error_and_nothing_is_served() {
    let rules = "authorization { users: [{ user: a, password: a, \
                 permissions: { subscribe: { deny: \"math.>\" } } }] }";
    let server = Server::builder().config(rules).start();
    let url = server.ws_url().replace("ws://", "ws://a:a@");
    let client = Client::connect(url.as_str()).await.expect("the server is there");
    let router = Router::new("both", "1.0.0").raw("free", async || "free").endpoint(calculate);
    match serve(client.clone(), router).start().await {
        Err(ServeError::Subscribe { subject, .. }) => assert_eq!(subject, "math.*"),
        other => panic!("{other:?}"),
    }
    // What comes in the meantime is told so.
    eventually("the other is unsubscribed", async || {
        match client.connection().request("free", "").await {
            Err(RequestError::NoResponders) => Some(()),
            Ok(told) => {
                assert_eq!(told.headers().get("Nats-Service-Error-Code"), Some("503"));
                None
            }
            other => panic!("{other:?}"),
        }
    })
    .await;
}

#[tokio::test]
async fn discovery_says_what_the_service_is_and_has_done() {
    for stage in [Stage::new().await, Stage::real()] {
        let router = Router::new("math", "1.2.3-rc.1")
            .description("adds")
            .metadata("team", "numbers")
            .endpoint_with(calculate, |endpoint| {
                endpoint.name("calc").metadata("unit", "none").stats_data(|| [1, 2])
            })
            .group("admin", |admin| admin.no_queue().raw("up", async || "1"));
        let service = serve(stage.client().await, router).start().await.expect("served");
        let client = stage.client().await;
        client.request(&Calculate::new("add", 1, 1)).await.expect("a reply");
        client.request(&Calculate::new("div", 1, 0)).await.expect_err("by zero");

        let ping = client.services().ping().await.expect("answers").remove(0);
        assert_eq!((ping.name.as_str(), ping.version.as_str()), ("math", "1.2.3-rc.1"));
        assert_eq!(ping.id, service.id());
        let info = client.services().info().name("math").await.expect("answers").remove(0);
        assert_eq!(info, service.info());
        assert_eq!((info.description.as_str(), &*info.metadata["team"]), ("adds", "numbers"));
        assert_eq!(info.endpoints[0].metadata["unit"], "none");
        assert_eq!(
            (&*info.endpoints[1].subject, &*info.endpoints[1].queue_group),
            ("admin.up", "")
        );

        let found = async || {
            let stats = client.services().stats().name("math").id(service.id()).await;
            stats.expect("answers").remove(0)
        };
        let stats = found().await;
        let calc = &stats.endpoints[0];
        assert_eq!((calc.num_requests, calc.num_errors), (2, 1));
        assert_eq!(calc.last_error.as_deref(), Some("500:1 cannot be divided by zero"));
        assert_eq!(calc.data, Some(serde_json::json!([1, 2])));
        assert!(calc.processing_time > Duration::ZERO);
        assert_eq!(calc.average_processing_time, calc.processing_time / 2);
        service.reset_stats();
        let reset = found().await;
        assert_eq!((reset.endpoints[0].num_requests, &reset.endpoints[0].last_error), (0, &None));
        assert!(reset.started >= stats.started);
    }
}

#[tokio::test]
async fn statistics_quote_no_payload_and_are_told_however_long_an_error_is() {
    let stage = Stage::new().await;
    let long = async || Err::<(), _>(ServiceError::new(404, "\u{1}".repeat(300_000)));
    let router = Router::new("a", "1.0.0").endpoint(calculate).raw("long", long);
    let service = serve(stage.client().await, router).start().await.expect("served");
    let client = stage.client().await;
    let connection = client.connection();
    connection.request("math.add", r#"{"op":"add","left":"hunter2"}"#).await.expect("an answer");
    connection.request("long", "").await.expect("an answer");
    let stats = eventually("both are counted", async || {
        let stats = client.services().stats().name("a").id(service.id()).await.expect("an answer");
        let endpoints = stats.into_iter().next().expect("one").endpoints;
        endpoints.iter().all(|endpoint| endpoint.num_errors == 1).then_some(endpoints)
    })
    .await;
    let errors: Vec<_> = stats.into_iter().filter_map(|endpoint| endpoint.last_error).collect();
    assert_eq!(errors[0], "400:the payload does not fit the message");
    assert_eq!(errors[1].len(), 256);
}

#[tokio::test]
async fn statistics_whose_data_fails_say_so_and_everything_else() {
    let stage = Stage::new().await;
    let router = Router::new("a", "1.0.0")
        .raw_with(
            "keys",
            async || (),
            |e| {
                e.stats_data(|| {
                    [((1, 2), 3)].into_iter().collect::<std::collections::HashMap<_, _>>()
                })
            },
        )
        .raw_with("panics", async || (), |e| e.stats_data(|| -> u8 { panic!("a secret") }));
    let service = serve(stage.client().await, router).start().await.expect("served");
    let stats = service.stats().endpoints;
    let errors: Vec<_> = stats.iter().map(|e| (e.num_errors, e.last_error.as_deref())).collect();
    assert_eq!(
        errors,
        [(1, Some("key must be a string")), (1, Some("the statistics' data panicked"))]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_questions_is_answered_and_requests_go_on() {
    let stage = Stage::real();
    let router = Router::new("math", "1.0.0").endpoint(calculate);
    let service = serve(stage.client().await, router).start().await.expect("served");
    let client = stage.client().await;
    let connection = client.connection();
    let mut answers = connection.subscribe("flood").await.expect("subscribed");
    for _ in 0..1000 {
        for verb in ["PING", "INFO", "STATS"] {
            connection.publish(&format!("$SRV.{verb}"), "").reply("flood").await.expect("sent");
        }
    }
    for sum in 0..100 {
        let reply = client.request(&Calculate::new("add", sum, 0)).await;
        assert_eq!(reply.expect("a reply"), sum);
    }
    for _ in 0..3000 {
        let answer = within("an answer", answers.next()).await.expect("more").expect("no gap");
        assert!(answer.headers().is_empty());
    }
    // Questions without a reply subject, or for nothing that is known, cost nobody anything.
    for subject in ["$SRV.PING", "$SRV.INFO.math", "$SRV.STATS"] {
        connection.publish(subject, "\u{0}garbage").await.expect("sent");
    }
    let report = within("the drain", service.drain()).await;
    assert_eq!((report.completed, report.failed), (100, 0), "discovery is no request");
    let gone = client.services().ping().name("math").await;
    assert!(gone.is_err(), "{gone:?}");
}

#[tokio::test]
async fn a_handler_may_stop_its_own_service_and_is_still_answered() {
    let stage = Stage::new().await;
    let router =
        Router::new("desk", "1.0.0").raw("desk.{how}", async |service: ServiceHandle, msg: Msg| {
            if msg.subject() == "desk.drain" {
                service.drain()
            } else {
                service.stop()
            };
            "soon"
        });
    let service = serve(stage.client().await, router).start().await.expect("served");
    let client = stage.client().await;
    let reply = client.connection().request("desk.drain", "").await.expect("a reply");
    assert_eq!(reply.text(), Ok("soon"));
    assert_eq!(within("the drain", service.stopped()).await.completed, 1);
}

#[tokio::test]
async fn discovery_is_below_another_prefix_or_off_where_that_is_said() {
    let stage = Stage::new().await;
    let client = stage.client().await;
    let router = || Router::new("nAMe", "1.0.0").endpoint(calculate);
    let prefixed = serve(client.clone(), router()).control_prefix("hello.service");
    let service = prefixed.start().await.expect("served");
    let below = Discovery::new(&client).prefix("hello.service");
    for ping in [
        below.ping().await,
        below.ping().name("nAMe").await,
        below.ping().name("nAMe").id(service.id()).await,
    ] {
        assert_eq!(ping.expect("an answer").remove(0).name, "nAMe");
    }
    assert!(below.ping().name("name").await.expect_err("another name").is_no_responders());
    assert!(client.services().ping().await.expect_err("another prefix").is_no_responders());

    let invalid = serve(client.clone(), router()).control_prefix("bad prefix").start().await;
    assert!(matches!(invalid, Err(ServeError::Discovery { .. })), "{invalid:?}");
    let hidden = serve(client.clone(), router()).undiscovered().start().await.expect("served");
    assert!(client.services().ping().await.expect_err("it is hidden").is_no_responders());
    assert!(hidden.health().is_ready());
}
