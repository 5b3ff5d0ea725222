use crate::program::{run, text};

const TREE: &str = "\
└─ client orders.{id}.total: ok
   └─ server orders.{id}.total: ok
      ├─ server prices.{item}.get: ok
      ├─ server prices.{item}.get: ok
      └─ server prices.{item}.get: 404
";

#[test]
fn spans_of_two_services_make_one_tree() {
    let output = run("trace_across_services", &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    let told = told.strip_prefix("order 7 is 1350 cents\ntrace ").expect("one trace");
    let (trace, tree) = told.split_once('\n').expect("several lines");
    assert_eq!((trace.len(), tree), (32, TREE));
}
