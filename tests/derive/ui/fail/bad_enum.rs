use natsws::Subject;

#[derive(Subject)]
#[subject("orders", reply = String)]
enum OrderEvent {
    #[subject("orders.{id}.created")]
    Created { id: u64 },
    #[subject("orders.{number}.created")]
    Made { number: u64 },
    Deleted,
    #[subject("orders.{id}", codec = MsgPack)]
    Changed,
}

#[derive(Subject)]
#[subject("orders")]
union Union {
    a: u8,
    b: i8,
}

fn main() {}
