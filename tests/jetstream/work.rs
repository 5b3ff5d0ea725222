//! Handlers of what a consumer delivers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use natsws::jetstream::{AckPolicy, Consumer, ConsumerConfig, Stream, StreamConfig};
use natsws::{Event, ServiceError, Subject, Subscription};
use natsws_service::layers::CatchPanicLayer;
use natsws_service::{
    Attempt, Health, Incoming, Router, ServeError, ServiceHandle, State, Work, serve,
};
use natsws_tests::{eventually, within};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc};

use crate::stage::{OrderCreated, Stage};

/// What a handler was called with.
type Calls = mpsc::UnboundedReceiver<(u64, u64)>;

/// A handler that tells of each call, and fails as often as the test says.
#[derive(Clone)]
struct Handler {
    called: mpsc::UnboundedSender<(u64, u64)>,
    failures: Arc<AtomicU64>,
    gate: Arc<Semaphore>,
}

impl Handler {
    fn new(failures: u64) -> (Self, Calls) {
        let (called, calls) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        (Self { called, failures: Arc::new(AtomicU64::new(failures)), gate }, calls)
    }

    fn open() -> (Self, Calls) {
        let (handler, calls) = Self::new(0);
        handler.gate.add_permits(Semaphore::MAX_PERMITS / 2);
        (handler, calls)
    }
}

async fn handle(
    State(handler): State<Handler>,
    Attempt(attempt): Attempt,
    order: OrderCreated,
) -> Result<(), ServiceError> {
    handler.called.send((order.id, attempt)).expect("the test listens");
    handler.gate.acquire().await.expect("it is never closed").forget();
    let fails = handler
        .failures
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    match fails {
        Ok(_) => Err(ServiceError::new(500, "not yet")),
        Err(_) => Ok(()),
    }
}

async fn orders(stage: &Stage) -> Stream {
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]);
    stage.js.create_stream(config).await.expect("made")
}

async fn workers(stream: &Stream) -> Consumer {
    let config = ConsumerConfig::durable("workers").ack_wait(Duration::from_secs(600));
    stream.create_consumer(config).await.expect("made")
}

fn no_pause<S, M: Subject>(work: Work<S, M>) -> Work<S, M> {
    work.backoff([Duration::ZERO])
}

async fn serve_work(
    stage: &Stage,
    handler: Handler,
    consumer: &Consumer,
    more: impl FnOnce(Work<Handler, OrderCreated>) -> Work<Handler, OrderCreated>,
) -> ServiceHandle {
    let router = Router::new("billing", "1.0.0").consume_with(consumer.clone(), handle, more);
    let serving = serve(stage.client.clone(), router.with_state(handler)).start();
    within("the service", serving).await.expect("it is served")
}

async fn publish(stage: &Stage, ids: impl IntoIterator<Item = u64>) {
    for id in ids {
        stage.js.publish(&OrderCreated::new("eu", id)).await.expect("stored");
    }
}

async fn called(calls: &mut Calls) -> (u64, u64) {
    within("a call", calls.recv()).await.expect("the handler lives")
}

/// Waits until nothing is left to deliver or to acknowledge.
async fn all_done(consumer: &Consumer) {
    eventually("all to be done", async || {
        let info = consumer.info().await.ok()?;
        (info.pending == 0 && info.ack_pending == 0).then_some(())
    })
    .await;
}

async fn next(subscription: &mut Subscription) -> natsws::Msg {
    let msg = within("a message", subscription.next()).await.expect("one");
    msg.expect("it can be read")
}

#[tokio::test]
async fn what_is_done_is_acknowledged_and_what_fails_is_tried_again() {
    let stage = Stage::new().await;
    let consumer = workers(&orders(&stage).await).await;
    let (handler, mut calls) = Handler::open();
    handler.failures.store(2, Ordering::Relaxed);
    publish(&stage, [7]).await;
    let service = serve_work(&stage, handler, &consumer, no_pause).await;
    for attempt in 1..=3 {
        assert_eq!(called(&mut calls).await, (7, attempt));
    }
    all_done(&consumer).await;
    let report = within("the drain", service.drain()).await;
    assert_eq!((report.completed, report.failed, report.aborted), (1, 2, 0));
    assert_eq!((report.shed, report.unanswered, report.lost), (0, 0, 0));
    calls.try_recv().expect_err("it is not called again");
}

#[tokio::test]
async fn what_does_not_decode_is_given_up_at_once_and_kept_as_a_dead_letter() {
    let stage = Stage::new().await;
    let consumer = workers(&orders(&stage).await).await;
    let dead = StreamConfig::new("DEAD").subjects(["dead.>"]);
    stage.js.create_stream(dead).await.expect("made");
    let connection = stage.client.connection();
    let mut letters = connection.subscribe("dead.>").await.expect("subscribed");
    let mut told = connection.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>").await;
    let told = told.as_mut().expect("subscribed");
    let garbage = connection.publish("orders.eu.created", "garbage").header("Trace", "7f3a");
    garbage.await.expect("accepted");
    let (handler, mut calls) = Handler::open();
    let service =
        serve_work(&stage, handler, &consumer, |work| work.dead_letter("dead.orders")).await;
    let letter = next(&mut letters).await;
    assert_eq!((letter.subject(), letter.payload()), ("dead.orders", &b"garbage"[..]));
    let header = |name| letter.headers().get(name);
    assert_eq!(header("Trace"), Some("7f3a"));
    assert_eq!(header("Dead-Letter-Subject"), Some("orders.eu.created"));
    assert_eq!(header("Dead-Letter-Endpoint"), Some("orders-region-created"));
    assert_eq!(header("Dead-Letter-Code"), Some("400"));
    assert_eq!(header("Dead-Letter-Consumer"), Some("ORDERS.workers"));
    assert_eq!(header("Dead-Letter-Attempts"), Some("1"));
    assert_eq!(header("Nats-Msg-Id"), Some("ORDERS.workers.1.dead"));
    let advisory = next(told).await;
    let advisory: serde_json::Value = serde_json::from_slice(advisory.payload()).expect("JSON");
    assert_eq!(advisory["reason"], "orders-region-created gave it up with code 400");
    all_done(&consumer).await;
    let report = within("the drain", service.drain()).await;
    assert_eq!((report.completed, report.failed), (0, 1));
    calls.try_recv().expect_err("the handler is not called");
}

#[tokio::test]
async fn what_failed_as_often_as_it_may_is_given_up() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let config = ConsumerConfig::durable("workers").max_deliver(3);
    let consumer = stream.create_consumer(config).await.expect("made");
    let dead = StreamConfig::new("DEAD").subjects(["dead.>"]);
    let dead = stage.js.create_stream(dead).await.expect("made");
    publish(&stage, [7]).await;
    let (handler, mut calls) = Handler::open();
    handler.failures.store(u64::MAX, Ordering::Relaxed);
    let more = |work| no_pause(work).dead_letter("dead.orders");
    let service = serve_work(&stage, handler, &consumer, more).await;
    for attempt in 1..=3 {
        assert_eq!(called(&mut calls).await, (7, attempt));
    }
    let mut letters = dead.ordered::<natsws::jetstream::Untyped>().await.expect("reading");
    let letter = within("a letter", letters.next()).await.expect("one").expect("read");
    let header = |name| letter.headers().get(name);
    assert_eq!(header("Dead-Letter-Error"), Some("not yet"));
    assert_eq!(header("Dead-Letter-Attempts"), Some("3"));
    all_done(&consumer).await;
    let report = within("the drain", service.drain()).await;
    assert_eq!((report.completed, report.failed), (0, 3));
}

#[tokio::test]
async fn a_message_is_not_given_up_while_its_dead_letter_cannot_be_kept() {
    let stage = Stage::new().await;
    let consumer = workers(&orders(&stage).await).await;
    publish(&stage, [7]).await;
    let (handler, mut calls) = Handler::open();
    handler.failures.store(u64::MAX, Ordering::Relaxed);
    let more = |work| no_pause(work).attempts(1).dead_letter("dead.orders");
    let service = serve_work(&stage, handler, &consumer, more).await;
    for attempt in 1..=2 {
        assert_eq!(called(&mut calls).await, (7, attempt));
    }
    let dead = StreamConfig::new("DEAD").subjects(["dead.>"]);
    stage.js.create_stream(dead).await.expect("made");
    all_done(&consumer).await;
    within("the drain", service.drain()).await;
}

#[tokio::test]
async fn work_that_takes_longer_than_the_server_waits_is_not_delivered_again() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let config = ConsumerConfig::durable("workers").ack_wait(Duration::from_millis(600));
    let consumer = stream.create_consumer(config).await.expect("made");
    // One is worked on, and the others are held.
    publish(&stage, [1, 2, 3]).await;
    let mut told = stage.client.connection().subscribe("$JS.ACK.>").await.expect("subscribed");
    let (handler, mut calls) = Handler::new(0);
    let gate = Arc::clone(&handler.gate);
    let service = serve_work(&stage, handler, &consumer, |work| work.concurrency(1)).await;
    assert_eq!(called(&mut calls).await, (1, 1));
    // Three messages, told of three times in what the server waits, twice over.
    let mut in_progress = 0;
    while in_progress < 18 {
        in_progress += usize::from(next(&mut told).await.payload() == b"+WPI");
    }
    gate.add_permits(3);
    all_done(&consumer).await;
    assert_eq!((called(&mut calls).await, called(&mut calls).await), ((2, 1), (3, 1)));
    calls.try_recv().expect_err("nothing came twice");
    within("the drain", service.drain()).await;
}

#[tokio::test]
async fn a_drain_finishes_what_runs_and_gives_back_the_rest_at_once() {
    let stage = Stage::new().await;
    let consumer = workers(&orders(&stage).await).await;
    let (handler, mut calls) = Handler::new(0);
    let gate = Arc::clone(&handler.gate);
    let first = serve_work(&stage, handler, &consumer, |work| work.concurrency(2)).await;
    publish(&stage, 0..8).await;
    let begun = [called(&mut calls).await.0, called(&mut calls).await.0];
    // As many again are held ready.
    eventually("more to be held", async || {
        consumer.info().await.ok().filter(|info| info.ack_pending >= 4)
    })
    .await;
    let draining = tokio::spawn(async move { first.drain().await });
    let (other, mut others) = Handler::open();
    let second = serve_work(&stage, other, &consumer, |work| work.concurrency(8)).await;
    let mut got = Vec::new();
    for _ in 0..6 {
        got.push(called(&mut others).await.0);
    }
    got.sort_unstable();
    let rest: Vec<_> = (0..8).filter(|id| !begun.contains(id)).collect();
    assert_eq!(got, rest);
    gate.add_permits(2);
    let report = within("the drain", draining).await.expect("no panic");
    assert_eq!((report.completed, report.failed, report.aborted), (2, 0, 0));
    all_done(&consumer).await;
    let report = within("the drain", second.drain()).await;
    assert_eq!((report.completed, report.aborted), (6, 0));
}

#[tokio::test]
async fn what_is_not_done_when_time_is_up_is_given_back() {
    let stage = Stage::new().await;
    let consumer = workers(&orders(&stage).await).await;
    let (handler, mut calls) = Handler::new(0);
    let router = Router::new("billing", "1.0.0").consume(consumer.clone(), handle);
    let serving = serve(stage.client.clone(), router.with_state(handler));
    let first = serving.drain_timeout(Duration::from_millis(100)).start().await.expect("served");
    publish(&stage, [7]).await;
    assert_eq!(called(&mut calls).await, (7, 1));
    let report = within("the drain", first.drain()).await;
    assert_eq!((report.completed, report.aborted), (0, 1));
    let (other, mut others) = Handler::open();
    let second = serve_work(&stage, other, &consumer, |work| work).await;
    assert_eq!(called(&mut others).await, (7, 2));
    all_done(&consumer).await;
    within("the drain", second.drain()).await;
}

#[tokio::test]
async fn a_panic_is_a_failed_attempt_and_layers_see_every_message() {
    /// Subject, reply subject, and whether a consumer delivered it.
    type Met = (String, Option<String>, bool);
    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<Met>>>);
    let stage = Stage::new().await;
    let consumer = workers(&orders(&stage).await).await;
    publish(&stage, [7]).await;
    let seen = Seen::default();
    let layer_seen = seen.clone();
    let router: Router = Router::new("billing", "1.0.0").consume_with(
        consumer.clone(),
        async |Attempt(attempt): Attempt, _order: OrderCreated| {
            assert!(attempt > 1, "the first attempt panics");
        },
        |work| {
            no_pause(work).layer(CatchPanicLayer::new()).layer(tower::layer::layer_fn(
                move |inner: natsws_service::Route| {
                    let seen = layer_seen.clone();
                    tower::util::MapRequest::new(inner, move |incoming: Incoming| {
                        let reply = incoming.msg().reply().map(str::to_owned);
                        let subject = incoming.subject().to_owned();
                        let is_work = incoming.delivery().is_some();
                        seen.0.lock().expect("no panic").push((subject, reply, is_work));
                        incoming
                    })
                },
            ))
        },
    );
    let serving = serve(stage.client.clone(), router).start();
    let service = within("the service", serving).await.expect("it is served");
    all_done(&consumer).await;
    let report = within("the drain", service.drain()).await;
    assert_eq!((report.completed, report.failed), (1, 1));
    let each = ("orders.eu.created".to_owned(), None, true);
    assert_eq!(*seen.0.lock().expect("no panic"), [each.clone(), each]);
}

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("orders.{region}.created", reply = String)]
struct Ask {
    region: String,
}

#[tokio::test]
async fn work_and_an_endpoint_may_have_the_same_subject_and_are_listed() {
    let stage = Stage::new().await;
    let consumer = workers(&orders(&stage).await).await;
    let (handler, mut calls) = Handler::open();
    let router = Router::new("billing", "1.0.0")
        .endpoint(async |_: Ask| "answered".to_owned())
        .consume_with(consumer.clone(), handle, |work| work.name("charge"))
        .with_state(handler);
    let service = serve(stage.client.clone(), router).start().await.expect("served");
    let info = service.info();
    let listed: Vec<_> = info
        .endpoints
        .iter()
        .map(|it| (it.name.as_str(), it.subject.as_str(), it.queue_group.as_str()))
        .collect();
    assert_eq!(
        listed,
        [
            ("orders-region-created", "orders.*.created", "q"),
            ("charge", "orders.*.created", "workers")
        ]
    );
    assert_eq!(
        info.endpoints[1].metadata.get("consumer").map(String::as_str),
        Some("ORDERS.workers")
    );
    publish(&stage, [7]).await;
    assert_eq!(called(&mut calls).await, (7, 1));
    all_done(&consumer).await;
    let stats = service.stats();
    let charged = stats.endpoints.iter().find(|it| it.name == "charge").expect("listed");
    assert_eq!((charged.num_requests, charged.num_errors), (1, 0));
    within("the drain", service.drain()).await;
}

#[tokio::test]
async fn replicas_share_the_work_and_each_message_is_done_once() {
    let stage = Stage::new().await;
    let consumer = workers(&orders(&stage).await).await;
    publish(&stage, 0..200).await;
    let (handler, mut calls) = Handler::open();
    let mut services = Vec::new();
    for _ in 0..3 {
        let more = |work: Work<_, _>| {
            work.concurrency(4).confirm_acks().ordered_by(|incoming| incoming.subject().to_owned())
        };
        services.push(serve_work(&stage, handler.clone(), &consumer, more).await);
    }
    all_done(&consumer).await;
    let mut done = 0;
    for service in services {
        done += within("the drain", service.drain()).await.completed;
    }
    assert_eq!(done, 200);
    let mut ids: Vec<_> = std::iter::from_fn(|| calls.try_recv().ok()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..200).map(|id| (id, 1)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_consumer_that_is_gone_impairs_the_service() {
    let stage = Stage::new().await;
    let consumer = workers(&orders(&stage).await).await;
    let (handler, _calls) = Handler::open();
    let service = serve_work(&stage, handler, &consumer, |work| work).await;
    eventually("the pull", async || consumer.info().await.ok().filter(|info| info.waiting == 1))
        .await;
    consumer.delete().await.expect("deleted");
    let impaired = eventually("the health", async || match service.health() {
        Health::Impaired { endpoints } => Some(endpoints),
        _ => None,
    });
    assert_eq!(impaired.await, ["orders-region-created"]);
    within("the drain", service.drain()).await;
}

#[tokio::test]
async fn a_subject_for_dead_letters_that_cannot_be_published_to_is_refused_before_anything_is_served()
 {
    let stage = Stage::new().await;
    let consumer = workers(&orders(&stage).await).await;
    let (handler, _calls) = Handler::open();
    let router = Router::new("billing", "1.0.0")
        .consume_with(consumer, handle, |work| work.dead_letter("dead.*"))
        .with_state(handler);
    match router.check() {
        Err(ServeError::DeadLetter { name, subject, .. }) => {
            assert_eq!((name.as_str(), subject.as_str()), ("orders-region-created", "dead.*"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_consumer_whose_answers_would_be_those_of_other_messages_is_refused() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let config = ConsumerConfig::durable("workers").ack_policy(AckPolicy::All);
    let consumer = stream.create_consumer(config).await.expect("made");
    let (handler, _calls) = Handler::open();
    let router = Router::new("billing", "1.0.0").consume(consumer, handle);
    let serving = serve(stage.client.clone(), router.with_state(handler)).start();
    match within("the service", serving).await {
        Err(error @ ServeError::UnfitConsumer { .. }) => assert_eq!(
            error.to_string(),
            "the consumer \"ORDERS.workers\" cannot be worked through: its `ack_policy` is not \
             `Explicit`, so that the answer to one message would be that to others, or none would \
             be heard"
        ),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_last_delivery_is_held_until_its_dead_letter_is_kept() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let config = ConsumerConfig::durable("workers").max_deliver(1);
    let consumer = stream.create_consumer(config).await.expect("made");
    let connection = stage.client.connection();
    let mut tries = connection.subscribe("dead.orders").await.expect("subscribed");
    publish(&stage, [7]).await;
    let (handler, mut calls) = Handler::open();
    handler.failures.store(u64::MAX, Ordering::Relaxed);
    let more = |work: Work<_, _>| work.dead_letter("dead.orders");
    let service = serve_work(&stage, handler, &consumer, more).await;
    assert_eq!(called(&mut calls).await, (7, 1));
    // It was tried, and no stream has it.
    next(&mut tries).await;
    let config = StreamConfig::new("DEAD").subjects(["dead.>"]);
    let dead = stage.js.create_stream(config).await.expect("made");
    eventually("the letter", async || {
        dead.info().await.ok().filter(|info| info.state.messages == 1)
    })
    .await;
    all_done(&consumer).await;
    let report = within("the drain", service.drain()).await;
    assert_eq!((report.failed, report.aborted), (1, 0));
}

#[tokio::test]
async fn a_stop_gives_back_what_waits_and_what_runs_and_nothing_counts_as_forgotten() {
    let stage = Stage::new().await;
    let consumer = workers(&orders(&stage).await).await;
    let mut events = stage.client.connection().events();
    let (handler, mut calls) = Handler::new(0);
    let service = serve_work(&stage, handler, &consumer, |work| work.concurrency(1)).await;
    publish(&stage, [1, 2]).await;
    assert_eq!(called(&mut calls).await, (1, 1));
    eventually("the other to be held", async || {
        consumer.info().await.ok().filter(|info| info.ack_pending == 2)
    })
    .await;
    within("the stop", service.stop()).await;
    let (other, mut others) = Handler::open();
    let second = serve_work(&stage, other, &consumer, |work| work).await;
    let mut got = [called(&mut others).await, called(&mut others).await];
    got.sort_unstable();
    assert_eq!(got, [(1, 2), (2, 2)]);
    all_done(&consumer).await;
    within("the drain", second.drain()).await;
    stage.client.close().await;
    while let Some(event) = within("the events", events.next()).await {
        assert!(!matches!(event, Event::DeliveryUnanswered { .. }), "{event:?}");
    }
}

#[tokio::test]
async fn an_answer_that_the_handler_gives_itself_holds() {
    let stage = Stage::new().await;
    let consumer = workers(&orders(&stage).await).await;
    publish(&stage, [7]).await;
    let mut told = stage.client.connection().subscribe("$JS.ACK.>").await.expect("subscribed");
    let router: Router = Router::new("billing", "1.0.0").consume_with(
        consumer.clone(),
        async |incoming: Incoming, _order: OrderCreated| {
            incoming.delivery().expect("a consumer's").term("never").await.expect("sent");
            Err::<(), _>(ServiceError::new(500, "it is settled already"))
        },
        Work::confirm_acks,
    );
    let serving = serve(stage.client.clone(), router).start();
    let service = within("the service", serving).await.expect("it is served");
    assert_eq!(next(&mut told).await.payload(), b"+TERM never");
    all_done(&consumer).await;
    let report = within("the drain", service.drain()).await;
    assert_eq!((report.completed, report.failed), (0, 1));
    stage.client.flush().await.expect("flushed");
    assert_eq!(told.pending(), 0);
}

#[tokio::test]
async fn a_consumer_that_is_made_again_is_worked_through_where_that_is_wanted() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let consumer = workers(&stream).await;
    let (handler, mut calls) = Handler::open();
    let service = serve_work(&stage, handler, &consumer, Work::wait_if_gone).await;
    eventually("the pull", async || consumer.info().await.ok().filter(|info| info.waiting == 1))
        .await;
    consumer.delete().await.expect("deleted");
    let consumer = workers(&stream).await;
    publish(&stage, [7]).await;
    assert_eq!(called(&mut calls).await, (7, 1));
    all_done(&consumer).await;
    assert!(service.health().is_ready());
    within("the drain", service.drain()).await;
}
