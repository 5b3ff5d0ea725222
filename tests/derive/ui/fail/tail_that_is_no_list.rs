use natsws::Subject;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Subject)]
#[subject("files.{path..}")]
struct File {
    path: String,
}

fn main() {}
