//! Rounds in which the clients take turns.

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use natsws::BoxFuture;

use crate::args::Format;
use crate::load::{self, Job};
use crate::measure::Cost;
use crate::messages::{AsJson, AsMsgPack};
use crate::ours::{Plain, Typed};
use crate::peer::{Bare, Hand, Peer};
use crate::plan::Plan;
use crate::{Done, chain};

/// What one round took, of natsws and of what it is compared with.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) ours: Cost,
    pub(crate) theirs: Option<Cost>,
}

/// The rounds that are over.
#[derive(Debug)]
pub(crate) struct Rounds<'p> {
    plan: &'p Plan,
    done: Vec<Round>,
}

impl<'p> Rounds<'p> {
    pub(crate) fn new(plan: &'p Plan) -> Self {
        Self { plan, done: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Round> + Clone {
        self.done.iter()
    }

    /// Makes all rounds. Dropped in between, those that are over stay.
    pub(crate) async fn run(&mut self, url: &str) -> Done {
        let turns = if self.plan.compare { 2 } else { 1 };
        // It is drawn between the turns only, never while something is measured, and not at all
        // where stderr is no terminal.
        let bar = ProgressBar::new(u64::from(self.plan.rounds) * turns)
            // However this ends.
            .with_finish(ProgressFinish::AndClear);
        bar.set_style(ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len}")?);
        for number in 0..self.plan.rounds {
            let round = if !self.plan.compare {
                Round { ours: self.ours(&bar, url).await?, theirs: None }
            } else if number % 2 == 0 {
                let ours = self.ours(&bar, url).await?;
                Round { ours, theirs: Some(self.theirs(&bar, url).await?) }
            } else {
                let theirs = Some(self.theirs(&bar, url).await?);
                Round { ours: self.ours(&bar, url).await?, theirs }
            };
            self.done.push(round);
        }
        Ok(())
    }

    async fn ours(&self, bar: &ProgressBar, url: &str) -> Done<Cost> {
        let job = Job::new(url, self.plan);
        let turn: BoxFuture<'_, _> = match self.plan.typed {
            None => Box::pin(load::run::<Plain>(job)),
            Some(Format::Json) => Box::pin(load::run::<Typed<AsJson>>(job)),
            Some(Format::MsgPack) => Box::pin(load::run::<Typed<AsMsgPack>>(job)),
        };
        told(bar, "natsws", turn).await
    }

    async fn theirs(&self, bar: &ProgressBar, url: &str) -> Done<Cost> {
        let job = Job::new(url, self.plan);
        let turn: BoxFuture<'_, _> = match self.plan.typed {
            None => Box::pin(load::run::<Peer<Bare>>(job)),
            Some(Format::Json) => Box::pin(load::run::<Peer<Hand<AsJson>>>(job)),
            Some(Format::MsgPack) => Box::pin(load::run::<Peer<Hand<AsMsgPack>>>(job)),
        };
        told(bar, "async-nats", turn).await
    }
}

/// Takes a turn, and shows whose it is.
async fn told(
    bar: &ProgressBar,
    name: &'static str,
    turn: BoxFuture<'_, Done<Cost>>,
) -> Done<Cost> {
    bar.set_message(name);
    bar.tick();
    let cost = turn.await.map_err(|error| format!("{name}: {}", chain(&*error)))?;
    bar.inc(1);
    Ok(cost)
}
