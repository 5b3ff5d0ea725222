//! Typed questions to the service of the quickstart.

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use natsws::{Client, RequestError};
use natsws_dashboard_messages::{GetMeaning, GetOrder, GetWeather, OrderError};
use web_sys::{Element, HtmlInputElement, HtmlSelectElement};

use super::answer::Answer;
use super::dom::{self, Missing, part};
use super::task::Task;
use super::words::words;

#[derive(Debug)]
pub(crate) struct Ask {
    what: HtmlSelectElement,
    id: HtmlInputElement,
    answer: Element,
    client: RefCell<Option<Client>>,
    asking: RefCell<Option<Task>>,
}

impl Ask {
    pub(crate) fn find() -> Result<Rc<Self>, Missing> {
        let found = Rc::new(Self {
            what: part("ask-what")?,
            id: part("ask-id")?,
            answer: part("answer")?,
            client: RefCell::default(),
            asking: RefCell::default(),
        });
        let this = Rc::clone(&found);
        dom::on_submit(&part("ask")?, move || this.ask());
        let (label, this) = (part::<Element>("ask-id-label")?, Rc::clone(&found));
        dom::on(&found.what, "change", move |_| {
            let has_id = this.what.value() == "order";
            dom::hide(&label, !has_id);
            // A form is not sent while a field that nobody sees is not filled in.
            this.id.set_disabled(!has_id);
        });
        Ok(found)
    }

    pub(crate) fn begin(&self, client: &Client) {
        self.client.replace(Some(client.clone()));
    }

    pub(crate) fn end(&self) {
        self.client.replace(None);
        if self.asking.replace(None).is_some_and(|_| self.is_waiting()) {
            Answer::failed("The connection was ended.").show(&self.answer);
        }
    }

    fn is_waiting(&self) -> bool {
        self.answer.get_attribute("data-outcome").as_deref() == Some("waiting")
    }

    fn ask(self: &Rc<Self>) {
        let Some(client) = self.client.borrow().clone() else {
            return Answer::failed("Connect first.").show(&self.answer);
        };
        Answer::waiting().show(&self.answer);
        let this = Rc::clone(self);
        let asking = Task::start(async move {
            let begun = dom::now();
            let answer = this.answer(&client).await;
            let took = Duration::from_secs_f64((dom::now() - begun).max(0.0) / 1000.0);
            answer.took(took).show(&this.answer);
        });
        self.asking.replace(Some(asking));
    }

    async fn answer(&self, client: &Client) -> Answer {
        match self.what.value().as_str() {
            "meaning" => match client.request(&GetMeaning).await {
                Ok(meaning) => Answer::reply("A number", &[("meaning", meaning.to_string())]),
                Err(error) => failed(&error),
            },
            "weather" => match client.request(&GetWeather).await {
                Ok(weather) => Answer::reply("Some words", &[("weather", weather)]),
                Err(error) => failed(&error),
            },
            _ => match self.id.value().trim().parse() {
                Ok(id) => order(client, id).await,
                Err(_) => {
                    Answer::failed("The number of an order is a whole one, and not negative.")
                }
            },
        }
    }
}

async fn order(client: &Client, id: u64) -> Answer {
    match client.request(&GetOrder { id }).await {
        Ok(order) => Answer::reply(
            "Order",
            &[
                ("id", order.id.to_string()),
                ("total", format!("{:.2}", order.total)),
                ("answered_by", order.answered_by),
            ],
        ),
        // The same type that the service has returned.
        Err(RequestError::Remote(error @ OrderError::NotFound { id })) => {
            Answer::declared("OrderError::NotFound", &error.to_string(), &[("id", id.to_string())])
        }
        Err(error) => failed(&error),
    }
}

fn failed<E: Error + 'static>(error: &RequestError<E>) -> Answer {
    let advice = match error {
        RequestError::NoResponders => "; is the service running?",
        RequestError::TimedOut { .. } => {
            "; somebody listens to its subject, be it only the list of messages here"
        }
        RequestError::Disconnected { maybe_delivered: true } => "; it may have been answered",
        RequestError::Disconnected { maybe_delivered: false } => "; it was not sent",
        _ => "",
    };
    Answer::failed(&format!("{}{advice}", words(error)))
}
