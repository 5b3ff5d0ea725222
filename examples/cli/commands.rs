//! What each command does.

use natsws::{Connection, Event, Events, Headers, Msg, State, Subscription, SubscriptionError};

use crate::args::{Cli, Command, Publish, Reply, Request, Subscribe};
use crate::connect::{connect, jetstream};
use crate::ending::{lost, until_interrupted};
use crate::{Done, consumers, events, js_pub, kv, objects, output, streams};

pub(crate) async fn run(cli: Cli) -> Done {
    let connection = connect(&cli.connect).await?;
    let js = jetstream(&connection, &cli.connect);
    match cli.command {
        Command::Pub(args) => publish(&connection, args).await,
        Command::Sub(args) => subscribe(&connection, args).await,
        Command::Req(args) => request(&connection, args).await,
        Command::Reply(args) => reply(&connection, args).await,
        Command::Events => until_interrupted(&connection, watch(&connection)).await,
        Command::Rtt => {
            let rtt = connection.rtt().await?;
            Ok(output::line(format!("{rtt:.1?}").as_bytes())?)
        }
        Command::Stream(command) => streams::run(&js, command).await,
        Command::Consumer(command) => consumers::run(&js, command).await,
        Command::JsPub(args) => js_pub::publish(&js, &args).await,
        Command::Kv(command) => kv::run(&js, command).await,
        Command::Object(command) => objects::run(&js, command).await,
    }
}

fn headers(given: &[(String, String)]) -> Done<Headers> {
    let mut headers = Headers::new();
    for (name, value) in given {
        headers.append(name, value)?;
    }
    Ok(headers)
}

async fn publish(connection: &Connection, args: Publish) -> Done {
    let mut events = connection.events();
    let headers = headers(&args.headers)?;
    let payload = match args.size {
        Some(size) => "x".repeat(size),
        None => args.payload,
    };
    for _ in 0..args.count {
        let mut publish = connection.publish(&args.subject, &payload).headers(&headers);
        if let Some(reply) = &args.reply {
            publish = publish.reply(reply);
        }
        publish.await?;
    }
    connection.flush().await?;
    refused(&mut events).await
}

/// Fails where the server has said that it does not take what was published, which it says before
/// it confirms the rest.
async fn refused(events: &mut Events) -> Done {
    loop {
        let event = tokio::select! {
            biased;
            event = events.next() => event,
            () = std::future::ready(()) => return Ok(()),
        };
        match event {
            Some(Event::ServerError(error)) => return Err(error.into()),
            Some(_) => {}
            None => return Ok(()),
        }
    }
}

/// Makes a subscription, and says so when the server has seen it.
async fn listen(
    connection: &Connection,
    subject: &str,
    queue: Option<String>,
    max: Option<u64>,
) -> Done<Subscription> {
    let mut subscribe = connection.subscribe(subject);
    if let Some(group) = queue {
        subscribe = subscribe.queue(group);
    }
    if let Some(max) = max {
        subscribe = subscribe.max(max);
    }
    let subscription = subscribe.await?;
    output::tell("listening");
    Ok(subscription)
}

/// Says what is to be known between messages; fails where the subscription is over by it.
fn told(error: SubscriptionError) -> Done {
    match error {
        SubscriptionError::Denied(_) | SubscriptionError::TimedOut => Err(error.into()),
        _ => {
            output::tell(&format!("warning: {}", output::chain(&error)));
            Ok(())
        }
    }
}

async fn subscribe(connection: &Connection, args: Subscribe) -> Done {
    let print = async {
        let mut subscription = listen(connection, &args.subject, args.queue, args.max).await?;
        while let Some(item) = subscription.next().await {
            match item {
                Ok(msg) if args.raw => output::line(msg.payload())?,
                Ok(msg) => {
                    output::message(&head(subscription.processed(), &msg), &msg, args.headers)?;
                }
                Err(error) => told(error)?,
            }
        }
        lost(connection).await
    };
    until_interrupted(connection, print).await
}

/// What stands in front of a message: number, subject, and where an answer goes.
fn head(number: u64, msg: &Msg) -> String {
    let reply = msg.reply().map(|reply| format!(" reply {reply}")).unwrap_or_default();
    format!("[#{number}] {}{reply}", msg.subject())
}

async fn request(connection: &Connection, args: Request) -> Done {
    let headers = headers(&args.headers)?;
    let reply = connection.request(&args.subject, &args.payload).headers(&headers).await?;
    for (name, value) in reply.headers().iter() {
        output::tell(&format!("{name}: {value}"));
    }
    Ok(output::line(reply.payload())?)
}

async fn reply(connection: &Connection, args: Reply) -> Done {
    let answer = async {
        let mut subscription = listen(connection, &args.subject, args.queue, args.max).await?;
        while let Some(item) = subscription.next().await {
            let msg = match item {
                Ok(msg) => msg,
                Err(error) => {
                    told(error)?;
                    continue;
                }
            };
            if msg.reply().is_none() {
                output::tell(&format!("warning: a message on {} asks for no reply", msg.subject()));
                continue;
            }
            match &args.payload {
                Some(payload) => msg.respond(payload).await?,
                None => msg.respond(msg.payload()).headers(msg.headers()).await?,
            }
        }
        // Draining ends with a flush of its own.
        if !matches!(connection.state(), State::Draining | State::Closed) {
            connection.flush().await?;
        }
        lost(connection).await
    };
    until_interrupted(connection, answer).await
}

async fn watch(connection: &Connection) -> Done {
    let mut events = connection.events();
    output::line(format!("connected to {}", connection.server()).as_bytes())?;
    while let Some(event) = events.next().await {
        output::line(events::describe(&event).as_bytes())?;
        if matches!(event, Event::Closed { .. }) {
            break;
        }
    }
    lost(connection).await
}
