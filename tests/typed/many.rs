//! Many typed replies to one request.

use std::time::Duration;

use futures_util::StreamExt;
use natsws::embedded::Broker;
use natsws::{
    Client, ConnectOptions, Deadline, Msg, Replies, RequestError, Subject, TypedReplyStream,
};
use natsws_tests::within;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::{everywhere, stop};

/// Longer than a test may take: what ends before is not ended by it.
const LONG: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("nodes.{site}.list", reply = u32, error = NodeError)]
struct ListNodes {
    site: String,
}

impl ListNodes {
    fn at(site: &str) -> Self {
        Self { site: site.to_owned() }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
enum NodeError {
    #[error("the node sleeps")]
    Asleep,
}

#[derive(Serialize, Subject)]
#[subject("lines", reply = String, reply_codec = Text)]
struct Lines;

const JSON: (&str, &str) = ("Content-Type", "application/json");
const TEXT: (&str, &str) = ("Content-Type", "text/plain");

/// Answers the requests to a subject with these replies, payload and headers each.
async fn answer(
    client: &Client,
    subject: &str,
    replies: &'static [(&str, &[(&str, &str)])],
) -> JoinHandle<()> {
    let mut asked = client.connection().subscribe(subject).await.expect("subscribed");
    tokio::spawn(async move {
        while let Some(Ok(msg)) = asked.next().await {
            for (payload, headers) in replies {
                let mut answer = msg.respond(*payload);
                for (name, value) in *headers {
                    answer = answer.header(name, value);
                }
                answer.await.expect("answered");
            }
        }
    })
}

/// All replies up to the end, errors in words.
async fn rest<M: natsws::Request<Reply: std::fmt::Debug>>(
    replies: TypedReplyStream<M>,
) -> Vec<String> {
    let shown = |reply: Result<_, _>| match reply {
        Ok(reply) => format!("{reply:?}"),
        Err(RequestError::Remote(error)) => format!("its own: {error}"),
        Err(error) => error.to_string(),
    };
    within("the end", replies.map(shown).collect()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_reply_is_an_item_and_the_mark_ends_it_without_one() {
    everywhere(async |client| {
        let service = answer(
            &client,
            "nodes.eu.list",
            &[
                ("1", &[JSON]),
                (
                    r#""Asleep""#,
                    &[
                        JSON,
                        ("Nats-Service-Error", "it sleeps"),
                        ("Nats-Service-Error-Code", "500"),
                    ],
                ),
                ("", &[("Nats-Service-Error", "busy"), ("Nats-Service-Error-Code", "503")]),
                ("many", &[JSON]),
                // A client without a codec says nothing of its content.
                ("2", &[]),
                ("", &[("Trace", "7f3a")]),
                ("3", &[JSON]),
            ],
        )
        .await;
        let ask = ListNodes::at("eu");
        let expected = [
            "1",
            "its own: the node sleeps",
            "the service answered 503: \"busy\"",
            "the reply could not be decoded",
            "2",
        ];
        for replies in [
            None,
            Some(Replies::WithinTimeout),
            Some(Replies::Count(100)),
            Some(Replies::Stall(LONG)),
            Some(Replies::Sentinel),
        ] {
            let ask = client.request_many(&ask).timeout(LONG);
            let ask = match replies {
                Some(replies) => ask.replies(replies),
                None => ask,
            };
            assert_eq!(rest(ask.await.expect("sent")).await, expected, "{replies:?}");
        }
        // What is no reply is counted all the same.
        let three = client.request_many(&ask).replies(Replies::Count(3)).timeout(LONG);
        assert_eq!(rest(three.await.expect("sent")).await, expected[..3]);
        let mut all = client.request_many(&ask).await.expect("sent");
        while within("an item", all.next()).await.is_some() {
            assert!(!all.is_complete());
        }
        assert!(all.is_complete());
        stop(&client, service).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_value_is_a_reply_and_not_the_end() {
    everywhere(async |client| {
        let service =
            answer(&client, "lines", &[("a", &[TEXT]), ("", &[TEXT]), ("b", &[TEXT]), ("", &[])])
                .await;
        let lines = client.request_many(&Lines).replies(Replies::Sentinel).timeout(LONG);
        assert_eq!(rest(lines.await.expect("sent")).await, ["\"a\"", "\"\"", "\"b\""]);
        stop(&client, service).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_and_what_cannot_be_sent_are_errors() {
    everywhere(async |client| {
        let ask = ListNodes::at("eu");
        let mut nobody = client.request_many(&ask).timeout(LONG).await.expect("sent");
        let item = within("an item", nobody.next()).await.expect("an item");
        assert!(matches!(item, Err(RequestError::NoResponders)), "{item:?}");
        assert!(within("the end", nobody.next()).await.is_none());
        assert!(!nobody.is_complete());

        let wrong = client.request_many(&ListNodes::at("a.b")).await.expect_err("a dot");
        assert!(matches!(wrong, RequestError::Subject(_)), "{wrong:?}");
        let wrong = client.request_many(&ask).header("A", "b\nc").await.expect_err("a line end");
        assert!(matches!(wrong, RequestError::Header(_)), "{wrong:?}");
        let late = Deadline::after(Duration::ZERO)
            .scope(async { client.request_many(&ask).await.expect_err("its time is over") })
            .await;
        assert!(late.is_timed_out(), "{late:?}");
        assert_eq!(client.connection().requests_in_flight(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_services_answer_one_question_and_what_is_dropped_is_given_up() {
    everywhere(async |client| {
        let mut services = Vec::new();
        for _ in 0..3 {
            services.push(answer(&client, "nodes.*.list", &[("7", &[JSON])]).await);
        }
        let ask = ListNodes::at("eu");
        let three = client.request_many(&ask).replies(Replies::Count(3)).timeout(LONG);
        assert_eq!(rest(three.await.expect("sent")).await, ["7", "7", "7"]);
        let mut all = client.request_many(&ask).timeout(LONG).await.expect("sent");
        assert_eq!(within("a reply", all.next()).await.expect("one").expect("a reply"), 7);
        assert_eq!(client.connection().requests_in_flight(), 1);
        drop(all);
        assert_eq!(client.connection().requests_in_flight(), 0);
        for service in services {
            stop(&client, service).await;
        }
    })
    .await;
}

/// A client on a clock that stands still but for the waits, that waits for 100 ms unless told.
async fn on_the_clock() -> Client {
    let broker = Broker::start().await.expect("a broker");
    let options = ConnectOptions::new().request_timeout(Duration::from_millis(100));
    broker.connect_with(options).await.expect("in memory")
}

/// Lets so much time pass, and then has the request answered.
async fn answer_after(millis: u64, client: &Client, msg: &Msg) {
    tokio::time::advance(Duration::from_millis(millis)).await;
    msg.respond("7").await.expect("answered");
    client.flush().await.expect("flushed");
}

#[tokio::test(start_paused = true)]
async fn unless_said_otherwise_replies_may_come_as_long_as_none_is_late() {
    let client = on_the_clock().await;
    let mut asked = client.connection().subscribe("nodes.*.list").await.expect("subscribed");
    let ask = ListNodes::at("eu");
    let replies = client.request_many(&ask).await.expect("sent");
    let msg = within("it", asked.next()).await.expect("a message").expect("no gap");
    // Nobody can say how long it is waited for in all.
    assert_eq!(msg.headers().get("Request-Timeout"), None);
    for millis in [95, 95, 95, 105] {
        answer_after(millis, &client, &msg).await;
    }
    assert_eq!(rest(replies).await, ["7", "7", "7"]);

    let replies = client.request_many(&ask).replies(Replies::WithinTimeout).await.expect("sent");
    let msg = within("it", asked.next()).await.expect("a message").expect("no gap");
    assert_eq!(msg.headers().get("Request-Timeout"), Some("100ms"));
    for millis in [95, 10] {
        answer_after(millis, &client, &msg).await;
    }
    assert_eq!(rest(replies).await, ["7"]);
}

#[tokio::test(start_paused = true)]
async fn within_a_deadline_no_reply_is_waited_for_beyond_it() {
    let client = on_the_clock().await;
    let mut asked = client.connection().subscribe("nodes.*.list").await.expect("subscribed");
    let ask = ListNodes::at("eu");
    for replies in [Replies::Stall(LONG), Replies::WithinTimeout] {
        let replies = Deadline::after(Duration::from_millis(250))
            .scope(async { client.request_many(&ask).replies(replies).timeout(LONG).await })
            .await
            .expect("sent");
        let msg = within("it", asked.next()).await.expect("a message").expect("no gap");
        assert_eq!(msg.headers().get("Request-Timeout"), Some("250ms"));
        for millis in [95, 95, 95] {
            answer_after(millis, &client, &msg).await;
        }
        assert_eq!(rest(replies).await, ["7", "7"]);
    }
}
