//! Building for the browser, with the tools that this repository names.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/browser/tools");

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Where everything is built.
pub(crate) fn target() -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    named.unwrap_or_else(|| Path::new(ROOT).join("target"))
}

/// Cargo, in the workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(ROOT);
    // What is set for the tests themselves is not meant for what they build.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs a command to its end, and gives back what it says.
pub(crate) fn run(what: &str, command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{what}: {error}"));
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(output.status.success(), "{what}: {}\n{}", output.status, said.join("\n"));
    said.concat()
}

/// One of the tools, built once.
pub(crate) fn tool(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let folder = target().join("browser-tools");
        let mut cargo = cargo();
        cargo.args(["build", "--quiet", "--locked", "--bins", "--features", "test-runner"]);
        cargo.arg("--manifest-path").arg(Path::new(TOOLS).join("Cargo.toml"));
        // Another compiler may be named for the browser, and these run outside of it.
        cargo.env("CARGO_TARGET_DIR", &folder).env_remove("RUSTC");
        run("building the tools", &mut cargo);
        folder.join("debug")
    });
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}
