use std::time::{Duration, SystemTime};

use natsws::jetstream::{ApiError, Rollup, Schedule, Stream, StreamConfig, Untyped};
use natsws_tests::{eventually, within};

use crate::stage::Stage;

async fn schedules(stage: &Stage) -> Stream {
    let config = StreamConfig::new("SCHEDULES")
        .subjects(["later.>", "due.>", "samples.>"])
        .allow_message_schedules(true)
        .allow_message_ttl(true)
        .allow_rollup(true);
    stage.js.create_stream(config).await.expect("made")
}

/// The next message on a subject that a schedule publishes to.
async fn due(messages: &mut natsws::jetstream::OrderedMessages<Untyped>) -> (String, String) {
    loop {
        let message = within("a message", messages.next()).await.expect("one").expect("read");
        if message.subject().starts_with("due.") {
            let text = String::from_utf8(message.payload().to_vec()).expect("it is text");
            return (message.subject().to_owned(), text);
        }
    }
}

#[tokio::test]
async fn a_message_is_published_at_its_time_and_its_schedule_is_gone_then() {
    let stage = Stage::new().await;
    let stream = schedules(&stage).await;
    let mut messages = stream.ordered::<Untyped>().await.expect("reading");
    let now = SystemTime::now();
    for (name, wait) in [("second", 2), ("first", 1)] {
        let schedule = Schedule::at(now + Duration::from_secs(wait)).to(&format!("due.{name}"));
        let subject = format!("later.{name}");
        stage.js.publish_bytes(&subject, name).schedule(&schedule).await.expect("stored");
    }
    assert_eq!(due(&mut messages).await, ("due.first".to_owned(), "first".to_owned()));
    assert_eq!(due(&mut messages).await, ("due.second".to_owned(), "second".to_owned()));
    eventually("the schedules' end", async || {
        stream.info().await.ok().filter(|info| info.state.messages == 2)
    })
    .await;
}

#[tokio::test]
async fn a_schedule_repeats_until_it_is_cancelled() {
    let stage = Stage::new().await;
    let stream = schedules(&stage).await;
    let mut messages = stream.ordered::<Untyped>().await.expect("reading");
    let every = Schedule::every(Duration::from_secs(1)).to("due.tick");
    stage.js.publish_bytes("later.tick", "tick").schedule(&every).await.expect("stored");
    for _ in 0..2 {
        assert_eq!(due(&mut messages).await, ("due.tick".to_owned(), "tick".to_owned()));
    }
    let cancel = stage.js.publish_bytes("samples.done", "").cancel_schedule("later.tick");
    cancel.await.expect("stored");
    let error = stage.js.publish_bytes("later.tick", "").cancel_schedule("later.tick").await;
    assert_eq!(error.expect_err("it cannot cancel itself").err_code(), Some(10212));
    eventually("the schedule's end", async || {
        let config = natsws::jetstream::ConsumerConfig::new().filter_subject("later.>");
        let left = stream.create_consumer(config).await.ok()?.info().await.ok()?;
        (left.pending == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn cron_fires_and_a_source_gives_what_its_subject_has() {
    let stage = Stage::new().await;
    let stream = schedules(&stage).await;
    let mut messages = stream.ordered::<Untyped>().await.expect("reading");
    stage.js.publish_bytes("samples.heat", "21").await.expect("stored");
    let sample = Schedule::cron("* * * * * *").last_of("samples.heat").to("due.heat");
    let sample = sample.ttl(Duration::from_secs(60)).rollup(Rollup::Subject);
    stage.js.publish_bytes("later.heat", "").schedule(&sample).await.expect("stored");
    assert_eq!(due(&mut messages).await, ("due.heat".to_owned(), "21".to_owned()));
    let message = within("a message", messages.next()).await.expect("one").expect("read");
    let headers = message.headers();
    assert_eq!(headers.get("Nats-Scheduler"), Some("later.heat"));
    assert_eq!(headers.get("Nats-TTL"), Some("60s"));
    assert_eq!(headers.get("Nats-Rollup"), Some("sub"));
}

#[tokio::test]
async fn named_schedules_and_time_zones_are_accepted() {
    let stage = Stage::new().await;
    schedules(&stage).await;
    for (name, schedule) in [
        ("hourly", Schedule::hourly()),
        ("daily", Schedule::daily()),
        ("weekly", Schedule::weekly()),
        ("monthly", Schedule::monthly()),
        ("yearly", Schedule::yearly()),
        ("weekdays", Schedule::cron("0 30 8 * * mon-fri").time_zone("Europe/Berlin")),
    ] {
        let subject = format!("later.{name}");
        let schedule = schedule.to("due.x");
        let stored = stage.js.publish_bytes(&subject, "").schedule(&schedule).await;
        stored.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
}

#[tokio::test]
async fn a_message_may_end_one_schedule_and_hold_another() {
    let stage = Stage::new().await;
    let stream = schedules(&stage).await;
    let daily = Schedule::daily().to("due.x");
    stage.js.publish_bytes("later.old", "").schedule(&daily).await.expect("stored");
    let new = stage.js.publish_bytes("later.new", "").schedule(&daily);
    new.cancel_schedule("later.old").await.expect("stored");
    eventually("the schedule's end", async || {
        let info = stream.info().with_subjects("later.*").await.ok()?;
        let left: Vec<_> = info.state.subjects.into_keys().collect();
        (left == ["later.new"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_the_server_does_not_take_it_says() {
    let stage = Stage::new().await;
    schedules(&stage).await;
    let refused = async |schedule: Schedule| {
        let sent = stage.js.publish_bytes("later.x", "").schedule(&schedule).await;
        sent.expect_err("refused").err_code().expect("the server's word")
    };
    assert_eq!(refused(Schedule::hourly()).await, 10190);
    assert_eq!(refused(Schedule::cron("* * *").to("due.x")).await, 10189);
    assert_eq!(refused(Schedule::every(Duration::from_millis(10)).to("due.x")).await, 10189);
    let nowhere = Schedule::daily().time_zone("Nowhere/At-All").to("due.x");
    assert_eq!(refused(nowhere).await, 10223);
    let config = StreamConfig::new("PLAIN").subjects(["plain.>"]);
    stage.js.create_stream(config).await.expect("made");
    let schedule = Schedule::hourly().to("plain.x");
    let error = stage.js.publish_bytes("plain.later", "").schedule(&schedule).await;
    let error = error.expect_err("it takes none");
    assert_eq!(error.err_code(), Some(ApiError::SCHEDULES_DISABLED));
}
