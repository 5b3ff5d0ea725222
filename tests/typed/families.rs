//! Enums: all subjects of a family as one stream.

use natsws::{DecodeError, ReceiveError, Subject, SubjectError};
use natsws_tests::within;
use serde::{Deserialize, Serialize};

use crate::{everywhere, next};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subject)]
enum Event {
    #[subject("events.{id}.opened")]
    Opened { id: u64, by: String },
    #[subject("events.{id}.moved")]
    Moved { id: u64, to: i32 },
    #[subject("events.{id}.closed")]
    Closed { id: u64 },
}

fn life(id: u64) -> [Event; 4] {
    [
        Event::Opened { id, by: "ann".to_owned() },
        Event::Moved { id, to: 1 },
        Event::Moved { id, to: 2 },
        Event::Closed { id },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variants_of_a_family_come_in_the_order_in_which_they_were_sent() {
    everywhere(async |client| {
        let mut events = client.subscribe::<Event>().await.expect("subscribed");
        let sent: Vec<Event> = (0..200).flat_map(life).collect();
        for event in &sent {
            client.publish(event).await.expect("published");
        }
        for event in &sent {
            assert_eq!(next(&mut events).await, *event);
        }
        assert_eq!((events.received(), events.dropped()), (800, 0));
        // Another of the same family that is none of its subjects does not even come.
        client.connection().publish("events.1.lost", "").await.expect("published");
        client.connection().publish("events.x.closed", "null").await.expect("published");
        match within("it", events.next()).await {
            Some(Err(ReceiveError::Decode { source: DecodeError::Subject(error), .. })) => {
                assert!(matches!(error, SubjectError::Parse { field: "id", .. }), "{error}");
            }
            other => panic!("{other:?}"),
        }
        client.publish(&Event::Closed { id: 9 }).await.expect("published");
        assert_eq!(next(&mut events).await, Event::Closed { id: 9 });
        drop(events);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_ends_as_one() {
    everywhere(async |client| {
        let mut three = client.subscribe::<Event>().max(3).await.expect("subscribed");
        let filter = Event::filter().id(2);
        let mut second = client.subscribe::<Event>().only(filter).queue("q").await.expect("it");
        for event in life(1).iter().chain(&life(2)) {
            client.publish(event).await.expect("published");
        }
        for event in &life(1)[..3] {
            assert_eq!(next(&mut three).await, *event);
        }
        assert!(within("the end", three.next()).await.is_none());
        for event in life(2) {
            assert_eq!(next(&mut second).await, event);
        }
        client.publish(&life(2)[0]).await.expect("published");
        client.publish(&life(2)[3]).await.expect("published");
        within("the drain", second.drain()).await.expect("the connection is up");
        assert_eq!(second.pending(), 2);
        assert_eq!(next(&mut second).await, life(2)[0]);
        assert_eq!(next(&mut second).await, life(2)[3]);
        assert!(within("the end", second.next()).await.is_none());
    })
    .await;
}
