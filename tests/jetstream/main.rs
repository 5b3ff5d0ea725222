//! Streams and consumers on a real server.

mod basics;
mod configs;
mod stage;
mod work;
