use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::*;
use crate::server::testing::{connect, line};
use crate::within;

#[tokio::test]
async fn all_nodes_tell_clients_about_all() {
    let cluster = Cluster::start();
    assert_eq!(cluster.len(), 3);
    for transport in Transport::ALL {
        let urls: Vec<String> = (0..3).map(|it| cluster.node(it).url(transport)).collect();
        assert_eq!(cluster.urls(transport), urls);
        for index in 0..3 {
            assert_eq!(cluster.node_of(cluster.node(index).addr(transport).port()), index);
        }
    }
    let all: BTreeSet<String> =
        (0..3).map(|it| cluster.node(it).addr(Transport::Tcp).to_string()).collect();
    for index in 0..3 {
        let info = info(&cluster, index).await;
        assert_eq!(info["server_name"], format!("node-{index}"));
        assert_eq!(info["cluster"], "natsws-tests");
        let told = info["connect_urls"].as_array().unwrap().iter();
        assert_eq!(told.map(|it| it.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), all);
    }
}

#[tokio::test]
async fn a_message_goes_from_node_to_node() {
    let cluster = Cluster::start();
    let mut subscriber = client(&cluster, 0).await;
    let mut publisher = client(&cluster, 2).await;
    subscriber.write_all(b"SUB greet 1\r\n").await.unwrap();
    crate::eventually("the node knows of the subscription", async || {
        let routes = cluster.node(2).monitor("/routez?subs=1");
        routes.to_string().contains("\"greet\"").then_some(())
    })
    .await;
    publisher.write_all(b"PUB greet 5\r\nhello\r\n").await.unwrap();
    assert_eq!(line(&mut subscriber).await.unwrap(), "MSG greet 1 5");
}

#[tokio::test]
async fn a_killed_node_is_left_out_until_it_rejoins() {
    let mut cluster = Cluster::start();
    let ports = cluster.urls(Transport::Ws);
    for index in [0, 2] {
        cluster.node_mut(index).kill();
        cluster.settle();
        assert_eq!(info(&cluster, 1).await["connect_urls"].as_array().unwrap().len(), 2);
        cluster.restart(index);
        assert_eq!(info(&cluster, index).await["connect_urls"].as_array().unwrap().len(), 3);
    }
    assert_eq!(cluster.urls(Transport::Ws), ports);
}

#[tokio::test]
async fn a_node_rejoins_by_itself() {
    let mut cluster = Cluster::start();
    cluster.restart(1);
    cluster.node_mut(1).kill();
    cluster.node_mut(1).restart();
    cluster.settle();
    assert_eq!(info(&cluster, 0).await["connect_urls"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn each_node_is_told_what_the_test_wants() {
    let cluster = Cluster::with(2, |node| node.token("secret"));
    assert_eq!(cluster.len(), 2);
    for index in 0..2 {
        assert_eq!(info(&cluster, index).await["auth_required"], true);
    }
}

#[tokio::test]
async fn a_lame_duck_leaves_the_cluster() {
    let seconds = std::time::Duration::from_secs;
    let mut cluster = Cluster::with(3, |node| node.lame_duck(seconds(30), seconds(1)));
    cluster.node(0).lame_duck();
    crate::eventually("the end of the node", async || {
        (!cluster.node_mut(0).is_running()).then_some(())
    })
    .await;
    cluster.settle();
    assert_eq!(info(&cluster, 1).await["connect_urls"].as_array().unwrap().len(), 2);
    cluster.restart(0);
}

#[test]
#[should_panic(expected = "no node has port 1; the nodes are [\"nats://127.0.0.1:")]
fn a_port_of_no_node_is_told() {
    Cluster::with(1, |node| node).node_of(1);
}

async fn info(cluster: &Cluster, index: usize) -> Value {
    crate::server::testing::info(cluster.node(index)).await
}

async fn client(cluster: &Cluster, index: usize) -> TcpStream {
    let mut stream = connect(cluster.node(index), Transport::Tcp).await;
    line(&mut stream).await.unwrap();
    stream.write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n").await.unwrap();
    assert_eq!(within("the answer", line(&mut stream)).await.unwrap(), "PONG");
    stream
}
