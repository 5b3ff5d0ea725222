use natsws::Subject;

#[derive(Subject)]
#[subject("orders.{id}", repy = u64, error = String)]
struct Order {
    id: u64,
}

fn main() {}
