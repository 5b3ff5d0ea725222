//! The suite in `suite/`, in each place where a browser's WebSocket is.

use natsws_tests::Chromium;

use crate::build::{TARGET, cargo, run, tool};
use crate::stage;

/// Runs the suite; `place` is the variable that tells the runner where.
fn passes_in(place: &str) {
    let mut suite = cargo();
    suite.args(["test", "--locked", "--target", TARGET, "-p", "natsws-browser-suite"]);
    suite.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", tool("test-runner"));
    suite.env("NATSWS_STAGE", stage::url());
    suite.env("WASM_BINDGEN_TEST_TIMEOUT", "300").env(place, "1");
    if let Some(driver) = Chromium::driver() {
        suite.env("CHROMEDRIVER", driver);
    }
    // Older versions of Node.js have a WebSocket only when they are told so.
    suite.env("NODE_ARGS", "--experimental-websocket");
    let said = run(place, &mut suite);
    assert!(said.contains("test result: ok") && !said.contains(" 0 passed"), "{said}");
}

#[test]
#[ignore = "it needs Chromium, ChromeDriver and the target wasm32-unknown-unknown"]
fn the_client_works_in_a_page() {
    passes_in("WASM_BINDGEN_USE_BROWSER");
}

#[test]
#[ignore = "it needs Chromium, ChromeDriver and the target wasm32-unknown-unknown"]
fn the_client_works_in_a_worker() {
    passes_in("WASM_BINDGEN_USE_DEDICATED_WORKER");
}

#[test]
#[ignore = "it needs Node.js and the target wasm32-unknown-unknown"]
fn the_client_works_in_node() {
    passes_in("WASM_BINDGEN_USE_NODE_EXPERIMENTAL");
}
