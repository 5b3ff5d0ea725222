//! What is secret is never shown: by no type, in no error, and in nothing that is traced.

use std::convert::Infallible;
use std::error::Error;
use std::fmt::{Debug, Write};
use std::fs;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use data_encoding::BASE64;
use natsws::{
    Challenge, Client, ConnectError, ConnectOptions, Connection, Credentials, Event, ServerAddr,
};
use natsws_tests::{
    Certificates, HttpProxy, Identity, Nkey, Operator, Scripted, Server, Transport, User, info,
    info_with, within,
};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Metadata, Subscriber};

use crate::{event, quick};

/// The word that every text has which is to stay secret.
const CANARY: &str = "canary";
const PROXY_USER: &str = "canary-proxy-user";
const PROXY_PASSWORD: &str = "canary-proxy-password";
/// Overruled by the options where those say the same.
const USERINFO: &str = "canary-url-user:canary-url-password@";
const NONCE: &str = "a nonce";

/// Whoever has something to hide.
struct Secrets {
    certificates: Certificates,
    user: User,
    nkey: Nkey,
    /// Each text that must not be shown.
    texts: Vec<String>,
}

impl Secrets {
    fn new() -> Self {
        let (certificates, user, nkey) = (Certificates::new(), Operator::new().user(), Nkey::new());
        let pem = fs::read_to_string(certificates.client().key).expect("the key is there");
        let mut texts = vec![
            CANARY.to_owned(),
            BASE64.encode(format!("{PROXY_USER}:{PROXY_PASSWORD}").as_bytes()),
            user.jwt().to_owned(),
            user.seed(),
            user.sign(NONCE),
            nkey.seed(),
            nkey.sign(NONCE),
        ];
        texts.extend(user.jwt().split('.').skip(1).map(str::to_owned));
        texts.extend(pem.lines().filter(|line| !line.starts_with("---")).map(str::to_owned));
        // The same, as lists of bytes are shown.
        let bytes = texts.iter().map(|text| format!("{:?}", text.as_bytes()));
        let bytes = bytes.map(|list| list[1..list.len() - 1].to_owned()).collect::<Vec<_>>();
        texts.extend(bytes);
        Self { certificates, user, nkey, texts }
    }

    /// Everything that can be secret, and everything that shows what happens.
    fn options(&self) -> ConnectOptions {
        self.login(quick())
            .debug(true)
            .name("billing")
            .upgrade_header("Cookie", "session=canary-cookie")
            .upgrade_header("X-Api-Key", "canary-header")
            .upgrade_headers(|_: ServerAddr| async {
                let made = ("Authorization".to_owned(), "Bearer canary-made".to_owned());
                Ok::<_, Infallible>(vec![made])
            })
    }

    fn login(&self, options: ConnectOptions) -> ConnectOptions {
        options
            .user("canary-user", "canary-password")
            .token("canary-token")
            .jwt(self.user.jwt(), self.user.seed())
            .creds(self.user.creds())
            .nkey(self.nkey.seed())
    }

    /// With what is secret about TLS and a proxy too.
    fn options_through(&self, proxy: &HttpProxy) -> ConnectOptions {
        let Identity { certificate, key } = self.certificates.client();
        let read = |path| fs::read_to_string(path).expect("the file is there");
        self.options()
            .tls_ca_file(self.certificates.authority())
            .tls_client_auth_pem(read(&certificate), read(&key))
            .proxy(&proxy.url_with(PROXY_USER, PROXY_PASSWORD))
    }

    #[track_caller]
    fn check(&self, shown: &str) {
        let hit = self.texts.iter().find(|text| shown.contains(text.as_str()));
        assert!(hit.is_none(), "{hit:?} is in:\n{shown}");
    }

    #[track_caller]
    fn check_debug(&self, value: &impl Debug) {
        self.check(&format!("{value:?}"));
        self.check(&format!("{value:#?}"));
    }

    /// An error and what it comes from.
    #[track_caller]
    fn check_error(&self, error: &(dyn Error + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.check(&error.to_string());
            self.check_debug(&error);
            next = error.source();
        }
    }
}

/// Takes down all that is traced in this thread.
#[derive(Clone, Default)]
struct Trace(Arc<Mutex<String>>);

impl Trace {
    /// Begins, and goes on until the guard is dropped.
    fn begin() -> (Self, DefaultGuard) {
        /// While there are fewer than two, `tracing` leaves it to the first thread that comes to a
        /// place whether that is ever traced, and other tests come to the same places.
        static OTHERS: LazyLock<[Dispatch; 2]> =
            LazyLock::new(|| [(); 2].map(|()| Dispatch::new(Trace::default())));
        LazyLock::force(&OTHERS);
        let trace = Self::default();
        let guard = tracing::subscriber::set_default(trace.clone());
        (trace, guard)
    }

    fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().expect("nobody panics with it"))
    }
}

impl Visit for &Trace {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = self.0.lock().expect("nobody panics with it");
        writeln!(text, "{field}: {value:?} {value:#?}").expect("a string takes all");
    }
}

impl Subscriber for Trace {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut &*self);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut &*self);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut &*self);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn no_type_shows_a_secret() {
    let secrets = Secrets::new();
    let servers = format!("ws://{USERINFO}a,nats://canary-url-token@b");
    let Identity { certificate, key } = secrets.certificates.client();
    let read = |path| fs::read(path).expect("the file is there");
    let proxy = format!("http://{PROXY_USER}:{PROXY_PASSWORD}@proxy");
    let options = secrets.options().servers(servers.as_str()).proxy(&proxy);
    let options = options.tls_client_auth_pem(read(&certificate), read(&key));
    secrets.check_debug(&options);
    let addr: ServerAddr = format!("ws://{USERINFO}a/path").parse().expect("an address");
    secrets.check_debug(&addr);
    secrets.check_debug(&addr.scheme());
    assert_eq!(
        (addr.to_string().as_str(), addr.authority().as_str(), addr.host(), addr.path()),
        ("ws://a:80/path", "a:80", "a", "/path")
    );
    let (user, nkey) = (&secrets.user, &secrets.nkey);
    let credentials = Credentials::new().user("canary-user", "canary-password");
    let credentials = credentials.token("canary-token").jwt(user.jwt());
    let credentials = credentials.signature(nkey.public_key(), nkey.sign(NONCE));
    secrets.check_debug(&credentials);
}

/// What a connection goes through from its beginning to its end, all of it looked at.
async fn goes_through_it(secrets: &Secrets, transport: Transport) {
    let (trace, _tracing) = Trace::begin();
    let users = |password| [("canary-user", password, "publish: { deny: \"no\" }")];
    let builder = Server::builder().fixed_ports().tls_verifying_clients(&secrets.certificates);
    let mut server = builder.users(&users("canary-password")).start();
    let url = server.url(transport).replace("://", &format!("://{USERINFO}"));
    let proxy = HttpProxy::with_auth(PROXY_USER, PROXY_PASSWORD);
    let options = secrets.options_through(&proxy);

    let client: Client = crate::connect_with(&url, options).await.into();
    let nc = client.connection();
    let mut events = nc.events();
    let mut sub = nc.subscribe("a").await.expect("subscribed");
    nc.publish("a", "hello").await.expect("published");
    assert_eq!(crate::text(&mut sub).await, "hello");
    nc.publish("no", "").await.expect("it is the server that says no");
    nc.flush().await.expect("flushed");
    nc.reconnect();
    event(&mut events, |event| matches!(event, Event::Reconnected { .. }).then_some(())).await;
    secrets.check_debug(&client);
    secrets.check_debug(&(nc, &sub, nc.server(), nc.servers(), nc.server_info(), nc.status()));
    nc.set_servers(url.as_str()).expect("good addresses");
    let error = nc.set_servers("ws://canary:canary@a:b").expect_err("no port");
    secrets.check_error(&error);

    let mut events = nc.events();
    secrets.check_debug(&events);
    server.rewrite_config(|told| told.users(&users("canary-other")));
    server.signal_reload();
    let mut seen = String::new();
    while let Some(event) = within("the next event", events.next()).await {
        secrets.check_debug(&event);
        writeln!(seen, "{event:?}").expect("a string takes all");
    }
    assert!(seen.contains("ConnectFailed") && seen.contains("Closed"), "{seen}");
    let reason = within("the end", nc.closed()).await.expect_err("nobody asked for it");
    assert!(reason.is_auth());
    secrets.check_error(&reason);
    secrets.check_error(&nc.wait_connected(Duration::ZERO).await.expect_err("it is closed"));
    secrets.check_debug(&(nc, &client));

    assert!(!proxy.requests().is_empty());
    let traced = trace.take();
    for expected in ["< INFO", "> CONNECT", "credentials: Credentials { user, token, jwt, nkey }"] {
        assert!(traced.contains(expected), "{traced}");
    }
    secrets.check(&traced);
}

#[tokio::test]
async fn no_event_no_reason_and_no_trace_shows_a_secret() {
    let secrets = Secrets::new();
    for transport in Transport::ALL {
        goes_through_it(&secrets, transport).await;
    }
}

/// Fails to connect, and looks at why.
async fn fails(secrets: &Secrets, trace: &Trace, url: &str, options: ConnectOptions) -> String {
    secrets.check_debug(&options);
    let connecting = Connection::connect_with(url, options);
    let error: ConnectError = within("the end", connecting).await.expect_err("it cannot work");
    secrets.check_error(&error);
    secrets.check(&trace.take());
    if let ConnectError::NoServer { attempts } = &error {
        for (server, error) in attempts {
            secrets.check_debug(server);
            secrets.check_error(&**error);
        }
    }
    let shown = error.to_string();
    secrets.check_error(&natsws::Error::from(error));
    shown
}

#[tokio::test]
async fn an_address_a_proxy_or_a_header_that_is_not_valid_is_told_without_its_secret() {
    let secrets = Secrets::new();
    let (trace, _tracing) = Trace::begin();
    for url in [
        "ws://canary:canary@a:b",
        "ws://canary:canary@",
        "ws://canary:canary@[::1",
        "ws://canary:canary@::1",
        "ws://canary:can/canary@a",
        "ws://canary:can?canary@a",
        "ws://canary:can#canary@a",
        "ws://canary:canary canary@a",
        "ws://canary:canary\n@a",
        "ws://canary%ff:canary@a",
        "ws://canary:canary@canary@a b",
        "other://canary:canary@a",
        "canary:canary@a b",
        "canary@a:b",
    ] {
        assert!(url.parse::<ServerAddr>().is_err(), "{url}");
        secrets.check_error(&url.parse::<ServerAddr>().expect_err("not valid"));
        fails(&secrets, &trace, url, secrets.options()).await;
        let good_and_bad = format!("ws://127.0.0.1:1,{url}");
        fails(&secrets, &trace, "ws://127.0.0.1:1", secrets.options().servers(&*good_and_bad))
            .await;
    }
    let url = format!("ws://{USERINFO}127.0.0.1:1");
    for proxy in ["https://canary:canary@a", "http://canary:canary@a:b", "http://canary%ff:x@a"] {
        fails(&secrets, &trace, &url, secrets.options().proxy(proxy)).await;
    }
    for (name, value) in [("Cookie", "canary\r\n"), ("Host", "canary"), ("A", "canary\u{e9}")] {
        fails(&secrets, &trace, &url, secrets.options().upgrade_header(name, value)).await;
        let made = move |_: ServerAddr| async move {
            Ok::<_, Infallible>(vec![(name.to_owned(), value.to_owned())])
        };
        fails(&secrets, &trace, &url, secrets.options().upgrade_headers(made)).await;
    }
}

#[tokio::test]
async fn no_failure_to_connect_shows_a_secret() {
    let secrets = Secrets::new();
    let (trace, _tracing) = Trace::begin();
    let operator = Operator::new();
    // Signing takes a while in a debug build on a busy machine.
    let patient = "authorization { timeout: 9 }";
    let server = Server::builder().operator(&operator).config(patient).start();
    let seed = secrets.user.seed();
    let panicking = |_: Challenge| async {
        std::panic::resume_unwind(Box::new("canary"));
        #[expect(unreachable_code, reason = "it says what the function would give")]
        Ok::<_, Infallible>(Credentials::new())
    };
    for transport in Transport::ALL {
        let url = server.url(transport).replace("://", &format!("://{USERINFO}"));
        let options = || secrets.options();
        for (options, expected) in [
            (options(), "the server refused the credentials"),
            (options().nkey("canary"), "the NKEY seed is not valid"),
            (options().nkey(&seed[..50]), "the NKEY seed is not valid"),
            (options().jwt("canary", seed.to_lowercase()), "the NKEY seed is not valid"),
            (options().creds("canary"), "the credentials are not valid at line 1"),
            (options().creds(secrets.user.creds().replace(&seed, "canary")), "the NKEY seed"),
            (options().creds(secrets.user.creds().replace("END", "BEGIN")), "at line 3"),
            (options().creds_file(secrets.certificates.client().key), "cannot be used"),
            (options().authenticator(panicking), "the authenticator panicked"),
        ] {
            let shown = fails(&secrets, &trace, &url, options).await;
            assert!(shown.contains(expected), "{shown}");
        }
        // Another proxy than the one that knows the password.
        let proxy = HttpProxy::with_auth("other", "other");
        let options = secrets.options_through(&proxy);
        let shown = fails(&secrets, &trace, &url, options).await;
        assert!(shown.contains("the proxy opened no tunnel"), "{shown}");
    }
}

#[tokio::test]
async fn a_certificate_or_a_key_that_is_not_valid_is_told_without_its_secret() {
    let secrets = Secrets::new();
    let (trace, _tracing) = Trace::begin();
    let server = Server::builder().tls_verifying_clients(&secrets.certificates).start();
    let Identity { certificate, key } = secrets.certificates.client();
    let read = |path| fs::read_to_string(path).expect("the file is there");
    let (certificate, key, other) =
        (read(&certificate), read(&key), read(&secrets.certificates.server().certificate));
    let home = tempfile::tempdir().expect("a temporary directory");
    for (certificate, key) in [
        (&*certificate, "canary"),
        (&*certificate, "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"),
        (&*certificate, "-----BEGIN canary"),
        (&*certificate, &*key.replace("-----END PRIVATE KEY-----", "")),
        (&*certificate, &*key.replace("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY")),
        (&*certificate, &*key.replace("PRIVATE KEY", "EC PRIVATE KEY")),
        (&*certificate, &*key.to_lowercase()),
        // The lines are gone, as it happens to variables of the environment.
        (&*certificate, &*key.replace('\n', " ")),
        (&*certificate, &*key.replace('\n', "\\n")),
        ("canary", &*key),
        // Given the wrong way round, the key stands where the certificate should.
        (&*key, &*certificate),
        (&*other, &*key),
    ] {
        let files = [home.path().join("certificate.pem"), home.path().join("key.pem")];
        fs::write(&files[0], certificate).expect("written");
        fs::write(&files[1], key).expect("written");
        for transport in Transport::ALL {
            let trusting = || secrets.options().tls_ca_file(secrets.certificates.authority());
            for options in [
                trusting().tls_client_auth_pem(certificate, key),
                trusting().tls_client_auth_files(&files[0], &files[1]),
            ] {
                fails(&secrets, &trace, &server.url(transport), options).await;
            }
        }
    }
}

/// What a client says first to a server that says this, through a proxy.
async fn introduction(scheme: &str, info: &Value, options: ConnectOptions) -> Value {
    let scripted = Scripted::start();
    let certificates = Certificates::new();
    let url = scripted.url_as(scheme).replace("127.0.0.1", "localhost");
    let options = options.tls_config(certificates.client_config()).tls_first(scheme == "tls");
    let (_nc, (connect, _peer)) = tokio::join!(crate::connect_with(&url, options), async {
        let mut peer = scripted.accept().await;
        if matches!(scheme, "tls" | "wss") {
            peer = peer.tls(&certificates.server()).await.expect("a client that trusts it");
        }
        if matches!(scheme, "ws" | "wss") {
            peer = peer.upgrade().await.accept().await;
        }
        (peer.handshake(info).await, peer)
    });
    connect
}

#[tokio::test]
async fn connect_says_what_the_protocol_has_and_nothing_else() {
    let secrets = Secrets::new();
    let proxy = HttpProxy::with_auth(PROXY_USER, PROXY_PASSWORD);
    let (user, nkey) = (&secrets.user, &secrets.nkey);
    for scheme in ["nats", "ws", "tls", "wss"] {
        let asking = info_with(json!({ "nonce": NONCE, "auth_required": true }));
        let mut expected = json!({
            "verbose": false,
            "pedantic": false,
            "lang": "rust",
            "version": env!("CARGO_PKG_VERSION"),
            "protocol": 1,
            "headers": true,
            "no_responders": true,
            "echo": true,
            "tls_required": scheme == "tls",
        });
        if matches!(scheme, "nats" | "ws") {
            assert_eq!(introduction(scheme, &info(), quick()).await, expected);
        }
        assert_eq!(introduction(scheme, &asking, quick()).await, expected);
        let more = [
            ("verbose", true.into()),
            ("pedantic", true.into()),
            ("echo", false.into()),
            ("name", "billing".into()),
            ("user", "canary-user".into()),
            ("pass", "canary-password".into()),
            ("auth_token", "canary-token".into()),
            ("jwt", user.jwt().into()),
            ("nkey", nkey.public_key().into()),
            ("sig", nkey.sign(NONCE).into()),
        ];
        for (key, value) in more {
            expected[key] = value;
        }
        let options = secrets.options_through(&proxy).verbose(true).pedantic(true).no_echo(true);
        assert_eq!(introduction(scheme, &asking, options).await, expected);
    }
}
