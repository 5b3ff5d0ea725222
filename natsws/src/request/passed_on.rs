//! What a service tells its own caller when a request that it made itself has failed.

use super::RequestError;
use crate::service_error::ServiceError;

/// So that a handler may use `?` on a request that it makes itself.
///
/// | the request | the code |
/// |---|---|
/// | was answered with [`Service`](RequestError::Service) | that error as it is |
/// | was answered with [`Remote`](RequestError::Remote), which its own caller knows nothing of | 502 |
/// | found nobody, or no connection | 503 |
/// | had no answer in time | 504 |
/// | failed otherwise | 500 |
///
/// The text says that in general terms: the caller is not told what is behind the service.
///
/// ```
/// use natsws::{RequestError, ServiceError};
///
/// let gone: RequestError = RequestError::NoResponders;
/// assert_eq!(ServiceError::from(gone).code(), 503);
/// let busy = ServiceError::new(429, "not so fast");
/// let passed_on: RequestError = RequestError::Service(busy.clone());
/// assert_eq!(ServiceError::from(passed_on), busy);
/// ```
impl<E> From<RequestError<E>> for ServiceError {
    fn from(error: RequestError<E>) -> Self {
        let (code, description) = match error {
            RequestError::Service(error) => return error,
            RequestError::Remote(_) => (502, "a service behind this one answered with an error"),
            RequestError::NoResponders => (503, "a service behind this one is not there"),
            RequestError::Disconnected { .. } | RequestError::Draining | RequestError::Closed => {
                (503, "a service behind this one could not be reached")
            }
            RequestError::TimedOut { .. } => {
                (504, "a service behind this one did not answer in time")
            }
            RequestError::Decode { .. }
            | RequestError::MalformedReply { .. }
            | RequestError::Lagged { .. } => {
                (500, "the answer of a service behind this one could not be read")
            }
            RequestError::PermissionDenied
            | RequestError::PayloadTooLarge { .. }
            | RequestError::Subject(_)
            | RequestError::Header(_)
            | RequestError::HeadersUnsupported
            | RequestError::Encode(_) => (500, "a service behind this one could not be asked"),
        };
        Self::new(code, description)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::header::Headers;
    use crate::msg::Msg;
    use crate::subject::SubjectError;

    /// An error that cannot even be shown.
    struct Secret;

    #[test]
    fn each_failure_of_a_request_has_its_code_when_it_is_passed_on() {
        let msg = Msg::local("secret", None, Headers::new(), "secret").expect("made");
        for (error, code, description) in [
            (RequestError::Remote(Secret), 502, "a service behind this one answered with an error"),
            (RequestError::NoResponders, 503, "a service behind this one is not there"),
            (
                RequestError::Disconnected { maybe_delivered: true },
                503,
                "a service behind this one could not be reached",
            ),
            (RequestError::Draining, 503, "a service behind this one could not be reached"),
            (RequestError::Closed, 503, "a service behind this one could not be reached"),
            (
                RequestError::TimedOut { after: Duration::from_secs(1) },
                504,
                "a service behind this one did not answer in time",
            ),
            (
                RequestError::Decode { source: "secret".into(), reply: Box::new(msg) },
                500,
                "the answer of a service behind this one could not be read",
            ),
            (
                RequestError::Subject(SubjectError::Empty),
                500,
                "a service behind this one could not be asked",
            ),
            (RequestError::PermissionDenied, 500, "a service behind this one could not be asked"),
        ] {
            assert_eq!(ServiceError::from(error), ServiceError::new(code, description));
        }
    }

    #[test]
    fn an_error_of_a_service_is_passed_on_as_it_is() {
        let error = ServiceError::new(404, "no order 7").with_body("7");
        let passed_on = ServiceError::from(RequestError::<Secret>::Service(error.clone()));
        assert_eq!(passed_on, error);
    }
}
