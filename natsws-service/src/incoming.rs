//! A request on its way through the layers.

use std::fmt;
use std::sync::Arc;

use http::Extensions;
use natsws::codec::Encoded;
#[cfg(feature = "jetstream")]
use natsws::jetstream::Delivery;
use natsws::private::runtime::Instant;
use natsws::{Client, Deadline, DecodeError, DecodeOwned, Headers, Msg, ServiceError};

use crate::handle::ServiceHandle;
use crate::params::SubjectParams;
use crate::place::Place;
use crate::response::Response;

/// A request on its way through the layers: the message, not decoded yet, and what layers have
/// learned of it.
///
/// A layer adds what a handler is to know with [`insert`](Self::insert), and the handler takes it
/// with [`Extension`](crate::Extension) or an extractor of its own.
#[derive(Clone)]
pub struct Incoming {
    msg: Msg,
    place: Arc<Place>,
    arrived: Instant,
    deadline: Option<Deadline>,
    /// Whether it waited for too long, and is only to give back the room that layers have for it.
    pub(crate) is_late: bool,
    /// Where a consumer delivered it.
    #[cfg(feature = "jetstream")]
    delivery: Option<Arc<Delivery>>,
    /// Made by the first that is inserted: most requests have none.
    extensions: Option<Box<Extensions>>,
}

impl Incoming {
    pub(crate) fn new(msg: Msg, place: Arc<Place>) -> Self {
        let deadline = Deadline::from_headers(msg.headers());
        Self {
            msg,
            place,
            arrived: Instant::now(),
            deadline,
            is_late: false,
            #[cfg(feature = "jetstream")]
            delivery: None,
            extensions: None,
        }
    }

    /// What a consumer delivered. Nobody waits for an answer.
    #[cfg(feature = "jetstream")]
    pub(crate) fn work(delivery: &Arc<Delivery>, place: Arc<Place>) -> Self {
        let msg = natsws::private::without_reply(delivery.msg());
        let incoming = Self::new(msg, place);
        Self { deadline: None, delivery: Some(Arc::clone(delivery)), ..incoming }
    }

    /// How the message was delivered, where a consumer did: how often, and its number in the
    /// stream. An answer that is given to it holds, and that of the handler's outcome is not sent
    /// then.
    #[cfg(feature = "jetstream")]
    pub fn delivery(&self) -> Option<&Delivery> {
        self.delivery.as_deref()
    }

    /// The answer to a request that is not to be handled.
    pub(crate) fn too_late(&self) -> Option<Response> {
        self.is_late.then(|| Response::error(&waited_too_long()))
    }

    /// The message as it came.
    pub fn msg(&self) -> &Msg {
        &self.msg
    }

    /// The subject that was asked.
    pub fn subject(&self) -> &str {
        self.msg.subject()
    }

    /// The headers of the request.
    pub fn headers(&self) -> &Headers {
        self.msg.headers()
    }

    /// The payload of the request.
    pub fn payload(&self) -> &[u8] {
        self.msg.payload()
    }

    /// When the caller stops waiting, counted from when the request came; `None` where it does not
    /// say.
    pub fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Makes the time that is left shorter or longer than the caller says.
    pub fn set_deadline(&mut self, deadline: Option<Deadline>) {
        self.deadline = deadline;
    }

    /// The client that the service is served on; `None` where it is called without one, as
    /// [`App::oneshot`](crate::App::oneshot) does.
    pub fn client(&self) -> Option<&Client> {
        self.place.client.as_ref()
    }

    /// The service that the request came to; `None` where it is called without being served.
    pub fn handle(&self) -> Option<&ServiceHandle> {
        self.place.handle.as_ref()
    }

    /// When the request came.
    pub fn arrived(&self) -> Instant {
        self.arrived
    }

    /// The name of the service.
    pub fn service_name(&self) -> &str {
        &self.place.service
    }

    /// The name of the endpoint.
    pub fn endpoint_name(&self) -> &str {
        &self.place.endpoint
    }

    /// The subject of the endpoint as it was declared, with the names of its placeholders:
    /// `orders.{id}.get`. It is the same for all requests of an endpoint, so it is what to label a
    /// metric or a span with; of a family of events each variant has its own.
    pub fn template(&self) -> &str {
        self.place.template(self.subject())
    }

    /// The queue group that the endpoint is in; `None` where every replica gets every request.
    pub fn queue_group(&self) -> Option<&str> {
        self.place.queue_group.as_deref()
    }

    /// What all requests of the endpoint have in common.
    pub(crate) fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// What stands in the subject where the template has placeholders.
    pub fn params(&self) -> SubjectParams {
        SubjectParams::new(self)
    }

    /// Adds a value for those that are further inside, in place of another of its type.
    pub fn insert<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        self.extensions.get_or_insert_default().insert(value);
    }

    /// The value of this type that a layer has added.
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.extensions.as_ref()?.get()
    }

    /// Reads the message as a value, the prefix of its group taken off the subject.
    ///
    /// # Errors
    /// [`DecodeError`] where subject, headers or payload do not fit the type.
    pub fn decode<M: DecodeOwned>(&self) -> Result<M, DecodeError> {
        if self.place.prefix_tokens == 0 {
            return self.msg.decode();
        }
        let subject = self.place.without_prefix(self.subject());
        M::decode(Encoded::from(&self.msg).with_subject(subject))
    }
}

pub(crate) fn waited_too_long() -> ServiceError {
    ServiceError::new(408, "the request waited for too long")
}

/// The payload is not shown: it may be a secret, and it may be long.
impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("msg", &self.msg)
            .field("endpoint", &self.endpoint_name())
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
