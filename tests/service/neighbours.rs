//! Endpoints of one service that go wrong, each in its own way, and one beside them that does not.

use std::future::{IntoFuture, pending};
use std::time::Duration;

use natsws::{Client, ConnectOptions, Headers, RequestError, ServiceError};
use natsws_service::{Health, Router, ServeError, serve};
use natsws_tests::{Server, within};

use crate::stage::{Calculate, calculate};

/// How many requests of each kind are made.
const EACH: u64 = 100;

async fn client(server: &Server, user: &str) -> Client {
    let url = server.nats_url().replace("nats://", &format!("nats://{user}:p@"));
    let options = ConnectOptions::new().request_timeout(Duration::from_secs(10));
    within("connecting", options.connect(url.as_str())).await.expect("the server is there")
}

/// What is answered: the text, or the code of the error.
async fn ask(client: &Client, subject: &str, payload: &str) -> Result<String, u16> {
    let asking = client.connection().request(subject, payload);
    let reply = within("an answer", asking.into_future()).await.expect("an answer");
    match ServiceError::from_reply(reply.headers(), &reply.payload_bytes()) {
        Some(error) => Err(error.code()),
        None => Ok(reply.text().expect("text").to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_at_one_endpoint_is_not_noticed_at_the_others() {
    let rules = "publish: { deny: [\"secret.>\"] }\nsubscribe: { deny: [\"closed.>\"] }";
    let users = [("service", "p", rules), ("caller", "p", "")];
    let server = Server::builder().max_payload(64 * 1024).users(&users).start();
    let own = client(&server, "service").await;
    // Somebody whom the service may not ask.
    let elsewhere = client(&server, "caller").await;
    let _secret = elsewhere.connection().subscribe("secret.word").await.expect("subscribed");
    let asks = async |client: Client| -> Result<&'static str, ServiceError> {
        let asking = client.connection().request("secret.word", "");
        match asking.timeout(Duration::from_millis(50)).await {
            Ok(_) => Ok("it may"),
            Err(error) => {
                let denied = matches!(error, RequestError::PermissionDenied);
                Err(ServiceError::new(if denied { 403 } else { 500 }, error.to_string()))
            }
        }
    };
    let router: Router = Router::new("many", "1.0.0")
        .endpoint(calculate)
        .raw("hangs", async || pending::<()>().await)
        .raw("panics", async || -> &str { panic!("on purpose") })
        .raw("large", async || "x".repeat(100 * 1024))
        .raw("decodes", async |incoming: natsws_service::Incoming| {
            incoming
                .decode::<Calculate>()
                .map(|_| ())
                .map_err(|error| ServiceError::new(400, error.to_string()))
        })
        .raw("asks", asks);
    let service = serve(own.clone(), router)
        .drain_timeout(Duration::from_millis(100))
        .start()
        .await
        .expect("served");
    let caller = client(&server, "caller").await;

    // Nobody waits for what hangs.
    for _ in 0..EACH {
        caller.connection().publish("hangs", "").await.expect("published");
    }
    let bad = [
        ("panics", "", 500),
        ("large", "", 413),
        ("decodes", "garbage", 400),
        ("math.add", "garbage", 400),
        ("asks", "", 403),
    ];
    let going_wrong: Vec<_> = bad
        .into_iter()
        .map(|(subject, payload, code)| {
            let caller = caller.clone();
            tokio::spawn(async move {
                for _ in 0..EACH {
                    let told = ask(&caller, subject, payload).await;
                    assert_eq!(told, Err(code), "{subject}");
                }
            })
        })
        .collect();
    // Replies that the service may not send, to a subject that its caller has chosen.
    let mut headers = Headers::new();
    headers.append("Why", "to make the service say what it may not").expect("plain");
    for number in 0..EACH {
        let ask = serde_json::json!({ "op": "add", "left": number, "right": 0 }).to_string();
        let publish = caller.connection().publish("math.add", ask).headers(&headers);
        publish.reply("secret.inbox").await.expect("published");
        let sum = i64::try_from(number).expect("small");
        let asked = Calculate::new("add", sum, 1);
        let answer = caller.request(&asked);
        assert_eq!(within("an answer", answer.into_future()).await.expect("an answer"), sum + 1);
    }
    // An endpoint that may not be subscribed to is not added, and the others stay.
    let closed = Router::part().raw("closed.door", async || "open");
    let refused = service.add(closed).await;
    assert!(matches!(refused, Err(ServeError::Subscribe { .. })), "{refused:?}");
    for task in going_wrong {
        within("the failures", task).await.expect("each is answered as it should");
    }
    assert_eq!(caller.request(&Calculate::new("add", 2, 3)).await.expect("an answer"), 5);

    assert_eq!(service.health(), Health::Ready);
    assert_eq!(own.connection().stats().reconnects, 0);
    let counted: Vec<_> = service
        .stats()
        .endpoints
        .into_iter()
        .map(|endpoint| (endpoint.name, endpoint.num_requests, endpoint.num_errors))
        .collect();
    let expected = [
        ("math-op", 3 * EACH + 1, EACH),
        ("hangs", 0, 0),
        ("panics", EACH, EACH),
        ("large", EACH, EACH),
        ("decodes", EACH, EACH),
        ("asks", EACH, EACH),
    ];
    assert_eq!(counted, expected.map(|(name, all, errors)| (name.to_owned(), all, errors)));
    let report = within("the drain", service.drain()).await;
    assert_eq!((report.completed, report.failed), (2 * EACH + 1, 5 * EACH));
    assert_eq!((report.shed, report.aborted, report.lost), (0, EACH, 0));
}
