//! Which services are there, and what they do.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use natsws::{Client, State};
use natsws_service::{DiscoveryError, ServiceStats, Services as _};
use web_sys::Element;

use super::dom::{self, Build, Missing, el, part};
use super::endpoint::EndpointRow;
use super::task::{Task, sleep};
use super::tiles::Tiles;
use super::words::words;
use crate::figures::several;
use crate::rates::Rates;

/// The time from one look to the next.
const EVERY: Duration = Duration::from_secs(1);
/// Who was not heard so often is gone, and later is not shown any more: an answer may be late.
const GONE: u32 = 3;
const FORGOTTEN: u32 = 20;
/// As many instances are shown, and as many endpoints of each.
const INSTANCES: usize = 100;
const ENDPOINTS: usize = 50;

#[derive(Debug)]
pub(crate) struct Services {
    note: Element,
    watching: RefCell<Option<Task>>,
}

impl Services {
    pub(crate) fn find() -> Result<Self, Missing> {
        // All of it is there, whenever it is needed.
        Table::find()?;
        Ok(Self { note: part("services-note")?, watching: RefCell::default() })
    }

    pub(crate) fn begin(&self, client: &Client) {
        let (client, note) = (client.clone(), self.note.clone());
        let watching = Task::start(async move {
            match Table::find() {
                Ok(mut table) => watch(&client, &note, &mut table).await,
                Err(Missing(what)) => dom::complain(&what),
            }
        });
        self.watching.replace(Some(watching));
    }

    pub(crate) fn end(&self) {
        if self.watching.replace(None).is_some() {
            dom::say(&self.note, "Not connected: these are the last numbers.");
        }
    }
}

/// Looks again and again, for as long as there is a connection.
async fn watch(client: &Client, note: &Element, table: &mut Table) {
    let mut status = client.connection().status();
    loop {
        if status.current() != State::Connected {
            dom::say(note, "Waiting for the connection.");
            table.silent();
            if status.wait_for(|state| state == State::Connected).await == State::Closed {
                return;
            }
        }
        let begun = dom::now();
        let (heard, trouble) = ask(client).await;
        let now = dom::now();
        table.heard(&heard, client.connection().stats().in_msgs, now);
        dom::say(note, &trouble.unwrap_or_else(|| table.summary()));
        let took = Duration::from_secs_f64((now - begun).max(0.0) / 1000.0);
        sleep(EVERY.saturating_sub(took)).await;
    }
}

/// What all services say, and what went wrong with it. One that answers with something else must not
/// hide the others.
async fn ask(client: &Client) -> (Vec<ServiceStats>, Option<String>) {
    let mut heard = Vec::new();
    let mut trouble = None;
    let mut told = |error: &DiscoveryError| {
        trouble.get_or_insert_with(|| match error {
            DiscoveryError::NoResponders { .. } => "No service is there.".to_owned(),
            error => words(error),
        });
    };
    match client.services().stats().stream().await {
        Ok(mut answers) => {
            while let Some(answer) = answers.next().await {
                match answer {
                    Ok(stats) => heard.push(stats),
                    Err(error) => told(&error),
                }
            }
        }
        Err(error) => told(&error),
    }
    (heard, trouble)
}

/// What is known of two together.
fn both(one: Option<Rates>, other: Option<Rates>) -> Option<Rates> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.and(other)),
        (one, other) => one.or(other),
    }
}

/// One instance of a service.
#[derive(Debug)]
struct Instance {
    body: Element,
    tag: Element,
    missed: u32,
    endpoints: BTreeMap<(String, String), EndpointRow>,
}

#[derive(Debug)]
struct Table {
    place: Element,
    tiles: Tiles,
    /// By name and id.
    instances: BTreeMap<(String, String), Instance>,
    left_out: usize,
}

impl Table {
    fn find() -> Result<Self, Missing> {
        let place: Element = part("service-table")?;
        // What an earlier connection has left.
        while let Some(body) = place.last_element_child().filter(|it| it.tag_name() == "TBODY") {
            body.remove();
        }
        Ok(Self { place, tiles: Tiles::find()?, instances: BTreeMap::new(), left_out: 0 })
    }

    fn heard(&mut self, heard: &[ServiceStats], received: u64, now: f64) {
        self.instances.values_mut().for_each(|instance| instance.missed += 1);
        self.left_out = 0;
        let mut all: Option<Rates> = None;
        for stats in heard {
            let key = (stats.name.clone(), stats.id.clone());
            if !self.instances.contains_key(&key) {
                if self.instances.len() == INSTANCES {
                    self.left_out += 1;
                    continue;
                }
                self.insert(key.clone(), Instance::new(stats));
            }
            if let Some(instance) = self.instances.get_mut(&key) {
                all = both(all, instance.heard(stats, now));
            }
        }
        self.instances.retain(|_, instance| instance.stays());
        self.tiles.show(all, received, now);
    }

    fn insert(&mut self, key: (String, String), instance: Instance) {
        let next = self.instances.range(key.clone()..).next().map(|(_, next)| next.body.clone());
        dom::add_before(&self.place, &instance.body, next.as_ref());
        self.instances.insert(key, instance);
    }

    /// There is no connection.
    fn silent(&mut self) {
        self.tiles.silent();
        for endpoint in self.instances.values_mut().flat_map(|it| it.endpoints.values_mut()) {
            endpoint.silent();
        }
    }

    fn summary(&self) -> String {
        let mut names: Vec<_> = self.instances.keys().map(|(name, _)| name).collect();
        names.dedup();
        let services = several(names.len(), "service", "services");
        let instances = several(self.instances.len(), "instance", "instances");
        let more = match self.left_out {
            0 => String::new(),
            n => format!(", and {n} more that are not shown"),
        };
        format!("{services} in {instances}{more}, asked every second; charts show a minute")
    }
}

impl Instance {
    fn new(stats: &ServiceStats) -> Self {
        let tag = el("span").class("tag").attr("hidden", "");
        let name = el("th").attr("colspan", "7").attr("scope", "rowgroup").text(&stats.name);
        let version = el("span").class("tag").text(&format!("version {}", stats.version));
        let name = name.child(&version).child(&tag);
        let name = name.child(&el("span").class("id").text(&stats.id));
        let body = el("tbody").attr("data-service", &stats.name).attr("data-id", &stats.id);
        let body = body.child(&el("tr").class("service").child(&name));
        Self { body, tag, missed: 0, endpoints: BTreeMap::new() }
    }

    /// Shows what it has done, and gives what it did since it was looked at last, as far as is known.
    fn heard(&mut self, stats: &ServiceStats, now: f64) -> Option<Rates> {
        self.missed = 0;
        let mut all = None;
        for endpoint in stats.endpoints.iter().take(ENDPOINTS) {
            let key = (endpoint.name.clone(), endpoint.subject.clone());
            let row = self.endpoints.entry(key).or_insert_with(|| {
                let row = EndpointRow::new(endpoint);
                dom::add(&self.body, &row.row);
                row
            });
            all = both(all, row.heard(endpoint, now));
        }
        let left_out = stats.endpoints.len().saturating_sub(ENDPOINTS);
        let more = (left_out > 0).then(|| format!("{left_out} endpoints more"));
        self.show("here", more.as_deref());
        all
    }

    fn show(&self, state: &str, words: Option<&str>) {
        dom::set(&self.body, "data-state", state);
        dom::set(&self.tag, "class", if state == "gone" { "tag gone" } else { "tag" });
        dom::show(&self.tag, words);
    }

    /// Whether it is still shown.
    fn stays(&mut self) -> bool {
        if self.missed >= FORGOTTEN {
            self.body.remove();
            return false;
        }
        if self.missed >= GONE {
            self.show("gone", Some("gone"));
        }
        if self.missed > 0 {
            self.endpoints.values_mut().for_each(EndpointRow::silent);
        }
        true
    }
}
