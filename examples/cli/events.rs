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
        Event::LameDuckMode => "lame duck mode: the server is about to shut down".to_owned(),
        Event::SlowConsumer { subject } => format!("slow consumer on {subject}"),
        Event::SlowConsumerRecovered { subject, dropped } => {
            format!("slow consumer on {subject} recovered, {dropped} dropped")
        }
        Event::Closed { unconfirmed } => format!("closed, {unconfirmed} unconfirmed"),
        // Events may be added, and all of them are shown.
        other => format!("{other:?}"),
    }
}
