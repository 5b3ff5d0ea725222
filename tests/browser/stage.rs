//! What runs outside of the browser for the tests in it: servers that are started, disturbed and
//! ended as the tests ask for it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use natsws::{Client, ServiceError};
use natsws_service::{Router, State, serve};
use natsws_tests::{Message, Operator, Proxy, Scripted, Server, Transport};
use tokio::sync::Mutex;

use crate::words::{Do, Said, Script, Start, Started, What};

type Running = Arc<Mutex<HashMap<usize, (Server, Proxy)>>>;

/// Where the stage is, which is started by whoever asks first.
pub(crate) fn url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            runtime.expect("a runtime").block_on(run(&tell));
        });
        told.recv().expect("it starts")
    })
}

/// Serves the stage for as long as the tests run.
async fn run(tell: &mpsc::Sender<String>) {
    let server = Server::start();
    let client = Client::connect(server.nats_url()).await.expect("connected");
    let app = Router::new("stage", "1.0.0")
        .endpoint(start)
        .endpoint(disturb)
        .endpoint(script)
        .with_state(Running::default());
    let url = server.ws_url();
    let tell = tell.clone();
    let serving = serve(client, app).on_ready(move || tell.send(url).expect("it is waited for"));
    serving.await.expect("it is served");
}

async fn start(State(running): State<Running>, ask: Start) -> Result<Started, ServiceError> {
    let operator = ask.operator.then(Operator::new);
    let user = operator.as_ref().map(Operator::user);
    let bearer = operator.as_ref().map(Operator::bearer);
    let mut builder = Server::builder().fixed_ports();
    if ask.jetstream {
        builder = builder.jetstream();
    }
    if let Some(token) = &ask.token {
        builder = builder.token(token);
    }
    if let Some(nkey) = &ask.nkey {
        builder = builder.nkey(nkey);
    }
    if let Some(operator) = &operator {
        builder = builder.operator(operator);
    }
    if let Some(max) = ask.max_payload {
        builder = builder.max_payload(max);
    }
    let server = tokio::task::block_in_place(|| builder.start());
    let proxy = Proxy::to(server.addr(Transport::Ws));
    let url = proxy.url("ws");
    let mut running = running.lock().await;
    let id = running.len();
    running.insert(id, (server, proxy));
    Ok(Started {
        id,
        url,
        creds: user.map(|user| user.creds()).unwrap_or_default(),
        bearer: bearer.map(|user| user.jwt().to_owned()).unwrap_or_default(),
    })
}

async fn disturb(State(running): State<Running>, ask: Do) -> Result<(), ServiceError> {
    let mut running = running.lock().await;
    let found = running.get_mut(&ask.id);
    let (server, proxy) = found.ok_or_else(|| ServiceError::new(404, "there is no such server"))?;
    match ask.what {
        What::Cut => proxy.cut(),
        What::Stall => proxy.stall(),
        What::Resume => proxy.resume(),
        What::Refuse => proxy.refuse(),
        What::Accept => proxy.accept_again(),
        What::Kill => tokio::task::block_in_place(|| server.kill()),
        What::Restart => tokio::task::block_in_place(|| {
            if server.is_running() {
                server.kill();
            }
            server.restart();
        }),
    }
    Ok(())
}

/// Listens for one client, to which it says what it is told to say.
async fn script(_: State<Running>, ask: Script) -> String {
    let scripted = Scripted::start();
    let url = scripted.url_as("ws");
    tokio::spawn(async move {
        let mut peer = scripted.accept_upgrade().await.accept().await;
        for (awaited, said) in ask.says {
            if !awaited.is_empty() {
                peer.skip_to_line(&awaited).await;
            }
            peer.send_message(match said {
                Said::Text(text) => Message::text(text),
                Said::Bytes(bytes) => Message::binary(bytes),
                Said::Close(code, reason) => Message::Close(Some(natsws_tests::CloseFrame {
                    code: code.into(),
                    reason: reason.into(),
                })),
            })
            .await;
        }
        // The client is the one to go.
        tokio::time::timeout(Duration::from_secs(60), peer.read_to_end()).await.ok();
    });
    url
}
