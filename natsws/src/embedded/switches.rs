//! What a test switches on to see how its code fares when the network or the server fails.

use std::time::Duration;

use super::Broker;
use crate::subject::{SubjectError, check_filter};

/// Faults.
///
/// They hold for all clients from when they are switched on until they are switched off or
/// [lifted](Self::lift_faults). Filters are subjects that may have wildcards: `orders.*.created`,
/// `>`, or a type's own, `OrderCreated::FILTERS[0]`; replies to requests go to subjects under
/// `_INBOX.>`. Where several filters match a message, the one that was set last counts, and dropping
/// goes before delaying. [Records](Self::published) have what was dropped or is delayed all the same:
/// it was published.
///
/// ```
/// # use natsws::{Client, RequestError, Subject, embedded::Broker};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize, Subject)]
/// #[subject("orders.count", reply = u64)]
/// struct CountOrders;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let broker = Broker::start().await?;
/// let client = broker.connect().await?;
/// broker.drop_next("orders.count", 1)?;
///
/// let lost = client.request(&CountOrders).await;
/// assert!(matches!(lost, Err(RequestError::TimedOut { .. })));
/// let nobody = client.request(&CountOrders).await;
/// assert!(matches!(nobody, Err(RequestError::NoResponders)));
/// # Ok(())
/// # }
/// ```
impl Broker {
    /// Drops all messages under this filter.
    ///
    /// A client sees nothing of it: its publish is accepted, its flush succeeds, and no subscriber
    /// gets the message. A request times out, also where nobody would answer.
    ///
    /// # Errors
    /// [`SubjectError`] where the filter is not one.
    pub fn drop_messages(&self, filter: &str) -> Result<(), SubjectError> {
        check_filter(filter)?;
        self.running.hub.drop_messages(filter, None);
        Ok(())
    }

    /// Drops the next so many messages under this filter, in place of an earlier number or of
    /// [all](Self::drop_messages). Zero drops no more.
    ///
    /// # Errors
    /// [`SubjectError`] where the filter is not one.
    pub fn drop_next(&self, filter: &str, messages: u64) -> Result<(), SubjectError> {
        check_filter(filter)?;
        self.running.hub.drop_messages(filter, Some(messages));
        Ok(())
    }

    /// Delivers messages under this filter so much later, in the order in which they came, by
    /// tokio's clock, which a test may pause.
    ///
    /// Publishing and flushing do not wait for it, and who is subscribed when the time has come gets
    /// the message. A request waits longer, or times out; where nobody answers it is told so later,
    /// too. At most 16 MiB wait; more is dropped, and so is what waits when the broker is closed.
    ///
    /// Another delay for the same filter holds for messages to come, none of which overtakes one
    /// that waits. A delay of zero ends it, and what waits is delivered at once.
    ///
    /// # Errors
    /// [`SubjectError`] where the filter is not one.
    pub fn delay_messages(&self, filter: &str, by: Duration) -> Result<(), SubjectError> {
        check_filter(filter)?;
        self.running.hub.delay_messages(filter, by);
        Ok(())
    }

    /// Hangs, or goes on: connections stay open, and nothing is read or written.
    ///
    /// A client sees no error at first. Its publishes are accepted as long as its buffers have room,
    /// requests time out, flushes wait, and when
    /// [PINGs](crate::ConnectOptions::ping_interval) were not answered it takes the connection for
    /// lost. Attempts to connect time out. What was sent meanwhile arrives when it goes on.
    pub fn silence(&self, silent: bool) {
        self.running.hub.silence(silent);
    }

    /// Refuses new connections, or accepts them again. Those that are open stay; to cut them, call
    /// [`disconnect_all`](Self::disconnect_all) behind it.
    ///
    /// A client sees each attempt end at once with an error, and tries again as its options say.
    pub fn refuse_connections(&self, refuse: bool) {
        self.running.hub.refuse(refuse);
    }

    /// Ends all faults. What was delayed is delivered at once, in the order of its time; what was
    /// dropped or cut is lost.
    pub fn lift_faults(&self) {
        self.running.hub.lift_faults();
    }
}
