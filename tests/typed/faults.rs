//! What clients see while the embedded broker plays a server that fails.

use std::time::Duration;

use natsws::embedded::Broker;
use natsws::{Client, ConnectOptions, Disconnect, Event, RequestError, State, TypedSubscription};
use natsws_tests::within;
use tokio::time::Instant;

use crate::{Greet, OrderCreated};

const SECOND: Duration = Duration::from_secs(1);

fn order(id: u64) -> OrderCreated {
    OrderCreated { region: "eu".to_owned(), id, total: 9.5 }
}

#[tokio::test(start_paused = true)]
async fn a_client_in_memory_that_is_cut_comes_back_with_its_subscriptions() {
    let broker = Broker::start().await.expect("a broker");
    let client = broker.connect().await.expect("in memory");
    let mut created = client.subscribe::<OrderCreated>().await.expect("subscribed");
    let mut events = client.connection().events();
    for round in 1..=3 {
        broker.disconnect_all();
        let lost = within("the loss", events.next()).await;
        assert!(matches!(lost, Some(Event::Disconnected { .. })), "{lost:?}");
        client.publish(&order(round)).await.expect("kept");
        assert_eq!(crate::next(&mut created).await, order(round));
        while !matches!(within("it", events.next()).await, Some(Event::Reconnected { .. })) {}
    }
    assert_eq!(client.connection().stats().reconnects, 3);
    client.close().await;
    assert_eq!(client.connection().state(), State::Closed);
}

/// A client in memory that is subscribed to orders.
async fn subscribed(broker: &Broker) -> (Client, TypedSubscription<OrderCreated>) {
    let client = broker.connect().await.expect("in memory");
    let created = client.subscribe().await.expect("subscribed");
    (client, created)
}

async fn publish(client: &Client, ids: impl IntoIterator<Item = u64>) {
    for id in ids {
        client.publish(&order(id)).await.expect("accepted");
    }
}

/// Runs a test over each way to the broker.
async fn everywhere(body: impl AsyncFn(&Broker, Client)) {
    let broker = Broker::start().await.expect("a broker");
    let options = ConnectOptions::new().reconnect_time_wait(Duration::from_millis(5));
    for url in [broker.ws_url(), broker.nats_url()] {
        let client = within("connecting", options.clone().connect(url)).await;
        body(&broker, client.expect("the broker is there")).await;
    }
    body(&broker, broker.connect_with(options).await.expect("in memory")).await;
}

#[tokio::test]
async fn what_is_dropped_reaches_nobody_and_is_recorded() {
    let broker = Broker::start().await.expect("a broker");
    let (client, mut created) = subscribed(&broker).await;
    broker.drop_next(OrderCreated::FILTER, 2).expect("a filter");
    publish(&client, 1..=3).await;
    assert_eq!(crate::next(&mut created).await, order(3));
    broker.drop_messages("orders.*.5.>").expect("a filter");
    publish(&client, 4..=6).await;
    assert_eq!(crate::next(&mut created).await, order(4));
    assert_eq!(crate::next(&mut created).await, order(6));
    broker.lift_faults();
    publish(&client, [5]).await;
    assert_eq!(crate::next(&mut created).await, order(5));
    let published = broker.published::<OrderCreated>().expect("all");
    assert_eq!(published, [1, 2, 3, 4, 5, 6, 5].map(order));
    assert_eq!(created.received(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_or_whose_reply_is_dropped_times_out() {
    let broker = Broker::start().await.expect("a broker");
    let client = broker.connect().await.expect("in memory");
    let mut asked = client.connection().subscribe("greeting").await.expect("subscribed");
    let service = tokio::spawn(async move {
        while let Some(Ok(msg)) = asked.next().await {
            msg.respond("\"hello\"").await.expect("sent");
        }
    });
    for lost in ["greeting", "_INBOX.>"] {
        broker.drop_next(lost, 1).expect("a filter");
        let error = client.request(&Greet).await.expect_err("it is lost");
        assert!(matches!(error, RequestError::TimedOut { after: SECOND }), "{error:?}");
        assert_eq!(client.request(&Greet).await.expect("a reply"), "hello");
    }
    client.close().await;
    service.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn what_is_delayed_comes_later_in_order_and_nobody_waits_for_it() {
    let broker = Broker::start().await.expect("a broker");
    let (client, mut created) = subscribed(&broker).await;
    broker.delay_messages("orders.>", 3 * SECOND).expect("a filter");
    let start = Instant::now();
    publish(&client, 1..=100).await;
    client.flush().await.expect("the broker has them");
    assert_eq!(broker.published::<OrderCreated>().expect("all").len(), 100);
    assert!(start.elapsed() < SECOND, "flushing does not wait");
    for id in 1..=100 {
        assert_eq!(crate::next(&mut created).await, order(id));
    }
    let elapsed = start.elapsed();
    assert!((3 * SECOND..4 * SECOND).contains(&elapsed), "{elapsed:?}");

    let nobody = client.request(&Greet).await.expect_err("nobody is there");
    assert!(nobody.is_no_responders(), "what has another subject is not delayed");
    publish(&client, [101, 102]).await;
    client.flush().await.expect("the broker has them");
    let start = Instant::now();
    broker.lift_faults();
    publish(&client, [103]).await;
    for id in 101..=103 {
        assert_eq!(crate::next(&mut created).await, order(id));
    }
    assert!(start.elapsed() < SECOND, "what waits is delivered when the fault is lifted");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_delayed_waits_for_its_answer() {
    let broker = Broker::start().await.expect("a broker");
    let client = broker.connect().await.expect("in memory");
    broker.delay_messages("greeting", 2 * SECOND).expect("a filter");
    let late = client.request(&Greet).await.expect_err("it takes longer");
    assert!(late.is_timed_out(), "{late:?}");
    let start = Instant::now();
    let nobody = client.request(&Greet).timeout(5 * SECOND).await.expect_err("nobody is there");
    assert!(nobody.is_no_responders(), "{nobody:?}");
    assert!(start.elapsed() >= 2 * SECOND);
    broker.delay_messages("greeting", Duration::ZERO).expect("a filter");
    let nobody = client.request(&Greet).await.expect_err("nobody is there");
    assert!(nobody.is_no_responders(), "{nobody:?}");
}

#[tokio::test]
async fn a_broker_that_hangs_answers_nothing_until_it_goes_on() {
    everywhere(async |broker, client| {
        let mut created = client.subscribe::<OrderCreated>().await.expect("subscribed");
        broker.silence(true);
        publish(&client, [1]).await;
        let silent = client.request(&Greet).timeout(Duration::from_millis(20)).await;
        assert!(silent.expect_err("it hangs").is_timed_out());
        assert_eq!(client.connection().state(), State::Connected);
        broker.silence(false);
        assert_eq!(crate::next(&mut created).await, order(1));
        client.flush().await.expect("it goes on");
        client.close().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_hangs_for_long_is_taken_for_lost_and_nobody_can_connect() {
    let broker = Broker::start().await.expect("a broker");
    let options = ConnectOptions::new().ping_interval(SECOND).max_pings_out(2).timeout(SECOND);
    let options = options.unlimited_reconnect_attempts();
    let client = broker.connect_with(options.clone()).await.expect("in memory");
    let mut events = client.connection().events();
    broker.silence(true);
    let lost = within("the loss", events.next()).await;
    let reason = match lost {
        Some(Event::Disconnected { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    assert!(matches!(reason, Disconnect::Stale { .. }), "{reason:?}");
    broker.connect_with(options).await.expect_err("it says nothing");
    broker.lift_faults();
    client.connection().wait_connected(60 * SECOND).await.expect("it is back");
    client.flush().await.expect("it answers");
}

#[tokio::test]
async fn a_broker_that_refuses_connections_keeps_those_it_has() {
    everywhere(async |broker, client| {
        broker.refuse_connections(true);
        client.flush().await.expect("it stays connected");
        for url in [broker.ws_url(), broker.nats_url()] {
            within("a refusal", Client::connect(url)).await.expect_err("it is refused");
        }
        within("a refusal", broker.connect()).await.expect_err("it is refused");

        let mut events = client.connection().events();
        broker.disconnect_all();
        while !matches!(within("it", events.next()).await, Some(Event::ConnectFailed { .. })) {}
        broker.refuse_connections(false);
        within("a connection", client.connection().wait_connected(60 * SECOND))
            .await
            .expect("it is let in again");
        client.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_filter_that_is_none_is_refused() {
    let broker = Broker::start().await.expect("a broker");
    broker.drop_messages("a..b").expect_err("an empty token");
    broker.drop_next("a b", 1).expect_err("a blank");
    broker.delay_messages(">.a", SECOND).expect_err("it does not end there");
}
