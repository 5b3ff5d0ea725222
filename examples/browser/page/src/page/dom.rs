//! The page's elements: finding those that `index.html` has, and making others.

use js_sys::Date;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, Element, Event, EventTarget, Window};

const SVG: &str = "http://www.w3.org/2000/svg";

/// `index.html` and the program do not fit together.
#[derive(Debug)]
pub(crate) struct Missing(pub(crate) String);

/// The names of elements, attributes and events stand in this program, and are right.
fn sure<T>(done: Result<T, JsValue>) -> T {
    done.expect("the names of elements, attributes and events are right")
}

pub(crate) fn window() -> Window {
    web_sys::window().expect("it runs in a page")
}

fn document() -> Document {
    window().document().expect("it runs in a page")
}

/// An element that `index.html` has.
pub(crate) fn part<T: JsCast>(id: &str) -> Result<T, Missing> {
    let found = document().get_element_by_id(id).and_then(|found| found.dyn_into().ok());
    found.ok_or_else(|| Missing(format!("the page has no #{id}, or another one than is expected")))
}

/// Milliseconds that have passed since the page was loaded.
pub(crate) fn now() -> f64 {
    window().performance().map_or_else(Date::now, |performance| performance.now())
}

/// The time of day: `13:05:09`.
pub(crate) fn clock() -> String {
    let now = Date::new_0();
    format!("{:02}:{:02}:{:02}", now.get_hours(), now.get_minutes(), now.get_seconds())
}

/// Does something whenever an event happens, for as long as the page is there.
pub(crate) fn on(target: &EventTarget, event: &str, act: impl FnMut(Event) + 'static) {
    let act = Closure::<dyn FnMut(Event)>::new(act);
    sure(target.add_event_listener_with_callback(event, act.as_ref().unchecked_ref()));
    // The page has it now.
    act.forget();
}

/// Does something in place of what the browser does with a form.
pub(crate) fn on_submit(form: &EventTarget, mut act: impl FnMut() + 'static) {
    on(form, "submit", move |event| {
        event.prevent_default();
        act();
    });
}

/// A new element.
pub(crate) fn el(name: &str) -> Element {
    sure(document().create_element(name))
}

/// A new element of a drawing.
pub(crate) fn svg(name: &str) -> Element {
    sure(document().create_element_ns(Some(SVG), name))
}

/// What is said to an element while it is made.
pub(crate) trait Build: Sized {
    fn class(self, names: &str) -> Self {
        self.attr("class", names)
    }
    fn attr(self, name: &str, value: &str) -> Self;
    fn text(self, text: &str) -> Self;
    fn child(self, child: &Element) -> Self;
}

impl Build for Element {
    fn attr(self, name: &str, value: &str) -> Self {
        sure(self.set_attribute(name, value));
        self
    }

    fn text(self, text: &str) -> Self {
        self.set_text_content(Some(text));
        self
    }

    fn child(self, child: &Element) -> Self {
        add(&self, child);
        self
    }
}

/// Puts an element behind all that another one has.
pub(crate) fn add(parent: &Element, child: &Element) {
    sure(parent.append_child(child));
}

/// Puts an element before another one, or behind all.
pub(crate) fn add_before(parent: &Element, child: &Element, next: Option<&Element>) {
    sure(parent.insert_before(child, next.map(|next| -> &web_sys::Node { next })));
}

/// Changes an attribute.
pub(crate) fn set(element: &Element, name: &str, value: &str) {
    sure(element.set_attribute(name, value));
}

/// Changes a text, unless it is that already: what did not change is not read aloud again.
pub(crate) fn say(element: &Element, text: &str) {
    if element.text_content().as_deref() != Some(text) {
        element.set_text_content(Some(text));
    }
}

/// Shows a text, or hides its element where there is none.
pub(crate) fn show(element: &Element, text: Option<&str>) {
    say(element, text.unwrap_or_default());
    hide(element, text.is_none());
}

pub(crate) fn hide(element: &Element, hidden: bool) {
    if hidden {
        set(element, "hidden", "");
    } else {
        sure(element.remove_attribute("hidden"));
    }
}

/// Says something to who develops the page.
pub(crate) fn complain(words: &str) {
    web_sys::console::error_1(&words.into());
}
