//! The trace that typed messages carry along.

use std::future::IntoFuture;

use natsws::{Msg, Replies, Subscription, TraceContext};
use natsws_tests::within;

use crate::{Borrowed, GetOrder, everywhere};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
const ORDER: Borrowed<'static> = Borrowed { region: "eu", id: 7, total: 0.0 };

fn context() -> TraceContext {
    TraceContext::parse(PARENT).expect("valid").with_tracestate("a=1")
}

async fn next(sub: &mut Subscription) -> Msg {
    within("a message", sub.next()).await.expect("a message").expect("no gap")
}

/// What a message says of its trace.
fn said(msg: &Msg) -> [Option<&str>; 2] {
    ["traceparent", "tracestate"].map(|name| msg.headers().get(name))
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_messages_carry_the_trace_that_they_are_sent_within() {
    everywhere(async |client| {
        let mut all = client.connection().subscribe("orders.>").await.expect("subscribed");
        let ask = GetOrder { id: 7 };
        let calls = async {
            client.publish(&ORDER).await.expect("published");
            let published = next(&mut all).await;
            assert_eq!(said(&published), [Some(PARENT), Some("a=1")]);
            assert_eq!(TraceContext::from_headers(published.headers()), Some(context()));
            let (reply, ()) = tokio::join!(client.request(&ask).into_future(), async {
                let asked = next(&mut all).await;
                assert_eq!(said(&asked), [Some(PARENT), Some("a=1")]);
                asked.respond("").await.expect("answered");
            });
            reply.expect_err("nothing is no order");
            let many = client.request_many(&ask).replies(Replies::Count(1));
            let many = many.await.expect("sent");
            assert_eq!(said(&next(&mut all).await), [Some(PARENT), Some("a=1")]);
            drop(many);
            client.connection().publish("orders.raw", "").await.expect("published");
            assert_eq!(said(&next(&mut all).await), [None, None]);
        };
        context().scope(calls).await;
        client.publish(&ORDER).await.expect("published");
        assert_eq!(said(&next(&mut all).await), [None, None]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_among_the_headers_goes_before_the_one_that_is_there() {
    everywhere(async |client| {
        let mut all = client.connection().subscribe("orders.>").await.expect("subscribed");
        let calls = async {
            let publish = client.publish(&ORDER);
            publish.header("Traceparent", OTHER).await.expect("published");
            let msg = next(&mut all).await;
            assert_eq!(said(&msg), [None, None]);
            let expected = TraceContext::parse(OTHER);
            assert_eq!(TraceContext::from_headers(msg.headers()), expected);
            let publish = client.publish(&ORDER);
            publish.header("tracestate", "b=2").await.expect("published");
            assert_eq!(said(&next(&mut all).await), [Some(PARENT), Some("b=2")]);
            client.publish(&ORDER).header("Other", "x").await.expect("published");
            let msg = next(&mut all).await;
            assert_eq!(said(&msg), [Some(PARENT), Some("a=1")]);
            assert_eq!(msg.headers().get("Other"), Some("x"));
        };
        context().scope(calls).await;
    })
    .await;
}
