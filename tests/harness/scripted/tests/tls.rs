use super::*;
use crate::Certificates;
use crate::server::testing::{ask, line, tls_over};

#[tokio::test]
async fn tls_begins_after_info_or_at_once() {
    let certificates = Certificates::new();
    for info_first in [true, false] {
        let (mut client, mut peer) = connected().await;
        if info_first {
            peer.send(format!("INFO {} \r\n", info_with(json!({ "tls_required": true })))).await;
            assert!(line(&mut client).await.unwrap().contains("\"tls_required\":true"));
        }
        let server = certificates.server();
        let (client, peer) = tokio::join!(
            tls_over(client, "localhost", certificates.client_config()),
            peer.tls(&server)
        );
        let (mut client, mut peer) = (client.unwrap(), peer.unwrap());
        let (answer, ()) = tokio::join!(ask(&mut client, "CONNECT {}"), async {
            peer.expect_line("CONNECT {}").await;
            peer.expect_line("PING").await;
            peer.send("PONG\r\n").await;
            peer.close().await;
        });
        assert_eq!(answer.unwrap(), "PONG");
        assert_eq!(within("the end", client.read(&mut [0])).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_client_that_refuses_the_certificate_is_told() {
    let certificates = Certificates::new();
    for (identity, seen_by_client, alert) in [
        (certificates.other_host(), "not valid for name \"localhost\"", "BadCertificate"),
        (certificates.expired(), "certificate expired", "CertificateExpired"),
        (Certificates::new().server(), "invalid peer certificate", "Decrypt"),
    ] {
        let (client, peer) = connected().await;
        let (client, peer) = tokio::join!(
            tls_over(client, "localhost", certificates.client_config()),
            peer.tls(&identity)
        );
        let (client, peer) = (client.unwrap_err().to_string(), peer.unwrap_err().to_string());
        assert!(client.contains(seen_by_client), "{client}");
        assert!(peer.contains(alert), "{peer}");
    }
}
