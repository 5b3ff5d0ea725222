use natsws::kv::{Bucket, BucketConfig, KeyValueError, Operation};
use serde::{Deserialize, Serialize};

use crate::stage::Stage;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Settings {
    theme: String,
    size: u8,
}

fn dark() -> Settings {
    Settings { theme: "dark".into(), size: 12 }
}

#[tokio::test]
async fn a_value_is_put_read_updated_and_deleted() {
    let stage = Stage::new().await;
    let bucket = stage.js.create_key_value(BucketConfig::new("settings")).await.expect("made");
    let settings: Bucket<Settings> = bucket.typed();
    assert_eq!(settings.get("eu.7").await.expect("read"), None);
    let first = settings.put("eu.7", &dark()).await.expect("written");
    assert_eq!(first, 1);
    let entry = settings.get("eu.7").await.expect("read").expect("there");
    assert_eq!((entry.key.as_str(), entry.revision, entry.delta), ("eu.7", 1, 0));
    assert_eq!(entry.value, dark());

    let large = Settings { size: 20, ..dark() };
    let second = settings.update("eu.7", &large, first).await.expect("written");
    assert_eq!(second, 2);
    match settings.update("eu.7", &dark(), first).await {
        Err(KeyValueError::WrongRevision { key, expected: 1, current: Some(2) }) => {
            assert_eq!(key, "eu.7");
        }
        other => panic!("{other:?}"),
    }
    match settings.create("eu.7", &dark()).await {
        Err(KeyValueError::KeyExists { key, revision: 2 }) => assert_eq!(key, "eu.7"),
        other => panic!("{other:?}"),
    }
    assert_eq!(settings.delete("eu.7").await.expect("deleted"), 3);
    assert_eq!(settings.get("eu.7").await.expect("read"), None);
    let last = settings.last_change("eu.7").await.expect("read").expect("a deletion");
    assert_eq!((last.operation(), last.revision()), (Operation::Delete, 3));
    assert_eq!(settings.create("eu.7", &large).await.expect("created anew"), 4);
    assert_eq!(settings.purge("eu.7").await.expect("deleted"), 5);
    let last = settings.last_change("eu.7").await.expect("read").expect("a deletion");
    assert_eq!((last.operation(), last.revision()), (Operation::Purge, 5));
}
