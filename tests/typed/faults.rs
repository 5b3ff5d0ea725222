//! What clients see while the embedded broker plays a server that fails.

use natsws::embedded::Broker;
use natsws::{Event, State};
use natsws_tests::within;

use crate::OrderCreated;

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
