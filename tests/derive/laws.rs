//! What holds for every value of every shape, whatever is in its fields.

use std::fmt::Debug;

use natsws::{
    DecodeError, DecodeOwned, EncodeMessage, Filter, Subject, SubjectBuf, SubjectError,
    subject_matches, template_matches,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{decode, payload, round_trip};

macro_rules! message {
    ($(#[$meta:meta])* $name:ident, $template:literal, $codec:ident { $($field:ident: $ty:ty),* }) => {
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subject)]
        #[subject($template, codec = $codec)]
        $(#[$meta])*
        struct $name { $($field: $ty),* }
    };
}

message!(Plain, "a.{one}.b.{two}", Json { one: String, two: u64, three: Option<String> });
message!(Around, "v{one}.{two}-x.y{three}z", Json { one: i16, two: String, three: char });
message!(Tail, "files.{one}.{rest..}", MsgPack { one: bool, rest: Vec<String>, size: u32 });
message!(Numbers, "{one}.{rest..}", MsgPackCompact { one: u8, rest: Vec<i32> });

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subject)]
#[subject("{0}.t.{1}")]
struct Tuple(String, i64, Vec<u8>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subject)]
enum Family {
    #[subject("f.{id}.a")]
    A { id: String, text: String },
    #[subject("f.{id}.b.k{kind}")]
    B { id: String, kind: u8 },
    #[subject("g.{rest..}")]
    C { rest: Vec<String> },
    #[subject("h")]
    D(i64),
    #[subject("i.{name}")]
    E(#[subject(rename = "name")] String, u8),
}

/// Text that may be anything, and often is what must not get into a subject.
fn text() -> impl Strategy<Value = String> {
    let hostile = prop::sample::select(vec![
        "",
        ".",
        "*",
        ">",
        " ",
        "\t",
        "\r\n",
        "\0",
        "\u{7f}",
        "a.b",
        "a\r\nPUB x 0\r\n",
        "é",
        "😀",
        "$SYS",
        "{id}",
        "}",
        "-x",
        "z",
    ]);
    prop_oneof![
        "[a-z0-9]{1,8}",
        hostile.prop_map(str::to_owned),
        ".{0,12}",
        Just("x".repeat(10_000)),
    ]
}

fn list() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(text(), 0..5)
}

fn plain() -> impl Strategy<Value = Plain> {
    (text(), any::<u64>(), any::<Option<String>>()).prop_map(|(one, two, three)| Plain {
        one,
        two,
        three,
    })
}

fn around() -> impl Strategy<Value = Around> {
    (any::<i16>(), text(), any::<char>()).prop_map(|(one, two, three)| Around { one, two, three })
}

fn tail() -> impl Strategy<Value = Tail> {
    (any::<bool>(), list(), any::<u32>()).prop_map(|(one, rest, size)| Tail { one, rest, size })
}

fn numbers() -> impl Strategy<Value = Numbers> {
    (any::<u8>(), any::<Vec<i32>>()).prop_map(|(one, rest)| Numbers { one, rest })
}

fn tuple() -> impl Strategy<Value = Tuple> {
    (text(), any::<i64>(), any::<Vec<u8>>()).prop_map(|(a, b, c)| Tuple(a, b, c))
}

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![
        (text(), any::<String>()).prop_map(|(id, text)| Family::A { id, text }),
        (text(), any::<u8>()).prop_map(|(id, kind)| Family::B { id, kind }),
        list().prop_map(|rest| Family::C { rest }),
        any::<i64>().prop_map(Family::D),
        (text(), any::<u8>()).prop_map(|(name, number)| Family::E(name, number)),
    ]
}

/// A subject that is valid, of one of the templates, and found by the filter; and what is read back
/// is what was written. A value that has none is refused for one of its tokens, or for its length.
fn holds_for_a_value<M>(message: &M) -> Result<Option<SubjectBuf>, TestCaseError>
where
    M: EncodeMessage + DecodeOwned + PartialEq + Debug,
{
    let subject = match message.subject() {
        Ok(subject) => subject,
        Err(SubjectError::Token { .. } | SubjectError::TooLong { .. }) => return Ok(None),
        Err(other) => return Err(TestCaseError::fail(format!("{message:?}: {other}"))),
    };
    let valid = subject.parse::<SubjectBuf>().ok();
    prop_assert_eq!(valid.as_ref(), Some(&subject));
    let fitting = || M::TEMPLATES.iter().filter(|template| template_matches(template, &subject));
    prop_assert_eq!(fitting().count(), 1);
    for template in fitting().filter(|template| !template.ends_with("..}")) {
        prop_assert_eq!(subject.split('.').count(), template.split('.').count());
    }
    let filters = Filter::<M>::all().subjects().expect("nothing was fixed");
    prop_assert_eq!(filters.iter().filter(|filter| subject_matches(filter, &subject)).count(), 1);
    prop_assert_eq!(&round_trip(message), message);
    Ok(Some(subject))
}

/// What a filter lets through and is no subject of the type is refused as a subject, whatever the
/// payload is.
fn holds_for_a_subject<M>(message: &M, tokens: &[String]) -> Result<(), TestCaseError>
where
    M: EncodeMessage + DecodeOwned + PartialEq + Debug,
{
    let payload = payload(message);
    for filter in M::FILTERS {
        let mut tokens = tokens.iter().map(String::as_str).cycle();
        let mut next = || tokens.next().unwrap_or("x");
        let filled: Vec<String> = filter
            .split('.')
            .map(|token| match token {
                "*" => next().to_owned(),
                ">" => format!("{}.{}", next(), next()),
                literal => literal.to_owned(),
            })
            .collect();
        let subject = filled.join(".");
        prop_assert!(subject_matches(filter, &subject));
        match decode::<M>(&subject, &payload) {
            Ok(read) => {
                let written = read.subject();
                prop_assert!(written.is_ok(), "{}: {:?}", subject, written);
            }
            Err(DecodeError::Subject(_) | DecodeError::Payload(_)) => {}
            Err(other) => return Err(TestCaseError::fail(format!("{subject}: {other}"))),
        }
        if !M::TEMPLATES.iter().any(|template| template_matches(template, &subject)) {
            let decoded = decode::<M>(&subject, "not an encoding of anything");
            prop_assert!(matches!(decoded, Err(DecodeError::Subject(_))), "{}", subject);
        }
    }
    Ok(())
}

/// A token as any other client may send it.
fn token() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9]{1,4}", "v[0-9]{1,3}", "[0-9]{1,9}", "[^.*> \\x00-\\x20\\x7f]{1,6}"]
}

macro_rules! laws {
    ($($name:ident, $value:ident: $strategy:ident, $capture:expr;)*) => {$(
        mod $name {
            use super::*;

            proptest! {
                #[test]
                fn what_is_written_is_valid_and_read_back($value in $strategy()) {
                    if let Some(subject) = holds_for_a_value(&$value)? {
                        let captured: bool = $capture(&$value, &subject);
                        prop_assert!(captured, "{}", &*subject);
                    }
                }

                #[test]
                fn what_does_not_fit_is_refused_as_a_subject(
                    $value in $strategy(),
                    tokens in prop::collection::vec(token(), 1..4),
                ) {
                    holds_for_a_subject(&$value, &tokens)?;
                }
            }
        }
    )*};
}

laws! {
    plain_tokens, it: plain, |it: &Plain, subject: &str| {
        Plain::capture(subject).is_ok_and(|read| read == (it.one.clone(), it.two))
    };
    text_around_tokens, it: around, |it: &Around, subject: &str| {
        Around::capture(subject).is_ok_and(|read| read == (it.one, it.two.clone(), it.three))
    };
    tails, it: tail, |it: &Tail, subject: &str| {
        Tail::capture(subject).is_ok_and(|read| read == (it.one, it.rest.clone()))
    };
    tails_of_numbers, it: numbers, |it: &Numbers, subject: &str| {
        Numbers::capture(subject).is_ok_and(|read| read == (it.one, it.rest.clone()))
    };
    tuples, it: tuple, |it: &Tuple, subject: &str| {
        Tuple::capture(subject).is_ok_and(|read| read == (it.0.clone(), it.1))
    };
    families, it: family, |_: &Family, _: &str| true;
}

#[test]
fn most_of_what_is_tried_has_a_subject_and_much_has_none() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let values = (0..200).map(|_| plain().new_tree(&mut runner).expect("a value").current());
    let valid = values.filter(|value| value.subject().is_ok()).count();
    assert!((50..=150).contains(&valid), "{valid} of 200");
}
