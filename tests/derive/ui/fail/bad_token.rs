use natsws::Token;

#[derive(Token)]
enum Region {
    Eu,
    #[token("eu")]
    Europe,
    #[token("a.b")]
    Two,
    Other(String),
    #[token]
    None,
}

#[derive(Token)]
struct Pair(u8, u8);

fn main() {}
