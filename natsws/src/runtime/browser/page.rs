//! The life of the page: when it wakes, and when it is put away.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use send_wrapper::SendWrapper;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, Event, EventTarget, VisibilityState};

/// What a connection has to know of the page that it lives in. A worker has no page, and is told
/// that the network is back alone; elsewhere nothing is ever told.
pub(crate) struct Page {
    life: Arc<Mutex<Life>>,
    /// They end with this.
    _listeners: Option<SendWrapper<Vec<Listener>>>,
}

#[derive(Default)]
struct Life {
    /// It woke, which nobody has heard of yet.
    woke: bool,
    /// It is put away: it may come back, or be gone for good.
    away: bool,
    /// Those who wait for either.
    wakers: Vec<Waker>,
}

fn lock(life: &Mutex<Life>) -> MutexGuard<'_, Life> {
    life.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Life {
    fn happened(life: &Mutex<Self>, change: impl FnOnce(&mut Self)) {
        let mut life = lock(life);
        change(&mut life);
        let wakers = std::mem::take(&mut life.wakers);
        drop(life);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn wait(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|known| known.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }
}

impl Page {
    pub(crate) fn new() -> Self {
        let life = Arc::new(Mutex::new(Life::default()));
        let listeners = listen(&life);
        Self { life, _listeners: listeners.map(SendWrapper::new) }
    }

    /// Ready when the page has woken: the network is back, it is looked at again, or it was brought
    /// back. Its timers and its connections may be from long ago.
    pub(crate) fn poll_woken(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut life = lock(&self.life);
        if std::mem::take(&mut life.woke) {
            return Poll::Ready(());
        }
        life.wait(cx.waker());
        Poll::Pending
    }

    /// Ready when the page is put away. Nobody knows whether it comes back, and it is the last that
    /// happens in it until then.
    pub(crate) fn poll_away(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut life = lock(&self.life);
        if life.away {
            return Poll::Ready(());
        }
        life.wait(cx.waker());
        Poll::Pending
    }

    /// Ready when the page is not put away, which it hardly ever is.
    pub(crate) fn present(&self) -> impl Future<Output = ()> + Send + use<> {
        let life = Arc::clone(&self.life);
        std::future::poll_fn(move |cx| {
            let mut life = lock(&life);
            if !life.away {
                return Poll::Ready(());
            }
            life.wait(cx.waker());
            Poll::Pending
        })
    }
}

/// Listens to one event until it is dropped.
struct Listener {
    target: EventTarget,
    event: &'static str,
    heard: Closure<dyn FnMut(Event)>,
}

impl Listener {
    fn new(target: &EventTarget, event: &'static str, hear: impl FnMut(Event) + 'static) -> Self {
        let heard = Closure::new(hear);
        let function = heard.as_ref().unchecked_ref();
        // It fails for no event there is.
        let _: Result<(), JsValue> = target.add_event_listener_with_callback(event, function);
        Self { target: target.clone(), event, heard }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let function = self.heard.as_ref().unchecked_ref();
        let _: Result<(), JsValue> =
            self.target.remove_event_listener_with_callback(self.event, function);
    }
}

/// Listens to all that says something of the page's life, where there is one.
fn listen(life: &Arc<Mutex<Life>>) -> Option<Vec<Listener>> {
    let global = js_sys::global();
    let is_target = js_sys::Reflect::has(&global, &"addEventListener".into()).unwrap_or(false);
    let global: EventTarget = is_target.then(|| global.unchecked_into())?;
    let woke = |life: &mut Life| life.woke = true;
    let on = |target: &EventTarget, event, change: fn(&mut Life)| {
        let life = Arc::clone(life);
        Listener::new(target, event, move |_| Life::happened(&life, change))
    };
    let mut listeners = vec![
        on(&global, "online", woke),
        on(&global, "pagehide", |life| life.away = true),
        on(&global, "pageshow", |life| (life.away, life.woke) = (false, true)),
    ];
    let document = js_sys::Reflect::get(&global, &"document".into()).ok();
    if let Some(document) = document.and_then(|document| document.dyn_into::<Document>().ok()) {
        listeners.push(on(&document, "resume", woke));
        let life = Arc::clone(life);
        let shown = document.clone();
        listeners.push(Listener::new(&document, "visibilitychange", move |_| {
            if shown.visibility_state() == VisibilityState::Visible {
                Life::happened(&life, woke);
            }
        }));
    }
    Some(listeners)
}
