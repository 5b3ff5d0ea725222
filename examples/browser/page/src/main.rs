//! The page of the dashboard: a program for the browser that looks at services on NATS, listens to
//! messages, asks typed questions and edits a bucket of keys and values.
//!
//! Its messages are those of the native services, from `natsws-dashboard-messages`, and the calls are
//! those that a native program makes: nothing here is special to the browser but what is shown.
//!
//! There is no framework below it. What stands still is `index.html`, and what moves are a few tables
//! and lists, each changed in one place: the functions of `dom` are enough for that. A framework
//! would be larger than the rest of the program, and take longer to build than all of it.
//!
//! `cargo run --example dashboard` builds it, and serves it.

#[cfg(any(test, browser_page))]
mod figures;
#[cfg(any(test, browser_page))]
mod rates;
#[cfg(any(test, browser_page))]
mod series;

#[cfg(browser_page)]
mod page;

/// Natively there is no page, and nothing to do.
fn main() {
    #[cfg(browser_page)]
    page::start();
}
