//! A site that pages are loaded from.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Component, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A web site on a free port of 127.0.0.1, which ends with this handle.
#[derive(Debug)]
pub struct Site {
    addr: SocketAddr,
    serving: JoinHandle<()>,
}

impl Site {
    /// Serves this.
    pub async fn start(router: Router) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it is served");
        });
        Self { addr, serving }
    }

    /// A router with these folders, each below its name, and with an empty page at `/`.
    pub fn folders(folders: &[(&str, PathBuf)]) -> Router {
        let empty = "<!doctype html><meta charset=utf-8><title>test</title>\
                     <link rel=icon href=data:,>";
        Self::only_folders(folders).route("/", get(async move || Html(empty)))
    }

    /// A router with these folders, each below its name.
    pub fn only_folders(folders: &[(&str, PathBuf)]) -> Router {
        let mut router = Router::new();
        for (name, folder) in folders {
            let folder = Arc::new(folder.clone());
            let serve = async move |Path(path): Path<PathBuf>| file(&folder, &path);
            router = router.route(&format!("/{name}/{{*path}}"), get(serve));
        }
        router
    }

    /// The address of something on it: `path` begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn file(folder: &std::path::Path, path: &std::path::Path) -> Response {
    let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    let Some(bytes) = is_inside.then(|| fs::read(folder.join(path)).ok()).flatten() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("js" | "mjs") => "text/javascript",
        Some("wasm") => "application/wasm",
        Some("html") => "text/html; charset=utf-8",
        _ => "application/octet-stream",
    };
    ([(header::CONTENT_TYPE, kind)], bytes).into_response()
}
