//! When to make a request again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use natsws::private::runtime::{self, Sleep};
use natsws::{Deadline, Request, RequestError};
use tower::retry::Policy;
use tower::retry::budget::{Budget, TpsBudget};
use tower::timeout::error::Elapsed;

use crate::error::BoxError;

/// The wait before the first retry.
const WAIT: Duration = Duration::from_millis(100);
/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Which requests to make again, and when: a policy for tower's `Retry` around
/// [`Client::service`](natsws::Client::service).
///
/// | the request failed with | tried again |
/// |---|---|
/// | `NoResponders`, or `Disconnected` where it was not delivered | always: nobody has seen it |
/// | `TimedOut`, `Disconnected` where it may have been delivered, or an answer of code 503 | where it is [idempotent](Self::idempotent) |
/// | the error that the request declares (`Remote`), and any other answer | never: somebody has decided |
/// | what keeps it from being sent, as a payload that is too large or a connection that is closed | never: it would be the same again |
///
/// Between two attempts there is a wait that doubles each time, from 100 ms to 10 s at most, and of
/// which up to half is left out at random, so that callers that failed together do not come back
/// together. No attempt is made that would begin after the current [`Deadline`].
///
/// A budget keeps retries from making a failure worse: all clones of a policy together retry no
/// more than a fifth of what succeeds, and ten requests a second, counted over ten seconds.
///
/// ```
/// use natsws::{Subject, embedded::Broker};
/// use natsws_service::caller::Retry;
/// use serde::{Deserialize, Serialize};
/// use tower::{Service, ServiceBuilder, ServiceExt};
///
/// #[derive(Clone, Serialize, Deserialize, Subject)]
/// #[subject("orders.count", reply = u64)]
/// struct CountOrders;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = Broker::start().await?;
/// # let client = broker.connect().await?;
/// let mut count = ServiceBuilder::new()
///     .retry(Retry::new(3).idempotent())
///     .service(client.service::<CountOrders>());
/// let counted = count.ready().await?.call(CountOrders).await;
/// assert!(counted.is_err_and(|error| error.is_no_responders())); // three times
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Retry {
    /// How many more may be made.
    left: u32,
    wait: Duration,
    idempotent: bool,
    budget: Arc<TpsBudget>,
}

impl Retry {
    /// Makes so many attempts at a request, the first one counted; 0 counts as 1.
    pub fn new(attempts: u32) -> Self {
        let budget = Arc::new(TpsBudget::default());
        Self { left: attempts.saturating_sub(1), wait: WAIT, idempotent: false, budget }
    }

    /// Says that it does no harm where a request is run more than once, so that it is made again
    /// too when nobody knows whether it was.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// How long to wait before the first retry; the wait before each further one is twice as long.
    /// Default: 100 ms; more than 10 s counts as 10 s.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait.min(LONGEST_WAIT);
        self
    }

    /// How many retries there may be in relation to what succeeds. It is shared by all clones, and
    /// by all policies that are given the same.
    #[must_use]
    pub fn budget(mut self, budget: impl Into<Arc<TpsBudget>>) -> Self {
        self.budget = budget.into();
        self
    }

    /// The wait before the next attempt.
    fn next_wait(&mut self) -> Duration {
        let wait = self.wait;
        self.wait = wait.saturating_mul(2).min(LONGEST_WAIT);
        wait.mul_f64(1.0 - fastrand::f64() / 2.0)
    }
}

/// Whether another attempt may come to something else, and does no harm.
fn may_help<E>(error: &RequestError<E>, is_idempotent: bool) -> bool {
    match error {
        RequestError::NoResponders | RequestError::Disconnected { maybe_delivered: false } => true,
        RequestError::TimedOut { .. } | RequestError::Disconnected { .. } => is_idempotent,
        RequestError::Service(error) => is_idempotent && error.code() == 503,
        _ => false,
    }
}

impl Retry {
    /// Waits before the next attempt, where there is to be one.
    fn again(&mut self, may_help: bool) -> Option<Sleep> {
        if self.left == 0 || !may_help {
            return None;
        }
        let wait = self.next_wait();
        let is_late = Deadline::current().is_some_and(|deadline| deadline.remaining() <= wait);
        if is_late || !self.budget.withdraw() {
            return None;
        }
        self.left -= 1;
        Some(runtime::sleep_until(runtime::after(runtime::now(), wait)))
    }
}

/// The request must be `Clone`: it is sent again.
impl<M: Request + Clone> Policy<M, M::Reply, RequestError<M::Error>> for Retry {
    type Future = Sleep;

    fn retry(
        &mut self,
        _request: &mut M,
        result: &mut Result<M::Reply, RequestError<M::Error>>,
    ) -> Option<Sleep> {
        let Err(error) = result else {
            self.budget.deposit();
            return None;
        };
        self.again(may_help(error, self.idempotent || M::IDEMPOTENT))
    }

    fn clone_request(&mut self, request: &M) -> Option<M> {
        (self.left > 0).then(|| request.clone())
    }
}

/// Around tower's `Timeout` and other layers whose error is any: their own `Elapsed` is a time-out.
impl<M: Request + Clone> Policy<M, M::Reply, BoxError> for Retry {
    type Future = Sleep;

    fn retry(
        &mut self,
        _request: &mut M,
        result: &mut Result<M::Reply, BoxError>,
    ) -> Option<Sleep> {
        let Err(error) = result else {
            self.budget.deposit();
            return None;
        };
        let is_idempotent = self.idempotent || M::IDEMPOTENT;
        let of_request = error.downcast_ref::<RequestError<M::Error>>();
        let may_help = of_request.map_or_else(
            || is_idempotent && error.is::<Elapsed>(),
            |error| may_help(error, is_idempotent),
        );
        self.again(may_help)
    }

    fn clone_request(&mut self, request: &M) -> Option<M> {
        (self.left > 0).then(|| request.clone())
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("left", &self.left)
            .field("wait", &self.wait)
            .field("idempotent", &self.idempotent)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use natsws::private::runtime::Instant;
    use natsws::{ServiceError, Subject};
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, Clone, Serialize, Deserialize, Subject)]
    #[subject("orders.count", reply = u64, error = Away)]
    struct CountOrders;

    #[derive(Debug, Serialize, Deserialize, thiserror::Error)]
    #[error("away")]
    struct Away;

    type Failure = RequestError<Away>;

    /// How long the policy waits before it tries again.
    fn wait(policy: &mut Retry, error: Failure) -> Option<Duration> {
        let sleep = policy.retry(&mut CountOrders, &mut Err(error))?;
        Some(sleep.deadline() - Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_was_not_delivered_is_tried_again_unless_it_does_no_harm() {
        let service = |code| RequestError::Service(ServiceError::new(code, "no"));
        let cases: [(Failure, bool, bool); 11] = [
            (RequestError::NoResponders, true, true),
            (RequestError::Disconnected { maybe_delivered: false }, true, true),
            (RequestError::Disconnected { maybe_delivered: true }, false, true),
            (RequestError::TimedOut { after: WAIT }, false, true),
            (service(503), false, true),
            (service(500), false, false),
            (service(429), false, false),
            (RequestError::Remote(Away), false, false),
            (RequestError::PayloadTooLarge { len: 2, max: 1 }, false, false),
            (RequestError::Draining, false, false),
            (RequestError::Closed, false, false),
        ];
        for (error, plain, idempotent) in cases {
            let text = format!("{error:?}");
            let again = may_help(&error, false);
            let repeated = wait(&mut Retry::new(2).idempotent(), error).is_some();
            assert_eq!((again, repeated), (plain, idempotent), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_up_to_the_longest_with_some_left_to_chance() {
        let mut policy = Retry::new(12).wait(Duration::from_secs(1));
        for seconds in [1, 2, 4, 8, 10, 10] {
            let full = Duration::from_secs(seconds);
            let wait = wait(&mut policy, RequestError::NoResponders).expect("one more");
            // A timer rounds up to the next millisecond.
            let most = full + Duration::from_millis(1);
            assert!(wait >= full / 2 && wait <= most, "{wait:?} of {full:?}");
        }
        let mut policy = Retry::new(2).wait(Duration::MAX);
        assert!(wait(&mut policy, RequestError::NoResponders).is_some());
        let mut policy = Retry::new(2).wait(Duration::ZERO);
        assert_eq!(wait(&mut policy, RequestError::NoResponders), Some(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_of_tower_s_inside_counts_as_one() {
        let again = |mut policy: Retry, error: BoxError| {
            policy.retry(&mut CountOrders, &mut Err(error)).is_some()
        };
        let elapsed = || BoxError::from(Elapsed::new());
        assert!(!again(Retry::new(2), elapsed()));
        assert!(again(Retry::new(2).idempotent(), elapsed()));
        let nobody = || BoxError::from(RequestError::<Away>::NoResponders);
        assert!(again(Retry::new(2), nobody()));
        assert!(!again(Retry::new(2).idempotent(), "another".into()));
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_counted_with_the_first() {
        for (attempts, retries) in [(0, 0), (1, 0), (2, 1), (5, 4)] {
            let mut policy = Retry::new(attempts);
            let mut made = 0;
            while wait(&mut policy, RequestError::NoResponders).is_some() {
                made += 1;
            }
            assert_eq!(made, retries, "{attempts}");
            assert!(
                Policy::<_, u64, RequestError<Away>>::clone_request(&mut policy, &CountOrders)
                    .is_none()
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_that_is_used_up_ends_retries_of_all_clones() {
        let second = Duration::from_secs(1);
        let mut first = Retry::new(100).budget(TpsBudget::new(second, 2, 1.0));
        let mut second = first.clone();
        let failed = || RequestError::NoResponders;
        assert!(wait(&mut first, failed()).is_some());
        assert!(wait(&mut second, failed()).is_some());
        assert!(wait(&mut first, failed()).is_none());
        let mut counted = Ok::<u64, RequestError<Away>>(7);
        assert!(first.retry(&mut CountOrders, &mut counted).is_none());
        assert!(wait(&mut second, failed()).is_some(), "what succeeds makes room");
        assert!(wait(&mut first, failed()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_tried_again_after_the_deadline() {
        let mut policy = Retry::new(9).wait(Duration::from_secs(4));
        let soon = Deadline::after(Duration::from_secs(2));
        let late = soon.scope_sync(|| wait(&mut policy, RequestError::NoResponders));
        assert_eq!(late, None);
        let later = Deadline::after(Duration::from_secs(60));
        let again = later.scope_sync(|| wait(&mut policy, RequestError::NoResponders));
        assert!(again.is_some());
    }
}
