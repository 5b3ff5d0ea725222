//! From the command line to a connection.

use std::fs;
use std::time::Duration;

use natsws::jetstream::JetStream;
use natsws::{Client, ConnectError, ConnectOptions, Connection};

use crate::Done;
use crate::args::Connect;

pub(crate) async fn connect(args: &Connect) -> Done<Connection> {
    let mut options = ConnectOptions::new();
    if let Some(name) = &args.connection_name {
        options = options.name(name);
    }
    options = match (&args.user, &args.password, &args.token) {
        (None, None, None) => options,
        (None, None, Some(token)) => options.token(token),
        (Some(user), Some(password), None) => options.user(user, password),
        (_, _, Some(_)) => return Err("log in with --token, or with --user and --password".into()),
        _ => return Err("--user and --password go together".into()),
    };
    if let Some(path) = &args.creds {
        options = options.creds_file(path);
    }
    if let Some(path) = &args.nkey {
        let seed = fs::read_to_string(path)
            .map_err(|error| format!("--nkey {}: {error}", path.display()))?;
        options = options.nkey(seed);
    }
    options = secured(options, args)?;
    for (name, value) in &args.ws_headers {
        options = options.upgrade_header(name, value);
    }
    options = match args.proxy.as_deref() {
        None => options,
        Some("env") => options.proxy_from_env(),
        Some(proxy) => options.proxy(proxy),
    };
    if let Some(timeout) = args.timeout.map(Duration::from_millis) {
        options = options.timeout(timeout).request_timeout(timeout);
    }
    let servers: Vec<&str> = args.servers.iter().map(String::as_str).collect();
    let connected: Result<_, ConnectError> = Connection::connect_with(servers, options).await;
    Ok(connected?)
}

/// The JetStream behind a connection.
pub(crate) fn jetstream(connection: &Connection, args: &Connect) -> JetStream {
    let js = Client::from(connection.clone()).jetstream();
    match args.timeout.map(Duration::from_millis) {
        Some(timeout) => js.with_timeout(timeout),
        None => js,
    }
}

fn secured(mut options: ConnectOptions, args: &Connect) -> Done<ConnectOptions> {
    if let Some(path) = &args.tls_ca {
        options = options.tls_ca_file(path);
    }
    options = match (&args.tls_cert, &args.tls_key) {
        (None, None) => options,
        (Some(certificate), Some(key)) => options.tls_client_auth_files(certificate, key),
        _ => return Err("--tls-cert and --tls-key go together".into()),
    };
    Ok(options.tls_first(args.tls_first))
}
