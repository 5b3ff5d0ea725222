//! Streams and consumers on a real server.

mod basics;
mod configs;
mod messages;
mod stage;
mod work;
