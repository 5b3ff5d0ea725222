//! Object stores on a real server.

mod basics;
mod stage;
