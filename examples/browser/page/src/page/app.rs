//! The page as a whole.

use std::rc::Rc;

use natsws::Client;
use wasm_bindgen_futures::spawn_local;

use super::ask::Ask;
use super::bucket::BucketPanel;
use super::connect::Connecting;
use super::dom::{self, Missing};
use super::live::Live;
use super::services::Services;
use super::site;

/// What there is to see of a server.
#[derive(Debug)]
pub(crate) struct Panels {
    services: Services,
    live: Rc<Live>,
    ask: Rc<Ask>,
    bucket: Rc<BucketPanel>,
}

impl Panels {
    fn find() -> Result<Self, Missing> {
        Ok(Self {
            services: Services::find()?,
            live: Live::find()?,
            ask: Ask::find()?,
            bucket: BucketPanel::find()?,
        })
    }

    /// Shows what a client sees. It may not be connected yet.
    pub(crate) fn begin(&self, client: &Client) {
        self.services.begin(client);
        self.live.begin(client);
        self.ask.begin(client);
        self.bucket.begin(client);
    }

    /// Shows no more.
    pub(crate) fn end(&self) {
        self.services.end();
        self.live.end();
        self.ask.end();
        self.bucket.end();
    }
}

/// Brings the page to life.
pub(crate) fn start() {
    std::panic::set_hook(Box::new(|info| dom::complain(&info.to_string())));
    if let Err(Missing(what)) = run() {
        dom::complain(&what);
    }
}

fn run() -> Result<(), Missing> {
    let connecting = Connecting::find(Panels::find()?)?;
    spawn_local(async move {
        match site::config().await {
            Ok(config) => connecting.suggest(&config.address),
            Err(error) => connecting.fault(&format!("config.json could not be read: {error}")),
        }
    });
    Ok(())
}
