//! Streams and consumers on a real server.

mod advisories;
mod basics;
mod batches;
mod capabilities;
mod configs;
mod direct;
mod kv;
mod messages;
mod object_store;
mod publish;
mod publisher;
mod schedules;
mod stage;
mod streams;
mod work;
