use natsws::Subject;

#[derive(Subject)]
#[subject("orders.{id}", codec = json, reply = u64, reply_codec = "msgpack")]
struct Order {
    id: u64,
}

fn main() {}
