//! The examples, run as a user would run them.

mod bench;
mod cli;
mod program;
mod quickstart;
mod typed;
