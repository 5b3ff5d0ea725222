//! Where the messages of an endpoint come from: a subscription, or a consumer.

use natsws::private::runtime;
use natsws::{Client, Subscribe, Subscription};

use crate::dispatch::turn_away;
use crate::error::ServeError;
use crate::registry::Description;
#[cfg(feature = "jetstream")]
use crate::work::Reading;

/// What an endpoint reads, from when it was opened.
pub(crate) enum Inlet {
    Subscription(Subscription),
    #[cfg(feature = "jetstream")]
    Consumer(Box<Reading>),
}

impl Inlet {
    /// Subscribes, or begins to read the consumer.
    pub(crate) async fn open(
        client: &Client,
        description: &Description,
    ) -> Result<Self, ServeError> {
        #[cfg(feature = "jetstream")]
        if let Some(source) = &description.source {
            return source.open().await;
        }
        let mut subjects = description.subjects.iter();
        let subject = subjects.next().cloned().unwrap_or_default();
        let subscribe = client.connection().subscribe(&subject);
        let mut subscribe = subjects.fold(subscribe, Subscribe::and);
        if let Some(group) = &description.queue_group {
            subscribe = subscribe.queue(group);
        }
        let subscription = subscribe.await;
        let subscription =
            subscription.map_err(|source| ServeError::Subscribe { subject, source })?;
        Ok(Self::Subscription(subscription))
    }

    /// Sends away what comes to an endpoint that is not served after all.
    pub(crate) fn turn_away(self) {
        match self {
            Self::Subscription(subscription) => runtime::spawn(turn_away(subscription)),
            // It asks for nothing before it is read.
            #[cfg(feature = "jetstream")]
            Self::Consumer(_) => {}
        }
    }
}
