//! Whole programs that must compile, or must not, with what the compiler says then.

use natsws_tests::words_are_pinned;

#[test]
fn programs_that_use_the_derive_rightly_compile() {
    trybuild::TestCases::new().pass("derive/ui/pass/*.rs");
}

#[test]
fn programs_that_use_the_derive_wrongly_are_told_what_to_do() {
    if words_are_pinned() {
        trybuild::TestCases::new().compile_fail("derive/ui/fail/*.rs");
    }
}
