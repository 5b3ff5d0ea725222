//! What can stand in a subject: tuple fields, tails, text around, types of one's own.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use natsws::codec::Encoded;
use natsws::{DecodeMessage, Filter, FromToken, Subject, SubjectError, ToToken, Token, TokenFault};
use serde::{Deserialize, Serialize};

use crate::{decode, payload, round_trip, subject_error};

fn subjects<M: Subject>(filter: impl Into<Filter<M>>) -> Vec<String> {
    filter.into().subjects().expect("the values are tokens")
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("readings.{0}.{sensor}")]
struct Reading(u32, #[subject(rename = "sensor")] String, f64);

#[test]
fn fields_without_names_go_by_their_numbers_or_a_name_for_the_subject() {
    let reading = Reading(3, "hall".to_owned(), 20.5);
    assert_eq!(reading.subject().unwrap(), "readings.3.hall");
    assert_eq!(payload(&reading), r#"[3,"hall",20.5]"#);
    assert_eq!(round_trip(&reading), reading);
    assert_eq!(Reading::capture("readings.4.roof").unwrap(), (4, "roof".to_owned()));
    assert_eq!(
        subjects::<Reading>(Reading::filter().field_0(3).sensor("hall")),
        ["readings.3.hall"]
    );
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("api.v{major}.{name}-x.files.{path..}")]
struct File {
    major: u32,
    name: String,
    #[serde(skip)]
    path: Vec<String>,
    size: u64,
}

fn file(path: &[&str]) -> File {
    let path = path.iter().map(|part| (*part).to_owned()).collect();
    File { major: 2, name: "a".to_owned(), path, size: 9 }
}

#[test]
fn text_around_a_placeholder_and_a_tail_are_written_and_read() {
    assert_eq!(File::TEMPLATE, "api.v{major}.{name}-x.files.{path..}");
    assert_eq!(File::FILTER, "api.*.*.files.>");
    assert_eq!(file(&["etc", "hosts"]).subject().unwrap(), "api.v2.a-x.files.etc.hosts");
    assert_eq!(round_trip(&file(&["etc", "hosts"])), file(&["etc", "hosts"]));
    assert_eq!(
        File::capture("api.v3.b-x.files.a").unwrap(),
        (3, "b".to_owned(), vec!["a".to_owned()])
    );
    for subject in [
        "api.3.b-x.files.a",
        "api.v.b-x.files.a",
        "api.v3.b.files.a",
        "api.v3.-x.files.a",
        "api.v3.b-x.files",
        "api.v3.b-x.files.",
        "api.v3.b-x.files.a..b",
        "api.v3.b-x.folders.a",
    ] {
        assert!(
            matches!(
                subject_error::<File>(subject, "{}"),
                SubjectError::Mismatch { template, .. } if template == File::TEMPLATE
            ),
            "{subject}"
        );
    }
    assert!(matches!(
        subject_error::<File>("api.vx.b-x.files.a", "{}"),
        SubjectError::Parse { field: "major", token, .. } if token == "x"
    ));
}

#[test]
fn a_tail_is_a_list_of_tokens_with_something_in_it() {
    for (path, fault) in [
        (&[][..], TokenFault::Empty),
        (&["a", ""], TokenFault::Empty),
        (&["a.b"], TokenFault::Separator),
        (&["a", ">"], TokenFault::Wildcard),
        (&["a", "b c"], TokenFault::Character(' ')),
    ] {
        let error = file(path).subject().expect_err("it is no tail");
        assert!(
            matches!(error, SubjectError::Token { field: "path", fault: found, .. } if found == fault),
            "{path:?}"
        );
    }
}

#[test]
fn a_filter_fixes_some_tokens_and_leaves_the_others_open() {
    assert_eq!(subjects::<File>(File::filter()), [File::FILTER]);
    assert_eq!(subjects::<File>(File::filter().major(2)), ["api.v2.*.files.>"]);
    let name = "a".to_owned();
    assert_eq!(subjects::<File>(File::filter().name(&name).major(2)), ["api.v2.a-x.files.>"]);
    let all = File::filter().path(["etc", "hosts"]).name(String::from("{major}")).major(2);
    assert_eq!(subjects::<File>(all), ["api.v2.{major}-x.files.etc.hosts"]);
    let wrong: Filter<File> = File::filter().name("a.b").major(1).into();
    assert!(matches!(
        wrong.subjects(),
        Err(SubjectError::Token { field: "name", fault: TokenFault::Separator, .. })
    ));
    let empty: Filter<File> = File::filter().path(Vec::<String>::new()).into();
    assert!(empty.subjects().is_err());
}

/// How big it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Token)]
enum Size {
    Small,
    #[token("XL")]
    ExtraLarge,
    HTTPSized,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Token)]
struct Region(String);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Id(u32);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "id-{}", self.0)
    }
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("id-").and_then(|number| number.parse().ok());
        number.map(Self).ok_or_else(|| "an id is `id-` and a number".to_owned())
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("shirts.{size}.{region}.{id}.{flag}.{letter}.{hash}")]
struct Shirt {
    size: Size,
    region: Region,
    id: Id,
    flag: bool,
    letter: char,
    #[subject(with = hex)]
    hash: [u8; 2],
}

mod hex {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "fields are written by reference")]
    pub(super) fn to_token(bytes: &[u8; 2]) -> String {
        format!("{:02x}{:02x}", bytes[0], bytes[1])
    }

    pub(super) fn from_token(token: &str) -> Result<[u8; 2], std::num::ParseIntError> {
        u16::from_str_radix(token, 16).map(u16::to_be_bytes)
    }
}

fn shirt() -> Shirt {
    Shirt {
        size: Size::ExtraLarge,
        region: Region("eu".to_owned()),
        id: Id(7),
        flag: true,
        letter: 'é',
        hash: [1, 0xfe],
    }
}

#[test]
fn tokens_are_what_a_type_says_by_trait_by_derive_or_by_a_module() {
    assert_eq!(shirt().subject().unwrap(), "shirts.XL.eu.id-7.true.é.01fe");
    assert_eq!(round_trip(&shirt()), shirt());
    let read = Shirt::capture("shirts.small.us.id-1.false.x.00ff").unwrap();
    assert_eq!(read, (Size::Small, Region("us".to_owned()), Id(1), false, 'x', [0, 0xff]));
    let filter = Shirt::filter().size(Size::HTTPSized).id(Id(1)).hash(&[0, 1]).letter('x');
    assert_eq!(subjects::<Shirt>(filter), ["shirts.httpsized.*.id-1.*.x.0001"]);
    for (subject, field) in [
        ("shirts.big.eu.id-7.true.x.01fe", "size"),
        ("shirts.XL.eu.7.true.x.01fe", "id"),
        ("shirts.XL.eu.id-7.yes.x.01fe", "flag"),
        ("shirts.XL.eu.id-7.true.xy.01fe", "letter"),
        ("shirts.XL.eu.id-7.true.x.zz", "hash"),
    ] {
        let error = subject_error::<Shirt>(subject, "{}");
        assert!(
            matches!(error, SubjectError::Parse { field: found, .. } if found == field),
            "{subject}"
        );
    }
    let error = Size::from_token("big").expect_err("there is no such size");
    assert_eq!(error.to_string(), "expected one of `small`, `XL`, `httpsized`");
}

/// A type of another crate, by its `Display` and `FromStr`.
#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("devices.{id}")]
struct Device {
    id: uuid::Uuid,
}

#[test]
fn a_uuid_is_a_token() {
    let device = Device { id: uuid::Uuid::from_u128(0x1234_5678_9abc_def0) };
    assert_eq!(device.subject().unwrap(), "devices.00000000-0000-0000-1234-56789abcdef0");
    assert_eq!(round_trip(&device), device);
    let error = subject_error::<Device>("devices.7", "{}");
    assert!(matches!(error, SubjectError::Parse { field: "id", .. }));
}

#[test]
fn a_derived_token_is_written_as_its_word() {
    let mut out = String::from("a.");
    Size::Small.write_token(&mut out).unwrap();
    assert_eq!(out, "a.small");
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("names.{first}.{last}.{forever}")]
struct Name<'a> {
    first: &'a str,
    #[serde(borrow)]
    last: Cow<'a, str>,
    forever: Cow<'static, str>,
}

#[test]
fn text_that_is_borrowed_is_read_without_a_copy() {
    let name = Name { first: "a", last: "b".into(), forever: "c".into() };
    let (subject, payload) = (name.subject().unwrap(), payload(&name));
    assert_eq!(subject, "names.a.b.c");
    let read = Name::decode(Encoded::new(&subject, &payload)).unwrap();
    assert_eq!(read, name);
    assert!(subject.as_bytes().as_ptr_range().contains(&read.first.as_ptr()));
    assert!(matches!(read.last, Cow::Borrowed(_)));
    assert!(matches!(read.forever, Cow::Owned(_)));
    let (first, last, forever) = Name::capture("names.x.y.z").unwrap();
    assert_eq!((first, &*last, &*forever), ("x", "y", "z"));
    let filter = Name::filter().first("x").last("y").forever("z");
    assert_eq!(subjects::<Name<'_>>(filter), ["names.x.y.z"]);
}

/// A type that can only be published may have what nobody can read.
#[derive(Serialize, Subject)]
#[subject("shown.{what}.{text}.{list..}")]
struct Shown<'a> {
    #[serde(skip)]
    what: &'a dyn fmt::Display,
    text: &'static str,
    list: &'a [&'a str],
}

#[test]
fn what_can_only_be_written_can_be_published() {
    let shown = Shown { what: &7, text: "x", list: &["a", "b"] };
    assert_eq!(shown.subject().unwrap(), "shown.7.x.a.b");
}

#[test]
fn a_subject_longer_than_any_may_be_is_an_error() {
    let long = file(&["x".repeat(2048).as_str()]);
    assert!(matches!(long.subject(), Err(SubjectError::TooLong { max: 2048, .. })));
    let many = File { path: vec!["x".to_owned(); 1024], ..file(&[]) };
    assert!(matches!(many.subject(), Err(SubjectError::TooLong { max: 2048, .. })));
    assert!(decode::<File>("api.v2.a-x.files.a", r#"{"major":1,"name":"","size":1}"#).is_ok());
}

/// The user's own type has the name that the filter would have.
#[derive(Debug, PartialEq)]
struct OrderFilter;

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("orders.{id}", filter = OrdersToSee)]
struct Order {
    id: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("items.{id}", filter = none)]
struct Item {
    id: u64,
}

impl Item {
    fn filter(&self) -> bool {
        self.id > 7
    }
}

/// In a field's type `Self` is the message, and in the filter's code too.
#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("nodes.{id}")]
struct Node
where
    Self: Sized,
{
    id: Ref<Self>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Ref<T>(u64, #[serde(skip)] std::marker::PhantomData<T>);

impl<T> fmt::Display for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> FromStr for Ref<T> {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(|id| Self(id, std::marker::PhantomData))
    }
}

#[test]
fn a_filter_is_in_nobodys_way() {
    let filter: OrdersToSee = Order::filter().id(7);
    assert_eq!(subjects::<Order>(filter), ["orders.7"]);
    assert_eq!(OrderFilter, OrderFilter);
    assert!(!Item { id: 7 }.filter());
    let node = Node { id: "7".parse().unwrap() };
    assert_eq!(round_trip(&node), node);
    assert_eq!(subjects::<Node>(Node::filter().id(node.id)), ["nodes.7"]);
}

mod facade {
    pub(crate) use natsws as wire;
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Token)]
#[token(crate = crate::tokens::facade::wire)]
enum Far {
    Away,
}

#[test]
fn natsws_may_be_found_somewhere_else_by_a_token() {
    let mut out = String::new();
    Far::Away.write_token(&mut out).unwrap();
    assert_eq!(out, "away");
}

/// Methods of a trait in scope that every type has, by the names of the generated code's calls.
#[expect(dead_code, reason = "that nobody calls them is what is tested")]
trait Hijack {
    fn text(&self, _: &str) -> Result<u8, String> {
        Err("not this one".to_owned())
    }
    fn token(&self, _: &str) -> Result<u8, String> {
        Err("not this one".to_owned())
    }
    fn literal(&self, _: &str) -> Result<u8, String> {
        Err("not this one".to_owned())
    }
    fn end(&self) -> Result<u8, String> {
        Err("not this one".to_owned())
    }
}

impl<T> Hijack for T {}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("hijacks.{id}.{name}")]
struct Hijacked {
    id: u64,
    name: String,
}

#[test]
fn traits_in_scope_change_nothing() {
    let message = Hijacked { id: 7, name: "x".to_owned() };
    assert_eq!(message.text("").unwrap_err(), "not this one");
    assert_eq!(round_trip(&message), message);
}
