use natsws::Subject;

#[derive(Subject)]
#[subject("orders..{id}.*.{a}{b}.{rest..}.x")]
struct Order {
    id: u64,
    a: u64,
    b: u64,
    rest: Vec<String>,
}

#[derive(Subject)]
#[subject(codec = Json)]
struct NoTemplate {
    id: u64,
}

#[derive(Subject)]
struct NoAttribute {
    id: u64,
}

fn main() {}
