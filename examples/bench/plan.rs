//! What is to be done, checked.

use crate::args::{Args, Format, Layer, What};
use crate::{Done, Fault};

/// More tasks than this measure the memory.
const MOST_TASKS: u32 = 65_536;

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) what: What,
    pub(crate) size: usize,
    pub(crate) count: u64,
    pub(crate) concurrency: u32,
    pub(crate) rounds: u32,
    /// How many messages of a task may have no acknowledgement.
    pub(crate) window: usize,
    pub(crate) typed: Option<Format>,
    pub(crate) compare: bool,
    pub(crate) layers: Vec<Layer>,
}

impl Plan {
    pub(crate) fn new(args: &Args) -> Done<Self> {
        let what = args.what;
        let typed = match (what, args.typed) {
            (What::Service, None) => Some(Format::Json),
            (_, typed) => typed,
        };
        let is_stored = matches!(what, What::Store | What::Consume);
        let few = what.asks() || is_stored;
        let usual = if few { 100_000 } else { 1_000_000 };
        let count = args.count.unwrap_or(usual);
        // What nobody has asked for must not be what is wrong.
        let usual = if what.asks() { 64.min(count) } else { 1 };
        let concurrency = args.concurrency.map_or(usual, u64::from);
        let fault = if count == 0 {
            "--count 0 leaves nothing to measure"
        } else if args.rounds == 0 {
            "--rounds 0 leaves nothing to measure"
        } else if concurrency == 0 {
            "--concurrency 0 leaves nobody to do it"
        } else if concurrency > count {
            "--concurrency is more than --count, so that some would have nothing to do"
        } else if concurrency > u64::from(MOST_TASKS) {
            "--concurrency is at most 65536"
        } else if what == What::Sub && typed.is_some() && concurrency > 1 {
            "a typed subscription gets every message, so --concurrency is 1 for it"
        } else if args.window == 0 {
            "--window 0 lets no message go"
        } else if is_stored && args.server.is_none() {
            "store and consume need a --server that has JetStream"
        } else if what != What::Service && !args.layers.is_empty() {
            "--layer is for service"
        } else {
            let concurrency = u32::try_from(concurrency).map_err(Fault::from)?;
            let (size, rounds, layers) = (args.size, args.rounds, args.layers.clone());
            let window = args.window;
            let compare = args.compare.is_some();
            return Ok(Self {
                what,
                size,
                count,
                concurrency,
                rounds,
                window,
                typed,
                compare,
                layers,
            });
        };
        Err(fault.into())
    }

    /// How many messages each task has; together they have all of them.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (u32, u64)> {
        let (tasks, count) = (u64::from(self.concurrency), self.count);
        (0..self.concurrency)
            .map(move |task| (task, count / tasks + u64::from(u64::from(task) < count % tasks)))
    }
}
