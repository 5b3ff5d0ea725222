//! Publishing to a stream.

use std::error::Error;
use std::time::Instant;

use natsws::jetstream::{
    FinishError, JetStream, JetStreamError, PublishError, Published, Publisher,
};
use tokio::signal::ctrl_c;

use crate::args::JsPublish;
use crate::ending::unless_interrupted;
use crate::{Done, output};

pub(crate) async fn publish(js: &JetStream, args: &JsPublish) -> Done {
    let published = if args.count == 1 { one(js, args).await } else { many(js, args).await };
    let Err(error) = published else { return Ok(()) };
    if !has_no_stream(&*error) {
        return Err(error);
    }
    // Or the account has no JetStream, which a server says only where it is asked.
    let asked = js.account_info().await;
    Err(asked.err().filter(JetStreamError::is_not_enabled).map_or(error, Into::into))
}

fn has_no_stream(error: &(dyn Error + 'static)) -> bool {
    let first = error.downcast_ref::<FinishError>().and_then(|error| error.failures.first());
    let error = first.map(|failure| &failure.error).or_else(|| error.downcast_ref());
    matches!(error, Some(PublishError::NoStream { .. }))
}

async fn one(js: &JetStream, args: &JsPublish) -> Done {
    let mut publish = js.publish_bytes(&args.subject, &args.payload).deadline(js.timeout());
    if let Some(id) = &args.id {
        publish = publish.message_id(id);
    }
    let ack = publish.await?;
    let known = if ack.duplicate { " known already" } else { "" };
    Ok(output::print(format!("{} {}{known}", ack.stream, ack.sequence))?)
}

async fn many(js: &JetStream, args: &JsPublish) -> Done {
    let mut publisher = js.publisher().deadline(js.timeout()).await?;
    let begin = Instant::now();
    let interrupted = tokio::select! {
        biased;
        signal = ctrl_c() => {
            signal?;
            true
        }
        taken = hand(&mut publisher, args) => {
            taken?;
            false
        }
    };
    let Published { stored, duplicates, .. } =
        unless_interrupted(async { Ok(publisher.finish().await?) }).await?;
    let took = begin.elapsed();
    let rate = u128::from(stored) * 1_000_000_000 / took.as_nanos().max(1);
    let known = match duplicates {
        0 => String::new(),
        duplicates => format!(", {duplicates} of them known already"),
    };
    output::print(format!("{stored} stored{known}, in {took:.1?}: {rate} a second"))?;
    if interrupted { Err("interrupted before all were published".into()) } else { Ok(()) }
}

/// Has the publisher take them all, unless it fails with one of the first.
async fn hand(publisher: &mut Publisher, args: &JsPublish) -> Result<(), PublishError> {
    for _ in 0..args.count {
        if publisher.published().failed > 0 {
            break;
        }
        let mut publish = publisher.publish_bytes(&args.subject, &args.payload);
        if let Some(id) = &args.id {
            publish = publish.message_id(id);
        }
        publish.await?;
    }
    Ok(())
}
