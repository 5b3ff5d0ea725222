//! A type whose codec can do nothing with it still has its subject.

use natsws::Subject;

struct NoText;

#[derive(Subject)]
#[subject("a.{id}")]
struct Bare {
    id: u64,
    _contents: NoText,
}

fn main() {
    assert_eq!(Bare { id: 7, _contents: NoText }.subject().unwrap(), "a.7");
}
