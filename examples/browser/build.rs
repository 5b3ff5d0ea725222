//! Building the page: by cargo for the browser, and by the tool in `tools` for what loads it.

use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

const TARGET: &str = "wasm32-unknown-unknown";
const PACKAGE: &str = "natsws-dashboard-page";
const NAME: &str = "dashboard-page";

/// What the page is made of, below the workspace.
const SOURCES: [&str; 12] = [
    "Cargo.lock",
    "Cargo.toml",
    "examples/browser/messages",
    "examples/browser/page/Cargo.toml",
    "examples/browser/page/build.rs",
    "examples/browser/page/src",
    "natsws/Cargo.toml",
    "natsws/build.rs",
    "natsws/src",
    "natsws-derive/src",
    "natsws-service/Cargo.toml",
    "natsws-service/src",
];

/// What a browser loads, besides the files that lie there as they are.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) script: Vec<u8>,
    pub(crate) module: Vec<u8>,
}

/// The page as its sources are now.
pub(crate) fn page() -> Result<Page, Box<dyn Error>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    // Each cargo runs in a folder of its own.
    let target = std::path::absolute(target)?;
    let built = target.join("browser-page");
    let files = [format!("{NAME}.js"), format!("{NAME}_bg.wasm")].map(|file| built.join(file));
    if !is_newer(&files, &workspace)? {
        build(&workspace, &target, &built)?;
    }
    let [script, module] = files.map(|file| fs::read(&file).map_err(|error| at(&file, &error)));
    Ok(Page { script: script?, module: module? })
}

fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Whether all of the files are there, and newer than all that they are made of.
fn is_newer(files: &[PathBuf], workspace: &Path) -> Result<bool, Box<dyn Error>> {
    let made = files.iter().map(|file| fs::metadata(file)?.modified()).min_by_key(|time| {
        // One that is missing is older than any.
        time.as_ref().map_or(SystemTime::UNIX_EPOCH, |time| *time)
    });
    let Some(Ok(made)) = made else { return Ok(false) };
    for source in SOURCES {
        let source = workspace.join(source);
        if newest(&source).map_err(|error| at(&source, &error))? > made {
            return Ok(false);
        }
    }
    Ok(true)
}

/// When a file, or one of those in a folder, was last changed.
fn newest(path: &Path) -> io::Result<SystemTime> {
    let metadata = fs::metadata(path)?;
    let mut newest = metadata.modified()?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            newest = newest.max(self::newest(&entry?.path())?);
        }
    }
    Ok(newest)
}

fn build(workspace: &Path, target: &Path, built: &Path) -> Result<(), Box<dyn Error>> {
    has_target()?;
    println!("building the page, which takes a while the first time");
    let mut page = cargo(workspace);
    page.args(["build", "--locked", "--package", PACKAGE, "--profile", "page"]);
    page.args(["--target", TARGET, "--target-dir"]).arg(target);
    run(&mut page)?;

    // The tool is a workspace of its own.
    let tools = workspace.join("examples/browser/tools");
    let mut bundle = cargo(&tools);
    // Another compiler may be named for the browser, and this runs outside of it.
    bundle.env_remove("RUSTC");
    bundle.args(["run", "--quiet", "--locked", "--bin", "bundle", "--target-dir"]);
    bundle.arg(target.join("browser-tools")).arg("--");
    bundle.arg(target.join(TARGET).join("page").join(format!("{NAME}.wasm"))).arg(built);
    run(&mut bundle)
}

/// Cargo, as if it was called by hand: what it has told this program is of another package.
fn cargo(folder: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (key, _) in env::vars_os() {
        let ours = ["CARGO_PKG_", "CARGO_MANIFEST_"];
        if ours.iter().any(|prefix| key.to_string_lossy().starts_with(prefix)) {
            cargo.env_remove(key);
        }
    }
    cargo.current_dir(folder);
    cargo
}

fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let status = command.status().map_err(|error| format!("cargo does not start: {error}"))?;
    if status.success() { Ok(()) } else { Err("the page could not be built".into()) }
}

/// The standard library for the browser has to be there.
fn has_target() -> Result<(), Box<dyn Error>> {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    // Another place for it may be named there.
    let flags = env::var("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS").unwrap_or_default();
    rustc.args(["--print", "target-libdir", "--target", TARGET]).args(flags.split_whitespace());
    let output = rustc.output().map_err(|error| format!("rustc does not start: {error}"))?;
    let folder = String::from_utf8_lossy(&output.stdout);
    if Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    Err(format!("the compiler cannot build for the browser yet: `rustup target add {TARGET}`")
        .into())
}
