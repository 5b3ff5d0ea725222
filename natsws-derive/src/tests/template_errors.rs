use quote::quote;

use super::{attribute, errors};

fn template(text: &str) -> Vec<String> {
    attribute(quote!(#text))
}

#[test]
fn what_is_not_built_yet_says_so() {
    assert_eq!(
        errors(quote!(
            #[subject("a.{id}")]
            struct Order(u64);
        )),
        [
            "tuple structs are not supported yet: give the fields names, as in `struct Order { id: u64 }`"
        ]
    );
    assert_eq!(
        errors(quote!(
            #[subject("a")]
            enum Order {
                A,
                B,
            }
        )),
        ["enums are not supported yet: write one struct for each subject"]
    );
    assert_eq!(
        errors(quote!(#[subject("a.{a}")] union Order { a: u8, b: i8 })),
        ["unions are not supported: write a struct"]
    );
    assert_eq!(
        template("orders.{id..}"),
        ["tail placeholder `{id..}` is not supported yet: write one placeholder for each token"]
    );
    assert_eq!(
        template("orders.v{id}"),
        [
            "placeholder `{id}` is a part of token `v{id}`, which is not supported yet: give it a token of its own, as in `v.{id}`"
        ]
    );
    assert_eq!(
        template("orders.{region}-{id}"),
        [
            "placeholder `{region}` is a part of token `{region}-{id}`, which is not supported yet: give it a token of its own, as in `{region}.-.{id}`"
        ]
    );
    assert_eq!(
        template("orders.{region}{id}"),
        [
            "placeholder `{region}` is a part of token `{region}{id}`, which is not supported yet: give it a token of its own, as in `{region}.{id}`"
        ]
    );
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
    for name in ["0", "_", "order.id", "*", "a b"] {
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
