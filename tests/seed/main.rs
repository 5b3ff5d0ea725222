//! The examples of the page that this library re-imagines, each over a WebSocket and a real server.

use std::time::{Duration, Instant};

use natsws::{Connection, Headers, RequestError, Subscription, SubscriptionError};
use natsws_tests::{Server, within};

async fn connect(server: &Server) -> Connection {
    within("connecting", Connection::connect(server.ws_url())).await.expect("the server is there")
}

/// Subject and payload of the next message.
async fn next(subscription: &mut Subscription) -> (String, String) {
    let msg = within("a message", subscription.next()).await.expect("a message").expect("no gap");
    (msg.subject().to_owned(), msg.text().expect("text").to_owned())
}

fn pair(subject: &str, payload: &str) -> (String, String) {
    (subject.to_owned(), payload.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_before_a_drain_is_read() {
    let server = Server::start();
    let nc = connect(&server).await;
    let mut sub = nc.subscribe("hello").await.expect("subscribed");
    let reader = tokio::spawn(async move {
        let mut read = Vec::new();
        while let Some(msg) = sub.next().await {
            let msg = msg.expect("no gap");
            read.push(format!("[{}]: {}", sub.processed(), msg.text().expect("text")));
        }
        read
    });
    nc.publish("hello", "world").await.expect("published");
    nc.publish("hello", "again").await.expect("published");
    within("the drain", nc.drain()).await.expect("drained");
    assert_eq!(within("the reader", reader).await.expect("no panic"), ["[1]: world", "[2]: again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wildcards_match_one_token_or_the_rest() {
    let server = Server::start();
    let nc = connect(&server).await;
    let mut s1 = nc.subscribe("help.*.system").await.expect("subscribed");
    let mut s2 = nc.subscribe("help.me.*").await.expect("subscribed");
    let mut s3 = nc.subscribe("help.>").await.expect("subscribed");
    for subject in ["help.me.system", "help.you.system", "help.me.now", "help.a.b.c"] {
        nc.publish(subject, "!").await.expect("published");
    }
    nc.flush().await.expect("flushed");
    assert_eq!(next(&mut s1).await, pair("help.me.system", "!"));
    assert_eq!(next(&mut s1).await, pair("help.you.system", "!"));
    assert_eq!(next(&mut s2).await, pair("help.me.system", "!"));
    assert_eq!(next(&mut s2).await, pair("help.me.now", "!"));
    for subject in ["help.me.system", "help.you.system", "help.me.now", "help.a.b.c"] {
        assert_eq!(next(&mut s3).await, pair(subject, "!"));
    }
    assert_eq!((s1.received(), s2.received(), s3.received()), (2, 2, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_service_answers_and_stops_by_draining() {
    let server = Server::start();
    let nc = connect(&server).await;
    let started = Instant::now();
    let mut time = nc.subscribe("time").await.expect("subscribed");
    let times = tokio::spawn(async move {
        while let Some(Ok(msg)) = time.next().await {
            msg.respond("2026-11-24T00:00:00Z").await.expect("it asks for an answer");
        }
        time.processed()
    });
    let mut admin = nc.subscribe("admin.*").await.expect("subscribed");
    let service = nc.clone();
    let admins = tokio::spawn(async move {
        while let Some(Ok(msg)) = admin.next().await {
            match msg.subject().rsplit('.').next() {
                Some("uptime") => {
                    let uptime = started.elapsed().as_millis().to_string();
                    msg.respond(uptime).await.expect("it asks for an answer");
                }
                Some("stop") => {
                    msg.respond("stopping....").await.expect("it asks for an answer");
                    let service = service.clone();
                    tokio::spawn(async move { service.drain().await });
                }
                _ => {}
            }
        }
    });

    let client = connect(&server).await;
    let reply = client.request("time", "").timeout(Duration::from_secs(5)).await.expect("a reply");
    assert_eq!(reply.text(), Ok("2026-11-24T00:00:00Z"));
    let reply = client.request("admin.uptime", "").timeout(Duration::from_secs(5)).await;
    let uptime = reply.expect("a reply").text().expect("text").parse::<u64>();
    assert!(uptime.is_ok());
    let reply = client.request("admin.stop", "").timeout(Duration::from_secs(5)).await;
    assert_eq!(reply.expect("a reply").text(), Ok("stopping...."));

    assert!(within("the service to close", nc.closed()).await.is_ok());
    assert_eq!(within("the time loop", times).await.expect("no panic"), 1);
    within("the admin loop", admins).await.expect("no panic");
    let gone = client.request("time", "").await;
    assert!(matches!(gone, Err(RequestError::NoResponders)));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_queue_group_and_each_subscriber_alone_answers_once() {
    let server = Server::start();
    let mut members = Vec::new();
    for (group, count) in [("echo", 3), ("other-echo", 2), ("", 1)] {
        for _ in 0..count {
            let nc = connect(&server).await;
            let subscribe = nc.subscribe("echo");
            let subscribe = if group.is_empty() { subscribe } else { subscribe.queue(group) };
            let mut sub = subscribe.await.expect("subscribed");
            tokio::spawn(async move {
                while let Some(Ok(msg)) = sub.next().await {
                    let answer = msg.respond(msg.payload_bytes()).header("Group", group);
                    answer.await.expect("it asks for an answer");
                }
            });
            members.push(nc);
        }
    }
    let nc = connect(&server).await;
    let inbox = nc.new_inbox();
    let mut answers = nc.subscribe(&inbox).await.expect("subscribed");
    nc.publish("echo", "hi").reply(&inbox).await.expect("published");
    let mut groups = Vec::new();
    for _ in 0..3 {
        let msg = within("an answer", answers.next()).await.expect("an answer").expect("no gap");
        groups.push(msg.headers().get("Group").unwrap_or("?").to_owned());
    }
    groups.sort();
    assert_eq!(groups, ["", "echo", "other-echo"]);
    for member in &members {
        within("a member", member.flush()).await.expect("flushed");
    }
    nc.flush().await.expect("flushed");
    assert_eq!(answers.received(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_come_as_they_were_sent() {
    let server = Server::start();
    let nc = connect(&server).await;
    let inbox = nc.new_inbox();
    let mut sub = nc.subscribe(&inbox).await.expect("subscribed");
    let mut headers = Headers::new();
    headers.append("id", "123456").expect("valid");
    headers.append("unix_time", "1795507200").expect("valid");
    nc.publish(&inbox, "").headers(&headers).await.expect("published");
    let msg = within("the message", sub.next()).await.expect("a message").expect("no gap");
    assert_eq!(msg.headers(), &headers);
    assert_eq!(msg.headers().get("id"), Some("123456"));
    assert_eq!(msg.headers().get("ID"), None);
    assert_eq!(msg.headers().get_ignore_case("ID"), Some("123456"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_answers_fails_at_once_and_a_silent_service_times_out() {
    let server = Server::start();
    let nc = connect(&server).await;
    match nc.request("hello.world", "").await {
        Err(RequestError::NoResponders) => {}
        other => panic!("no one is listening to 'hello.world': {other:?}"),
    }
    let _silent = nc.subscribe("hello.world").await.expect("subscribed");
    match nc.request("hello.world", "").timeout(Duration::from_millis(50)).await {
        Err(RequestError::TimedOut { after }) => assert_eq!(after, Duration::from_millis(50)),
        other => panic!("someone is listening but does not respond: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_ends_by_itself_after_its_maximum() {
    let server = Server::start();
    let nc = connect(&server).await;
    let mut sub = nc.subscribe("foo").max(10).await.expect("subscribed");
    for n in 0..20 {
        nc.publish("foo", n.to_string()).await.expect("published");
    }
    nc.flush().await.expect("flushed");
    let mut read = 0;
    while let Some(msg) = within("the end", sub.next()).await {
        assert_eq!(msg.expect("no gap").text(), Ok(read.to_string().as_str()));
        read += 1;
    }
    assert_eq!(read, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_without_a_first_message_in_time_is_over() {
    let server = Server::start();
    let nc = connect(&server).await;
    let subscribe = nc.subscribe("hello").timeout(Duration::from_millis(50));
    let mut sub = subscribe.await.expect("subscribed");
    let item = within("the timeout", sub.next()).await.expect("an item");
    assert!(matches!(item, Err(SubscriptionError::TimedOut)));
    assert!(within("the end", sub.next()).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_have_a_reply_subject_of_its_own() {
    let server = Server::start();
    let nc = connect(&server).await;
    let mut q = nc.subscribe("q").await.expect("subscribed");
    let answers = tokio::spawn(async move {
        let msg = q.next().await.expect("a message").expect("no gap");
        assert_eq!(msg.reply(), Some("bar"));
        msg.respond("a").await.expect("it asks for an answer");
    });
    let request = nc.request("q", "").reply("bar").timeout(Duration::from_secs(5));
    let reply = request.await.expect("a reply");
    assert_eq!((reply.subject(), reply.text()), ("bar", Ok("a")));
    within("the service", answers).await.expect("no panic");
}
