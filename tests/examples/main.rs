//! The examples, run as a user would run them.

mod asyncapi;
mod bench;
mod cli;
mod cli_kv;
mod cli_objects;
mod cli_streams;
mod key_value;
mod program;
mod quickstart;
mod report_health;
mod serve_requests;
mod services;
mod store_large_files;
mod streams;
mod test_without_a_server;
mod trace_across_services;
mod typed;
mod write_a_codec;
