//! Waiting with a deadline, the only place where anything sleeps.

use std::panic::Location;
use std::time::{Duration, Instant};

use tokio::time;

/// How long anything may take: far longer than it does on a busy machine, and short enough to
/// wait for in a failing test.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// The time between two looks at a condition: short beside a network round trip with work on both
/// ends, long enough not to keep a core busy.
const STEP: Duration = Duration::from_millis(5);

/// Asks `condition` again and again until it gives a value.
///
/// ```
/// # use natsws_tests::eventually;
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let mut rows = vec![1, 2].into_iter();
/// let row = eventually("the second row", async || rows.next().filter(|row| *row == 2)).await;
/// assert_eq!(row, 2);
/// # });
/// ```
///
/// # Panics
///
/// After [`DEADLINE`], with `what` and the place of the call.
#[track_caller]
pub fn eventually<T>(
    what: &str,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> impl Future<Output = T> {
    let polling = async move {
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            #[expect(clippy::disallowed_methods, reason = "tests have this instead of sleeping")]
            time::sleep(STEP).await;
        }
    };
    within(what, polling)
}

/// Waits for `future`.
///
/// # Panics
///
/// After [`DEADLINE`], with `what` and the place of the call.
#[track_caller]
pub fn within<T>(what: &str, future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        match time::timeout(DEADLINE, future).await {
            Ok(value) => value,
            Err(time::error::Elapsed { .. }) => {
                panic!("{what}: not within {DEADLINE:?}, awaited at {caller}")
            }
        }
    }
}

/// [`eventually`] for code outside a runtime; `None` after [`DEADLINE`], so that the caller can
/// say more about it.
pub(crate) fn poll_blocking<T>(mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        #[expect(clippy::disallowed_methods, reason = "tests have this instead of sleeping")]
        std::thread::sleep(STEP);
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use super::*;

    #[tokio::test]
    async fn eventually_gives_the_first_value() {
        let mut asked = 0;
        let value = eventually("a third question", async || {
            asked += 1;
            (asked == 3).then_some("here")
        })
        .await;
        assert_eq!((value, asked), ("here", 3));
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(
        expected = "the impossible: not within 10s, awaited at tests/harness/eventually.rs"
    )]
    async fn eventually_gives_up_with_its_place() {
        eventually("the impossible", async || None::<()>).await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "the impossible: not within 10s")]
    async fn a_condition_that_hangs_is_given_up_too() {
        eventually("the impossible", async || future::pending::<Option<()>>().await).await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "an answer: not within 10s")]
    async fn within_gives_up() {
        within("an answer", future::pending::<()>()).await;
    }
}
