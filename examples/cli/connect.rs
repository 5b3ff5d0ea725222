//! From the command line to a connection.

use std::error::Error;
use std::time::Duration;

use natsws::{ConnectError, ConnectOptions, Connection};

use crate::args::Connect;

pub(crate) async fn connect(args: &Connect) -> Result<Connection, Box<dyn Error>> {
    if args.creds.is_some() {
        return Err("--creds is not built yet: natsws has no credentials files so far".into());
    }
    if args.nkey.is_some() {
        return Err("--nkey is not built yet: natsws has no NKEY authentication so far".into());
    }
    let mut options = ConnectOptions::new();
    if let Some(name) = &args.name {
        options = options.name(name);
    }
    options = match (&args.user, &args.password, &args.token) {
        (None, None, None) => options,
        (None, None, Some(token)) => options.token(token),
        (Some(user), Some(password), None) => options.user(user, password),
        (_, _, Some(_)) => return Err("log in with --token, or with --user and --password".into()),
        _ => return Err("--user and --password go together".into()),
    };
    if let Some(timeout) = args.timeout.map(Duration::from_millis) {
        options = options.timeout(timeout).request_timeout(timeout);
    }
    let servers: Vec<&str> = args.servers.iter().map(String::as_str).collect();
    let connected: Result<_, ConnectError> = Connection::connect_with(servers, options).await;
    Ok(connected?)
}
