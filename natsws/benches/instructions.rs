//! Runs one workload with a number of messages, so that its instructions can be counted:
//! `.ci/instructions` does that and compares them with `instructions.budget`.
//!
//! `instructions NAME COUNT` runs, `instructions` alone prints the names.

mod support;

use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match &args[..] {
        [name, count] => run(name, count),
        _ => list(),
    }
}

fn run(name: &str, count: &str) -> ExitCode {
    let workload = support::WORKLOADS.iter().find(|(known, _)| *known == name);
    let (Some((_, ready)), Ok(count)) = (workload, count.parse::<usize>()) else {
        return ExitCode::FAILURE;
    };
    if count % support::BLOCK != 0 {
        return ExitCode::FAILURE;
    }
    ready()(count);
    ExitCode::SUCCESS
}

fn list() -> ExitCode {
    let names = support::WORKLOADS.iter().map(|(name, _)| format!("{name}\n"));
    match io::stdout().write_all(names.collect::<String>().as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
