use natsws::Client;
use natsws::jetstream::{JetStreamError, Source};
use natsws::kv::{BucketConfig, Watched};
use natsws_tests::{Server, eventually, within};

use super::{bucket, lines};

#[tokio::test]
async fn a_mirror_is_read_here_and_written_to_at_its_origin() {
    let (stage, origin) = bucket(BucketConfig::new("origin")).await;
    let config = BucketConfig::new("copy").mirror("origin");
    let copy = stage.js.create_key_value(config).await.expect("made");
    assert_eq!(copy.put("a", "1").await.expect("written"), 1);
    assert_eq!(origin.get("a").await.expect("read").expect("there").value, "1");
    let copied = async |key: &str, value: &str| {
        eventually("the copy", async || {
            let entry = copy.get(key).await.expect("read")?;
            (entry.value == value).then_some(entry)
        })
        .await
    };
    let entry = copied("a", "1").await;
    assert_eq!((entry.key.as_str(), entry.revision), ("a", 1));
    origin.put("b", "2").await.expect("written");
    copied("b", "2").await;
    assert_eq!(copy.update("a", "3", 1).await.expect("written"), 3);
    copied("a", "3").await;
    let mut watch = copy.watch_all().await.expect("watching");
    assert_eq!(lines(&mut watch, 3).await, ["put b 2 2", "put a 3 3", "caught up"]);
    copy.delete("a").await.expect("deleted");
    assert_eq!(lines(&mut watch, 1).await, ["delete a 4"]);
    let opened = stage.js.key_value("copy").await.expect("opened");
    let keys = opened.keys().await.expect("listing").into_vec().await.expect("listed");
    assert_eq!(keys, ["b"]);
    let status = opened.status().await.expect("there");
    assert_eq!(status.config().mirror.as_ref().map(|it| it.name.as_str()), Some("origin"));
}

#[tokio::test]
async fn buckets_are_gathered_in_one_that_has_keys_of_its_own() {
    let (stage, one) = bucket(BucketConfig::new("one")).await;
    let two = stage.js.create_key_value(BucketConfig::new("two")).await.expect("made");
    one.put("a", "1").await.expect("written");
    two.put("b", "2").await.expect("written");
    let config = BucketConfig::new("all").sources(["one", "KV_two"]);
    let all = stage.js.create_key_value(config.clone()).await.expect("made");
    all.put("c", "3").await.expect("written");
    let mut watch = all.watch_all().await.expect("watching");
    let mut seen = Vec::new();
    while seen.len() < 3 {
        match super::told(&mut watch).await {
            Watched::Put(entry) => seen.push(entry.key),
            Watched::CaughtUp => {}
            other => panic!("{other:?}"),
        }
    }
    seen.sort();
    assert_eq!(seen, ["a", "b", "c"]);
    assert_eq!(all.get("a").await.expect("read").expect("there").value, "1");
    assert_eq!(one.get("c").await.expect("read"), None);
    let names = all.status().await.expect("there");
    let names: Vec<_> = names.config().sources.iter().map(|it| it.name.clone()).collect();
    assert_eq!(names, ["one", "two"]);
    // What the server says of it can be said to it again.
    let told = all.status().await.expect("there").config().clone();
    stage.js.update_key_value(told).await.expect("nothing changes");
}

/// A hub and a leaf, each with a JetStream of its own domain.
async fn domains() -> (Server, Server, Client, Client) {
    let hub = Server::builder()
        .domain("hub")
        .monitoring()
        .config("server_name: hub\nleafnodes { listen: \"127.0.0.1:-1\" }")
        .start();
    let port = hub.monitor("/varz")["leaf"]["port"].as_u64().expect("a port");
    let remote = format!("leafnodes {{ remotes: [{{ url: \"nats-leaf://127.0.0.1:{port}\" }}] }}");
    let leaf =
        Server::builder().domain("leaf").config(&format!("server_name: leaf\n{remote}")).start();
    let at_hub = within("connecting", Client::connect(hub.nats_url())).await.expect("connected");
    let at_leaf = within("connecting", Client::connect(leaf.nats_url())).await.expect("connected");
    (hub, leaf, at_hub, at_leaf)
}

#[tokio::test]
async fn a_mirror_of_another_domain_is_read_here_and_written_to_there() {
    let (_hub, _leaf, at_hub, at_leaf) = domains().await;
    let there = at_hub.jetstream();
    let origin = there.create_key_value(BucketConfig::new("origin")).await.expect("made");
    origin.put("name", "derek").await.expect("written");
    // From the leaf the hub's own bucket is reached as well.
    let hub = at_leaf.jetstream().with_domain("hub").expect("a name");
    eventually("the way to the hub", async || match hub.account_info().await {
        Ok(_) => Some(()),
        Err(JetStreamError::NotEnabled { .. } | JetStreamError::TimedOut { .. }) => None,
        Err(other) => panic!("{other:?}"),
    })
    .await;
    let remote = hub.key_value("origin").await.expect("opened");
    assert_eq!(remote.get("name").await.expect("read").expect("there").value, "derek");
    remote.put("age", "22").await.expect("written");
    assert_eq!(origin.get("age").await.expect("read").expect("there").value, "22");
    let mut watch = remote.watch("age").await.expect("watching");
    assert_eq!(lines(&mut watch, 2).await, ["put age 2 22", "caught up"]);

    let here = at_leaf.jetstream();
    let config = BucketConfig::new("copy").mirror(Source::new("origin").domain("hub"));
    let copy = here.create_key_value(config).await.expect("made");
    eventually("the copy", async || copy.get("name").await.expect("read")).await;
    let revision = copy.put("name", "ivan").await.expect("written");
    let entry = origin.get("name").await.expect("read").expect("there");
    assert_eq!((entry.value, entry.revision), ("ivan".into(), revision));
    eventually("the copy", async || {
        let entry = copy.get("name").await.expect("read").expect("there");
        (entry.revision == revision).then_some(())
    })
    .await;
    let mut watch = copy.watch("name").await.expect("watching");
    let now = format!("put name {revision} ivan");
    assert_eq!(lines(&mut watch, 2).await, [now.as_str(), "caught up"]);
    copy.delete("name").await.expect("deleted");
    assert_eq!(origin.get("name").await.expect("read"), None);
}
