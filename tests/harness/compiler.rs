//! The compiler whose words the tests of compile errors are pinned to.

use std::process::Command;

/// The compiler whose words the `.stderr` files hold.
const WORDED_BY: &str = "rustc 1.95.";

/// Whether this compiler words its errors as the `.stderr` files do. Another one is named on
/// stderr, so that it is seen that the texts were not compared.
pub fn words_are_pinned() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("the compiler runs");
    let compiler = String::from_utf8_lossy(&output.stdout);
    let pinned = compiler.starts_with(WORDED_BY);
    if !pinned {
        eprintln!("not compared: {compiler} may word its errors otherwise than {WORDED_BY}x does");
    }
    pinned
}
