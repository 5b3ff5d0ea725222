//! What a page must survive.

use natsws::{AttemptError, Client, ConnectError, ConnectOptions, TransportError};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::stage::{Server, stage, within};
use crate::words::{Said, Script, Start, What};

const INFO: &str = "INFO {\"server_id\":\"S\",\"version\":\"2.15.1\",\"max_payload\":1048576,\
                    \"headers\":true,\"proto\":1}\r\n";

async fn script(says: Vec<(String, Said)>) -> String {
    stage().await.request(&Script { says }).await.expect("it listens")
}

fn transport(error: &ConnectError) -> &TransportError {
    let ConnectError::NoServer { attempts } = error else { panic!("{error:?}") };
    let AttemptError::Transport(error) = &*attempts[0].1 else { panic!("{error:?}") };
    error
}

#[wasm_bindgen_test]
async fn a_server_that_is_away_is_named_and_so_is_what_a_browser_does_not_tell() {
    let server = Server::start().await;
    server.tell(What::Refuse).await;
    let refused = within("the end", Client::connect(server.url())).await;
    let error = refused.map(drop).expect_err("nobody is there");
    assert!(matches!(transport(&error), TransportError::NoReason), "{error:?}");
    assert!(error.to_string().contains(server.url()), "{error}");
}

#[wasm_bindgen_test]
async fn an_address_that_no_browser_reaches_says_which_one_it_could() {
    for url in ["nats://127.0.0.1:4222", "tls://127.0.0.1:4222"] {
        let error = Client::connect(url).await.map(drop).expect_err("there are no sockets");
        assert!(matches!(transport(&error), TransportError::NoSockets { .. }), "{error:?}");
        assert!(error.to_string().contains("use ws:// or wss://"), "{error}");
    }
    let nobody = ConnectOptions::new().connect(Vec::<String>::new()).await;
    let error = nobody.map(drop).expect_err("there is no address");
    assert!(matches!(error, ConnectError::NoServerNamed), "{error:?}");
}

#[wasm_bindgen_test]
async fn text_frames_are_read_as_bytes() {
    let url = script(vec![
        (String::new(), Said::Text(INFO.into())),
        ("PING".into(), Said::Text("PONG\r\n".into())),
        ("SUB".into(), Said::Text("MSG grün 1 5\r\ngrü".into())),
        ("PING".into(), Said::Text("n\r\nPONG\r\n".into())),
    ])
    .await;
    let client = within("the connection", Client::connect(&url)).await.expect("connected");
    let mut all = within("it", client.connection().subscribe("grün").into_future()).await;
    let msg = within("it", all.as_mut().expect("subscribed").next()).await.expect("one");
    assert_eq!(msg.expect("good").text(), Ok("grün"));
}

#[wasm_bindgen_test]
async fn a_close_with_a_reason_says_it() {
    let url = script(vec![
        (String::new(), Said::Bytes(INFO.into())),
        ("CONNECT".into(), Said::Close(4001, "come back tomorrow".into())),
    ])
    .await;
    let error = within("the end", Client::connect(&url)).await.map(drop).expect_err("it is closed");
    let TransportError::WebSocketClosed { code: 4001, reason } = transport(&error) else {
        panic!("{error:?}")
    };
    assert_eq!(reason, "come back tomorrow");
    assert!(error.to_string().contains("come back tomorrow"), "{error}");
}

#[wasm_bindgen_test]
async fn what_is_no_server_of_nats_is_not_taken_for_one() {
    let url =
        script(vec![(String::new(), Said::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".into()))]);
    let error =
        within("the end", Client::connect(url.await)).await.map(drop).expect_err("it is not");
    assert!(error.to_string().contains("unknown operation (byte 0"), "{error}");
}

#[wasm_bindgen_test]
async fn a_message_in_many_frames_is_one() {
    let payload: String = ('a'..='z').cycle().take(1000).collect();
    let mut says = vec![
        (String::new(), Said::Bytes(INFO.into())),
        ("PING".into(), Said::Bytes(b"PONG\r\n".into())),
        ("SUB".into(), Said::Bytes(b"MSG a 1 1000\r\n".into())),
    ];
    for byte in payload.bytes() {
        says.push((String::new(), Said::Bytes(vec![byte])));
    }
    says.push(("PING".into(), Said::Bytes(b"\r\nPONG\r\n".into())));
    let client = within("it", Client::connect(script(says).await)).await.expect("connected");
    let mut all = within("it", client.connection().subscribe("a").into_future()).await;
    let msg = within("it", all.as_mut().expect("subscribed").next()).await.expect("one");
    assert_eq!(msg.expect("good").text(), Ok(&*payload));
}

#[wasm_bindgen_test]
async fn what_the_server_forbids_is_told_to_who_asked() {
    let start = Start { max_payload: Some(100), ..Start::default() };
    let server = Server::with(start).await;
    let client = server.client().await;
    let refused = client.connection().publish("a", vec![0; 101]).await.expect_err("too large");
    assert!(refused.to_string().contains("100"), "{refused}");
    for subject in ["a..b", "", "a b", "a.>"] {
        let refused = client.connection().publish(subject, "").await;
        assert!(refused.is_err(), "{subject:?} is accepted");
    }
}
