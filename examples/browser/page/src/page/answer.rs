//! How a question ended.

use std::time::Duration;

use web_sys::Element;

use super::dom::{self, Build, el};
use crate::figures;

/// How a question ended, as it is shown.
#[derive(Debug)]
pub(crate) struct Answer {
    outcome: &'static str,
    title: String,
    words: String,
    fields: Vec<(&'static str, String)>,
    took: Option<Duration>,
}

impl Answer {
    fn new(outcome: &'static str, title: &str, words: &str) -> Self {
        let (title, words) = (title.to_owned(), words.to_owned());
        Self { outcome, title, words, fields: Vec::new(), took: None }
    }

    pub(crate) fn waiting() -> Self {
        Self::new("waiting", "Asked…", "")
    }

    pub(crate) fn reply(title: &str, fields: &[(&'static str, String)]) -> Self {
        Self { fields: fields.to_vec(), ..Self::new("reply", title, "") }
    }

    /// The error that the message declares.
    pub(crate) fn declared(title: &str, words: &str, fields: &[(&'static str, String)]) -> Self {
        Self { fields: fields.to_vec(), ..Self::new("declared", title, words) }
    }

    pub(crate) fn failed(words: &str) -> Self {
        Self::new("failed", "No answer", words)
    }

    pub(crate) fn took(self, took: Duration) -> Self {
        Self { took: Some(took), ..self }
    }

    pub(crate) fn show(&self, place: &Element) {
        place.set_text_content(None);
        dom::set(place, "data-outcome", self.outcome);
        dom::add(place, &el("h3").text(&self.title));
        if !self.words.is_empty() {
            dom::add(place, &el("p").class("words").text(&self.words));
        }
        if !self.fields.is_empty() {
            let list = self.fields.iter().fold(el("dl"), |list, (name, value)| {
                let value = el("dd").attr("data-field", name).text(value);
                list.child(&el("dt").text(name)).child(&value)
            });
            dom::add(place, &list);
        }
        if let Some(took) = self.took {
            let took = format!("after {}", figures::time(took));
            dom::add(place, &el("p").class("took").text(&took));
        }
    }
}
