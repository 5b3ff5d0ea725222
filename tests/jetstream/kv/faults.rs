use std::collections::BTreeMap;
use std::time::Duration;

use natsws::bytes::Bytes;
use natsws::jetstream::{JetStreamError, PublishError};
use natsws::kv::{Bucket, BucketConfig, Change, KeyValueError, RawBucket, Watched};
use natsws::{Client, ConnectOptions, State};
use natsws_tests::{Peer, Proxy, Scripted, Server, Transport, eventually, info, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{bucket, told};

/// What a watch has told so far, and in what order.
#[derive(Default)]
struct Seen {
    map: BTreeMap<String, Bytes>,
    last: u64,
}

impl Seen {
    fn take(&mut self, told: Watched<Bytes>) {
        let Some(change) = told.into_change() else { return };
        assert!(change.revision() > self.last, "{} after {}", change.revision(), self.last);
        self.last = change.revision();
        match change.into_entry() {
            Some(entry) => {
                self.map.insert(entry.key, entry.value);
            }
            None => self.map.clear(),
        }
    }
}

async fn fresh(bucket: &RawBucket) -> BTreeMap<String, Bytes> {
    let mut map = BTreeMap::new();
    let mut watch = bucket.watch_all().ignore_deletes().await.expect("watching");
    loop {
        match told(&mut watch).await {
            Watched::CaughtUp => return map,
            told => {
                let entry = told.into_change().and_then(Change::into_entry).expect("a value");
                map.insert(entry.key, entry.value);
            }
        }
    }
}

fn options() -> ConnectOptions {
    ConnectOptions::new()
        .reconnect_time_wait(Duration::from_millis(20))
        .reconnect_jitter(Duration::from_millis(5))
        .unlimited_reconnect_attempts()
}

/// Writes until it is told to stop, whatever happens; everything it gives up on is a failure.
async fn write(bucket: RawBucket, mut stop: tokio::sync::oneshot::Receiver<()>) -> u64 {
    let mut written = 0;
    while stop.try_recv().is_err() {
        let key = format!("k.{}", written % 50);
        bucket.put(&key, &written.to_string()).await.expect("written, sooner or later");
        written += 1;
    }
    written
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_misses_nothing_and_repeats_nothing_over_restarts_of_the_server() {
    let mut server = Server::builder().jetstream().fixed_ports().start();
    let client = options().connect(server.nats_url()).await.expect("connected");
    // Every change is kept for as long as the watch may be away.
    let config = BucketConfig::new("b").history(64);
    let bucket = client.jetstream().create_key_value(config).await.expect("made");
    bucket.put("before", "x").await.expect("written");
    let mut watch = bucket.watch_all().await.expect("watching");
    let mut updates = bucket.watch_all().updates_only().await.expect("watching");
    let mut seen = Seen::default();
    seen.take(told(&mut watch).await);
    assert!(told(&mut watch).await.is_caught_up());
    assert!(told(&mut updates).await.is_caught_up());

    let (stop, stopped) = tokio::sync::oneshot::channel();
    let writer = tokio::spawn(write(bucket.clone(), stopped));
    for kill in [true, false, true] {
        while seen.last % 200 < 150 {
            seen.take(told(&mut watch).await);
        }
        if kill {
            server.kill();
        }
        server.restart();
        let last = seen.last;
        while seen.last < last + 100 {
            seen.take(told(&mut watch).await);
        }
    }
    stop.send(()).expect("it listens");
    let written = within("the writer", writer).await.expect("nothing was given up");
    bucket.put("after", "x").await.expect("written");
    while !seen.map.contains_key("after") {
        seen.take(told(&mut watch).await);
    }
    assert_eq!(seen.map, fresh(&bucket).await);
    // What is read from a buffer hides one that is short.
    assert!(watch.interruptions() >= 1, "{}", watch.interruptions());
    // The changes are numbered without a gap, so none was stored twice; and none was missed.
    let last = bucket.status().await.expect("there").last_revision();
    assert_eq!((seen.last, last), (written + 2, written + 2));
    let mut next = 2;
    while next <= last {
        let change = told(&mut updates).await.into_change().expect("it is caught up");
        assert_eq!(change.revision(), next);
        next += 1;
    }
}

#[tokio::test]
async fn updates_that_come_before_the_first_one_was_told_are_not_missed() {
    let server = Server::builder().jetstream().start();
    let proxy = Proxy::to(server.addr(Transport::Tcp));
    let cut = options().connect(proxy.url("nats")).await.expect("connected");
    let whole = Client::connect(server.nats_url()).await.expect("connected");
    let bucket = whole.jetstream().create_key_value(BucketConfig::new("b")).await.expect("made");
    bucket.put("a", "0").await.expect("written");
    let watched = cut.jetstream().key_value("b").await.expect("opened");
    let mut watch = watched.watch_all().updates_only().await.expect("watching");
    assert!(told(&mut watch).await.is_caught_up());
    proxy.refuse();
    proxy.cut();
    bucket.put("a", "1").await.expect("written");
    proxy.accept_again();
    assert_eq!(super::lines(&mut watch, 1).await, ["put a 2 1"]);
}

#[tokio::test]
async fn nothing_is_waited_for_longer_than_said() {
    let (stage, _bucket) = bucket(BucketConfig::new("b")).await;
    let (proxy, client) = stage.proxied().await;
    let short = Duration::from_millis(300);
    let js = client.jetstream().with_timeout(short);
    let bucket = js.key_value("b").await.expect("opened");
    proxy.freeze_to_client();
    let began = std::time::Instant::now();
    let written = within("the put", bucket.put("a", "1").deadline(short).into_future()).await;
    assert!(matches!(written, Err(KeyValueError::Write { .. })), "{written:?}");
    match within("the get", bucket.get("a").into_future()).await {
        Err(KeyValueError::JetStream(JetStreamError::TimedOut { after })) => {
            assert_eq!(after, short);
        }
        other => panic!("{other:?}"),
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_writers_one_wins_each_revision() {
    const WRITERS: u64 = 8;
    const EACH: u64 = 25;
    let server = Server::builder().jetstream().start();
    let client = Client::connect(server.nats_url()).await.expect("connected");
    let config = BucketConfig::new("b").history(64);
    let bucket = client.jetstream().create_key_value(config).await.expect("made");
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let client = Client::connect(server.nats_url()).await.expect("connected");
        let counts = client.jetstream().key_value("b").await.expect("opened").typed::<u64>();
        writers.push(tokio::spawn(async move {
            let mut won = Vec::new();
            for _ in 0..EACH {
                let more = |count: Option<u64>| Some(count.unwrap_or(0) + 1);
                let won_now = counts.update_with("count", more).attempts(500).await;
                won.push(won_now.expect("written").expect("not declined"));
            }
            drop(client);
            (writer, won)
        }));
    }
    let mut revisions = Vec::new();
    for writer in writers {
        let (_, won) = within("a writer", writer).await.expect("no panic");
        revisions.extend(won);
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (1..=WRITERS * EACH).collect::<Vec<_>>());
    let counts: Bucket<u64> = bucket.typed();
    let entry = counts.get("count").await.expect("read").expect("there");
    assert_eq!((entry.value, entry.revision), (WRITERS * EACH, WRITERS * EACH));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_creators_one_wins_and_again_after_a_deletion() {
    let (_stage, bucket) = bucket(BucketConfig::new("b")).await;
    for round in 0..10 {
        let mut creators = Vec::new();
        for creator in 0..8 {
            let bucket = bucket.clone();
            creators.push(tokio::spawn(async move {
                bucket.create("lock", &creator.to_string()).await
            }));
        }
        let mut won = Vec::new();
        for creator in creators {
            match within("a creator", creator).await.expect("no panic") {
                Ok(revision) => won.push(revision),
                Err(error) => assert!(error.is_conflict(), "{error:?}"),
            }
        }
        assert_eq!(won.len(), 1, "round {round}: {won:?}");
        let entry = bucket.get("lock").await.expect("read").expect("there");
        assert_eq!(entry.revision, won[0]);
        if round % 2 == 0 {
            bucket.delete("lock").await.expect("deleted");
        } else {
            bucket.purge("lock").await.expect("purged");
        }
    }
}

#[tokio::test]
async fn what_is_written_while_the_server_is_away_is_written_when_it_is_back() {
    let mut server = Server::builder().jetstream().fixed_ports().start();
    let client = options().connect(server.nats_url()).await.expect("connected");
    let bucket = client.jetstream().create_key_value(BucketConfig::new("b")).await.expect("made");
    server.kill();
    eventually("the loss", async || {
        (client.connection().state() != State::Connected).then_some(())
    })
    .await;
    let mut put = bucket.put("a", "1").into_future();
    let mut delete = bucket.delete("b").into_future();
    // Longer than it takes to ask whether the bucket is there.
    let away = async { tokio::join!(&mut put, &mut delete) };
    let away = tokio::time::timeout(Duration::from_millis(1500), away).await;
    away.expect_err("they go on while it is away");
    server.restart();
    let (put, delete) = within("both", async { tokio::join!(put, delete) }).await;
    let mut revisions = [put.expect("written"), delete.expect("deleted")];
    revisions.sort_unstable();
    assert_eq!(revisions, [1, 2]);
    assert_eq!(bucket.get("a").await.expect("read").expect("there").value, "1");
}

/// A bucket with a key `a` that is 10 in it, and somebody behind a proxy who writes to it.
struct Forgetting {
    server: Server,
    proxy: Proxy,
    bucket: Bucket<u64>,
    client: Client,
    behind: Bucket<u64>,
}

impl Forgetting {
    async fn new(history: u64) -> Self {
        let server = Server::builder().jetstream().fixed_ports().start();
        let proxy = Proxy::to(server.addr(Transport::Tcp));
        let whole = options().connect(server.nats_url()).await.expect("connected");
        let config = BucketConfig::new("b").history(history);
        let bucket = whole.jetstream().create_key_value(config).await.expect("made").typed();
        assert_eq!(bucket.put("a", &10).await.expect("written"), 1);
        let client = options().connect(proxy.url("nats")).await.expect("connected");
        let behind = client.jetstream().key_value("b").await.expect("opened").typed();
        Self { server, proxy, bucket, client, behind }
    }
}

async fn is_at(bucket: &Bucket<u64>, revision: u64) {
    eventually("the revision", async || {
        let entry = bucket.get("a").await.expect("read").expect("there");
        (entry.revision == revision).then_some(())
    })
    .await;
}

/// What is on its way is lost, and so is what the server has in its memory alone.
fn start_again(server: &mut Server, proxy: &Proxy) {
    proxy.refuse();
    proxy.cut();
    server.kill();
    server.restart();
    proxy.resume();
    proxy.accept_again();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_others_wrote_over_and_the_server_has_forgotten_is_not_made_again() {
    let Forgetting { mut server, proxy, bucket, behind, client: _client } =
        Forgetting::new(1).await;
    let counting = behind.update_with("a", |count| {
        // What was read is here, and the answer to the write will not be.
        if count == Some(10) {
            proxy.freeze_to_client();
        }
        count.map(|count| count + 1)
    });
    let disturbing = async {
        is_at(&bucket, 2).await;
        assert_eq!(bucket.put("a", &20).await.expect("written"), 3);
        start_again(&mut server, &proxy);
    };
    let both = async { tokio::join!(counting.into_future(), disturbing) };
    let (counted, ()) = within("both", both).await;
    match counted.expect_err("nobody knows") {
        KeyValueError::Write { source, .. } => {
            assert!(source.may_be_stored(), "{source:?}");
            let PublishError::TimedOut { last: Some(last), .. } = &source else {
                panic!("{source:?}");
            };
            assert!(last.is_wrong_last(), "{source:?}");
        }
        other => panic!("{other:?}"),
    }
    let entry = bucket.get("a").await.expect("read").expect("there");
    assert_eq!((entry.value, entry.revision), (20, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_in_whose_place_another_one_is_was_certainly_not_made() {
    let Forgetting { mut server, proxy, bucket, behind, client } = Forgetting::new(1).await;
    proxy.freeze_to_server();
    let sent = || client.connection().stats().out_msgs;
    let before = sent();
    let update = behind.update("a", &11, 1);
    let disturbing = async {
        eventually("the write", async || (sent() > before).then_some(())).await;
        assert_eq!(bucket.update("a", &20, 1).await.expect("written"), 2);
        start_again(&mut server, &proxy);
    };
    let (updated, ()) =
        within("both", async { tokio::join!(update.into_future(), disturbing) }).await;
    match updated.expect_err("another one was quicker") {
        KeyValueError::WrongRevision { expected: 1, current: Some(2), .. } => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_is_still_in_the_history_is_known_again() {
    let Forgetting { mut server, proxy, bucket, behind, client: _client } =
        Forgetting::new(8).await;
    proxy.freeze_to_client();
    let update = behind.update("a", &11, 1);
    let disturbing = async {
        is_at(&bucket, 2).await;
        assert_eq!(bucket.put("a", &20).await.expect("written"), 3);
        start_again(&mut server, &proxy);
    };
    let (updated, ()) =
        within("both", async { tokio::join!(update.into_future(), disturbing) }).await;
    assert_eq!(updated.expect("written"), 2);
    is_at(&bucket, 3).await;
}

/// A bucket whose server is up to the test.
async fn scripted() -> (Peer, RawBucket) {
    let scripted = Scripted::start();
    let connecting = tokio::spawn(Client::connect(scripted.url()));
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    let client = connecting.await.expect("no panic").expect("it connects");
    let bucket = client.jetstream().key_value("b").unasked().expect("a good name");
    (peer, bucket)
}

/// Waits until something is written to key `a`, and returns where the answer goes.
async fn written(peer: &mut Peer) -> String {
    let line = peer.skip_to_line("HPUB $KV.b.a ").await;
    line.split(' ').nth(2).expect("a reply subject").to_owned()
}

async fn answer(peer: &mut Peer, sid: &str, reply: &str, body: &str) {
    peer.send(format!("MSG {reply} {sid} {}\r\n{body}\r\n", body.len())).await;
}

const SEALED: &str = r#"{"error":{"code":400,"err_code":10109,"description":"sealed"}}"#;
const AWAY: &str = r#"{"error":{"code":503,"err_code":10008,"description":"unavailable"}}"#;

#[tokio::test]
async fn a_write_that_had_no_answer_once_may_be_stored_whatever_is_answered_later() {
    let (mut peer, bucket) = scripted().await;
    let put = tokio::spawn(async move { bucket.put("a", "1").await });
    let sub = peer.skip_to_line("SUB ").await;
    let sid = sub.rsplit(' ').next().expect("a number");
    written(&mut peer).await;
    let reply = written(&mut peer).await;
    answer(&mut peer, sid, &reply, SEALED).await;
    let put = within("the put", put).await.expect("no panic");
    match put.expect_err("the bucket is sealed") {
        KeyValueError::Write { key, source } => {
            assert_eq!(key, "a");
            assert!(source.may_be_stored(), "{source:?}");
            let PublishError::TimedOut { after, last: Some(last) } = source else {
                panic!("{source:?}");
            };
            assert_eq!((after, last.err_code()), (Duration::from_secs(30), Some(10109)));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_write_goes_on_while_what_is_answered_passes() {
    let (mut peer, bucket) = scripted().await;
    let put = tokio::spawn(async move { bucket.put("a", "1").await });
    let sub = peer.skip_to_line("SUB ").await;
    let sid = sub.rsplit(' ').next().expect("a number");
    // One more than there is time for before it is asked whether the bucket is there.
    for _ in 0..6 {
        let reply = written(&mut peer).await;
        answer(&mut peer, sid, &reply, AWAY).await;
    }
    let reply = written(&mut peer).await;
    answer(&mut peer, sid, &reply, r#"{"stream":"KV_b","seq":7}"#).await;
    assert_eq!(within("the put", put).await.expect("no panic").expect("written"), 7);
}

#[tokio::test]
async fn keys_and_history_end_where_a_message_among_them_cannot_be_read() {
    let (stage, bucket) = bucket(BucketConfig::new("b")).await;
    bucket.put("a", "1").await.expect("written");
    let mut raw = TcpStream::connect(stage.server.addr(Transport::Tcp)).await.expect("connected");
    let block = "NATS/1.0\r\nno colon\r\n\r\n";
    let len = block.len();
    let bad = format!("CONNECT {{\"headers\":true}}\r\nHPUB $KV.b.bad {len} {len}\r\n{block}\r\n");
    raw.write_all(bad.as_bytes()).await.expect("sent");
    raw.write_all(b"PING\r\n").await.expect("sent");
    let mut said = String::new();
    while !said.contains("PONG") {
        let mut bytes = [0; 4096];
        let count = within("the answer", raw.read(&mut bytes)).await.expect("read");
        assert_ne!(count, 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    eventually("the message", async || {
        let status = bucket.status().await.expect("there");
        (status.last_revision() == 2).then_some(())
    })
    .await;

    let mut keys = bucket.keys().await.expect("listing");
    let mut listed = Vec::new();
    while let Some(key) = within("a key, or the end", keys.next()).await {
        listed.push(key.map_err(|error| assert!(matches!(error, KeyValueError::Read(_)))));
    }
    assert_eq!(listed, [Ok("a".to_owned()), Err(())]);
    let mut history = bucket.history(">").await.expect("reading");
    let mut kept = Vec::new();
    while let Some(change) = within("a change, or the end", history.next()).await {
        kept.push(change.map(|change| change.revision()).map_err(drop));
    }
    assert_eq!(kept, [Ok(1), Err(())]);
}
