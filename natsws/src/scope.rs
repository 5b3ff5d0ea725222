//! What the future that runs now is within: a deadline and a trace, as one value, so that a typed
//! call looks for both at once.

use std::future::Future;

use crate::deadline::Deadline;
use crate::trace_context::TraceContext;

/// What calls that are made now are part of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) deadline: Option<Deadline>,
    pub(crate) trace: Option<TraceContext>,
}

tokio::task_local! {
    static CURRENT: Scope;
}

impl Scope {
    /// What the future that runs now is within.
    ///
    /// It is a copy: user code that runs while it is in use may enter another one.
    #[inline]
    pub(crate) fn current() -> Self {
        CURRENT.try_with(Self::clone).unwrap_or_default()
    }

    /// Of two deadlines the earlier one holds, of two traces the inner one.
    fn within_current(self) -> Self {
        let outer = Self::current();
        Self {
            deadline: [outer.deadline, self.deadline].into_iter().flatten().min(),
            trace: self.trace.or(outer.trace),
        }
    }

    pub(crate) fn enter<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self.within_current(), future)
    }

    pub(crate) fn enter_sync<R>(self, run: impl FnOnce() -> R) -> R {
        CURRENT.sync_scope(self.within_current(), run)
    }
}

impl Deadline {
    /// The deadline that the future which runs now is [within](Self::scope), if any.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|scope| scope.deadline).ok().flatten()
    }

    /// Calls a function within this deadline: [`current`](Self::current) is it meanwhile.
    pub fn scope_sync<R>(self, run: impl FnOnce() -> R) -> R {
        Scope { deadline: Some(self), trace: None }.enter_sync(run)
    }

    /// Runs a future within this deadline: typed requests that it makes on its own task wait no
    /// longer. The future itself is not ended.
    ///
    /// Within another deadline the earlier one holds. A task that the future spawns has none.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        Scope { deadline: Some(self), trace: None }.enter(future)
    }
}

impl TraceContext {
    /// The context that the future which runs now is [within](Self::scope), if any.
    #[inline]
    pub fn current() -> Option<Self> {
        let mut current = None;
        // Where there is no scope there is none, and nothing is moved about.
        let _: Result<(), _> = CURRENT.try_with(|scope| current.clone_from(&scope.trace));
        current
    }

    /// Calls a function within this context: [`current`](Self::current) is it meanwhile.
    pub fn scope_sync<R>(self, run: impl FnOnce() -> R) -> R {
        Scope { deadline: None, trace: Some(self) }.enter_sync(run)
    }

    /// Runs a future within this context: typed messages that it publishes and requests on its own
    /// task carry it.
    ///
    /// Within another context the inner one holds. A task that the future spawns has none.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        Scope { deadline: None, trace: Some(self) }.enter(future)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_and_a_trace_are_entered_on_their_own_and_left_again() {
        let (outer, inner) = (TraceContext::new_root(), TraceContext::new_root());
        let deadline = Deadline::after(Duration::from_secs(2));
        let now = || (Deadline::current(), TraceContext::current());
        let within_deadline = deadline.scope(async {
            assert_eq!(now(), (Some(deadline), None));
            outer.clone().scope_sync(|| {
                assert_eq!(now(), (Some(deadline), Some(outer.clone())));
                inner.clone().scope_sync(|| assert_eq!(now().1, Some(inner.clone())));
                let later = Deadline::after(Duration::from_secs(5));
                later.scope_sync(|| assert_eq!(now(), (Some(deadline), Some(outer.clone()))));
            });
            outer.clone().scope(async { assert_eq!(now().1, Some(outer.clone())) }).await;
            assert_eq!(now(), (Some(deadline), None));
        });
        within_deadline.await;
        assert_eq!(now(), (None, None));
    }
}
