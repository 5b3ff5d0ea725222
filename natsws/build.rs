//! Names what the code asks for: the platform, and what a feature means on it.
//!
//! In the browser there are no sockets and no files, so the features that need them are nothing
//! there. Everything else can then be switched on without asking where it is built for.

use std::env;

/// Features that only mean something where there are sockets, by the name of their `cfg`.
const NATIVE: [(&str, &str); 5] = [
    ("native_websocket", "WEBSOCKET"),
    ("native_tcp", "TCP"),
    ("native_tls", "TLS"),
    ("native_deflate", "DEFLATE"),
    ("embedded_broker", "EMBEDDED"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|is| is == value);
    let browser = is("CARGO_CFG_TARGET_FAMILY", "wasm") && is("CARGO_CFG_TARGET_OS", "unknown");
    println!("cargo::rustc-check-cfg=cfg(browser)");
    if browser {
        println!("cargo::rustc-cfg=browser");
    }
    for (cfg, feature) in NATIVE {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        if !browser && env::var_os(format!("CARGO_FEATURE_{feature}")).is_some() {
            println!("cargo::rustc-cfg={cfg}");
        }
    }
}
