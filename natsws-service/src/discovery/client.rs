//! Asking: which services are there, what they offer, and what they have done.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::time::Duration;

use natsws::{BoxFuture, Client, Deadline, Replies, RequestError};

use super::answers::{Answer, Answers};
use super::control::{PREFIX, Whom, is_name};
use super::error::DiscoveryError;
use super::words::{ServiceInfo, ServicePing, ServiceStats};

/// How long answers are waited for in all.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The longest pause between two of them: what the official clients take.
const STALL: Duration = Duration::from_millis(300);

/// Makes a client ask which services are there.
///
/// ```no_run
/// use natsws::Client;
/// use natsws_service::Services;
///
/// # async fn example(client: Client) -> Result<(), Box<dyn std::error::Error>> {
/// for service in client.services().info().name("orders").await? {
///     println!("{} {} has {} endpoints", service.id, service.version, service.endpoints.len());
/// }
/// # Ok(())
/// # }
/// ```
pub trait Services {
    /// Discovery of the services that this client reaches. The same as [`Discovery::new`].
    fn services(&self) -> Discovery;
}

impl Services for Client {
    fn services(&self) -> Discovery {
        Discovery::new(self)
    }
}

/// Discovery of services (ADR-32): which instances are there, in whatever language they are written.
/// It is cheap to make and to clone.
///
/// ```
/// use natsws::embedded::Broker;
/// use natsws_service::{Discovery, ServicePing};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let broker = Broker::start().await?;
/// # let service = broker.connect().await?;
/// # let mut pings = service.connection().subscribe("$SRV.PING.orders").await?;
/// # let answering = tokio::spawn(async move {
/// #     let ping = ServicePing::new("orders", "A1", "1.0.0");
/// #     let answer = serde_json::to_vec(&ping).expect("it has JSON");
/// #     if let Some(Ok(msg)) = pings.next().await { msg.respond(answer).await.expect("sent") }
/// # });
/// let client = broker.connect().await?; // where the service `orders` runs
/// let there: Vec<ServicePing> = Discovery::new(&client).ping().name("orders").await?;
/// assert_eq!(there[0].version, "1.0.0");
/// # answering.await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Discovery {
    client: Client,
    prefix: String,
}

impl Discovery {
    /// Discovery of the services that a client reaches.
    pub fn new(client: &Client) -> Self {
        Self { client: client.clone(), prefix: PREFIX.to_owned() }
    }

    /// What the subjects of the questions begin with, in place of `$SRV`: where the services of
    /// another account are imported under a subject of their own. It is used as it is.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Asks which instances are there.
    pub fn ping(&self) -> Discover<ServicePing> {
        Discover::new(self)
    }

    /// Asks which instances are there and what they offer.
    pub fn info(&self) -> Discover<ServiceInfo> {
        Discover::new(self)
    }

    /// Asks which instances are there and what they have done.
    pub fn stats(&self) -> Discover<ServiceStats> {
        Discover::new(self)
    }
}

/// A question to services that is about to be asked: `.await` it for all answers, or say more
/// first; [`stream`](Self::stream) gives them one by one.
///
/// Made by [`Discovery::ping`], [`Discovery::info`] and [`Discovery::stats`]. Nobody knows how many
/// services there are, so it is time that ends the answers: see [`timeout`](Self::timeout) and
/// [`stall`](Self::stall).
///
/// Awaited it gives every answer, in the order in which they came; that nobody answered in time is
/// an empty list, where somebody is there to answer.
///
/// # Errors
/// [`DiscoveryError`]. Awaited, the first error is the result, also where it is about one answer
/// only: no answer is passed over in silence. [`stream`](Self::stream) goes on behind it.
///
/// # Cancel safety
/// Dropped before it is ready, the question is given up.
#[must_use = "nothing is asked until this is awaited"]
pub struct Discover<A> {
    client: Client,
    prefix: String,
    name: Option<String>,
    id: Option<String>,
    timeout: Duration,
    replies: Option<Replies>,
    answer: PhantomData<fn() -> A>,
}

impl<A: Answer> Discover<A> {
    fn new(discovery: &Discovery) -> Self {
        Self {
            client: discovery.client.clone(),
            prefix: discovery.prefix.clone(),
            name: None,
            id: None,
            timeout: TIMEOUT,
            replies: None,
            answer: PhantomData,
        }
    }

    /// Asks only the instances of the service of this name. Upper and lower case differ.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Asks only the instance with this id, of the service of the [`name`](Self::name), which must
    /// be said too. Its answer is the only one, and ends the waiting.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// How long answers are waited for in all, the first one as well as the last. Default: 2 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The longest pause between two answers; a longer one means that all have answered.
    /// Default: 300 ms. The same as [`replies`](Self::replies) with [`Replies::Stall`].
    pub fn stall(self, pause: Duration) -> Self {
        self.replies(Replies::Stall(pause))
    }

    /// Which answers are wanted, and so what ends them before the [`timeout`](Self::timeout).
    /// Default: [`Replies::Stall`] with 300 ms; with an [`id`](Self::id) it is one answer.
    pub fn replies(mut self, replies: Replies) -> Self {
        self.replies = Some(replies);
        self
    }

    /// Asks, and gives the answers one by one as they come. Ready when the question is accepted for
    /// sending.
    ///
    /// # Errors
    /// [`DiscoveryError`] where it cannot be asked. What goes wrong later, as that nobody is there,
    /// is an item of the stream.
    ///
    /// # Cancel safety
    /// Dropped early, the question is given up; it may have been sent.
    pub async fn stream(self) -> Result<Answers<A>, DiscoveryError> {
        let subject = self.subject()?;
        let one = Replies::Count(1);
        let default = if self.id.is_some() { one } else { Replies::Stall(STALL) };
        let asked = self.client.connection().request_many(&subject, "");
        let asked = asked.replies(self.replies.unwrap_or(default)).timeout(self.timeout);
        let replies = asked.deadline(Deadline::after(self.timeout)).await;
        match replies {
            Ok(replies) => Ok(Answers::new(replies, subject)),
            Err(RequestError::NoResponders) => Err(DiscoveryError::NoResponders { subject }),
            Err(error) => Err(DiscoveryError::Request(error)),
        }
    }

    fn subject(&self) -> Result<String, DiscoveryError> {
        if let Some(name) = self.name.as_ref().filter(|name| !is_name(name)) {
            return Err(DiscoveryError::Name { name: name.clone() });
        }
        if let Some(id) = self.id.as_ref().filter(|id| !is_name(id)) {
            return Err(DiscoveryError::Id { id: id.clone() });
        }
        let whom = match (&self.name, &self.id) {
            (None, None) => Whom::All,
            (Some(name), None) => Whom::Named(name),
            (Some(name), Some(id)) => Whom::Instance { name, id },
            (None, Some(id)) => return Err(DiscoveryError::IdWithoutName { id: id.clone() }),
        };
        Ok(A::VERB.subject(&self.prefix, whom))
    }

    async fn all(self) -> Result<Vec<A>, DiscoveryError> {
        let mut answers = self.stream().await?;
        let mut all = Vec::new();
        while let Some(answer) = answers.next().await {
            all.push(answer?);
        }
        Ok(all)
    }
}

impl<A: Answer> IntoFuture for Discover<A> {
    type Output = Result<Vec<A>, DiscoveryError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.all())
    }
}

impl<A> fmt::Debug for Discover<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discover")
            .field("prefix", &self.prefix)
            .field("name", &self.name)
            .field("id", &self.id)
            .field("timeout", &self.timeout)
            .field("replies", &self.replies)
            .finish_non_exhaustive()
    }
}
