//! What happens to a connection, in words.

use natsws::{Event, State};

use super::words::words;

/// How an event is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Good,
    Bad,
    Plain,
}

impl Mood {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Plain => "plain",
        }
    }
}

/// The name of a state, and what is said of it.
pub(crate) fn state(state: State) -> (&'static str, &'static str) {
    match state {
        State::Connecting => ("connecting", "connecting…"),
        State::Connected => ("connected", "connected"),
        State::Disconnected => ("reconnecting", "connection lost, reconnecting…"),
        State::Draining => ("draining", "finishing…"),
        State::Closed => ("closed", "closed"),
        _ => ("unknown", "in a state that this page does not know"),
    }
}

/// What is said of an event.
pub(crate) fn told(event: &Event) -> (Mood, String) {
    let discarded = |discarded: &u64| match discarded {
        0 => String::new(),
        n => format!(", which does not accept {n} of the messages that waited"),
    };
    match event {
        Event::Connected { server } => (Mood::Good, format!("connected to {server}")),
        Event::Disconnected { server, reason, unconfirmed } => {
            let lost = match unconfirmed {
                0 => String::new(),
                n => format!("; of {n} messages it is not known whether they arrived"),
            };
            (Mood::Bad, format!("lost {server}: {}{lost}", words(reason)))
        }
        Event::Reconnecting { server } => (Mood::Plain, format!("trying {server}")),
        Event::Reconnected { server, discarded: n } => {
            (Mood::Good, format!("connected again to {server}{}", discarded(n)))
        }
        Event::Moved { from, to, discarded: n } => {
            (Mood::Good, format!("moved from {from} to {to}{}", discarded(n)))
        }
        Event::ConnectFailed { server, error } => {
            (Mood::Bad, format!("could not connect to {server}: {}", words(&**error)))
        }
        Event::ServersChanged { added, removed } => {
            let (added, removed) = (added.len(), removed.len());
            (Mood::Plain, format!("the cluster has {added} servers more, and {removed} fewer"))
        }
        Event::ServerUnusable { listed } => (
            Mood::Bad,
            format!("the cluster lists a server by an address that is none: {listed:?}"),
        ),
        Event::ServerError(error) => (Mood::Bad, format!("the server says: {}", words(error))),
        Event::LameDuckMode { server } => (Mood::Bad, format!("{server} is about to shut down")),
        Event::SlowConsumer { subject, waiting } => {
            (Mood::Bad, format!("{waiting} messages of {subject} wait to be read by this page"))
        }
        Event::SlowConsumerRecovered { subject, dropped } => {
            (Mood::Bad, format!("{dropped} messages of {subject} were dropped by this page"))
        }
        Event::Missed { events } => (Mood::Plain, format!("{events} more events were not told")),
        Event::Closed { error: None, .. } => (Mood::Plain, "closed".to_owned()),
        Event::Closed { error: Some(error), .. } => (Mood::Bad, words(error)),
        other => (Mood::Plain, format!("{other:?}")),
    }
}
