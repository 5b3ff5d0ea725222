use super::*;
use crate::server::testing::{ask, read_until};
use crate::{Scripted, Server, Transport, within};

#[tokio::test]
async fn a_client_gets_to_the_server_it_asks_for() {
    let (proxy, server) = (HttpProxy::start(), Server::start());
    assert_eq!(proxy.url(), format!("http://{}", proxy.addr()));
    assert_eq!(proxy.url_with("ann", "a%20b"), format!("http://ann:a%20b@{}", proxy.addr()));
    let port = server.addr(Transport::Tcp).port();
    for host in ["127.0.0.1", "localhost"] {
        let target = format!("{host}:{port}");
        let mut client = connect(&proxy).await;
        assert_eq!(request(&mut client, &target, "Host: a\r\nX-Two:b\r\n").await, ESTABLISHED);
        assert!(read_until(&mut client, "\r\n").await.unwrap().starts_with("INFO "));
        assert_eq!(ask(&mut client, r#"CONNECT {"verbose":false}"#).await.unwrap(), "PONG");

        let request = proxy.requests().pop().unwrap();
        let headers = [("Host", "a"), ("X-Two", "b")];
        assert_eq!((&*request.method, &*request.target), ("CONNECT", &*target));
        assert_eq!(request.headers, headers.map(|(name, value)| (name.into(), value.into())));
        assert_eq!((request.header("x-two"), request.header("y")), (Some("b"), None));
    }
    assert_eq!(proxy.requests().len(), 2);
}

#[tokio::test]
async fn who_does_not_log_in_is_told_to() {
    let (proxy, scripted) = (HttpProxy::with_auth("ann", "a:b"), Scripted::start());
    let target = scripted.addr().to_string();
    // "ann:a:b", and "ann:" with nothing behind it.
    for (headers, answer) in [
        ("proxy-authorization: Basic YW5uOmE6Yg==\r\n", ESTABLISHED),
        ("Proxy-Authorization: Basic YW5uOg==\r\n", LOG_IN),
        ("", LOG_IN),
    ] {
        assert_eq!(request(&mut connect(&proxy).await, &target, headers).await, answer);
    }
    assert!(LOG_IN.contains("\r\nProxy-Authenticate: Basic "));
}

#[tokio::test]
async fn another_answer_ends_the_connection() {
    let proxy = HttpProxy::start();
    let answer = "HTTP/1.1 502 Bad Gateway\r\nVia: x\r\n\r\n";
    proxy.answer_with(answer);
    let mut client = connect(&proxy).await;
    assert_eq!(request(&mut client, "nats.test:4222", "").await, answer);
    within("the end", client.read_to_end(&mut Vec::new())).await.unwrap();
    assert_eq!(proxy.requests()[0].target, "nats.test:4222");
}

#[tokio::test]
async fn nobody_gets_to_another_machine_or_by_another_method() {
    let proxy = HttpProxy::start();
    for target in ["example.com:80", "127.0.0.2:80", "localhost.test:80", "[::]:80", "localhost"] {
        assert_eq!(request(&mut connect(&proxy).await, target, "").await, FORBIDDEN);
    }
    let mut client = connect(&proxy).await;
    client.write_all(b"GET localhost:80 HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(read_until(&mut client, "\r\n\r\n").await.unwrap(), FORBIDDEN);
    assert_eq!(proxy.requests().len(), 6);
}

#[tokio::test]
async fn a_server_that_refuses_is_told() {
    let proxy = HttpProxy::start();
    let gone = Scripted::start().addr();
    assert_eq!(request(&mut connect(&proxy).await, &gone.to_string(), "").await, BAD_GATEWAY);
}

#[tokio::test]
async fn a_dropped_proxy_takes_its_connections_with_it() {
    let (proxy, scripted) = (HttpProxy::start(), Scripted::start());
    let mut client = connect(&proxy).await;
    let target = scripted.addr().to_string();
    assert_eq!(request(&mut client, &target, "").await, ESTABLISHED);
    drop(proxy);
    assert_eq!(within("the end", client.read(&mut [0])).await.unwrap(), 0);
}

async fn connect(proxy: &HttpProxy) -> TcpStream {
    TcpStream::connect(proxy.addr()).await.expect("the proxy listens")
}

/// Returns the head of the answer.
async fn request(client: &mut TcpStream, target: &str, headers: &str) -> String {
    let request = format!("CONNECT {target} HTTP/1.1\r\n{headers}\r\n");
    client.write_all(request.as_bytes()).await.expect("the proxy reads");
    read_until(client, "\r\n\r\n").await.expect("an answer")
}
