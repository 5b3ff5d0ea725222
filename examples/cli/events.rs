//! Events of a connection, a line each.

use natsws::Event;

use crate::output::chain;

/// What happened, the most telling word first.
pub(crate) fn describe(event: &Event) -> String {
    match event {
        Event::Disconnected { server, reason, unconfirmed } => {
            format!("disconnected from {server}, {unconfirmed} unconfirmed: {}", chain(reason))
        }
        Event::Reconnecting { server } => format!("reconnecting to {server}"),
        Event::Reconnected { server, discarded } => {
            format!("reconnected to {server}, {discarded} discarded")
        }
        Event::ConnectFailed { server, error } => {
            format!("connecting to {server} failed: {}", chain(&**error))
        }
        Event::ServerError(error) => format!("server error: {}", chain(error)),
        Event::LameDuckMode { server } => format!("lame duck mode: {server} is about to shut down"),
        Event::SlowConsumer { subject, waiting } => {
            format!("slow consumer on {subject}, {waiting} messages wait")
        }
        Event::SlowConsumerRecovered { subject, dropped } => {
            format!("slow consumer on {subject} recovered, {dropped} dropped")
        }
        Event::Connected { server } => format!("connected to {server}"),
        Event::Moved { from, to, discarded } => {
            format!("moved from {from} to {to}, {discarded} discarded")
        }
        Event::ServersChanged { added, removed } => {
            format!("servers changed: added {added:?}, removed {removed:?}")
        }
        Event::ServerUnusable { listed } => {
            format!("the server lists {listed}, which is no address")
        }
        Event::NextServerIgnored => "the choice of the next server was ignored".to_owned(),
        Event::HandlerPanicked => "a handler panicked".to_owned(),
        Event::DeliveryUnanswered { stream, consumer } => {
            format!("a message of {consumer} on {stream} was dropped without an answer")
        }
        Event::Missed { events } => format!("{events} events were missed"),
        Event::Closed { unconfirmed, error: None } => format!("closed, {unconfirmed} unconfirmed"),
        Event::Closed { unconfirmed, error: Some(error) } => {
            format!("closed, {unconfirmed} unconfirmed: {}", chain(error))
        }
        // Events may be added, and all of them are shown.
        other => format!("{other:?}"),
    }
}
