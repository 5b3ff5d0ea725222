//! Object stores on a real server.

mod basics;
mod contents;
mod damage;
mod faults;
mod infos;
mod links;
mod memory;
mod refusals;
mod renames;
mod stage;
mod watching;
