//! Replicas that are replaced, told to stop, and killed.

use std::time::{Duration, Instant};

use natsws::{Client, ConnectOptions, Msg, RequestError, Subscription};
use natsws_service::caller::Retry;
use natsws_service::{DiscoveryError, Services};
use natsws_tests::{Server, eventually, within};

use crate::callers::Callers;
use crate::messages::{Hold, QUESTION, Twice};
use crate::process::{Replica, Report};

async fn client(server: &Server) -> Client {
    let options = ConnectOptions::new().request_timeout(Duration::from_secs(5));
    within("connecting", options.connect(server.nats_url())).await.expect("the server is there")
}

/// Replaces each of three replicas in turn while they are asked, as long as `more` says so.
async fn rolling_restart(mut more: impl FnMut(u32) -> bool) {
    let server = Server::start();
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(Replica::start(&server.nats_url()).await);
    }
    let callers = Callers::start(&client(&server).await, 48, None);
    let (mut rounds, mut reports) = (0, Vec::new());
    while more(rounds) {
        rounds += 1;
        for replica in &mut replicas {
            // Each is replaced in the middle of traffic, however slow the machine is.
            callers.answered(300).await;
            let next = Replica::start(&server.nats_url()).await;
            callers.answered(100).await;
            reports.push(std::mem::replace(replica, next).stopped().await);
        }
    }
    let account = callers.stopped("rolling restart").await;
    for replica in replicas {
        reports.push(replica.stopped().await);
    }
    assert_eq!(account.failures.len(), 0, "{:?}", account.failures);
    for report in &reports {
        assert_eq!(*report, Report::answered(report.completed), "it answered all, and no more");
    }
    let completed: u64 = reports.iter().map(|report| report.completed).sum();
    assert_eq!(completed, account.answered, "what was asked is what was answered");
    eprintln!("{} drains in {rounds} rounds", reports.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_are_replaced_one_by_one_and_no_request_fails() {
    rolling_restart(|rounds| rounds < 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn three_replicas_are_replaced_for_a_minute_and_no_request_fails() {
    let end = Instant::now() + Duration::from_secs(60);
    rolling_restart(|_| Instant::now() < end).await;
}

/// What replicas ask the test.
struct Questions(Subscription);

impl Questions {
    async fn new(client: &Client) -> Self {
        let subject = format!("{QUESTION}.*");
        Self(client.connection().subscribe(&subject).await.expect("subscribed"))
    }

    /// The next question: the replica that asks, and the message to answer.
    async fn next(&mut self) -> (String, Msg) {
        let question = within("a question", self.0.next()).await.expect("more").expect("no gap");
        (question.text().expect("an id").to_owned(), question)
    }
}

async fn yes(question: &Msg) {
    question.respond("").await.expect("answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_replica_fails_what_is_in_flight_on_it_by_timeout_and_nothing_else() {
    const CALLERS: usize = 16;
    let server = Server::builder().monitoring().start();
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(Replica::start(&server.nats_url()).await);
    }
    let (plain, retrying) = (client(&server).await, client(&server).await);
    let mut questions = Questions::new(&plain).await;
    let once = Callers::start(&plain, CALLERS, None);
    let again = Callers::start(&retrying, CALLERS, Some(&Retry::new(5).idempotent()));
    once.answered(500).await;
    again.answered(500).await;

    // Some requests that are certainly in flight, on each replica by chance.
    let held: Vec<_> = (0..12)
        .map(|number| {
            let client = plain.clone();
            tokio::spawn(async move { client.request(&Hold { number }).await })
        })
        .collect();
    let mut asked = Vec::new();
    for _ in 0..held.len() {
        asked.push(questions.next().await);
    }
    let victim = replicas.iter().position(|replica| replica.id() == asked[0].0).expect("ours");
    let victim = replicas.swap_remove(victim);
    let (lost, kept): (Vec<_>, Vec<_>) = asked.into_iter().partition(|(id, _)| id == victim.id());
    let connections = async || server.monitor("/varz")["connections"].as_u64();
    let before = connections().await.expect("a number");

    let killed = Instant::now();
    victim.kill().await;
    eventually("the server sees it", async || {
        (connections().await.expect("a number") == before - 1).then_some(())
    })
    .await;
    let seen = Instant::now();
    for (_, question) in &kept {
        yes(question).await;
    }
    once.answered(500).await;
    again.answered(500).await;

    let (mut answered, mut timed_out) = (0, 0);
    for (number, held) in held.into_iter().enumerate() {
        match within("its outcome", held).await.expect("no panic") {
            Ok(answer) => {
                assert_eq!(answer, number as u64);
                answered += 1;
            }
            // Nobody says that a process is gone: the caller's time is the only sign.
            Err(RequestError::TimedOut { .. }) => timed_out += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((answered, timed_out), (kept.len(), lost.len()));

    let account = once.stopped("kill -9, asked once").await;
    assert!(account.failures.len() <= CALLERS, "{:?}", account.failures);
    for failure in &account.failures {
        assert!(matches!(failure.error, RequestError::TimedOut { .. }), "{failure:?}");
        assert!(failure.begun <= seen, "steady once the server has seen it: {failure:?}");
    }
    let account = again.stopped("kill -9, asked again").await;
    assert_eq!(account.failures.len(), 0, "{:?}", account.failures);
    eprintln!("the server saw the end after {:?}", seen - killed);
    for replica in replicas {
        let report = replica.stopped().await;
        assert_eq!(report, Report::answered(report.completed));
    }
}

/// A replica that holds a request, with the caller who waits.
async fn holding(
    server: &Server,
    variables: &[(&str, &str)],
) -> (Replica, Client, Questions, tokio::task::JoinHandle<Held>) {
    let client = client(server).await;
    let questions = Questions::new(&client).await;
    let replica = Replica::told(&server.nats_url(), variables).await;
    let asking = client.clone();
    let held = tokio::spawn(async move { asking.request(&Hold { number: 7 }).await });
    (replica, client, questions, held)
}

type Held = Result<u64, RequestError<natsws::ServiceError>>;

/// Waits until nobody takes requests any more.
async fn unsubscribed(client: &Client) {
    eventually("the replica is unsubscribed", async || {
        match client.request(&Twice { caller: 0, number: 1 }).await {
            Ok(2) => None,
            Err(RequestError::NoResponders) => Some(()),
            other => panic!("{other:?}"),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_told_to_stop_goes_step_by_step() {
    let server = Server::builder().monitoring().start();
    let (mut replica, client, mut questions, held) =
        holding(&server, &[("ASK_TO_CLOSE", "1")]).await;
    let (id, in_flight) = questions.next().await;
    assert_eq!(id, replica.id());
    let found = async || client.services().ping().name("replica").id(&id).await;
    let connections = || server.monitor("/connz")["num_connections"].as_u64();

    replica.terminate().await;
    unsubscribed(&client).await;
    // It takes nothing new, and is still found while it finishes what it has.
    assert_eq!(found().await.expect("it is there").len(), 1);
    let stats = client.services().stats().name("replica").id(&id).await.expect("it is there");
    assert_eq!(stats[0].endpoints.len(), 2);
    assert!(!held.is_finished(), "the request is in flight");

    yes(&in_flight).await;
    assert_eq!(within("the answer", held).await.expect("no panic").expect("an answer"), 7);
    let report = replica.report().await;
    assert_eq!(report, Report::answered(report.completed));

    // Its report is the end of the service, and the connection is still there.
    let (closing, may_close) = questions.next().await;
    assert_eq!(closing, id);
    let gone = found().await;
    assert!(matches!(gone, Err(DiscoveryError::NoResponders { .. })), "{gone:?}");
    assert_eq!(connections(), Some(2), "the replica's and the test's");
    yes(&may_close).await;
    assert_eq!(replica.ended().await.code(), Some(0));
    eventually("it is closed", async || (connections() == Some(1)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_a_replica_that_drains_at_once() {
    let server = Server::start();
    let (mut replica, client, mut questions, held) = holding(&server, &[]).await;
    let _in_flight = questions.next().await;
    replica.terminate().await;
    unsubscribed(&client).await;
    replica.terminate().await;
    assert_eq!(replica.ended().await.code(), Some(143));
    let lost = within("its outcome", held).await.expect("no panic");
    assert!(matches!(lost, Err(RequestError::TimedOut { .. })), "{lost:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_time_to_drain_is_up_says_what_it_gave_up_and_to_whom() {
    let server = Server::start();
    let (mut replica, _client, mut questions, held) = holding(&server, &[("DRAIN_MS", "50")]).await;
    let _in_flight = questions.next().await;
    replica.terminate().await;
    match within("its outcome", held).await.expect("no panic") {
        Err(RequestError::Service(error)) => {
            assert_eq!((error.code(), error.description()), (503, "the service has stopped"));
        }
        other => panic!("{other:?}"),
    }
    let report = replica.report().await;
    let expected = Report { begun: 1, aborted: 1, flushed: true, ..Report::default() };
    assert_eq!(report, expected);
    assert_eq!(replica.ended().await.code(), Some(0));
}
