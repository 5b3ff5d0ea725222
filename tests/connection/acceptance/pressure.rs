//! More than fits.

use std::fs;
use std::process::Command;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::join_all;
use natsws::PublishError;
use natsws_tests::{Server, eventually, info, within};

use crate::{next, quick, scripted_as};

#[tokio::test]
async fn who_cannot_wait_is_told_so_and_pings_are_answered_meanwhile() {
    const SIZE: usize = 64 * 1024;
    let (_scripted, mut peer, nc) = scripted_as(&info(), quick().outbox_size(SIZE)).await;
    let payload = vec![b'x'; SIZE];
    let (mut accepted, mut refused) = (0, 0);
    // The driver still moves what fits into the socket, so one refusal is not the end.
    while refused < 1000 {
        match nc.publish("a", &payload).try_send() {
            Ok(()) => (accepted, refused) = (accepted + 1, 0),
            Err(PublishError::WouldBlock) => refused += 1,
            Err(other) => unreachable!("{other:?}"),
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(nc.stats().out_msgs, accepted);
    let waiting = tokio::spawn({
        let nc = nc.clone();
        async move { nc.publish("b", "end").await }
    });
    // Reading goes on, and what the server is owed waits for nobody but what is in front of it.
    peer.send("PING\r\nMSG a 9 2\r\nhi\r\n").await;
    eventually("the message", async || (nc.stats().in_msgs == 1).then_some(())).await;
    assert!(!waiting.is_finished());
    let (mut messages, mut pongs) = (0, 0);
    loop {
        let line = peer.expect_line("P").await;
        match line.as_str() {
            "PONG" => pongs += 1,
            "PUB b 3" => break,
            line => {
                assert_eq!(line, format!("PUB a {SIZE}"));
                assert_eq!(peer.read_exact(SIZE + 2).await.len(), SIZE + 2);
                messages += 1;
            }
        }
    }
    assert_eq!((messages, pongs), (accepted, 1));
    within("the publish", waiting).await.expect("no panic").expect("there is room again");
    nc.publish("a", "").try_send().expect("there is room again");
}

everywhere! {
    async fn ten_thousand_replies_in_any_order_reach_their_requests(target: Target) {
        const COUNT: usize = 10_000;
        let place = target.start().await;
        let (nc, service) = (place.connect().await, place.connect().await);
        let mut sub = service.subscribe("a").await.expect("subscribed");
        let answering = tokio::spawn(async move {
            let mut held = Vec::new();
            let mut block = Vec::new();
            for number in 0..COUNT {
                let msg = next(&mut sub).await;
                // One in a hundred waits for all others.
                if number.is_multiple_of(100) { held.push(msg) } else { block.push(msg) }
                if block.len() == 99 {
                    // Any order but the one in which they came.
                    for at in 0..99 {
                        let msg = &block[at * 40 % 99];
                        msg.respond(msg.payload_bytes()).await.expect("answered");
                    }
                    block.clear();
                }
            }
            service.flush().await.expect("flushed");
            for msg in held.iter().rev() {
                msg.respond(msg.payload_bytes()).await.expect("answered");
            }
            service.flush().await.expect("flushed");
            assert_eq!((held.len(), block.len()), (COUNT / 100, 0));
        });
        let long = Duration::from_secs(60);
        let requests = (0..COUNT).map(async |number| {
            let payload = format!("{number} {}", "x".repeat(number % 97));
            let reply = nc.request("a", &payload).timeout(long).await.expect("a reply");
            assert_eq!(reply.text(), Ok(payload.as_str()));
        });
        within("all replies", join_all(requests)).await;
        within("the service", answering).await.expect("no panic");
        assert_eq!((nc.requests_in_flight(), nc.stats().in_msgs), (0, COUNT as u64));
    }
}

/// Memory that is in use, in bytes.
fn memory() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("this is Linux");
    let pages: u64 = statm.split(' ').nth(1).expect("a number").parse().expect("a number");
    pages * 4096
}

#[test]
fn two_hundred_thousand_abandoned_requests_leave_nothing() {
    // Memory is counted in a process where nothing else runs.
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "acceptance::pressure::abandoned_requests_leave_no_memory", "--ignored"])
        .output()
        .expect("this program runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "another test runs it in a process of its own"]
async fn abandoned_requests_leave_no_memory() {
    const COUNT: u32 = 200_000;
    let server = Server::start();
    let nc = crate::connect(&server.nats_url()).await;
    let mut cx = Context::from_waker(Waker::noop());
    let mut warm = 0;
    for number in 0..COUNT {
        // Nobody is there, so for each of them an answer comes late.
        let mut request = Box::pin(nc.request("nobody", "x").into_future());
        let polled = request.as_mut().poll(&mut cx);
        assert!(matches!(polled, Poll::Pending), "{polled:?}");
        assert_eq!(nc.requests_in_flight(), 1);
        drop(request);
        if number % 500 == 499 {
            within("the flush", nc.flush()).await.expect("flushed");
        }
        if number == COUNT / 10 {
            warm = memory();
        }
    }
    assert_eq!((nc.requests_in_flight(), nc.stats().out_msgs), (0, u64::from(COUNT)));
    assert_eq!(nc.stats().in_msgs, u64::from(COUNT));
    let grown = memory().saturating_sub(warm);
    assert!(grown < 1024 * 1024, "{grown} bytes more");
}
