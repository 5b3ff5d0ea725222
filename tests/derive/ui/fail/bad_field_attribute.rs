use natsws::Subject;

#[derive(Subject)]
#[subject("orders.{id}.{path..}")]
struct Order {
    #[subject("orders")]
    id: u64,
    #[subject(with = hex)]
    path: Vec<String>,
    #[subject(renam = "kind")]
    r#type: u8,
    #[subject(rename = "unused")]
    other: u8,
}

fn main() {}
