use proc_macro2::TokenStream;
use quote::quote;

use super::{attribute, errors};

fn queue(name: &str) -> Vec<String> {
    attribute(quote!("orders", queue = #name))
}

#[test]
fn right_types_have_no_errors() {
    let none: [&str; 0] = [];
    assert_eq!(attribute(quote!("orders")), none);
    assert_eq!(attribute(quote!("orders.{region}.{type}.{id}")), none);
    assert_eq!(attribute(quote!("{id}")), none);
    assert_eq!(attribute(quote!("$SYS.é.a-b_c:d")), none);
    assert_eq!(
        attribute(
            quote!("a", codec = MsgPack, reply = Map<u8, fn(u8) -> u8>, error = E, reply_codec = my::Codec<A, B>, error_codec = Text, error_code = E::code, idempotent, queue = "a.b", crate = crate::wire,)
        ),
        none
    );
    assert_eq!(
        errors(quote!(
            #[subject("ping")]
            struct Ping;
        )),
        none
    );
    assert_eq!(
        errors(quote!(
            #[subject("ping")]
            struct Ping {}
        )),
        none
    );
    assert_eq!(
        errors(quote!(
            #[subject("a.{id}")]
            struct A<'a, T: Display> {
                id: &'a T,
            }
        )),
        none
    );
}

#[test]
fn the_attribute_must_be_there_once() {
    assert_eq!(
        errors(quote!(
            struct Order {
                id: u64,
            }
        )),
        [
            "`Order` has no `#[subject(…)]`: say what it is published to, as in `#[subject(\"orders.{id}\")]`"
        ]
    );
    assert_eq!(
        errors(quote!(
            #[subject("a")]
            #[subject("b")]
            #[subject("c")]
            struct Order {
                id: u64,
            }
        )),
        [
            "`Order` has two `#[subject(…)]`: write everything into one",
            "`Order` has two `#[subject(…)]`: write everything into one",
        ]
    );
    assert_eq!(
        errors(quote!(
            #[subject("a")]
            struct Order {
                #[subject("b")]
                id: u64,
            }
        )),
        ["template `b` on a field: write it on the struct"]
    );
}

#[test]
fn the_template_must_be_there_first_and_once() {
    let missing =
        "`#[subject(…)]` has no template: write it first, as in `#[subject(\"orders.{id}\")]`";
    assert_eq!(attribute(quote!()), [missing]);
    assert_eq!(attribute(quote!(codec = Json)), [missing]);
    assert_eq!(
        errors(quote!(
            #[subject]
            struct Order;
        )),
        [missing]
    );
    assert_eq!(
        errors(quote!(
            #[subject = "orders"]
            struct Order;
        )),
        [missing]
    );
    assert_eq!(
        attribute(quote!(codec = Json, "orders.{id}")),
        ["template `orders.{id}` comes too late: write it first"]
    );
    assert_eq!(attribute(quote!("a", "b")), ["second template `b`: a struct has one subject"]);
    assert_eq!(
        attribute(quote!(ORDERS)),
        ["`ORDERS` is not a template: write a string literal, as in `\"orders.{id}\"`"]
    );
    assert_eq!(
        attribute(quote!(b"orders", codec = Json)),
        ["`b\"orders\"` is not a template: write a string literal, as in `\"orders.{id}\"`"]
    );
}

#[test]
fn a_slip_in_a_builtin_codec_is_named() {
    for (written, right) in [
        ("json", "Json"),
        ("JSON", "Json"),
        ("msgpack", "MsgPack"),
        ("Msgpack", "MsgPack"),
        ("msg_pack", "MsgPack"),
        ("msgpack_compact", "MsgPackCompact"),
        ("raw", "Raw"),
        ("TEXT", "Text"),
        ("compressed", "Compressed<Json>"),
    ] {
        let ident = quote::format_ident!("{written}");
        for key in ["codec", "reply_codec", "error_codec"] {
            let key_ident = quote::format_ident!("{key}");
            assert_eq!(
                attribute(quote!("a", reply = R, #key_ident = #ident)),
                [format!(
                    "unknown codec `{written}`: write `{key} = {right}`; the built-in ones are `Json`, `MsgPack`, `MsgPackCompact`, `Raw`, `Text` and `Compressed`"
                )]
            );
        }
    }
    for (written, right) in
        [("json", "Json"), ("Json", "Json"), ("msg-pack", "MsgPack"), ("protobuf", "Json")]
    {
        assert_eq!(
            attribute(quote!("a", codec = #written)),
            [format!(
                "unknown codec `\"{written}\"`: write `codec = {right}`; the built-in ones are `Json`, `MsgPack`, `MsgPackCompact`, `Raw`, `Text` and `Compressed`"
            )]
        );
    }
    assert_eq!(attribute(quote!("a", codec = wire::json)), [""; 0]);
    assert_eq!(attribute(quote!("a", codec = Protobuf)), [""; 0]);
    assert_eq!(attribute(quote!("a", codec = Compressed<Json>)), [""; 0]);
    assert_eq!(
        attribute(quote!("a", codec = Compressed<json>)),
        [
            "unknown codec `json`: write `codec = Json`; the built-in ones are `Json`, `MsgPack`, `MsgPackCompact`, `Raw`, `Text` and `Compressed`"
        ]
    );
}

#[test]
fn unknown_attributes_are_named_with_the_known_ones() {
    let known = "expected one of `codec`, `reply`, `error`, `reply_codec`, `error_codec`, `error_code`, `idempotent`, `queue`, `filter` and `crate`";
    assert_eq!(
        attribute(quote!("a", repy = Map<A, B>)),
        [format!("unknown attribute `repy`: {known}; did you mean `reply`?")]
    );
    assert_eq!(
        attribute(quote!("a", cdoec = Json, Queue = "q", ttl = 5)),
        [
            format!("unknown attribute `cdoec`: {known}; did you mean `codec`?"),
            format!("unknown attribute `Queue`: {known}; did you mean `queue`?"),
            format!("unknown attribute `ttl`: {known}"),
        ]
    );
    for part in ["codec", "codec Json"] {
        let tokens: TokenStream = part.parse().expect("the test writes tokens");
        assert_eq!(
            attribute(quote!("a", #tokens)),
            [format!("unexpected `{part}`: after the template come pairs, as in `codec = Json`")]
        );
    }
    assert_eq!(
        attribute(quote!("a",, codec = Json)),
        ["unexpected `,`: after the template come pairs, as in `codec = Json`"]
    );
}

#[test]
fn every_attribute_has_one_value_of_its_kind() {
    for (key, value, kind) in [
        ("codec", "5", "a type, as in `Json`"),
        ("codec", "", "a type, as in `Json`"),
        ("reply_codec", "Json Text", "a type, as in `Json`"),
        ("error_codec", "true", "a type, as in `Json`"),
        ("reply", "\"Order\"", "a type, as in `Order`"),
        ("error", "", "a type, as in `OrderError`"),
        ("error_code", "404", "a function, as in `OrderError::code`"),
        ("queue", "orders", "a string, as in `\"orders\"`"),
        ("filter", "\"Orders\"", "a name, as in `OrdersToSee`, or `none`"),
        ("crate", "\"natsws\"", "a path, as in `::natsws`"),
    ] {
        let pair: TokenStream = format!("{key} = {value}").parse().expect("the test writes tokens");
        let reply = (key != "reply").then(|| quote!(reply = R,));
        assert_eq!(
            attribute(quote!("a", #reply #pair)),
            [format!("`{key}` needs {kind}")],
            "{key} = {value}"
        );
    }
    for key in ["codec", "reply", "error", "reply_codec", "error_codec", "error_code", "crate"] {
        let pair: TokenStream = format!("{key} = Given").parse().expect("the test writes tokens");
        let reply = (key != "reply").then(|| quote!(reply = R,));
        assert_eq!(
            attribute(quote!("a", #reply #pair, #pair)),
            [format!("`{key}` is given twice: keep one of them")]
        );
    }
    assert_eq!(
        attribute(quote!("a", queue = "a", queue = "b")),
        ["`queue` is given twice: keep one of them"]
    );
    assert_eq!(
        attribute(quote!("a", reply = R, idempotent, idempotent)),
        ["`idempotent` is given twice: keep one of them"]
    );
    for value in [quote!(true), quote!()] {
        assert_eq!(
            attribute(quote!("a", reply = R, idempotent = #value)),
            ["`idempotent` has no value: write its name alone"]
        );
    }
    assert_eq!(
        attribute(quote!(idempotent, reply = R)),
        ["`idempotent` is not a template: write a string literal, as in `\"orders.{id}\"`"]
    );
}

#[test]
fn what_says_something_about_a_reply_needs_one() {
    assert_eq!(
        attribute(quote!(
            "a",
            idempotent,
            error_code = E::code,
            error_codec = Text,
            reply_codec = Text,
            error = E
        )),
        [
            "`error` without `reply`: add `reply = TheReply` or leave it out",
            "`reply_codec` without `reply`: add `reply = TheReply` or leave it out",
            "`error_codec` without `reply`: add `reply = TheReply` or leave it out",
            "`error_code` without `reply`: add `reply = TheReply` or leave it out",
            "`idempotent` without `reply`: add `reply = TheReply` or leave it out",
        ]
    );
}

#[test]
fn a_field_says_how_it_is_named_and_written_where_it_stands_in_the_subject() {
    let field = |attribute: TokenStream| {
        errors(quote!(
            #[subject("a.{id}")]
            struct Order {
                id: u64,
                #[subject(#attribute)]
                kind: Kind,
            }
        ))
    };
    assert_eq!(
        field(quote!(rename = "sort")),
        [
            "`rename` on a field that no placeholder names: write `{sort}` into the template or leave `rename` out"
        ]
    );
    assert_eq!(
        field(quote!(with = hex)),
        [
            "`with` on a field that no placeholder names: write `{kind}` into the template or leave `with` out"
        ]
    );
    assert_eq!(
        field(quote!(renam = "sort", codec = Json)),
        [
            "unknown attribute `renam` on a field: expected one of `rename` and `with`; did you mean `rename`?",
            "unknown attribute `codec` on a field: expected one of `rename` and `with`",
        ]
    );
    assert_eq!(
        field(quote!(with)),
        ["unexpected `with`: a field has pairs, as in `rename = \"id\"`"]
    );
    assert_eq!(field(quote!(with = 5)), ["`with` needs a module, as in `self::hex`"]);
    assert_eq!(
        field(quote!(rename = "id")),
        [
            "fields `id` and `kind` are both called `id`: the template could mean either, so rename one of them"
        ]
    );
    for reserved in ["self", "Self", "super", "crate", "_", "a²", "7"] {
        let errors = errors(quote!(
            #[subject("a.{id}")]
            struct Order {
                id: u64,
                #[subject(rename = #reserved)]
                kind: u8,
            }
        ));
        assert!(
            errors[0].ends_with(
                "is not an identifier: write what the template calls the field, as in `id`"
            ),
            "{errors:?}"
        );
    }
    assert_eq!(
        errors(quote!(
            #[subject("a.{order id}")]
            struct Order {
                #[subject(rename = "order id")]
                id: u64,
            }
        )),
        [
            "`rename = \"order id\"` is not an identifier: write what the template calls the field, as in `id`",
            "placeholder `{order id}` is not an identifier: write the name of a field, as in `{field}`",
        ]
    );
    assert_eq!(
        errors(quote!(
            #[subject("a.{path..}")]
            struct File {
                #[subject(with = hex)]
                path: Vec<u8>,
            }
        )),
        ["`with` on `{path..}`: it is for one token, and a tail is a list of them"]
    );
}

#[test]
fn an_enum_has_a_template_on_each_variant_and_all_else_on_itself() {
    assert_eq!(
        errors(quote!(
            #[subject("orders", reply = Order)]
            enum OrderEvent {
                #[subject("orders.{id}.created")]
                Created {
                    id: u64,
                },
                Shipped(u64),
                #[subject("orders.{id}.paid", codec = MsgPack)]
                Paid {
                    id: u64,
                },
                #[subject]
                Lost,
                #[subject("a", "b")]
                Found,
                #[subject("orders.{id}.gone", colour = "red")]
                Gone {
                    id: u64,
                },
                #[subject("orders.back", idempotent)]
                Back,
            }
        )),
        [
            "template `orders` on an enum: each of its variants has its own, write it there",
            "`reply` on the enum `OrderEvent`: a request is one subject, so declare it on a struct",
            "variant `Shipped` has no `#[subject(\"…\")]`: say what it is published to",
            "`codec` on a variant: it holds for the whole enum, write it there",
            "variant `Lost` has no template: write it, as in `#[subject(\"orders.{id}\")]`",
            "second template `b`: a variant has one subject",
            "unexpected `colour = \"red\"`: a variant has a template alone, as in `#[subject(\"orders.{id}\")]`",
            "`idempotent` on a variant: it holds for the whole enum, write it there",
        ]
    );
    assert_eq!(
        errors(quote!(
            enum Nothing {}
        )),
        ["`Nothing` has no variants: there is nothing to publish"]
    );
    assert_eq!(
        errors(quote!(
            enum OrderEvent {
                #[subject("a")]
                #[serde(rename = "x", skip)]
                A,
            }
        )),
        ["variant `A` is skipped by serde, and has a subject: leave one of them out"]
    );
    assert_eq!(
        errors(quote!(
            #[serde(rename_all = "camelCase", untagged)]
            enum OrderEvent {
                #[subject("a")]
                #[serde(rename(serialize = "x", deserialize = "y"), skip)]
                A,
                #[subject("b")]
                #[serde(untagged)]
                B,
            }
        )),
        [
            "`untagged` lets serde guess the variant, but the subject says which one it is: leave it out",
            "variant `A` is skipped by serde, and has a subject: leave one of them out",
            "`untagged` lets serde guess the variant, but the subject says which one it is: leave it out",
        ]
    );
}

#[test]
fn a_queue_is_named_like_a_subject() {
    assert_eq!(queue(""), ["the queue is empty: write a name, as in `queue = \"orders\"`"]);
    assert_eq!(
        queue("order workers"),
        [
            "queue `order workers` has the character ' ', which no queue group may contain: leave it out"
        ]
    );
    assert_eq!(
        queue("orders.*"),
        ["queue `orders.*` has the wildcard `*`: a queue group is joined by its exact name"]
    );
    assert_eq!(
        queue("orders..a"),
        [
            "queue `orders..a` has an empty token at byte 7: put one dot between two tokens and none at the ends"
        ]
    );
    assert_eq!(
        queue("orders."),
        [
            "queue `orders.` has an empty token at byte 7: put one dot between two tokens and none at the ends"
        ]
    );
    assert_eq!(queue(&"q".repeat(2049)), ["the queue has 2049 bytes, at most 2048 are allowed"]);
}

#[test]
fn all_errors_of_a_type_are_reported_together() {
    assert_eq!(
        attribute(quote!("a..{x}.*", codec = json, repy = R, queue = "q q", error = E)),
        [
            "unknown attribute `repy`: expected one of `codec`, `reply`, `error`, `reply_codec`, `error_codec`, `error_code`, `idempotent`, `queue`, `filter` and `crate`; did you mean `reply`?",
            "template `a..{x}.*` has an empty token at byte 2: put one dot between two tokens and none at the ends",
            "token `*` has the wildcard `*`, but a template has no wildcards: write a placeholder `{field}` for a token that varies",
            "placeholder `{x}` names no field of `Order`: its fields are `region`, `id` and `type`",
            "queue `q q` has the character ' ', which no queue group may contain: leave it out",
            "unknown codec `json`: write `codec = Json`; the built-in ones are `Json`, `MsgPack`, `MsgPackCompact`, `Raw`, `Text` and `Compressed`",
            "`error` without `reply`: add `reply = TheReply` or leave it out",
        ]
    );
}
