//! HTTP proxies: a tunnel by `CONNECT` (RFC 9110, section 9.3.6), for every kind of server.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

use crate::server_addr::ServerAddr;

/// Which proxy a server is reached through.
#[derive(Clone, Default)]
pub(crate) enum ProxyRule {
    #[default]
    Direct,
    Always(Proxy),
    /// What the environment says, asked for each connection.
    Environment,
}

impl ProxyRule {
    /// The proxy for a server.
    pub(crate) fn proxy(&self, server: &ServerAddr) -> Result<Option<Proxy>, ProxyError> {
        match self {
            Self::Direct => Ok(None),
            Self::Always(proxy) => Ok(Some(proxy.clone())),
            Self::Environment => from_environment(server, |name| std::env::var(name).ok()),
        }
    }
}

/// A proxy that is given as it cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the proxy is not valid: write it as http://host:port or http://user:password@host:port")]
#[non_exhaustive]
pub struct ProxyError;

/// An HTTP proxy. Its credentials are never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    host: String,
    port: u16,
    /// User and password.
    user: Option<(String, String)>,
}

impl Proxy {
    pub(crate) fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What asks for a tunnel to a server.
    pub(crate) fn request(&self, server: &ServerAddr) -> String {
        let target = server.authority();
        let login = self.user.as_ref().map(|(user, password)| {
            let basic = data_encoding::BASE64.encode(format!("{user}:{password}").as_bytes());
            format!("Proxy-Authorization: Basic {basic}\r\n")
        });
        let login = login.unwrap_or_default();
        format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n")
    }
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => return Err(ProxyError),
            None => text,
        };
        let authority = rest.trim_end_matches('/');
        let (userinfo, hostport) = match authority.rsplit_once('@') {
            Some((userinfo, hostport)) => (Some(userinfo), hostport),
            None => (None, authority),
        };
        let hostport =
            if has_port(hostport) { hostport.to_owned() } else { format!("{hostport}:80") };
        // The same rules as for servers.
        let addr: ServerAddr = format!("ws://{hostport}").parse().map_err(|_| ProxyError)?;
        if !addr.path().is_empty() {
            return Err(ProxyError);
        }
        let decode = |text: &str| {
            let decoded = percent_decode_str(text).decode_utf8();
            decoded.map(std::borrow::Cow::into_owned).map_err(|_| ProxyError)
        };
        let user = match userinfo.map(|it| it.split_once(':').unwrap_or((it, ""))) {
            Some((user, password)) => Some((decode(user)?, decode(password)?)),
            None => None,
        };
        Ok(Self { host: addr.host().to_owned(), port: addr.port(), user })
    }
}

fn has_port(hostport: &str) -> bool {
    hostport.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}

/// Reads the variables that most programs read, small letters first. The name for connections that
/// are not secured has small letters alone: in a CGI program a client could set the other one.
fn from_environment(
    server: &ServerAddr,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>, ProxyError> {
    let first = |names: &[&str]| {
        names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()))
    };
    let none = first(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
    if is_exempt(server.host(), &none) {
        return Ok(None);
    }
    let names: &[&str] = if server.scheme().is_tls() {
        &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    } else {
        &["http_proxy", "all_proxy", "ALL_PROXY"]
    };
    first(names).map(|value| value.parse()).transpose()
}

/// Whether a host is in a list like `localhost,.example.com,10.0.0.7`, where `*` is everything and
/// a name stands for what is below it, too.
fn is_exempt(host: &str, list: &str) -> bool {
    list.split(',').map(str::trim).any(|entry| {
        let entry = entry.trim_start_matches('.').to_ascii_lowercase();
        let below = || host.strip_suffix(entry.as_str()).is_some_and(|rest| rest.ends_with('.'));
        !entry.is_empty() && (entry == "*" || host == entry || below())
    })
}

#[cfg(any(native_tcp, native_websocket))]
mod tunnel {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::Proxy;
    use crate::server_addr::ServerAddr;
    use crate::transport::{Phase, Progress, TransportError};

    /// The longest answer of a proxy that is read.
    const LONGEST: usize = 16 * 1024;

    impl Proxy {
        /// Asks for a tunnel. Whatever comes after the answer is the server's.
        pub(crate) async fn tunnel(
            &self,
            mut stream: TcpStream,
            server: &ServerAddr,
            progress: &Progress,
        ) -> Result<TcpStream, TransportError> {
            progress.reached(Phase::Proxy);
            stream.write_all(self.request(server).as_bytes()).await?;
            let mut answer = Vec::new();
            // A byte at a time, since what follows is not ours; an answer is short.
            while !answer.ends_with(b"\r\n\r\n") {
                if answer.len() >= LONGEST {
                    return Err(refused(&answer));
                }
                match stream.read_u8().await {
                    Ok(byte) => answer.push(byte),
                    Err(_) => return Err(refused(&answer)),
                }
            }
            let mut headers = [httparse::EMPTY_HEADER; 100];
            let mut response = httparse::Response::new(&mut headers);
            match (response.parse(&answer), response.code) {
                (Ok(_), Some(200..=299)) => Ok(stream),
                _ => Err(refused(&answer)),
            }
        }
    }

    /// The status line is what counts.
    fn refused(answer: &[u8]) -> TransportError {
        let text = String::from_utf8_lossy(answer.get(..200).unwrap_or(answer));
        let answer = text.lines().next().unwrap_or_default().to_owned();
        TransportError::Proxy { answer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> ServerAddr {
        text.parse().expect("a good address")
    }

    #[test]
    fn a_proxy_is_written_like_an_address() {
        let proxy: Proxy = "http://me:p%40ss@proxy.example:3128/".parse().expect("a good proxy");
        assert_eq!((proxy.host(), proxy.port()), ("proxy.example", 3128));
        assert_eq!(format!("{proxy:?}"), "Proxy(proxy.example:3128)");
        assert_eq!(
            proxy.request(&server("wss://broker:1")),
            "CONNECT broker:1 HTTP/1.1\r\nHost: broker:1\r\n\
             Proxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n"
        );
        let proxy: Proxy = "proxy".parse().expect("a good proxy");
        assert_eq!((proxy.host(), proxy.port(), proxy.user.as_ref()), ("proxy", 80, None));
        for text in ["", "https://a", "socks5://a:1", "http://a/b", "http://a:x", "http://"] {
            assert_eq!(text.parse::<Proxy>(), Err(ProxyError), "{text}");
        }
    }

    #[test]
    fn the_environment_names_a_proxy_for_each_kind_of_server() {
        let found = |addr: &str, variables: &[(&str, &str)]| {
            let variable = |name: &str| {
                let set = variables.iter().find(|(known, _)| *known == name);
                set.map(|(_, value)| (*value).to_owned())
            };
            let found = from_environment(&server(addr), variable).expect("good proxies");
            found.map(|proxy| proxy.port())
        };
        let both = [("HTTPS_PROXY", "http://p:1"), ("http_proxy", "http://p:2")];
        assert_eq!(found("wss://a", &both), Some(1));
        assert_eq!(found("tls://a", &both), Some(1));
        assert_eq!(found("ws://a", &both), Some(2));
        assert_eq!(found("nats://a", &[("ALL_PROXY", "http://p:3")]), Some(3));
        assert_eq!(found("ws://a", &[("HTTP_PROXY", "http://p:4")]), None);
        assert_eq!(found("ws://a", &[]), None);
        let exempt = [("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", "b, .c.example,10.0.0.7")];
        assert_eq!(found("wss://a", &exempt), Some(1));
        assert_eq!(found("wss://b", &exempt), None);
        assert_eq!(found("wss://x.b", &exempt), None);
        assert_eq!(found("wss://xb", &exempt), Some(1));
        assert_eq!(found("wss://x.c.example", &exempt), None);
        assert_eq!(found("wss://10.0.0.7", &exempt), None);
        assert_eq!(found("wss://a", &[("HTTPS_PROXY", "http://p:1"), ("no_proxy", "*")]), None);
    }
}
