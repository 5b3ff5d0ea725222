//! What is shown, and what it listens to. It is built for a browser alone.

mod answer;
mod app;
mod ask;
mod bucket;
mod chart;
mod connect;
mod dom;
mod endpoint;
mod events;
mod feed;
mod keys;
mod live;
mod services;
mod site;
mod task;
mod tiles;
mod words;

pub(crate) use app::start;
