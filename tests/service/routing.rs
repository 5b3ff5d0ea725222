//! Where endpoints listen: groups, prefixes, queue groups, raw subjects, fallbacks, clashes.

use natsws::{Headers, Msg, RequestError, ServiceError, Subject};
use natsws_service::{
    Extension, Incoming, IntoApp, Router, ServeError, State, SubjectParams, serve,
};
use serde::{Deserialize, Serialize};
use tower::util::MapRequestLayer;

use crate::stage::{Calculate, Stage, calculate};

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("lamps.{room}.{number}", reply = String)]
struct Lamp {
    room: String,
    number: u8,
}

async fn lamp(ask: Lamp) -> String {
    format!("{} {}", ask.room, ask.number)
}

fn hall() -> Lamp {
    Lamp { room: "hall".into(), number: 7 }
}

/// What each endpoint is called, where it listens, and its queue group.
fn listed(router: Router) -> Vec<(String, String, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let stage = Stage::new().await;
        let service = serve(stage.client().await, router).start().await.expect("served");
        let endpoints = service.info().endpoints;
        endpoints.into_iter().map(|e| (e.name, e.subject, e.queue_group)).collect()
    })
}

fn owned(rows: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let owned = |&(a, b, c): &(&str, &str, &str)| (a.to_owned(), b.to_owned(), c.to_owned());
    rows.iter().map(owned).collect()
}

#[test]
fn each_level_may_name_a_queue_group_or_none_and_the_innermost_holds() {
    let router = || {
        Router::new("lamps", "1.0.0")
            .allow_overlaps()
            .endpoint(lamp)
            .endpoint_with(lamp, |endpoint| endpoint.name("alone").no_queue())
            .group("a", |a| {
                let named = |endpoint: natsws_service::Endpoint<(), Lamp>| endpoint.queue("own");
                a.queue("qa")
                    .endpoint(lamp)
                    .endpoint_with(lamp, |e| named(e).name("named"))
                    .group("b", |b| b.endpoint(lamp).group("c.*", |c| c.no_queue().endpoint(lamp)))
            })
    };
    assert_eq!(
        listed(router()),
        owned(&[
            ("lamps-room-number", "lamps.*.*", "q"),
            ("alone", "lamps.*.*", ""),
            ("a-lamps-room-number", "a.lamps.*.*", "qa"),
            ("named", "a.lamps.*.*", "own"),
            ("a-b-lamps-room-number", "a.b.lamps.*.*", "qa"),
            ("a-b-c-any-lamps-room-number", "a.b.c.*.lamps.*.*", ""),
        ])
    );
    assert_eq!(listed(router().queue("all"))[0].2, "all");
    assert_eq!(listed(router().no_queue())[0].2, "");
}

#[tokio::test]
async fn an_endpoint_in_a_group_is_asked_below_its_prefix() {
    for stage in [Stage::new().await, Stage::real()] {
        let router = Router::new("lamps", "1.0.0")
            .group("eu", |eu| eu.endpoint(lamp).group("*.north", |north| north.endpoint(lamp)));
        let _service = serve(stage.client().await, router).start().await.expect("served");
        let client = stage.client().await;
        for subject in ["eu.lamps.hall.7", "eu.x.north.lamps.hall.7"] {
            assert_eq!(client.request_to(subject, &hall()).await.expect("a reply"), "hall 7");
        }
        let elsewhere = client.request(&hall()).await;
        assert!(matches!(elsewhere, Err(RequestError::NoResponders)), "{elsewhere:?}");
        let reply = client.connection().request("eu.lamps.hall.x", "{}").await.expect("a reply");
        assert_eq!(reply.headers().get("Nats-Service-Error-Code"), Some("400"));
    }
}

#[tokio::test]
async fn a_raw_handler_takes_what_it_likes_and_answers_what_it_likes() {
    async fn whole(params: SubjectParams, state: State<&'static str>, msg: Msg) -> String {
        let all: Vec<_> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{} {} {}", state.0, all.join(","), msg.text().unwrap_or_default())
    }
    async fn headers(incoming: Incoming) -> (Headers, Vec<u8>) {
        let mut headers = Headers::new();
        headers.append("Endpoint", incoming.endpoint_name()).expect("valid");
        headers.append("Template", incoming.template()).expect("valid");
        (headers, incoming.payload().to_vec())
    }
    let stage = Stage::new().await;
    let app = Router::new("raw", "1.0.0")
        .raw("a.{verb}.{path..}", whole)
        .raw_with("b.*", headers, |endpoint| endpoint.name("b"))
        .raw("c", async || Err::<(), _>(ServiceError::new(418, "short and stout")))
        .raw("d", async || ())
        .with_state("state");
    let service = serve(stage.client().await, app).start().await.expect("served");
    let client = stage.client().await;
    let ask =
        async |subject: &str| client.connection().request(subject, "body").await.expect("a reply");
    assert_eq!(ask("a.get.x.y").await.text(), Ok("state verb=get,path=x.y body"));
    let reply = ask("b.1").await;
    assert_eq!(
        reply.headers().iter().collect::<Vec<_>>(),
        [("Endpoint", "b"), ("Template", "b.*")]
    );
    assert_eq!(reply.text(), Ok("body"));
    assert_eq!(ask("c").await.headers().get("Nats-Service-Error-Code"), Some("418"));
    let nothing = ask("d").await;
    assert_eq!((nothing.payload(), nothing.headers().len()), (&[][..], 0));
    assert_eq!((service.drain().await.completed, service.name()), (3, "raw"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fallback_answers_what_no_other_endpoint_takes() {
    for stage in [Stage::new().await, Stage::real()] {
        let router = || {
            Router::new("math", "1.0.0").endpoint(calculate).fallback(">", async |msg: Msg| {
                Err::<(), _>(ServiceError::new(404, format!("{} is nothing here", msg.subject())))
            })
        };
        let one = serve(stage.client().await, router()).start().await.expect("served");
        let other = serve(stage.client().await, router()).start().await.expect("served");
        let client = stage.client().await;
        for sum in 0..20 {
            let ask = Calculate::new("add", sum, 0);
            assert_eq!(client.request(&ask).await.expect("a reply"), sum);
        }
        for _ in 0..20 {
            let reply = client.connection().request("math", "").await.expect("a reply");
            assert_eq!(reply.headers().get("Nats-Service-Error"), Some("math is nothing here"));
        }
        let (one, other) = (one.drain().await, other.drain().await);
        // Each replica may take replies and discovery for requests too; none of them asks for one.
        assert_eq!(one.completed + other.completed, 20, "{one:?} {other:?}");
    }
}

async fn marked(word: Extension<&'static str>) -> &'static str {
    word.0
}

#[tokio::test]
async fn merged_routers_keep_their_layers_and_their_queue_groups() {
    let mark = |word: &'static str| {
        MapRequestLayer::new(move |mut incoming: Incoming| {
            incoming.insert(word);
            incoming
        })
    };
    let stage = Stage::new().await;
    let part = Router::part().queue("parts").raw("part", marked).layer(mark("inner"));
    let router = Router::new("whole", "1.0.0").raw("own", marked).layer(mark("own")).merge(part);
    let service = serve(stage.client().await, router).start().await.expect("served");
    let client = stage.client().await;
    for (subject, word) in [("own", "own"), ("part", "inner")] {
        let reply = client.connection().request(subject, "").await.expect("a reply");
        assert_eq!(reply.text(), Ok(word));
    }
    let groups = service.info().endpoints;
    let groups: Vec<_> = groups.iter().map(|endpoint| endpoint.queue_group.as_str()).collect();
    assert_eq!(groups, ["q", "parts"]);
    let mut without = Router::new("whole", "1.0.0").raw("own", marked).into_app();
    let msg = Msg::local("own", None, Headers::new(), "").expect("valid");
    let response = without.oneshot_msg(msg).await.expect("taken");
    assert_eq!(response.service_error().expect("no layer inserts it").code(), 500);
}

fn refused(router: Router) -> ServeError {
    router.into_app().check().expect_err("it cannot be served")
}

#[test]
fn clashes_are_found_before_anything_is_served_and_name_both() {
    let overlap = Router::new("a", "1.0.0").raw("a.{x}", async || ()).raw("*.b", async || ());
    assert_eq!(
        refused(overlap).to_string(),
        "`a-x` (a.*) and `any-b` (*.b) both take some subject, so chance would decide who gets a \
         request: change one, or `allow_overlaps`"
    );
    let same = Router::new("a", "1.0.0").endpoint(lamp).endpoint(lamp);
    assert_eq!(
        refused(same).to_string(),
        "two endpoints are called `lamps-room-number` (lamps.*.* and lamps.*.*): give one another \
         name"
    );
    let grouped = Router::new("a", "1.0.0")
        .raw("a.b", async || ())
        .group("a", |a| a.queue("other").raw("b", async || ()));
    assert!(matches!(refused(grouped), ServeError::DuplicateName { .. }));
    let different = Router::new("a", "1.0.0")
        .raw("a.b", async || ())
        .group("a", |a| a.queue("other").raw_with("b", async || (), |endpoint| endpoint.name("b")));
    different.into_app().check().expect("two queue groups both get it");
    let allowed = Router::new("a", "1.0.0").raw("a.*", async || ()).raw("*.b", async || ());
    allowed.allow_overlaps().into_app().check().expect("allowed");
}

#[test]
fn names_and_subjects_that_are_not_valid_are_found_before_anything_is_served() {
    let raw = |subject: &str| Router::new("a", "1.0.0").raw(subject, async || ());
    for (subject, text) in [
        ("a b", "the endpoint `ab` has the subject \"a b\", which cannot be subscribed to"),
        ("a..b", "the endpoint `a-b` has the subject \"a..b\", which cannot be subscribed to"),
        (
            "a.>.b",
            "the endpoint `a-all-b` has the subject \"a.>.b\", which cannot be subscribed to",
        ),
        ("", "the endpoint's name \"\" is not valid: use letters, digits, `-` and `_`"),
    ] {
        assert_eq!(refused(raw(subject)).to_string(), text);
    }
    for token in ["v{major}", "{}", "{a}{b}", "{id"] {
        match refused(raw(&format!("files.{token}.x"))) {
            ServeError::Placeholder { token: found, .. } => assert_eq!(found, token),
            other => panic!("{other:?}"),
        }
    }
    let prefix = Router::new("a", "1.0.0").group("x >", |x| x.raw("b", async || ()));
    assert!(matches!(refused(prefix), ServeError::Subject { .. }));
    let name = Router::new("a", "1.0.0").raw_with("b", async || (), |e| e.name("a.b"));
    assert!(matches!(refused(name), ServeError::EndpointName { .. }));
    assert!(matches!(refused(Router::part().raw("b", async || ())), ServeError::Name { .. }));
}
