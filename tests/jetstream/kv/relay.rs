//! A JetStream that is reached through the test, which sees what is asked of it.

use natsws::Msg;
use natsws::kv::RawBucket;
use natsws_tests::within;

use crate::stage::Stage;

/// Bucket `b`, behind the relay.
pub(super) fn behind(stage: &Stage) -> RawBucket {
    let js = stage.js.clone().with_prefix("relay").expect("a good prefix");
    js.key_value("b").unasked().expect("a good name")
}

/// Works with what is [`behind`] the relay: what is asked for goes on to the server, unless it was
/// answered here.
pub(super) async fn relay<T>(
    stage: &Stage,
    work: impl IntoFuture<Output = T>,
    mut is_answered: impl AsyncFnMut(&Msg) -> bool,
) -> T {
    let mut requests = stage.connection().subscribe("relay.>").await.expect("subscribed");
    let relaying = async {
        loop {
            let request = requests.next().await.expect("one").expect("good");
            if is_answered(&request).await {
                continue;
            }
            let asked = request.subject().strip_prefix("relay.").expect("it is relayed");
            // What a consumer filters by is said in its configuration as well, and wildcards cannot
            // be published to.
            let asked = asked.strip_suffix(".$KV.b.>").unwrap_or(asked);
            let subject = match asked.strip_prefix("$KV.") {
                Some(_) => asked.to_owned(),
                None => format!("$JS.API.{asked}"),
            };
            let publish = stage.connection().publish(&subject, request.payload_bytes());
            let publish = publish.headers(request.headers());
            match request.reply() {
                Some(reply) => publish.reply(reply).await,
                None => publish.await,
            }
            .expect("sent");
        }
    };
    let working = async {
        tokio::select! {
            done = work.into_future() => done,
            () = relaying => unreachable!("it goes on for ever"),
        }
    };
    within("what goes through the relay", working).await
}
