//! Streams and consumers on a real server.

mod basics;
mod configs;
mod direct;
mod kv;
mod messages;
mod object_store;
mod publisher;
mod stage;
mod streams;
mod work;
