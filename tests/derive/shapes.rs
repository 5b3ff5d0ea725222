use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use natsws::Subject;
use natsws::bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{decode, payload, round_trip};

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("ping")]
struct Ping;

#[test]
fn a_unit_struct_has_one_subject_and_no_contents() {
    assert_eq!(Ping::TEMPLATES, ["ping"]);
    assert_eq!(Ping::FILTERS, ["ping"]);
    assert_eq!(Ping::QUEUE, None);
    assert_eq!(Ping.subject().unwrap(), "ping");
    assert_eq!(payload(&Ping), "null");
    assert_eq!(round_trip(&Ping), Ping);
    assert_eq!(decode::<Ping>("ping", Bytes::new()).unwrap(), Ping);
    assert!(decode::<Ping>("pong", Bytes::new()).is_err());
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("ping.braces")]
struct Braces {}

#[test]
fn a_struct_without_fields_is_a_message() {
    assert_eq!(payload(&Braces {}), "{}");
    assert_eq!(round_trip(&Braces {}), Braces {});
}

#[derive(Serialize, Subject)]
#[subject("logs.{level}.{service}")]
struct Log<'a> {
    level: &'a str,
    #[serde(skip)]
    service: &'a dyn Display,
    lines: &'a [Cow<'a, str>],
}

#[test]
fn a_struct_that_borrows_its_fields_can_be_published() {
    let level = String::from("warn");
    let lines = [Cow::Borrowed("one"), Cow::Owned("two".to_owned())];
    let log = Log { level: &level, service: &42, lines: &lines };
    assert_eq!(log.subject().unwrap(), "logs.warn.42");
    assert_eq!(payload(&log), r#"{"level":"warn","lines":["one","two"]}"#);
}

/// Neither can be the other: what one direction lacks must not be asked of the other.
#[derive(Serialize, Subject)]
#[subject("only.{id}")]
struct Written {
    id: u64,
}

#[derive(Debug, PartialEq, Deserialize, Subject)]
#[subject("only.{id}")]
struct Read {
    id: u64,
}

#[test]
fn each_direction_needs_its_own_half_of_the_codec() {
    assert_eq!(decode::<Read>("only.8", payload(&Written { id: 7 })).unwrap(), Read { id: 8 });
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("things.{kind}.{id}")]
struct Thing<K: Display, T, const N: usize>
where
    T: Clone,
{
    kind: K,
    id: u16,
    contents: Vec<T>,
    #[serde(default)]
    size: Size<N>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Size<const N: usize>;

#[test]
fn type_and_const_parameters_are_carried_over() {
    let thing = Thing { kind: 'a', id: 7, contents: vec![true, false], size: Size::<3> };
    assert_eq!(thing.subject().unwrap(), "things.a.7");
    assert_eq!(round_trip(&thing), thing);
}

/// Generic code can ask for the halves by the bounds that they have.
fn read_back<K>(kind: K) -> K
where
    K: Display + FromStr + Serialize + DeserializeOwned,
    K::Err: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    round_trip(&Thing { kind, id: 7, contents: vec![0_u8], size: Size::<0> }).kind
}

#[test]
fn parameters_stay_open_within_generic_code() {
    assert_eq!(read_back(String::from("x")), "x");
    assert_eq!(read_back(5_i64), 5);
}

mod facade {
    pub(crate) mod wire {
        pub(crate) use ::natsws::*;
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("re.{id}", crate = crate::shapes::facade::wire, codec = MsgPack, reply = u8)]
struct Reexported {
    id: u64,
}

#[test]
fn natsws_may_be_found_somewhere_else() {
    assert_eq!(round_trip(&Reexported { id: 7 }), Reexported { id: 7 });
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Dropped(u64);

impl Drop for Watched {
    fn drop(&mut self) {
        self.inner.0 = 0;
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("watched.{id}")]
struct Watched {
    id: u64,
    inner: Dropped,
}

#[test]
fn a_type_with_a_destructor_is_a_message() {
    let watched = Watched { id: 7, inner: Dropped(1) };
    assert_eq!(round_trip(&watched), watched);
}
