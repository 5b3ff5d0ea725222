//! What the pages weigh, which is loaded over the network by everybody who opens one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::pages::built;

const BUDGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/browser/pages/size.budget");
const HEAD: &str = "\
# Bytes of each page as they are loaded, its script included, after gzip. The test of them fails where
# one is more than 2 % over this. `UPDATE_BUDGET=1` with that test writes this file: commit it with the
# change that makes a page larger, and say there why, or smaller, so that it stays so.
";
const PAGES: [&str; 2] = ["client", "everything"];

fn compressed(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).expect("it is built");
    let files = entries.map(|entry| entry.expect("it can be read").path());
    let wanted = files.filter(|path| path.extension().is_some_and(|it| it == "js" || it == "wasm"));
    wanted
        .map(|path| {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
            gzip.write_all(&fs::read(path).expect("it can be read")).expect("it is in memory");
            gzip.finish().expect("it is in memory").len()
        })
        .sum()
}

#[test]
#[ignore = "it needs the target wasm32-unknown-unknown"]
fn pages_are_no_larger_than_their_budget() {
    let sizes: BTreeMap<_, _> = PAGES.map(|name| (name, compressed(&built(name)))).into();
    eprintln!("{sizes:?}");
    if std::env::var_os("UPDATE_BUDGET").is_some() {
        let mut text = HEAD.to_owned();
        for (name, size) in &sizes {
            writeln!(text, "{name} {size}").expect("it is in memory");
        }
        fs::write(BUDGET, text).expect("it can be written");
    }
    let budget = fs::read_to_string(BUDGET).expect("the budget is written down");
    let lines = budget.lines().filter(|line| !line.starts_with('#'));
    let budget: BTreeMap<_, usize> = lines
        .map(|line| line.split_once(' ').expect("a name and a number"))
        .map(|(name, size)| (name, size.parse().expect("a number")))
        .collect();
    for (name, size) in sizes {
        let most = budget[name] + budget[name] / 50;
        assert!(size <= most, "{name} has {size} bytes, more than 2 % over {}", budget[name]);
    }
}
