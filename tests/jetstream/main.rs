//! Streams and consumers on a real server.

#![expect(clippy::panic, reason = "helpers of tests fail by it")]

mod acks;
mod advisories;
mod basics;
mod batches;
mod capabilities;
mod configs;
mod consumers;
mod direct;
mod ends;
mod fetch;
mod kv;
mod messages;
mod object_store;
mod ordered;
mod priority;
mod publish;
mod publisher;
mod pull;
mod push;
mod schedules;
mod soak;
mod stage;
mod stream_options;
mod streams;
mod work;
