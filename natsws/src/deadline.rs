//! How long an answer is waited for, across services.

use std::time::Duration;

use crate::header::Headers;
use crate::runtime::{self, Instant};

/// The header in which a typed request says how long its caller waits: `Request-Timeout: 1500ms`.
///
/// It is a duration and no point in time, because the clocks of two machines differ.
pub const TIMEOUT_HEADER: &str = "Request-Timeout";

/// The time by which an answer is of use to who asked.
///
/// Every typed request carries how long its caller waits, and a service runs each handler within
/// the deadline that this makes. A typed request that the handler makes on the same task waits no
/// longer than that, and says so to the next service. The handler itself is not ended.
///
/// ```
/// use std::time::Duration;
/// use natsws::Deadline;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(Deadline::current(), None);
/// let deadline = Deadline::after(Duration::from_secs(2));
/// deadline.scope(async {
///     let left = Deadline::current().map(|deadline| deadline.remaining());
///     assert!(left <= Some(Duration::from_secs(2)));
/// }).await;
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    pub fn after(time: Duration) -> Self {
        Self(runtime::after(runtime::now(), time))
    }

    /// What a received request says in its [`TIMEOUT_HEADER`], counted from now; `None` where it
    /// says nothing that can be understood.
    ///
    /// A number followed by `ms`, `s` or `m` is.
    pub fn from_headers(headers: &Headers) -> Option<Self> {
        headers.get(TIMEOUT_HEADER).and_then(parse).map(Self::after)
    }

    /// How long it is until then: zero when it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(runtime::now())
    }

    pub(crate) fn instant(self) -> Instant {
        self.0
    }

    /// Whether it has passed.
    pub fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }
}

fn parse(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    match text.get(digits.len()..)? {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_number_with_its_unit() {
        assert_eq!(parse("1500ms"), Some(Duration::from_millis(1500)));
        assert_eq!(parse("2s"), Some(Duration::from_secs(2)));
        assert_eq!(parse("3m"), Some(Duration::from_secs(180)));
        for text in ["", "5", "ms", "-1s", "1.5s", "1 s", "1h", "99999999999999999999s", "1é"] {
            assert_eq!(parse(text), None, "{text}");
        }
        let far = format!("{}m", u64::MAX);
        assert_eq!(parse(&far), None);
    }

    #[tokio::test(start_paused = true)]
    async fn within_another_deadline_the_earlier_one_holds() {
        let left = || Deadline::current().map(Deadline::remaining);
        let seconds = |seconds| Deadline::after(Duration::from_secs(seconds));
        seconds(2)
            .scope(async {
                assert_eq!(left(), Some(Duration::from_secs(2)));
                seconds(5).scope(async { assert_eq!(left(), Some(Duration::from_secs(2))) }).await;
                seconds(1).scope(async { assert_eq!(left(), Some(Duration::from_secs(1))) }).await;
                tokio::time::advance(Duration::from_secs(3)).await;
                assert_eq!(left(), Some(Duration::ZERO));
                assert!(Deadline::current().is_some_and(Deadline::has_passed));
            })
            .await;
        assert_eq!(left(), None);
    }

    #[test]
    fn a_deadline_beyond_all_clocks_is_far_away() {
        assert!(!Deadline::after(Duration::MAX).has_passed());
    }
}
