use natsws::ConnectOptions;
use natsws::kv::{BucketConfig, Change, Operation};
use natsws_tests::{Server, within};

use super::lines;

/// One account has the buckets, and another one is let in below a prefix.
const ACCOUNTS: &str = r#"
accounts {
  A: {
    jetstream: enabled
    users: [{ user: a, password: a }]
    exports: [
      { service: "$JS.API.>", response_type: stream }
      { service: "$KV.>" }
    ]
  }
  B: {
    users: [{ user: b, password: b }]
    imports: [
      { service: { account: A, subject: "$JS.API.>" }, to: "fromA.>" }
      { service: { account: A, subject: "$KV.>" }, to: "fromA.$KV.>" }
    ]
  }
}
"#;

#[tokio::test]
async fn a_bucket_of_another_account_is_used_below_its_prefix() {
    let server = Server::builder().jetstream().config(ACCOUNTS).start();
    let client = async |name: &str| {
        let connecting = ConnectOptions::new().user(name, name).connect(server.nats_url());
        within("connecting", connecting).await.expect("connected")
    };
    let (a, b) = (client("a").await, client("b").await);
    let config = BucketConfig::new("b").history(10);
    let owned = a.jetstream().create_key_value(config).await.expect("made");
    owned.put("A", "A").await.expect("written");
    owned.delete("A").await.expect("deleted");

    let js = b.jetstream().with_prefix("fromA").expect("a subject");
    let lent = js.key_value("b").await.expect("opened");
    assert_eq!(lent.put("B", "B").await.expect("written"), 3);
    assert_eq!(owned.get("B").await.expect("read").expect("there").value, "B");
    assert_eq!(lent.get("B").await.expect("read").expect("there").value, "B");
    let history = lent.history("A").await.expect("reading");
    let history = within("the history", history.into_vec()).await.expect("read");
    let history: Vec<_> = history.iter().map(Change::operation).collect();
    assert_eq!(history, [Operation::Put, Operation::Delete]);

    let mut watch = lent.watch_all().await.expect("watching");
    assert_eq!(lines(&mut watch, 3).await, ["delete A 2", "put B 3 B", "caught up"]);
    lent.update("B", "B2", 3).await.expect("written");
    owned.put("C", "C").await.expect("written");
    assert_eq!(lines(&mut watch, 2).await, ["put B 4 B2", "put C 5 C"]);
}
