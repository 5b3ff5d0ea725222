use quote::quote;

use super::{attribute, errors};

fn template(text: &str) -> Vec<String> {
    attribute(quote!(#text))
}

fn no_errors() -> Vec<String> {
    Vec::new()
}

#[test]
fn a_union_has_no_fields_to_speak_of() {
    assert_eq!(
        errors(quote!(#[subject("a.{a}")] union Order { a: u8, b: i8 })),
        ["unions are not supported: write a struct"]
    );
}

#[test]
fn a_placeholder_may_have_text_around_it_and_no_other_placeholder() {
    for text in ["orders.v{id}", "{id}-x", "v{id}x.{region}", "é{id}ü"] {
        assert_eq!(template(text), no_errors(), "{text}");
    }
    assert_eq!(
        template("orders.{region}-{id}"),
        [
            "token `{region}-{id}` has two placeholders, and nobody could tell where one ends: give each a token of its own, as in `{region}.-.{id}`"
        ]
    );
    assert_eq!(
        template("orders.{region}{id}"),
        [
            "token `{region}{id}` has two placeholders, and nobody could tell where one ends: give each a token of its own, as in `{region}.{id}`"
        ]
    );
    assert_eq!(
        template("orders.*{id}"),
        [
            "token `*{id}` has the wildcard `*`, but a template has no wildcards: write a placeholder `{field}` for a token that varies"
        ]
    );
}

#[test]
fn a_tail_is_the_last() {
    assert_eq!(template("orders.{id..}"), no_errors());
    assert_eq!(template("{id..}"), no_errors());
    assert_eq!(
        template("orders.{id..}.{region}"),
        [
            "tail placeholder `{id..}` takes all tokens that follow, so it must be the last: move it to the end, or write `{id}` for one token"
        ]
    );
    assert_eq!(
        template("orders.v{id..}"),
        [
            "tail placeholder `{id..}` is a part of token `v{id..}`: give it tokens of its own, as in `v.{id..}`"
        ]
    );
    for text in ["a.{..}", "a.{id...}", "a.{..id}"] {
        assert_eq!(template(text).len(), 1, "{text}");
    }
}

/// The errors of an enum with these templates.
fn variants(templates: &[&str]) -> Vec<String> {
    let names = ["A", "B", "C"].map(|name| quote::format_ident!("{name}"));
    let variants = templates
        .iter()
        .zip(names)
        .map(|(template, name)| quote!(#[subject(#template)] #name { x: u8, y: u8 }));
    errors(quote!(enum Event { #(#variants),* }))
}

#[test]
fn a_subject_fits_one_variant_at_most() {
    for templates in [
        ["a.{x}.created", "a.{x}.shipped"],
        ["a.{x}", "a.{x}.{y}"],
        ["v{x}.a", "w{x}.b"],
        ["{x}-a.{y}", "{x}-a"],
        ["a.{x..}", "b.{x..}"],
        ["a.{x..}", "a"],
    ] {
        assert_eq!(variants(&templates), no_errors(), "{templates:?}");
    }
    for [one, other] in [
        ["a.{x}", "a.{y}"],
        ["a.{x}", "a.b"],
        ["a.{x}.c", "a.b.{y}"],
        ["a.{x..}", "a.{x}.b"],
        ["v{x}", "v1{x}"],
        ["v{x}", "{x}a"],
        ["v{x}", "v1"],
        ["a.{x..}", "a.b.{y..}"],
        ["a", "a"],
    ] {
        assert_eq!(
            variants(&[one, other]),
            [format!(
                "a subject can fit both `{one}` of `A` and `{other}` of `B`: give one of them a token that the other has not"
            )]
        );
    }
    for [one, other] in [
        ["v{x}", "w{x}"],
        ["{x}-a", "{x}-b"],
        ["v{x}", "v"],
        ["v{x}.{y}.c", "w{x}.d.{y}"],
        ["v{x}.{y..}", "w{x}.b"],
    ] {
        assert_eq!(
            variants(&[one, other]),
            [format!(
                "only the text around a placeholder tells `{other}` of `B` from `{one}` of `A`, and a wildcard does not see it: make that text a token of its own"
            )]
        );
    }
    assert_eq!(variants(&["a", "a", "a"]).len(), 3);
}

#[test]
fn a_template_is_a_subject() {
    assert_eq!(template(""), ["the template is empty: write a subject, as in `orders.{id}`"]);
    for (text, at) in [("a..b", 2), (".a", 0), ("a.", 2), ("{id}..b", 5)] {
        assert_eq!(
            template(text),
            [format!(
                "template `{text}` has an empty token at byte {at}: put one dot between two tokens and none at the ends"
            )]
        );
    }
    for (text, token, character) in [
        ("a.b c.{id}", "b c", "' '"),
        ("a\r\nPUB x 0", "a\\r\\nPUB x 0", "'\\r'"),
        ("a.\u{7f}", "\\u{7f}", "'\\u{7f}'"),
        ("a.b\u{a0}", "b\\u{a0}", "'\\u{a0}'"),
    ] {
        assert_eq!(
            template(text),
            [format!(
                "token `{token}` has the character {character}, which no subject may contain: leave it out"
            )]
        );
    }
    for (text, token, wildcard) in [("a.*", "*", '*'), ("a.>", ">", '>'), ("a.b*.c", "b*", '*')] {
        assert_eq!(
            template(text),
            [format!(
                "token `{token}` has the wildcard `{wildcard}`, but a template has no wildcards: write a placeholder `{{field}}` for a token that varies"
            )]
        );
    }
    assert_eq!(
        template(&"x".repeat(2049)),
        ["the template has 2049 bytes, at most 2048 are allowed"]
    );
    assert_eq!(template(&"x".repeat(2048)), [""; 0]);
}

#[test]
fn braces_come_in_pairs() {
    for (text, token, has, lacks, right) in [
        ("a.{id", "{id", "{", "}", "{id}"),
        ("a.{id.b", "{id.b", "{", "}", "{id}"),
        ("a.{{id}", "{{id}", "{", "}", "{id}"),
        ("a.id}.b", "id}", "}", "{", "{id}"),
        ("a.{id}}", "{id}}", "}", "{", "{id}"),
        ("a.{", "{", "{", "}", "{field}"),
        ("a.}", "}", "}", "{", "{field}"),
    ] {
        assert_eq!(
            template(text),
            [format!("token `{token}` has a `{has}` without its `{lacks}`: write `{right}`")]
        );
    }
}

#[test]
fn a_placeholder_is_an_identifier() {
    assert_eq!(
        template("a.{}"),
        ["placeholder `{}` names no field: write the name of one, as in `{field}`"]
    );
    for (name, right) in
        [(" id ", "id"), ("r#type", "type"), ("id:?", "id"), ("order-id", "order_id")]
    {
        assert_eq!(
            template(&format!("a.{{{name}}}")),
            [format!("placeholder `{{{name}}}` is not an identifier: write `{{{right}}}`")]
        );
    }
    assert_eq!(
        template("a.{0}"),
        ["placeholder `{0}` names no field of `Order`: its fields are `region`, `id` and `type`"]
    );
    for name in ["_", "order.id", "*", "a b"] {
        assert_eq!(
            template(&format!("a.{{{name}}}")),
            [format!(
                "placeholder `{{{name}}}` is not an identifier: write the name of a field, as in `{{field}}`"
            )]
        );
    }
}

#[test]
fn a_placeholder_names_one_field_that_no_other_names() {
    assert_eq!(
        template("a.{regoin}"),
        [
            "placeholder `{regoin}` names no field of `Order`: its fields are `region`, `id` and `type`; did you mean `{region}`?"
        ]
    );
    assert_eq!(
        template("a.{customer}"),
        [
            "placeholder `{customer}` names no field of `Order`: its fields are `region`, `id` and `type`"
        ]
    );
    assert_eq!(
        errors(quote!(
            #[subject("a.{x}")]
            struct Order {
                id: u64,
            }
        )),
        ["placeholder `{x}` names no field of `Order`: its field is `id`"]
    );
    assert_eq!(
        errors(quote!(
            #[subject("a.{x}")]
            struct Ping;
        )),
        ["placeholder `{x}` names no field of `Ping`: it has none"]
    );
    assert_eq!(
        template("{id}.{region}.{id}.{id}"),
        ["field `id` is named by two placeholders: it can stand in one only"]
    );
}
