//! How long the parts take, each for a thousand messages: `cargo bench -p natsws`.
//!
//! A word behind it chooses: `cargo bench -p natsws --bench parts -- decode`. Times depend on the
//! machine and on what else it does; [`instructions`](../instructions.rs) does not.

mod support;

use divan::Bencher;
use divan::counter::ItemsCount;

/// A multiple of a block.
const MESSAGES: usize = 10 * support::BLOCK;

fn main() {
    divan::main();
}

#[divan::bench(args = support::WORKLOADS.iter().map(|(name, _)| *name))]
fn messages(bencher: Bencher<'_, '_>, name: &str) {
    let workload = support::WORKLOADS.iter().find(|(known, _)| *known == name);
    let mut run = workload.expect("the names are those of the list").1();
    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| run(MESSAGES));
}
