//! What is done with consumers.

use std::time::Duration;

use futures_util::FutureExt;
use natsws::jetstream::{
    AckPolicy, ConsumerConfig, ConsumerInfo, Delivery, Fetch, JetStream, Untyped,
};
use tokio::signal::ctrl_c;
use tokio::task::consume_budget;

use crate::args::{AddConsumer, Consumer, Next};
use crate::{Done, output, table};

pub(crate) async fn run(js: &JetStream, command: Consumer) -> Done {
    match command {
        Consumer::Ls { stream } => list(js, &stream).await,
        Consumer::Info { stream, name } => {
            Ok(tell(&js.consumer(&stream, &name).await?.info().await?)?)
        }
        Consumer::Add(args) => add(js, args).await,
        Consumer::Rm { stream, name } => {
            Ok(js.stream(&stream).await?.delete_consumer(&name).await?)
        }
        Consumer::Next(args) => next(js, &args).await,
    }
}

async fn add(js: &JetStream, args: AddConsumer) -> Done {
    let mut config = ConsumerConfig::durable(args.name);
    if let Some(filter) = args.filter {
        config = config.filter_subject(filter);
    }
    js.stream(&args.stream).await?.create_consumer(config).await?;
    Ok(())
}

async fn list(js: &JetStream, stream: &str) -> Done {
    let mut consumers = js.stream(stream).await?.consumers();
    let mut rows = Vec::new();
    while let Some(info) = consumers.next().await {
        let info = info?;
        rows.push([
            info.name.clone(),
            table::joined(&info.config.filter_subjects),
            info.pending.to_string(),
            info.ack_pending.to_string(),
            info.redelivered.to_string(),
        ]);
    }
    let head = ["NAME", "FILTER", "PENDING", "UNACKNOWLEDGED", "REDELIVERED"];
    Ok(table::list("consumers", head, rows)?)
}

fn tell(info: &ConsumerInfo) -> std::io::Result<()> {
    table::facts([
        ("name", info.name.clone()),
        ("stream", info.stream.clone()),
        ("filter", table::joined(&info.config.filter_subjects)),
        ("acknowledge", info.config.ack_policy.to_string()),
        ("created", output::time(info.created)),
        ("pending", info.pending.to_string()),
        ("unacknowledged", info.ack_pending.to_string()),
        ("redelivered", info.redelivered.to_string()),
        ("waiting requests", info.waiting.to_string()),
        ("delivered up to", info.delivered.stream_sequence.to_string()),
        ("acknowledged up to", info.ack_floor.stream_sequence.to_string()),
    ])
}

async fn next(js: &JetStream, args: &Next) -> Done {
    let consumer = js.consumer(&args.stream, &args.name).await?;
    let config = consumer.cached_info().map(|info| &info.config);
    let longest = config.and_then(|config| config.max_request_expires);
    let expires = js.timeout().min(longest.unwrap_or(Duration::MAX));
    // Where nothing is acknowledged, nothing confirms it.
    let ack = args.ack && config.is_none_or(|config| config.ack_policy != AckPolicy::None);
    let count = usize::try_from(args.count)?;
    let mut messages = consumer.fetch(count).expires(expires).await?;
    let mut taken = Vec::new();
    let done = tokio::select! {
        biased;
        signal = ctrl_c() => signal.map(|()| End::Interrupted).map_err(Into::into),
        done = take(&mut messages, ack, &mut taken) => done.map(|()| End::Over),
    };
    // What came and was not printed.
    while let Some(Some(Ok(delivery))) = messages.next().now_or_never() {
        taken.push(delivery);
    }
    // What is given back comes again at once, and not to here.
    drop(messages);
    js.connection().flush().await?;
    // What is acknowledged stays so.
    for delivery in &taken {
        delivery.nak(None).await?;
    }
    js.connection().flush().await?;
    match done? {
        End::Over if taken.is_empty() => {
            let reason = format!(
                "no message came within {expires:?}: publish one, or wait longer with --timeout"
            );
            Err(reason.into())
        }
        End::Over if taken.len() < count => {
            output::tell(&format!("{} of {count} came within {expires:?}", taken.len()));
            Ok(())
        }
        End::Over | End::Interrupted => Ok(()),
    }
}

enum End {
    Over,
    Interrupted,
}

/// Prints messages as they come.
async fn take(messages: &mut Fetch, ack: bool, taken: &mut Vec<Delivery<Untyped>>) -> Done {
    while let Some(delivery) = messages.next().await {
        let delivery = delivery?;
        let again = match delivery.delivered() {
            0 | 1 => String::new(),
            times => format!(" delivery {times}"),
        };
        let head = format!("[#{}] {}{again}", delivery.sequence(), delivery.subject());
        let printed = output::message(&head, delivery.msg(), true);
        taken.push(delivery);
        printed?;
        if let Some(delivery) = taken.last().filter(|_| ack) {
            delivery.ack_confirmed().await?;
        }
        // Where there is always more, Ctrl-C would not be seen.
        consume_budget().await;
    }
    Ok(())
}
