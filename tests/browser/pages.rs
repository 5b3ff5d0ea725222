//! The pages in `pages/`, built once and loaded into a browser.

use std::path::PathBuf;

use axum::Router;
use natsws_tests::{Chromium, Page, Site};
use serde_json::json;

use crate::build::{TARGET, cargo, run, target, tool};

/// Builds a page, and gives back the folder with what is loaded of it.
pub(crate) fn built(name: &str) -> PathBuf {
    let package = format!("natsws-page-{name}");
    let mut build = cargo();
    build.args(["build", "--locked", "--profile", "page", "--target", TARGET, "-p", &package]);
    run(&package, &mut build);
    let module = format!("{}.wasm", package.replace('-', "_"));
    let folder = target().join("pages").join(name);
    let mut bundle = std::process::Command::new(tool("bundle"));
    bundle.arg(target().join(TARGET).join("page").join(module)).arg(&folder);
    run(&package, &mut bundle);
    folder
}

/// The page `everything`, and what it is loaded from.
pub(crate) async fn everything(browser: &Chromium, router: Router) -> (Site, Page) {
    let folder = tokio::task::block_in_place(|| built("everything"));
    let site = Site::start(router.merge(Site::folders(&[("page", folder)]))).await;
    let page = browser.open(&site.url("/")).await;
    load(&page).await;
    (site, page)
}

/// Makes what the page exports a global of it.
pub(crate) async fn load(page: &Page) {
    let load = "import('/page/natsws_page_everything.js').then(async module => { \
                await module.default(); globalThis.natsws = module.Page; })";
    page.eval(load).await;
}

/// The expression that connects the page `everything`.
pub(crate) fn connecting(url: &str) -> String {
    format!("natsws.connect({})", json!(url))
}

/// Connects the page `everything`, and makes its client a global of the page.
pub(crate) async fn connect(page: &Page, url: &str) {
    let connecting = connecting(url);
    page.eval(&format!("{connecting}.then(page => {{ globalThis.page = page; }})")).await;
}
