//! A server that does not read holds up those who send, and nothing else.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use natsws::{Connection, PublishError};
use natsws_tests::{info, within};

use crate::{quick, scripted_as};

const SIZE: usize = 64 * 1024;

/// Publishes until one would have to wait, and gives that one up. Returns how many went through.
async fn fill(nc: &Connection) -> usize {
    let payload = vec![b'x'; SIZE];
    let mut cx = Context::from_waker(Waker::noop());
    let mut accepted = 0;
    let mut full = 0;
    // The driver still moves what fits into the socket, so one refusal is not the end.
    while full < 1000 {
        let mut publish = Box::pin(nc.publish("a", &payload).into_future());
        match publish.as_mut().poll(&mut cx) {
            Poll::Ready(result) => {
                result.expect("published");
                accepted += 1;
                full = 0;
            }
            Poll::Pending => full += 1,
        }
        drop(publish);
        tokio::task::yield_now().await;
    }
    accepted
}

#[tokio::test]
async fn publishing_waits_and_what_is_given_up_is_not_sent() {
    let (_scripted, mut peer, nc) = scripted_as(&info(), quick().outbox_size(SIZE)).await;
    let accepted = fill(&nc).await;
    assert_eq!(nc.stats().out_msgs, accepted as u64);

    let after = Duration::from_millis(30);
    let request = nc.request("r", "x").timeout(after).into_future();
    let error = within("the timeout", request).await.expect_err("it cannot be sent");
    assert!(error.is_timed_out(), "{error:?}");
    assert_eq!(nc.requests_in_flight(), 0);

    // Reading goes on while writing cannot.
    peer.send("MSG a 9 2\r\nhi\r\n").await;
    natsws_tests::eventually("it", async || (nc.stats().in_msgs == 1).then_some(())).await;

    let (published, ()) = tokio::join!(nc.publish("b", "end").into_future(), async {
        for _ in 0..accepted {
            assert_eq!(peer.skip_to_line("PUB").await, format!("PUB a {SIZE}"));
            assert_eq!(peer.read_exact(SIZE + 2).await.len(), SIZE + 2);
        }
        assert_eq!(peer.skip_to_line("PUB").await, "PUB b 3");
    });
    published.expect("there is room again");
    assert_eq!(nc.stats().out_msgs, accepted as u64 + 1);
}

#[tokio::test]
async fn those_who_wait_and_are_not_polled_hold_nobody_up() {
    let (_scripted, mut peer, nc) = scripted_as(&info(), quick().outbox_size(SIZE)).await;
    let accepted = fill(&nc).await;
    let payload = vec![b'x'; SIZE];
    let mut cx = Context::from_waker(Waker::noop());
    let (mut waiting, mut asking) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        waiting.push(Box::pin(nc.publish("kept", &payload)));
        asking.push(Box::pin(nc.request("kept", &payload)));
    }
    let waits = waiting.iter_mut().all(|publish| publish.as_mut().poll(&mut cx).is_pending())
        && asking.iter_mut().all(|request| request.as_mut().poll(&mut cx).is_pending());
    assert!(waits);
    // These go when it is their turn, if not before.
    drop(waiting.drain(..10));
    drop(asking.drain(..10));

    let published = async { within("room", nc.publish("b", "end").into_future()).await };
    let (published, ()) = tokio::join!(published, async {
        for _ in 0..accepted {
            assert_eq!(peer.skip_to_line("PUB").await, format!("PUB a {SIZE}"));
            assert_eq!(peer.read_exact(SIZE + 2).await.len(), SIZE + 2);
        }
        assert_eq!(peer.skip_to_line("PUB").await, "PUB b 3");
    });
    published.expect("there is room again");
    // Those who were kept find room when they are polled after all.
    let published = within("room", waiting.remove(0)).await;
    published.expect("there is room");
    assert_eq!(peer.skip_to_line("PUB").await, format!("PUB kept {SIZE}"));
    drop(asking);
    assert_eq!(nc.requests_in_flight(), 0);
}

#[tokio::test]
async fn those_who_wait_are_told_when_the_connection_closes() {
    let (_scripted, _peer, nc) = scripted_as(&info(), quick().outbox_size(SIZE)).await;
    fill(&nc).await;
    let (published, ()) = tokio::join!(nc.publish("b", "end").into_future(), async {
        nc.close().await;
    });
    // It may be told while what was accepted is still being written.
    let closed = matches!(published, Err(PublishError::Closed | PublishError::Draining));
    assert!(closed, "{published:?}");
}
