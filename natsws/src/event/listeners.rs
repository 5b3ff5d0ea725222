//! Who listens to events. Each listener has a queue of its own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use super::Event;

/// How many events wait for a listener before it misses those that are no state changes. State
/// changes are rare, since there is a wait between attempts to connect.
const WAITING: usize = 256;

/// All listeners of a connection.
#[derive(Debug, Default)]
pub(crate) struct Listeners(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    listening: Vec<Weak<Mutex<Waiting>>>,
    /// The last event has been told.
    ended: bool,
}

/// One listener. It hears of what happens after it was made.
#[derive(Debug)]
pub(crate) struct Listener(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    /// Events missed since the last one that was kept.
    missed: u64,
    ended: bool,
    reader: Option<Waker>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Listeners {
    /// Adds a listener. After the last event it finds the end at once.
    pub(crate) fn listen(&self) -> Listener {
        let mut all = lock(&self.0);
        let waiting = Arc::new(Mutex::new(Waiting { ended: all.ended, ..Waiting::default() }));
        if !all.ended {
            all.listening.push(Arc::downgrade(&waiting));
        }
        Listener(waiting)
    }

    /// Tells every listener. The event that closes the connection is the last one.
    pub(crate) fn tell(&self, event: &Event) {
        let mut wakers = Vec::new();
        let is_last = matches!(event, Event::Closed { .. });
        let mut all = lock(&self.0);
        all.ended |= is_last;
        all.listening.retain(|listener| {
            let Some(waiting) = listener.upgrade() else { return false };
            let mut waiting = lock(&waiting);
            waiting.push(event);
            waiting.ended |= is_last;
            wakers.extend(waiting.reader.take());
            !is_last
        });
        drop(all);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Waiting {
    fn push(&mut self, event: &Event) {
        if self.events.len() >= WAITING && !event.is_state_change() {
            self.missed += 1;
            return;
        }
        if self.missed > 0 {
            let events = std::mem::take(&mut self.missed);
            self.events.push_back(Event::Missed { events });
        }
        self.events.push_back(event.clone());
    }
}

impl Listener {
    /// The next event; `None` after the last one.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut waiting = lock(&self.0);
        if let Some(event) = waiting.events.pop_front() {
            return Poll::Ready(Some(event));
        }
        if waiting.missed > 0 {
            let events = std::mem::take(&mut waiting.missed);
            return Poll::Ready(Some(Event::Missed { events }));
        }
        if waiting.ended {
            return Poll::Ready(None);
        }
        waiting.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lame_duck() -> Event {
        let server = "ws://a".parse().expect("a good address");
        Event::LameDuckMode { server: Arc::new(server) }
    }

    fn next(listener: &Listener) -> Poll<Option<Event>> {
        listener.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_slow_listener_misses_no_state_change_and_is_told_what_it_missed() {
        let listeners = Listeners::default();
        let slow = listeners.listen();
        for _ in 0..WAITING + 5 {
            listeners.tell(&Event::HandlerPanicked);
        }
        listeners.tell(&lame_duck());
        listeners.tell(&Event::HandlerPanicked);
        for _ in 0..WAITING {
            assert!(matches!(next(&slow), Poll::Ready(Some(Event::HandlerPanicked))));
        }
        assert!(matches!(next(&slow), Poll::Ready(Some(Event::Missed { events: 5 }))));
        assert!(matches!(next(&slow), Poll::Ready(Some(Event::LameDuckMode { .. }))));
        assert!(matches!(next(&slow), Poll::Ready(Some(Event::Missed { events: 1 }))));
        assert!(next(&slow).is_pending());
    }

    #[test]
    fn every_listener_hears_everything_up_to_the_end() {
        let listeners = Listeners::default();
        let (first, second) = (listeners.listen(), listeners.listen());
        drop(first);
        listeners.tell(&lame_duck());
        let late = listeners.listen();
        listeners.tell(&Event::Closed { unconfirmed: 0, error: None });
        listeners.tell(&Event::HandlerPanicked);
        assert!(matches!(next(&second), Poll::Ready(Some(Event::LameDuckMode { .. }))));
        for listener in [&second, &late] {
            assert!(matches!(next(listener), Poll::Ready(Some(Event::Closed { .. }))));
            assert!(matches!(next(listener), Poll::Ready(None)));
        }
        assert!(matches!(next(&listeners.listen()), Poll::Ready(None)));
        assert!(lock(&listeners.0).listening.is_empty());
    }
}
