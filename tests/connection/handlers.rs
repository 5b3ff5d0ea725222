//! Functions that take messages inline with their arrival.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use natsws::{Event, Stopper, SubscriptionError};
use natsws_tests::{eventually, within};
use tokio::sync::mpsc::unbounded_channel;

use crate::event;

everywhere! {
    async fn a_handler_gets_messages_in_order(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let (seen, mut saw) = unbounded_channel();
        let handler = move |msg: Result<natsws::Msg, SubscriptionError>| {
            let text = msg.expect("nothing but messages").text().expect("text").to_owned();
            seen.send(text).expect("the test reads");
        };
        let mut sub = nc.subscribe("a").handler(handler).await.expect("subscribed");
        for number in 0..100 {
            nc.publish("a", number.to_string()).await.expect("published");
        }
        for number in 0..100 {
            assert_eq!(within("a message", saw.recv()).await, Some(number.to_string()));
        }
        assert_eq!((sub.received(), sub.processed(), sub.pending()), (100, 100, 0));
        sub.unsubscribe();
        assert!(within("the end", sub.next()).await.is_none(), "the stream has no items");
        assert_eq!(within("the handler's end", saw.recv()).await, None, "the handler is dropped");
    }

    async fn a_flush_comes_back_after_the_handlers_have_had_what_was_before_it(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let count = Arc::new(Mutex::new(0));
        let counter = Arc::clone(&count);
        let subscribe = nc.subscribe("a").handler(move |_| *counter.lock().expect("alone") += 1);
        let _sub = subscribe.await.expect("subscribed");
        for round in 1..=50 {
            nc.publish("a", "").await.expect("published");
            nc.flush().await.expect("flushed");
            assert_eq!(*count.lock().expect("alone"), round);
        }
    }

    async fn a_handler_can_answer(target: Target) {
        let place = target.start().await;
        let (nc, other) = (place.connect().await, place.connect().await);
        let runtime = tokio::runtime::Handle::current();
        let handler = move |msg: Result<natsws::Msg, SubscriptionError>| {
            let msg = msg.expect("nothing but messages");
            runtime.spawn(async move {
                let answer = msg.text().expect("text").to_uppercase();
                msg.respond(answer).await.expect("it has a reply subject");
            });
        };
        let sub = nc.subscribe("upper").handler(handler).await.expect("subscribed");
        let reply = other.request("upper", "hello").await.expect("a reply");
        assert_eq!(reply.text(), Ok("HELLO"));
        assert_eq!(sub.received(), 1);
    }

    async fn a_panic_in_a_handler_is_an_event_and_no_more(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut events = nc.events();
        let (seen, mut saw) = unbounded_channel();
        let handler = move |msg: Result<natsws::Msg, SubscriptionError>| {
            let msg = msg.expect("nothing but messages");
            assert_ne!(msg.text(), Ok("bad"), "this panic is part of the test");
            seen.send(msg.text().expect("text").to_owned()).expect("the test reads");
        };
        let sub = nc.subscribe("a").handler(handler).await.expect("subscribed");
        for payload in ["good", "bad", "better"] {
            nc.publish("a", payload).await.expect("published");
        }
        assert_eq!(within("a message", saw.recv()).await.as_deref(), Some("good"));
        assert_eq!(within("a message", saw.recv()).await.as_deref(), Some("better"));
        let panicked = |event| matches!(event, Event::HandlerPanicked).then_some(());
        event(&mut events, panicked).await;
        assert_eq!(sub.received(), 3);
        assert_eq!(nc.stats().reconnects, 0);
    }

    async fn a_handler_may_end_its_own_subscription(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let stopper: Arc<Mutex<Option<Stopper>>> = Arc::default();
        let (seen, mut saw) = unbounded_channel();
        let inside = Arc::clone(&stopper);
        let handler = move |msg: Result<natsws::Msg, SubscriptionError>| {
            let text = msg.expect("nothing but messages").text().expect("text").to_owned();
            if text == "stop" {
                let stopper = inside.lock().expect("no panic").take();
                stopper.expect("it stops once").unsubscribe();
            }
            seen.send(text).expect("the test reads");
        };
        let sub = nc.subscribe("a").handler(handler).await.expect("subscribed");
        *stopper.lock().expect("no panic") = Some(sub.stopper());
        nc.publish("a", "go").await.expect("published");
        nc.publish("a", "stop").await.expect("published");
        assert_eq!(within("a message", saw.recv()).await.as_deref(), Some("go"));
        assert_eq!(within("a message", saw.recv()).await.as_deref(), Some("stop"));
        eventually("the end", async || sub.is_closed().then_some(())).await;
        nc.publish("a", "late").await.expect("published");
        nc.flush().await.expect("flushed");
        assert_eq!(within("the handler's end", saw.recv()).await, None);
    }

    async fn a_handler_is_told_that_nothing_came_in_time(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let (seen, mut saw) = unbounded_channel();
        let handler = move |msg: Result<natsws::Msg, SubscriptionError>| {
            let timed_out = matches!(msg, Err(SubscriptionError::TimedOut));
            seen.send(timed_out).expect("the test reads");
        };
        let timeout = Duration::from_millis(30);
        let sub = nc.subscribe("a").timeout(timeout).handler(handler).await.expect("subscribed");
        assert_eq!(within("the timeout", saw.recv()).await, Some(true));
        assert_eq!(within("the handler's end", saw.recv()).await, None);
        assert!(sub.is_closed());
    }
}
