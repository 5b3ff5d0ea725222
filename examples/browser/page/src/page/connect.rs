//! Connecting: the form, the state, and what happens to the connection.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join;
use natsws::{Client, ConnectError, ConnectOptions, Event};
use wasm_bindgen_futures::spawn_local;
use web_sys::{
    Element, HtmlButtonElement, HtmlDetailsElement, HtmlElement, HtmlInputElement,
    HtmlSelectElement,
};

use super::app::Panels;
use super::dom::{self, Build, Missing, el, part};
use super::events::{self, Mood};
use super::task::Task;
use super::words::words;

/// As many events are shown.
const EVENTS: u32 = 50;
/// Somebody watches, and wants to see it soon.
const WAIT: Duration = Duration::from_millis(500);
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Credentials {
    login: HtmlSelectElement,
    user: HtmlInputElement,
    password: HtmlInputElement,
    token: HtmlInputElement,
}

#[derive(Debug)]
pub(crate) struct Connecting {
    panels: Panels,
    address: HtmlInputElement,
    credentials: Credentials,
    connect: HtmlButtonElement,
    disconnect: HtmlButtonElement,
    details: HtmlDetailsElement,
    summary: HtmlElement,
    state: Element,
    state_words: Element,
    server: Element,
    fault: Element,
    events: Element,
    /// The client, and what watches it.
    client: RefCell<Option<(Client, Task)>>,
    attempt: RefCell<Option<Task>>,
}

impl Connecting {
    pub(crate) fn find(panels: Panels) -> Result<Rc<Self>, Missing> {
        let credentials = Credentials {
            login: part("login")?,
            user: part("user")?,
            password: part("password")?,
            token: part("token")?,
        };
        let found = Rc::new(Self {
            panels,
            address: part("address")?,
            credentials,
            connect: part("connect-button")?,
            disconnect: part("disconnect-button")?,
            details: part("connect-details")?,
            summary: part("connect-summary")?,
            state: part("state")?,
            state_words: part("state-words")?,
            server: part("server")?,
            fault: part("fault")?,
            events: part("events")?,
            client: RefCell::default(),
            attempt: RefCell::default(),
        });
        let this = Rc::clone(&found);
        dom::on_submit(&part("connect")?, move || this.begin());
        let this = Rc::clone(&found);
        dom::on(&found.disconnect, "click", move |_| this.leave());
        let labels: [Element; 3] =
            [part("user-label")?, part("password-label")?, part("token-label")?];
        let login = found.credentials.login.clone();
        dom::on(&found.credentials.login, "change", move |_| {
            let chosen = login.value();
            for (label, of) in labels.iter().zip(["user", "user", "token"]) {
                dom::hide(label, chosen != of);
            }
        });
        Ok(found)
    }

    /// Fills in an address, unless somebody was quicker.
    pub(crate) fn suggest(&self, address: &str) {
        if self.address.value().is_empty() {
            self.address.set_value(address);
        }
        if self.connect.focus().is_err() {
            dom::complain("the button cannot be focused");
        }
    }

    /// Says what went wrong.
    pub(crate) fn fault(&self, text: &str) {
        dom::show(&self.fault, Some(text));
    }

    /// Connects to what the form says, in place of what there was.
    fn begin(self: &Rc<Self>) {
        self.leave();
        dom::show(&self.fault, None);
        let options = self.credentials.add_to(ConnectOptions::new().name("natsws dashboard"));
        // The page shows what happens while there is no server, and shows more when there is.
        let options = options.lazy(true).timeout(TIMEOUT).reconnect_time_wait(WAIT);
        let options = options.unlimited_reconnect_attempts();
        let (this, address) = (Rc::clone(self), self.address.value());
        let attempt = Task::start(async move {
            let connected = options.connect(address.trim()).await;
            this.made(connected);
        });
        self.attempt.replace(Some(attempt));
    }

    fn made(self: &Rc<Self>, connected: Result<Client, ConnectError>) {
        let client = match connected {
            Ok(client) => client,
            Err(error) => return self.fault(&words(&error)),
        };
        let watching = Task::start(Rc::clone(self).watch(client.clone()));
        self.panels.begin(&client);
        self.disconnect.set_disabled(false);
        self.client.replace(Some((client, watching)));
    }

    /// Ends the connection, if there is one.
    fn leave(&self) {
        self.attempt.replace(None);
        self.panels.end();
        self.disconnect.set_disabled(true);
        let Some((client, watching)) = self.client.take() else { return };
        drop(watching);
        spawn_local(async move { client.connection().close().await });
        self.show_state("away", "not connected");
        dom::say(&self.server, "");
        dom::show(&self.fault, None);
        self.log(Mood::Plain, "left the server");
    }

    /// Shows what happens to a connection until it is gone.
    async fn watch(self: Rc<Self>, client: Client) {
        let mut happened = client.connection().events();
        let mut status = client.connection().status();
        let showing = async {
            let mut state = Some(status.current());
            while let Some(current) = state {
                let (name, words) = events::state(current);
                self.show_state(name, words);
                state = status.changed().await;
            }
        };
        let telling = async {
            while let Some(event) = happened.next().await {
                self.tell(&client, &event);
            }
        };
        join(showing, telling).await;
    }

    fn tell(&self, client: &Client, event: &Event) {
        let (mood, text) = events::told(event);
        self.log(mood, &text);
        match event {
            Event::Connected { .. } | Event::Reconnected { .. } | Event::Moved { .. } => {
                dom::show(&self.fault, None);
                dom::say(&self.server, &server(client));
                if matches!(event, Event::Connected { .. }) {
                    self.fold();
                }
            }
            Event::Closed { error: Some(_), .. } => {
                self.panels.end();
                self.disconnect.set_disabled(true);
                self.details.set_open(true);
                self.fault(&text);
            }
            _ if mood == Mood::Bad => self.fault(&text),
            _ => {}
        }
    }

    /// Makes room for what there is to see. Who has used the keyboard goes on from here.
    fn fold(&self) {
        let has_focus = self.details.query_selector(":focus-within").ok().flatten().is_some();
        self.details.set_open(false);
        if has_focus && self.summary.focus().is_err() {
            dom::complain("the summary cannot be focused");
        }
    }

    fn show_state(&self, name: &str, words: &str) {
        dom::set(&self.state, "data-state", name);
        dom::say(&self.state_words, words);
    }

    fn log(&self, mood: Mood, text: &str) {
        let at = el("time").text(&dom::clock());
        let entry = el("li").attr("data-kind", mood.as_str()).child(&at);
        let entry = entry.child(&el("span").text(text));
        dom::add_before(&self.events, &entry, self.events.first_element_child().as_ref());
        if self.events.child_element_count() > EVENTS
            && let Some(oldest) = self.events.last_element_child()
        {
            oldest.remove();
        }
    }
}

/// The server that a client is connected to.
fn server(client: &Client) -> String {
    let info = client.connection().server_info();
    let name = if info.server_name.is_empty() { &info.server_id } else { &info.server_name };
    let kept = if info.jetstream { ", with JetStream" } else { "" };
    format!("{} · {name}, version {}{kept}", client.connection().server(), info.version)
}

impl Credentials {
    /// They go from the form to the connection, and stay nowhere else.
    fn add_to(&self, options: ConnectOptions) -> ConnectOptions {
        match self.login.value().as_str() {
            "user" => options.user(self.user.value(), self.password.value()),
            "token" => options.token(self.token.value()),
            _ => options,
        }
    }
}
