//! The examples of the typed layer: what they print is what their comments promise.

use crate::program::prints;

#[test]
fn type_your_subjects_shows_what_a_template_says_and_refuses() {
    prints(
        "type_your_subjects",
        &[
            "template  store.{region}.v{version}.{path..}",
            "filter    store.*.*.>",
            "subject   store.eu_west.v2.etc.hosts",
            "captured  UnitedStates, version 3, home/ann",
            "only      store.eu_west.v2.>",
            "received  etc/hosts of 512 bytes on store.eu_west.v2.etc.hosts",
            "refused   field `path` cannot be a subject token: it contains `.`, in \"hosts.>\"",
        ],
    );
}

#[test]
fn events_of_an_aggregate_come_in_order() {
    prints(
        "events_of_an_aggregate",
        &[
            "orders.7.created",
            "orders.7.item_added",
            "orders.8.created",
            "orders.7.item_added",
            "orders.8.cancelled",
            "orders.7.shipped",
            "order 7 is shipped: 13.50 for [\"tea\", \"cup\"]",
            "order 8 is cancelled: 0.00 for []",
            "to order 7 happened 4 of the 6",
        ],
    );
}

#[test]
fn request_and_match_errors_ends_in_every_way() {
    prints(
        "request_and_match_errors",
        &[
            "before      nobody serves it",
            "ann 100     done, 400 cents are left",
            "ann 900     only 500 cents",
            "bob 1       no such account",
            "broken      the service failed with 500",
            "slow        no answer within 300ms",
            "a.b         not sent: field `from` cannot be a subject token: it contains `.`, in \"a.b\"",
            "long        2102 bytes, 1000 at most",
            "untyped     the service answered 500: \"there is no such account\"",
        ],
    );
}

#[test]
fn collect_many_replies_collects_by_each_strategy() {
    prints(
        "collect_many_replies",
        &[
            "nobody   nobody answers requests to this subject …",
            "count    4 at north, 7 at south, attic is closed.",
            "timeout  4 at north, 7 at south, attic is closed …",
            "stall    4 at north, 7 at south, attic is closed …",
            "sentinel 3",
            "sentinel 2",
            "sentinel 1",
            "complete true",
        ],
    );
}
