//! Buckets of keys and values on a real server.

mod watches;
mod writes;
