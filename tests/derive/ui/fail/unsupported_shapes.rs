use natsws::Subject;

#[derive(Subject)]
#[subject("orders.{0}")]
struct Tuple(u64);

#[derive(Subject)]
#[subject("orders")]
enum Enum {
    Created,
    #[subject("orders.deleted")]
    Deleted,
}

#[derive(Subject)]
#[subject("orders")]
union Union {
    a: u8,
    b: i8,
}

fn main() {}
