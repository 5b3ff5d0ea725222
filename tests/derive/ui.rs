//! Whole programs that must compile, or must not, with what the compiler says then.

use std::process::Command;

/// The compiler whose words the `.stderr` files hold.
const WORDED_BY: &str = "rustc 1.95.";

fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("the compiler runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn programs_that_use_the_derive_rightly_compile() {
    trybuild::TestCases::new().pass("derive/ui/pass/*.rs");
}

#[test]
fn programs_that_use_the_derive_wrongly_are_told_what_to_do() {
    let compiler = compiler();
    if !compiler.starts_with(WORDED_BY) {
        eprintln!("skipped: {compiler} may word its errors otherwise than {WORDED_BY}x does");
        return;
    }
    trybuild::TestCases::new().compile_fail("derive/ui/fail/*.rs");
}
