//! The examples, run as a user would run them.

mod cli;
mod program;
mod quickstart;
