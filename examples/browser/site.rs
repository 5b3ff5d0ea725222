//! The page and all that it loads, on a port of this machine.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::routing::get;
use natsws::ServerAddr;
use serde_json::json;
use tokio::net::TcpListener;

use crate::build::Page;

const PORT: u16 = 8222;
/// So many ports are tried.
const PORTS: u16 = 20;

const HTML: &str = include_str!("page/index.html");
const CSS: &str = include_str!("page/style.css");
const START: &str = include_str!("page/start.js");

/// What the page may do: load from here, and connect to whatever server it is told.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
                      connect-src 'self' ws: wss:; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The port that is asked for, or the first free one from the usual one on.
pub(crate) async fn listen(port: Option<u16>) -> Result<TcpListener, Box<dyn Error>> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    if let Some(port) = port {
        return bind(port).await.map_err(|error| format!("port {port}: {error}").into());
    }
    let mut fault = io::Error::from(ErrorKind::AddrInUse);
    for port in PORT..PORT + PORTS {
        match bind(port).await {
            Ok(listener) => return Ok(listener),
            Err(error) => fault = error,
        }
    }
    Err(format!("ports {PORT} to {}: {fault}; choose one by --port", PORT + PORTS - 1).into())
}

/// An address as it can be shown. What cannot be understood is left to the page to complain of.
pub(crate) fn without_credentials(address: &str) -> String {
    address.parse().map(|address: ServerAddr| address.to_string()).unwrap_or_default()
}

/// The files of the page. It is told where the server is.
pub(crate) fn router(page: Page, address: &str) -> Router {
    let config = json!({ "address": address }).to_string();
    Router::new()
        .route("/", file("text/html; charset=utf-8", HTML))
        .route("/style.css", file("text/css; charset=utf-8", CSS))
        .route("/start.js", file("text/javascript; charset=utf-8", START))
        .route("/config.json", file("application/json", config))
        .route("/dashboard-page.js", file("text/javascript; charset=utf-8", page.script))
        .route("/dashboard-page_bg.wasm", file("application/wasm", page.module))
}

fn file(kind: &'static str, content: impl Into<axum::body::Bytes>) -> axum::routing::MethodRouter {
    let content = content.into();
    // The page and its program belong together, and are small.
    let headers =
        [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store"), (CONTENT_SECURITY_POLICY, POLICY)];
    get(async move || (headers, content.clone()))
}
