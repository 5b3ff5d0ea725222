//! What is published arrives: whole, in order, and once.

use natsws::bytes::Bytes;
use natsws_tests::within;

use crate::{next, text};

everywhere! {
    async fn a_message_arrives_with_reply_headers_and_payload(target: Target) {
        let place = target.start().await;
        let (publisher, subscriber) = (place.connect().await, place.connect().await);
        let mut sub = subscriber.subscribe("greet.>").await.expect("subscribed");
        let publish = publisher.publish("greet.joe", "hello").reply("answers").header("Trace", "7f3a");
        publish.await.expect("published");
        let msg = next(&mut sub).await;
        assert_eq!((msg.subject(), msg.reply(), msg.payload()), ("greet.joe", Some("answers"), &b"hello"[..]));
        assert_eq!(msg.headers().iter().collect::<Vec<_>>(), [("Trace", "7f3a")]);
        assert_eq!(msg.status(), None);
        // The headers are `NATS/1.0`, the one line, and the empty one.
        assert_eq!(msg.size(), "greet.joe".len() + "answers".len() + 10 + 13 + 2 + "hello".len());
    }

    async fn a_publish_or_request_that_is_done_sends_nothing_when_it_is_polled_again(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe(">").await.expect("subscribed");
        let mut published = nc.publish("a", "1");
        within("a publish", &mut published).await.expect("published");
        within("no second one", &mut published).await.expect_err("it is done");
        let mut refused = nc.publish("a", "2").header("bad name", "x");
        within("a refusal", &mut refused).await.expect_err("the header is bad");
        within("no second try", &mut refused).await.expect_err("it is done");
        let mut request = nc.request("a b", "3");
        within("a refusal", &mut request).await.expect_err("the subject is bad");
        within("no second try", &mut request).await.expect_err("it is done");
        nc.publish("last", "").await.expect("published");
        assert_eq!(next(&mut sub).await.text(), Ok("1"));
        assert_eq!(next(&mut sub).await.subject(), "last");
    }

    async fn publishers_of_whole_batches_leave_the_driver_its_turn(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("echo").pending_bytes(usize::MAX).await.expect("subscribed");
        let payload = Bytes::from(vec![b'x'; 70_000]);
        // More of them than a count of one byte could tell, some alone and some in a row.
        for turn in 0..300 {
            nc.publish("echo", &payload).await.expect("published");
            if turn % 7 == 0 {
                within("a flush", nc.flush()).await.expect("flushed");
            }
        }
        for _ in 0..300 {
            assert_eq!(next(&mut sub).await.payload_bytes(), payload);
        }
    }

    async fn empty_and_binary_payloads_arrive_as_they_are(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("bytes").await.expect("subscribed");
        let every: Vec<u8> = (0..=u8::MAX).collect();
        let trap = b"\r\nMSG bytes 1 0\r\n\r\nPING\r\n";
        nc.publish("bytes", "").await.expect("published");
        nc.publish("bytes", &every).await.expect("published");
        nc.publish("bytes", trap).await.expect("published");
        nc.publish("bytes", trap).header("A", "").await.expect("published");
        let msg = next(&mut sub).await;
        assert_eq!((msg.payload(), msg.reply(), msg.headers().is_empty()), (&b""[..], None, true));
        assert_eq!(next(&mut sub).await.payload_bytes(), every);
        assert_eq!(next(&mut sub).await.payload(), trap);
        let msg = next(&mut sub).await;
        assert_eq!((msg.payload(), msg.headers().get("A")), (&trap[..], Some("")));
    }

    async fn large_payloads_of_every_kind_keep_their_place(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("large").await.expect("subscribed");
        let sizes = [1, 16 * 1024 - 1, 16 * 1024, 200_000, 2, 1_048_576, 3];
        for (at, size) in sizes.into_iter().enumerate() {
            let payload = vec![b'a' + u8::try_from(at).expect("few"); size];
            let shared = Bytes::from(payload.clone());
            nc.publish("large", &payload).await.expect("published");
            nc.publish("large", shared).await.expect("published");
        }
        for (at, size) in sizes.into_iter().enumerate() {
            let payload = vec![b'a' + u8::try_from(at).expect("few"); size];
            assert!(next(&mut sub).await.payload() == payload, "borrowed, {size} bytes");
            assert!(next(&mut sub).await.payload() == payload, "shared, {size} bytes");
        }
    }

    async fn ten_thousand_messages_arrive_in_order(target: Target) {
        let place = target.start().await;
        let (publisher, subscriber) = (place.connect().await, place.connect().await);
        let mut sub = subscriber.subscribe("count").await.expect("subscribed");
        let publish = async {
            for number in 0..10_000 {
                publisher.publish("count", number.to_string()).await.expect("published");
            }
        };
        let read = async {
            for number in 0..10_000 {
                assert_eq!(text(&mut sub).await, number.to_string());
            }
        };
        tokio::join!(publish, read);
        assert_eq!((sub.received(), sub.processed(), sub.pending()), (10_000, 10_000, 0));
    }

    async fn eight_tasks_publish_and_each_keeps_its_order(target: Target) {
        let place = target.start().await;
        let (publisher, subscriber) = (place.connect().await, place.connect().await);
        let mut sub = subscriber.subscribe("task.*").await.expect("subscribed");
        let tasks: Vec<_> = (0..8_usize).map(|task| {
            let publisher = publisher.clone();
            tokio::spawn(async move {
                let subject = format!("task.{task}");
                for number in 0..500 {
                    publisher.publish(&subject, number.to_string()).await.expect("published");
                }
            })
        }).collect();
        let mut seen = [0; 8];
        for _ in 0..4000 {
            let msg = next(&mut sub).await;
            let task: usize = msg.subject().trim_start_matches("task.").parse().expect("a task");
            assert_eq!(msg.text(), Ok(seen[task].to_string().as_str()));
            seen[task] += 1;
        }
        assert_eq!(seen, [500; 8]);
        for task in tasks {
            within("the task", task).await.expect("no panic");
        }
    }

    async fn what_was_sent_and_received_is_counted(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        nc.publish("a", "12345").await.expect("published");
        nc.publish("a", "1").header("A", "b").await.expect("published");
        nc.publish("nobody", "1234567").await.expect("published");
        next(&mut sub).await;
        next(&mut sub).await;
        let headers = "NATS/1.0\r\nA: b\r\n\r\n".len() as u64;
        let stats = nc.stats();
        assert_eq!((stats.in_msgs, stats.in_bytes), (2, 6 + headers));
        assert_eq!((stats.out_msgs, stats.out_bytes), (3, 13 + headers));
        assert_eq!(stats.reconnects, 0);
    }
}
