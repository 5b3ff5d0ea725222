//! The row of one endpoint.

use std::time::Duration;

use natsws_service::EndpointStats;
use web_sys::Element;

use super::chart::Chart;
use super::dom::{self, Build, el};
use crate::figures;
use crate::rates::{Counters, Rates};

/// A number with its chart.
#[derive(Debug)]
struct Figure {
    cell: Element,
    words: Element,
    chart: Chart,
}

impl Figure {
    fn new(series: &str, name: &str) -> Self {
        let words = el("span").class("figure").attr("data-figure", name).text("–");
        let chart = Chart::new();
        let drawing = el("span").class("spark chart").child(chart.element());
        let cell = el("td").class("num").attr("data-series", series).child(&drawing).child(&words);
        Self { cell, words, chart }
    }

    fn push(&mut self, number: Option<f64>, words: &str) {
        self.chart.push(number);
        dom::say(&self.words, words);
    }
}

/// An endpoint as it was seen last.
#[derive(Debug)]
pub(crate) struct EndpointRow {
    pub(crate) row: Element,
    requests: Element,
    rate: Figure,
    latency: Figure,
    errors: Figure,
    last_error: Element,
    /// What it had done when it was looked at last, and when that was.
    before: Option<(Counters, f64)>,
}

impl EndpointRow {
    pub(crate) fn new(stats: &EndpointStats) -> Self {
        let requests = el("td").class("num").attr("data-figure", "requests");
        let last_error = el("td").class("last-error");
        let rate = Figure::new("requests", "rate");
        let latency = Figure::new("latency", "latency");
        let errors = Figure::new("errors", "errors");
        let row = el("tr").attr("data-endpoint", &stats.name);
        let row = row.child(&el("td").class("name").text(&stats.name));
        let row = row.child(&el("td").class("subject").text(&stats.subject));
        let row = row.child(&requests).child(&rate.cell).child(&latency.cell);
        let row = row.child(&errors.cell).child(&last_error);
        Self { row, requests, rate, latency, errors, last_error, before: None }
    }

    /// Shows what it has done, and gives what it did since it was looked at last.
    pub(crate) fn heard(&mut self, stats: &EndpointStats, now: f64) -> Option<Rates> {
        let (requests, errors) = (stats.num_requests, stats.num_errors);
        let counters = Counters { requests, errors, took: stats.processing_time };
        let rates = self.before.replace((counters, now)).and_then(|(before, at)| {
            counters.since(&before, Duration::from_secs_f64((now - at).max(0.0) / 1000.0))
        });
        dom::say(&self.requests, &figures::count(requests));
        self.show(rates);
        dom::say(&self.errors.words, &figures::count(errors));
        let last = stats.last_error.as_deref().unwrap_or_default();
        dom::say(&self.last_error, last);
        dom::set(&self.last_error, "title", last);
        rates
    }

    fn show(&mut self, rates: Option<Rates>) {
        let rate = rates.map_or_else(|| "–".to_owned(), |rates| figures::rate(rates.requests));
        self.rate.push(rates.map(|rates| rates.requests), &rate);
        let latency = rates.and_then(|rates| rates.latency());
        let words = latency.map_or_else(|| "–".to_owned(), figures::time);
        self.latency.push(latency.map(|latency| latency.as_secs_f64()), &words);
        self.errors.chart.push(rates.map(|rates| rates.errors));
    }

    /// It was not heard of this time.
    pub(crate) fn silent(&mut self) {
        self.before = None;
        self.show(None);
    }
}
