use natsws::Subject;

#[derive(Subject)]
#[subject("orders..{id}.*.v{id}.{rest..}")]
struct Order {
    id: u64,
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
