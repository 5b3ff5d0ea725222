//! What the compiler says to those who get a handler wrong.

use natsws_tests::words_are_pinned;

#[test]
fn mistakes_in_handlers_and_routers_are_told_what_to_do() {
    if words_are_pinned() {
        trybuild::TestCases::new().compile_fail("service/ui/fail/*.rs");
    }
}
