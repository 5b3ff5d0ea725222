//! Nothing that stands in a field gets into a subject as more than one token, whichever call it is
//! given to, and whatever other clients send is read or refused by name.

use natsws::{
    Client, Filter, PublishError, ReceiveError, RequestError, Subject, SubjectError,
    SubscribeError, SubscriptionError, TokenFault,
};
use natsws_tests::{Scripted, info, within};
use serde::{Deserialize, Serialize};

use crate::next;

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("users.{name}.seen", reply = String)]
struct Seen {
    name: String,
}

fn seen(name: &str) -> Seen {
    Seen { name: name.to_owned() }
}

/// What no token may be, and why.
fn hostile() -> Vec<(String, TokenFault)> {
    let mut all: Vec<(String, TokenFault)> = [
        ("", TokenFault::Empty),
        (".", TokenFault::Separator),
        ("a.b", TokenFault::Separator),
        ("*", TokenFault::Wildcard),
        (">", TokenFault::Wildcard),
        ("a*", TokenFault::Wildcard),
        (" ", TokenFault::Character(' ')),
        ("a\tb", TokenFault::Character('\t')),
        ("x\r\nPUB $SYS.REQ 0\r\n\r\n", TokenFault::Character('\r')),
        ("a\nb", TokenFault::Character('\n')),
        ("a\0", TokenFault::Character('\0')),
        ("\u{7f}", TokenFault::Character('\u{7f}')),
        ("\u{1b}[2J", TokenFault::Character('\u{1b}')),
    ]
    .map(|(name, fault)| (name.to_owned(), fault))
    .into();
    all.push((format!("{}.", "x".repeat(1_000_000)), TokenFault::Separator));
    all
}

async fn scripted() -> (Scripted, natsws_tests::Peer, Client) {
    let scripted = Scripted::start();
    let url = scripted.url();
    let (client, peer) = tokio::join!(Client::connect(&url), async {
        let mut peer = scripted.accept().await;
        peer.handshake(&info()).await;
        peer
    });
    (scripted, peer, client.expect("it is there"))
}

#[tokio::test]
async fn what_is_no_token_is_refused_by_every_call_and_nothing_is_sent() {
    let (_scripted, mut peer, client) = scripted().await;
    for (name, fault) in hostile() {
        let message = seen(&name);
        let is_it = |error: &SubjectError| {
            matches!(error, SubjectError::Token { field: "name", value, fault: found }
                if *value == name && *found == fault)
        };
        let result = client.publish(&message).await;
        assert!(matches!(&result, Err(PublishError::Subject(error)) if is_it(error)), "{result:?}");
        let result = client.request(&message).await;
        assert!(matches!(&result, Err(RequestError::Subject(error)) if is_it(error)), "{result:?}");
        let filter = Seen::filter().name(name.as_str());
        let result = client.subscribe::<Seen>().only(filter).unconfirmed().await;
        assert!(
            matches!(&result, Err(SubscribeError::Subject(error)) if is_it(error)),
            "{result:?}"
        );
        // Two tokens are a valid subject where somebody gives all of it.
        if name != "a.b" {
            let subject = format!("users.{name}.seen");
            let result = client.publish_to(&subject, &message).await;
            assert!(matches!(result, Err(PublishError::Subject(_))), "{subject:?}: {result:?}");
            let result = client.request_to(&subject, &message).await;
            assert!(matches!(result, Err(RequestError::Subject(_))), "{subject:?}: {result:?}");
        }
    }
    client.publish(&seen("ann")).await.expect("published");
    peer.expect_line("HPUB users.ann.seen").await;
    assert_eq!(client.connection().requests_in_flight(), 0);
}

#[tokio::test]
async fn a_value_of_ten_thousand_bytes_is_too_long_for_any_subject() {
    let (_scripted, _peer, client) = scripted().await;
    let message = seen(&"x".repeat(10_000));
    let result = client.publish(&message).await;
    assert!(
        matches!(
            result,
            Err(PublishError::Subject(SubjectError::TooLong { len: 10_011, max: 2048 }))
        ),
        "{result:?}"
    );
    let filter: Filter<Seen> = Seen::filter().name(message.name).into();
    let result = client.subscribe::<Seen>().only(filter).await;
    assert!(matches!(result, Err(SubscribeError::Subject(SubjectError::TooLong { .. }))));
}

#[tokio::test]
async fn odd_subjects_of_other_clients_cost_one_item_each() {
    let (_scripted, mut peer, client) = scripted().await;
    let mut all = client.subscribe::<Seen>().unconfirmed().await.expect("subscribed");
    peer.expect_line("SUB users.*.seen 1").await;
    for subject in ["users.é😀.seen", "users.$SYS.seen", "users.{name}.seen"] {
        peer.send(format!("MSG {subject} 1 11\r\n{{\"name\":\"\"}}\r\n")).await;
        assert_eq!(format!("users.{}.seen", next(&mut all).await.name), subject);
    }
    peer.send(b"MSG users.\xff\xfe.seen 1 2\r\n{}\r\n").await;
    match within("it", all.next()).await {
        Some(Err(ReceiveError::Subscription(SubscriptionError::SubjectNotUtf8 { raw }))) => {
            assert_eq!(raw.subject(), b"users.\xff\xfe.seen");
        }
        other => panic!("{other:?}"),
    }
    for subject in ["users..seen", "users.a.b.seen", "users.a", "other"] {
        peer.send(format!("MSG {subject} 1 2\r\n{{}}\r\n")).await;
        let item = within("it", all.next()).await;
        let Some(Err(ReceiveError::Decode { source, msg })) = item else { panic!("{item:?}") };
        assert_eq!(msg.subject(), subject);
        assert_eq!(
            std::error::Error::source(&source).map(ToString::to_string),
            Some(format!("subject {subject:?} does not match the template `users.{{name}}.seen`"))
        );
    }
    peer.send("MSG users.ann.seen 1 11\r\n{\"name\":\"\"}\r\n").await;
    assert_eq!(next(&mut all).await, seen("ann"));
}

/// What is opted into: any text, escaped, and read back as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subject)]
#[subject("hosts.{name}.up")]
struct HostUp {
    #[subject(with = natsws::escaped)]
    #[serde(skip)]
    name: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_escaped_value_arrives_as_it_was() {
    crate::everywhere(async |client| {
        let mut ups = client.subscribe::<HostUp>().await.expect("subscribed");
        for (name, _) in hostile().into_iter().filter(|(name, _)| name.len() < 100) {
            let up = HostUp { name };
            client.publish(&up).await.expect("published");
            assert_eq!(next(&mut ups).await, up);
        }
    })
    .await;
}
