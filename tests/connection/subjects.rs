//! Subjects that no server should see are refused where they are given, and nothing is sent.

use natsws::{PublishError, RequestError, SubjectError, SubscribeError};

use crate::{flush, scripted};

/// Not valid anywhere.
const BAD: [&str; 16] = [
    "",
    ".",
    "a.",
    ".a",
    "a..b",
    "a b",
    " a",
    "a ",
    "a\tb",
    "a\r\nPUB b 0\r\n",
    "a\nb",
    "a\0b",
    "a\x7fb",
    "a\x0bb",
    "a\x0cb",
    "\x1b[2J",
];

/// Not valid as wildcards, and nothing that can be published to.
const BAD_WILDCARDS: [&str; 6] = ["a.>.b", ">.a", "a*b", "a.b>", "**", "a.*b.c"];

/// Valid as filters only.
const FILTERS: [&str; 4] = ["*", ">", "a.*", "a.>"];

#[tokio::test]
async fn bad_subjects_are_refused_by_name_and_nothing_is_sent() {
    let (_scripted, mut peer, nc) = scripted().await;
    let long = "x".repeat(natsws::MAX_SUBJECT_LEN + 1);
    let everywhere = BAD.into_iter().chain(BAD_WILDCARDS).chain([long.as_str()]);
    for subject in everywhere.clone().chain(FILTERS) {
        let result = nc.publish(subject, "x").await;
        assert!(matches!(result, Err(PublishError::Subject(_))), "{subject:?}: {result:?}");
        let result = nc.publish("a", "x").reply(subject).await;
        assert!(matches!(result, Err(PublishError::Reply(_))), "{subject:?}: {result:?}");
        let result = nc.request(subject, "x").await;
        assert!(matches!(result, Err(RequestError::Subject(_))), "{subject:?}: {result:?}");
        let result = nc.request("a", "x").reply(subject).await;
        assert!(matches!(result, Err(RequestError::Subject(_))), "{subject:?}: {result:?}");
    }
    for subject in everywhere {
        let result = nc.subscribe(subject).unconfirmed().await.map(drop);
        assert!(matches!(result, Err(SubscribeError::Subject(_))), "{subject:?}: {result:?}");
        let result = nc.subscribe("a").and(subject).unconfirmed().await.map(drop);
        assert!(matches!(result, Err(SubscribeError::Subject(_))), "{subject:?}: {result:?}");
    }
    for group in ["", "a b", "a\tb", "a\r\nPUB b 0\r\n", "a\0", "\x1b", "\x7f"] {
        let result = nc.subscribe("a").queue(group).unconfirmed().await.map(drop);
        assert!(matches!(result, Err(SubscribeError::QueueGroup(_))), "{group:?}: {result:?}");
    }
    flush(&nc, &mut peer).await;
    let stats = nc.stats();
    assert_eq!((stats.out_msgs, stats.out_bytes, nc.requests_in_flight()), (0, 0, 0));
}

everywhere! {
    async fn an_answer_to_a_reply_subject_with_wildcards_is_refused(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        let mut raw = crate::place::Raw::connect(place.tcp()).await;
        raw.send("PUB a answers.* 1\r\nx\r\nPUB a answers..x 1\r\nx\r\n").await;
        for reply in ["answers.*", "answers..x"] {
            let msg = crate::next(&mut sub).await;
            assert_eq!(msg.reply(), Some(reply));
            let result = msg.respond("x").await;
            assert!(matches!(result, Err(PublishError::Subject(_))), "{result:?}");
        }
        assert_eq!(nc.stats().out_msgs, 0);
    }
}

#[tokio::test]
async fn an_error_says_what_is_wrong_and_where() {
    let (_scripted, _peer, nc) = scripted().await;
    let error = nc.publish("a\r\nb", "x").await.expect_err("a line end");
    let PublishError::Subject(SubjectError::Character { character, at, .. }) = &error else {
        unreachable!("{error:?}")
    };
    assert_eq!((*character, *at), ('\r', 1));
    let error = nc.subscribe("a.>.b").await.expect_err("a wildcard in the middle");
    let SubscribeError::Subject(SubjectError::Wildcard { wildcard, at, .. }) = &error else {
        unreachable!("{error:?}")
    };
    assert_eq!((*wildcard, *at), ('>', 2));
    let long = "x".repeat(3000);
    let error = nc.publish(&long, "x").await.expect_err("too long");
    let too_long = PublishError::Subject(SubjectError::TooLong { len: 3000, max: 2048 });
    assert_eq!(format!("{error:?}"), format!("{too_long:?}"));
}

#[tokio::test]
async fn what_is_valid_is_written_as_it_is() {
    let (_scripted, mut peer, nc) = scripted().await;
    for (number, filter) in FILTERS.into_iter().enumerate() {
        let sub = nc.subscribe(filter).unconfirmed().await.expect("a filter");
        assert_eq!(peer.expect_line("SUB").await, format!("SUB {filter} {}", number + 1));
        std::mem::forget(sub);
    }
    let longest = "x".repeat(natsws::MAX_SUBJECT_LEN);
    for subject in ["a", "é.\u{1f600}", "$SYS.a", "a-b_c/d=e", longest.as_str()] {
        nc.publish(subject, "").reply(subject).await.expect("a subject");
        assert_eq!(peer.expect_line("PUB").await, format!("PUB {subject} {subject} 0"));
        peer.expect_line("").await;
    }
}
