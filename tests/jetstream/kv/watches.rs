use natsws::kv::{BucketConfig, Watched};
use natsws_tests::within;

use crate::stage::Stage;

#[tokio::test]
async fn a_watch_tells_what_is_there_then_that_this_was_all_then_every_change() {
    let stage = Stage::new().await;
    let bucket = stage.js.create_key_value(BucketConfig::new("b")).await.expect("made");
    bucket.put("a", "1").await.expect("written");
    bucket.put("b", "2").await.expect("written");
    let mut watch = bucket.watch_all().await.expect("watching");
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(within("a change", watch.next()).await.expect("one").expect("read"));
    }
    assert!(told[2].is_caught_up(), "{told:?}");
    bucket.delete("a").await.expect("deleted");
    match within("a change", watch.next()).await.expect("one").expect("read") {
        Watched::Deleted(deletion) => {
            assert_eq!((deletion.key.as_str(), deletion.revision), ("a", 3))
        }
        other => panic!("{other:?}"),
    }
}
