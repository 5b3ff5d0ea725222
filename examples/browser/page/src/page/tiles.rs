//! What all services do together.

use web_sys::Element;

use super::chart::Chart;
use super::dom::{self, Missing, part};
use crate::figures;
use crate::rates::{Rates, per};

#[derive(Debug)]
struct Tile {
    words: Element,
    chart: Chart,
}

impl Tile {
    fn find(id: &str) -> Result<Self, Missing> {
        let (words, place) = (part(id)?, part::<Element>(&format!("{id}-chart"))?);
        let chart = Chart::new();
        place.set_text_content(None);
        dom::add(&place, chart.element());
        Ok(Self { words, chart })
    }

    fn push(&mut self, number: Option<f64>, words: Option<&str>) {
        self.chart.push(number);
        dom::say(&self.words, words.unwrap_or("–"));
    }
}

#[derive(Debug)]
pub(crate) struct Tiles {
    requests: Tile,
    latency: Tile,
    errors: Tile,
    received: Tile,
    /// How many messages this page had got, and when.
    before: Option<(u64, f64)>,
}

impl Tiles {
    pub(crate) fn find() -> Result<Self, Missing> {
        Ok(Self {
            requests: Tile::find("total-rate")?,
            latency: Tile::find("total-latency")?,
            errors: Tile::find("total-errors")?,
            received: Tile::find("total-received")?,
            before: None,
        })
    }

    /// Shows what was done since the last look; `None` where that is not known.
    pub(crate) fn show(&mut self, all: Option<Rates>, received: u64, now: f64) {
        let requests = all.map(|all| all.requests);
        self.requests.push(requests, requests.map(figures::rate).as_deref());
        let latency = all.and_then(|all| all.latency());
        let words = latency.map(figures::time);
        self.latency.push(latency.map(|latency| latency.as_secs_f64()), words.as_deref());
        let errors = all.map(|all| all.errors);
        self.errors.push(errors, errors.map(figures::rate).as_deref());
        let rate = self.before.replace((received, now)).and_then(|(before, at)| {
            let seconds = (now - at) / 1000.0;
            (seconds > 0.0).then(|| per(received.saturating_sub(before), seconds))
        });
        let words = rate.map(|rate| format!("{}/s", figures::rate(rate)));
        self.received.push(rate, words.as_deref());
    }

    /// There is no connection.
    pub(crate) fn silent(&mut self) {
        self.before = None;
        for tile in [&mut self.requests, &mut self.latency, &mut self.errors, &mut self.received] {
            tile.push(None, None);
        }
    }
}
