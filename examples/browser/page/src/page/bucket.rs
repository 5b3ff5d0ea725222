//! A bucket of keys and values: opened, watched, and written to.

use std::cell::RefCell;
use std::rc::Rc;

use natsws::Client;
use natsws::codec::Text;
use natsws::jetstream::JetStreamError;
use natsws::kv::{Bucket, BucketConfig, KeyValueError, Watched};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, HtmlInputElement, KeyboardEvent};

use super::dom::{self, Missing, part};
use super::keys::{Act, Edit, Keys};
use super::task::Task;
use super::words::words;

/// A bucket that is made here keeps so many values of a key.
const HISTORY: u64 = 5;

type Texts = Bucket<String, Text>;

#[derive(Debug)]
pub(crate) struct BucketPanel {
    name: HtmlInputElement,
    key: HtmlInputElement,
    value: HtmlInputElement,
    note: Element,
    fault: Element,
    open: Element,
    keys: RefCell<Keys>,
    client: RefCell<Option<Client>>,
    bucket: RefCell<Option<Texts>>,
    watching: RefCell<Option<Task>>,
}

impl BucketPanel {
    pub(crate) fn find() -> Result<Rc<Self>, Missing> {
        let rows: Element = part("bucket-rows")?;
        let found = Rc::new(Self {
            name: part("bucket-name")?,
            key: part("put-key")?,
            value: part("put-value")?,
            note: part("bucket-note")?,
            fault: part("bucket-fault")?,
            open: part("bucket-open")?,
            keys: RefCell::new(Keys::new(rows.clone())),
            client: RefCell::default(),
            bucket: RefCell::default(),
            watching: RefCell::default(),
        });
        let this = Rc::clone(&found);
        dom::on_submit(&part("bucket")?, move || this.open());
        let this = Rc::clone(&found);
        dom::on_submit(&part("put")?, move || this.put());
        // Rows come and go, and what is clicked in them arrives here.
        let this = Rc::clone(&found);
        dom::on(&rows, "click", move |event| {
            let edit = this.keys.borrow().clicked(&event);
            this.edit(edit);
        });
        let this = Rc::clone(&found);
        dom::on(&rows, "keydown", move |event| {
            let is_save = event
                .dyn_ref::<KeyboardEvent>()
                .is_some_and(|key| key.key() == "Enter" && !key.shift_key() && !key.is_composing());
            let edit = this.keys.borrow().saved(&event).filter(|_| is_save);
            if edit.is_some() {
                event.prevent_default();
            }
            this.edit(edit);
        });
        Ok(found)
    }

    pub(crate) fn begin(&self, client: &Client) {
        self.client.replace(Some(client.clone()));
    }

    pub(crate) fn end(&self) {
        self.client.replace(None);
        self.close();
        dom::say(&self.note, "No bucket is open.");
    }

    fn close(&self) {
        self.watching.replace(None);
        self.bucket.replace(None);
        self.keys.borrow_mut().clear();
        dom::hide(&self.open, true);
        dom::show(&self.fault, None);
    }

    fn open(self: &Rc<Self>) {
        self.close();
        let Some(client) = self.client.borrow().clone() else {
            return dom::say(&self.note, "Connect first.");
        };
        let (this, name) = (Rc::clone(self), self.name.value().trim().to_owned());
        dom::say(&self.note, &format!("Opening {name}…"));
        let watching = Task::start(async move {
            if let Err(error) = this.watch(&client, &name).await {
                this.close();
                dom::say(&this.note, "No bucket is open.");
                this.failed(&error);
            }
        });
        self.watching.replace(Some(watching));
    }

    /// Opens a bucket, or makes it, and shows what is in it until it is gone.
    async fn watch(&self, client: &Client, name: &str) -> Result<(), KeyValueError> {
        let js = client.jetstream();
        let bucket = match js.key_value(name).await {
            Err(KeyValueError::BucketNotFound { .. }) => {
                let config = BucketConfig::new(name).history(HISTORY);
                js.create_key_value(config.description("made by the natsws dashboard")).await?
            }
            opened => opened?,
        };
        let bucket: Texts = bucket.typed_as();
        let mut watch = bucket.watch_all().await?;
        self.bucket.replace(Some(bucket.clone()));
        dom::hide(&self.open, false);
        while let Some(told) = watch.next().await {
            match told {
                Ok(Watched::Put(entry)) => self.keys.borrow_mut().put(&entry),
                Ok(Watched::Deleted(deletion)) => self.keys.borrow_mut().remove(&deletion.key),
                Ok(_) => {}
                // Others may write what is no text.
                Err(error @ KeyValueError::Decode(_)) => self.failed(&error),
                Err(error) => return Err(error),
            }
            dom::say(&self.note, &format!("{name} has {}", self.keys.borrow().summary()));
        }
        dom::say(&self.note, "The connection was closed.");
        Ok(())
    }

    fn failed(&self, error: &KeyValueError) {
        let advice = match error {
            KeyValueError::JetStream(JetStreamError::NotEnabled { .. }) => {
                ". The broker inside this example has none: start `nats-server -js` with a \
                 WebSocket, and name it by NATS_URL and NATS_WS_URL, or connect to one that has it"
            }
            _ => "",
        };
        dom::show(&self.fault, Some(&format!("{}{advice}.", words(error))));
    }

    fn put(self: &Rc<Self>) {
        let (key, value) = (self.key.value().trim().to_owned(), self.value.value());
        let this = Rc::clone(self);
        self.write(async move |bucket| {
            bucket.put(&key, &value).await?;
            this.key.set_value("");
            this.value.set_value("");
            if this.key.focus().is_err() {
                dom::complain("the field cannot be focused");
            }
            Ok(())
        });
    }

    fn edit(self: &Rc<Self>, edit: Option<Edit>) {
        let Some(Edit { key, act }) = edit else { return };
        let this = Rc::clone(self);
        self.write(async move |bucket| {
            match act {
                // Whoever was quicker is not written over unseen.
                Act::Save { value, revision } => {
                    let saved = bucket.update(&key, &value, revision).await;
                    this.keys.borrow_mut().tried(&key, saved.is_ok());
                    saved.map(drop)
                }
                Act::Delete => bucket.delete(&key).await.map(drop),
            }
        });
    }

    fn write(
        self: &Rc<Self>,
        write: impl AsyncFnOnce(Texts) -> Result<(), KeyValueError> + 'static,
    ) {
        let Some(bucket) = self.bucket.borrow().clone() else { return };
        dom::show(&self.fault, None);
        let this = Rc::clone(self);
        spawn_local(async move {
            if let Err(error) = write(bucket).await {
                this.failed(&error);
            }
        });
    }
}
