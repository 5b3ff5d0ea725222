use crate::program::{run, text};

const TOLD: &str = "\
ok: an order is announced with its price
ok: nothing is announced where nobody knows the price
ok: a question that is lost is asked again
";

#[test]
fn its_tests_pass_without_a_server() {
    let output = run("test_without_a_server", &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), TOLD);
}
