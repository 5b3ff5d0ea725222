//! Messages as they come.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join;
use natsws::{Client, SubscriptionError};
use web_sys::{Element, HtmlElement, HtmlInputElement};

use super::dom::{self, Build, Missing, el, part};
use super::feed::{Counts, Feed, Line, ROWS};
use super::task::{Task, sleep};
use super::words::words;
use crate::figures;

/// The page is changed once in this time, however many messages come.
const EVERY: Duration = Duration::from_millis(200);

const COUNTS: [&str; 4] = ["shown", "paused", "filtered", "left-out"];

#[derive(Debug)]
pub(crate) struct Live {
    subject: HtmlInputElement,
    filter: HtmlInputElement,
    pause: HtmlElement,
    note: Element,
    rows: Element,
    counts: [Element; 4],
    feed: RefCell<Feed>,
    client: RefCell<Option<Client>>,
    listening: RefCell<Option<Task>>,
}

impl Live {
    pub(crate) fn find() -> Result<Rc<Self>, Missing> {
        let counts: Element = part("live-counts")?;
        let count = |name: &str| {
            let found = counts.query_selector(&format!("[data-count={name}]")).ok().flatten();
            found.ok_or_else(|| Missing(format!("the page has no count {name}")))
        };
        let [shown, paused, filtered, left_out] = COUNTS;
        let found = Rc::new(Self {
            subject: part("live-subject")?,
            filter: part("live-filter")?,
            pause: part("live-pause")?,
            note: part("live-note")?,
            rows: part("live-rows")?,
            counts: [count(shown)?, count(paused)?, count(filtered)?, count(left_out)?],
            feed: RefCell::default(),
            client: RefCell::default(),
            listening: RefCell::default(),
        });
        let this = Rc::clone(&found);
        dom::on_submit(&part("live")?, move || this.listen());
        let this = Rc::clone(&found);
        dom::on(&found.filter, "input", move |_| {
            this.feed.borrow_mut().filter = this.filter.value().to_lowercase();
        });
        let this = Rc::clone(&found);
        dom::on(&found.pause, "click", move |_| this.toggle());
        let this = Rc::clone(&found);
        dom::on(&part("live-clear")?, "click", move |_| this.clear());
        Ok(found)
    }

    pub(crate) fn begin(self: &Rc<Self>, client: &Client) {
        self.client.replace(Some(client.clone()));
        self.listen();
    }

    pub(crate) fn end(&self) {
        self.client.replace(None);
        if self.listening.replace(None).is_some() {
            dom::say(&self.note, "Not subscribed.");
        }
    }

    /// Subscribes to what the form says, in place of what there was.
    fn listen(self: &Rc<Self>) {
        self.listening.replace(None);
        let Some(client) = self.client.borrow().clone() else {
            return dom::say(&self.note, "Connect first.");
        };
        let (this, subject) = (Rc::clone(self), self.subject.value().trim().to_owned());
        dom::say(&self.note, &format!("Subscribing to {subject}…"));
        let listening = Task::start(async move { this.receive(&client, &subject).await });
        self.listening.replace(Some(listening));
    }

    async fn receive(&self, client: &Client, subject: &str) {
        let mut messages = match client.connection().subscribe(subject).await {
            Ok(messages) => messages,
            Err(error) => return dom::say(&self.note, &words(&error)),
        };
        dom::say(&self.note, &format!("Subscribed to {subject}"));
        let receiving = async {
            while let Some(message) = messages.next().await {
                let mut feed = self.feed.borrow_mut();
                match message {
                    Ok(message) => feed.take(&message, &dom::clock()),
                    Err(error @ SubscriptionError::Lagged { dropped }) => {
                        feed.gap(dropped, words(&error));
                    }
                    Err(error) => feed.gap(0, words(&error)),
                }
            }
            dom::say(&self.note, "The subscription has ended.");
        };
        let showing = async {
            loop {
                self.show();
                sleep(EVERY).await;
            }
        };
        join(receiving, showing).await;
    }

    /// Shows what has come.
    fn show(&self) {
        let mut feed = self.feed.borrow_mut();
        for line in feed.waiting() {
            let newest = self.rows.first_element_child();
            dom::add_before(&self.rows, &row(&line), newest.as_ref());
        }
        while usize::try_from(self.rows.child_element_count()).is_ok_and(|rows| rows > ROWS) {
            match self.rows.last_element_child() {
                Some(oldest) => oldest.remove(),
                None => break,
            }
        }
        let Counts { shown, paused, filtered, left_out } = feed.counts;
        for (place, count) in self.counts.iter().zip([shown, paused, filtered, left_out]) {
            dom::say(place, &figures::count(count));
        }
    }

    fn toggle(&self) {
        let paused = {
            let mut feed = self.feed.borrow_mut();
            feed.paused = !feed.paused;
            feed.paused
        };
        dom::set(&self.pause, "aria-pressed", if paused { "true" } else { "false" });
        self.show();
    }

    fn clear(&self) {
        self.rows.set_text_content(None);
        {
            let mut feed = self.feed.borrow_mut();
            feed.waiting().for_each(drop);
            feed.counts = Counts::default();
        }
        self.show();
    }
}

fn row(line: &Line) -> Element {
    match line {
        Line::Message { at, subject, payload, is_text } => {
            let class = if *is_text { "payload" } else { "payload bytes" };
            let row = el("li").attr("data-subject", subject).child(&el("time").text(at));
            let row = row.child(&el("span").class("subject").text(subject));
            row.child(&el("span").class(class).text(payload))
        }
        Line::Gap(words) => el("li").class("gap").text(words),
    }
}
