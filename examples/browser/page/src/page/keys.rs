//! The rows of a bucket: a key, its value in a field, and what can be done with it.

use std::collections::BTreeMap;

use natsws::kv::Entry;
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlTextAreaElement};

use super::dom::{self, Build, el};
use crate::figures::several;

/// As many keys are shown.
const KEYS: usize = 500;

/// What somebody wants to do with a key.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) key: String,
    pub(crate) act: Act,
}

#[derive(Debug)]
pub(crate) enum Act {
    /// Write this value, where the key still is at this revision.
    Save {
        value: String,
        revision: u64,
    },
    Delete,
}

#[derive(Debug)]
struct Row {
    line: Element,
    field: HtmlTextAreaElement,
    revision_cell: Element,
    meanwhile: Element,
    /// What the bucket has.
    value: String,
    revision: u64,
    /// What is being edited began as this revision.
    based_on: u64,
}

#[derive(Debug)]
pub(crate) struct Keys {
    body: Element,
    rows: BTreeMap<String, Row>,
    left_out: usize,
}

impl Keys {
    pub(crate) fn new(body: Element) -> Self {
        Self { body, rows: BTreeMap::new(), left_out: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.body.set_text_content(None);
        self.rows.clear();
        self.left_out = 0;
    }

    pub(crate) fn put(&mut self, entry: &Entry<String>) {
        if let Some(row) = self.rows.get_mut(&entry.key) {
            return row.change(entry);
        }
        if self.rows.len() == KEYS {
            self.left_out += 1;
            return;
        }
        let Some(mut row) = Row::new(&entry.key) else { return };
        row.change(entry);
        let next = self.rows.range(entry.key.clone()..).next().map(|(_, next)| next.line.clone());
        dom::add_before(&self.body, &row.line, next.as_ref());
        self.rows.insert(entry.key.clone(), row);
    }

    pub(crate) fn remove(&mut self, key: &str) {
        if let Some(row) = self.rows.remove(key) {
            row.line.remove();
        }
    }

    /// A value was written, or was refused. What is in the field is based on what is there now: to
    /// save it once more is to decide for it.
    pub(crate) fn tried(&mut self, key: &str, saved: bool) {
        if let Some(row) = self.rows.get_mut(key) {
            row.based_on = row.revision;
            if saved {
                dom::show(&row.meanwhile, None);
            }
        }
    }

    pub(crate) fn summary(&self) -> String {
        let keys = several(self.rows.len(), "key", "keys");
        match self.left_out {
            0 => keys,
            n => format!("{keys}; {n} changes of others are not shown"),
        }
    }

    /// What a click asks for.
    pub(crate) fn clicked(&self, event: &Event) -> Option<Edit> {
        let button = target(event)?.closest("button[data-act]").ok()??;
        match button.get_attribute("data-act")?.as_str() {
            "save" => self.saved(event),
            _ => Some(Edit { key: key_of(event)?, act: Act::Delete }),
        }
    }

    /// What saving the row of an event asks for.
    pub(crate) fn saved(&self, event: &Event) -> Option<Edit> {
        let key = key_of(event)?;
        let row = self.rows.get(&key)?;
        let act = Act::Save { value: row.field.value(), revision: row.based_on };
        Some(Edit { key, act })
    }
}

fn target(event: &Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}

fn key_of(event: &Event) -> Option<String> {
    target(event)?.closest("[data-key]").ok()??.get_attribute("data-key")
}

impl Row {
    fn new(key: &str) -> Option<Self> {
        let label = format!("Value of {key}");
        let field = el("textarea").attr("rows", "1").attr("spellcheck", "false");
        let field = field.attr("aria-label", &label);
        let meanwhile = el("span").class("meanwhile").attr("hidden", "").attr("role", "status");
        let revision_cell = el("td").class("num revision");
        let button = |act: &str, words: &str| {
            let button = el("button").attr("type", "button").attr("data-act", act).text(words);
            button.attr("aria-label", &format!("{words} {key}"))
        };
        let actions = el("td").class("actions").child(&button("save", "Save"));
        let actions = actions.child(&button("delete", "Delete"));
        let line = el("tr").attr("data-key", key);
        let line = line.child(&el("td").class("key").text(key));
        let line = line.child(&el("td").class("value").child(&field).child(&meanwhile));
        let line = line.child(&revision_cell).child(&actions);
        let field = field.dyn_into().ok()?;
        let (value, revision, based_on) = (String::new(), 0, 0);
        Some(Self { line, field, revision_cell, meanwhile, value, revision, based_on })
    }

    /// The key has got a value. What somebody is editing is left as it is.
    fn change(&mut self, entry: &Entry<String>) {
        let shown = self.field.value();
        let is_edited = shown != self.value && shown != entry.value;
        self.value.clone_from(&entry.value);
        self.revision = entry.revision;
        dom::say(&self.revision_cell, &entry.revision.to_string());
        if is_edited {
            let words = format!("meanwhile it is: {}", entry.value);
            dom::show(&self.meanwhile, Some(&words));
        } else {
            self.field.set_value(&entry.value);
            self.based_on = entry.revision;
            dom::show(&self.meanwhile, None);
        }
        // Taken off and put on, so that it is seen each time.
        dom::set(&self.line, "class", "");
        let _ = self.line.client_width();
        dom::set(&self.line, "class", "changed");
    }
}
