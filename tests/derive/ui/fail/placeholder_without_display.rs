use natsws::Subject;

struct Region;

#[derive(Subject)]
#[subject("orders.{region}")]
struct Order {
    region: Region,
}

#[derive(Subject)]
#[subject("things.{kind}")]
struct Thing<K> {
    kind: K,
}

fn main() {}
