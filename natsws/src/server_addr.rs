//! Server addresses: what a scheme means, which port is the default, and how they are shown.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use percent_encoding::percent_decode_str;

/// How to reach a server: transport, host, port, and for a WebSocket the path.
///
/// | address | meaning |
/// |---|---|
/// | `ws://host`, `wss://host` | WebSocket, without and with TLS; ports 80 and 443 |
/// | `nats://host`, `tls://host` | TCP, without and with TLS; port 4222 |
/// | `host:port`, `host` | `wss://host:port`, `wss://host:443` |
///
/// Credentials may stand before the host (`nats://user:password@host`, `nats://token@host`); they
/// are used to log in, and never shown.
///
/// ```
/// use natsws::ServerAddr;
///
/// let addr: ServerAddr = "ws://me:secret@broker.example/nats?v=1".parse()?;
/// assert_eq!(addr.to_string(), "ws://broker.example:80/nats?v=1");
/// assert_eq!("broker.example".parse::<ServerAddr>()?.to_string(), "wss://broker.example:443");
/// # Ok::<(), natsws::AddrError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ServerAddr {
    scheme: Scheme,
    host: String,
    port: u16,
    path: String,
    userinfo: Option<Userinfo>,
    /// The name that the certificate must be for, where it is not the host: a discovered server may
    /// be listed by its IP address.
    tls_name: Option<String>,
}

/// What an address says about who is connecting.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Userinfo {
    User { user: String, password: String },
    Token(String),
}

/// The transport that an address asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `ws://`, a WebSocket.
    Ws,
    /// `wss://`, a WebSocket over TLS.
    Wss,
    /// `nats://`, TCP; TLS where the server asks for it.
    Nats,
    /// `tls://`, TCP and always TLS.
    Tls,
}

impl Scheme {
    /// The scheme as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Wss => "wss",
            Self::Nats => "nats",
            Self::Tls => "tls",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Ws => 80,
            Self::Wss => 443,
            Self::Nats | Self::Tls => 4222,
        }
    }

    /// Whether everything is sent through TLS.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Wss | Self::Tls)
    }

    /// Whether this is a WebSocket.
    pub fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }
}

/// An address that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("server address `{shown}` is not valid: {fault}")]
#[non_exhaustive]
pub struct AddrError {
    shown: String,
    /// What is wrong with it.
    pub fault: AddrFault,
}

/// What is wrong with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddrFault {
    /// Something else than `ws`, `wss`, `nats` or `tls` before `://`.
    #[error("the scheme is none of ws, wss, nats and tls")]
    Scheme,
    /// There is no host, or it has a character that no host name has.
    #[error("it has no valid host name")]
    Host,
    /// The port is not a number between 1 and 65535.
    #[error("the port is not a number between 1 and 65535")]
    Port,
    /// An IPv6 address without brackets, or with wrong ones.
    #[error("an IPv6 address is written in brackets, as in `ws://[::1]:80`")]
    Ipv6,
    /// A blank or a control character.
    #[error("it contains a blank or a control character")]
    Blank,
    /// The credentials are not valid percent-encoded UTF-8.
    #[error("the credentials in it are not percent-encoded UTF-8")]
    Credentials,
}

impl ServerAddr {
    /// Where a client connects that was given no address: `nats://localhost:4222`. A browser is not
    /// where the servers are, and has no such place.
    pub(crate) fn local() -> Option<Self> {
        (!cfg!(browser)).then(|| Self::on_localhost(4222))
    }

    /// `nats://localhost` with another port.
    pub(crate) fn on_localhost(port: u16) -> Self {
        Self {
            scheme: Scheme::Nats,
            host: "localhost".to_owned(),
            port,
            path: String::new(),
            userinfo: None,
            tls_name: None,
        }
    }

    /// The address of another server of the cluster, which this one listed as `host:port`.
    ///
    /// It has this address's scheme, path and credentials, so a connection never becomes weaker by
    /// it; where this one is secured because the server asked for it, the other one has to be, too.
    /// A certificate for an IP address is rare; where the list has one, the certificate may be for
    /// this address's name instead.
    pub(crate) fn sibling(&self, listed: &str, secured: bool) -> Result<Self, AddrError> {
        let bare = listed.split_once("://").map_or(listed, |(_, rest)| rest);
        let scheme = match self.scheme {
            Scheme::Nats if secured => Scheme::Tls,
            scheme => scheme,
        };
        let mut addr: Self = format!("{}://{bare}", scheme.as_str()).parse()?;
        addr.path.clone_from(&self.path);
        addr.userinfo.clone_from(&self.userinfo);
        let is_ip = |name: &str| name.parse::<IpAddr>().is_ok();
        if is_ip(addr.host()) && !is_ip(self.tls_name()) {
            addr.tls_name = Some(self.tls_name().to_owned());
        }
        Ok(addr)
    }

    /// The name that the server's certificate must be for.
    pub(crate) fn tls_name(&self) -> &str {
        self.tls_name.as_deref().unwrap_or_else(|| self.host())
    }

    /// Whether both are the same server: host and port are what counts.
    pub(crate) fn is_same_server(&self, other: &Self) -> bool {
        self.port == other.port && self.host == other.host
    }

    /// The transport.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host's name or address, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`, as a server lists itself for others.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Path and query of a WebSocket, empty or starting with `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn userinfo(&self) -> Option<&Userinfo> {
        self.userinfo.as_ref()
    }

    fn parse(text: &str) -> Result<Self, AddrFault> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(AddrFault::Blank);
        }
        let (scheme, rest) = split_scheme(text)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (userinfo, hostport) = match authority.rsplit_once('@') {
            Some((userinfo, hostport)) => (Some(userinfo), hostport),
            None => (None, authority),
        };
        let (host, port) = split_port(hostport)?;
        let port = match port {
            Some(port) => match port.parse() {
                Ok(0) | Err(_) => return Err(AddrFault::Port),
                Ok(port) => port,
            },
            None => scheme.default_port(),
        };
        let path = path.split('#').next().unwrap_or_default();
        let path = match path.chars().next() {
            Some('?') => format!("/{path}"),
            _ if path == "/" => String::new(),
            _ => path.to_owned(),
        };
        let userinfo = userinfo.map(parse_userinfo).transpose()?;
        Ok(Self { scheme, host, port, path, userinfo, tls_name: None })
    }
}

fn split_scheme(text: &str) -> Result<(Scheme, &str), AddrFault> {
    let named = text.split_once("://").filter(|(scheme, _)| {
        scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    });
    let Some((name, rest)) = named else { return Ok((Scheme::Wss, text)) };
    let all = [Scheme::Ws, Scheme::Wss, Scheme::Nats, Scheme::Tls];
    let scheme = all.into_iter().find(|scheme| scheme.as_str().eq_ignore_ascii_case(name));
    Ok((scheme.ok_or(AddrFault::Scheme)?, rest))
}

fn split_port(hostport: &str) -> Result<(String, Option<&str>), AddrFault> {
    if let Some(inner) = hostport.strip_prefix('[') {
        let (address, rest) = inner.split_once(']').ok_or(AddrFault::Ipv6)?;
        let address: Ipv6Addr = address.parse().map_err(|_| AddrFault::Ipv6)?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((format!("[{address}]"), Some(port))),
            None if rest.is_empty() => Ok((format!("[{address}]"), None)),
            None => Err(AddrFault::Ipv6),
        };
    }
    let (host, port) = match hostport.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (hostport, None),
    };
    if port.is_some_and(|port| port.contains(':')) {
        return Err(AddrFault::Ipv6);
    }
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if host.is_empty() || !host.chars().all(valid) {
        return Err(AddrFault::Host);
    }
    Ok((host.to_ascii_lowercase(), port))
}

fn parse_userinfo(text: &str) -> Result<Userinfo, AddrFault> {
    let decode = |text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(AddrFault::Credentials),
    };
    Ok(match text.split_once(':') {
        Some((user, password)) => {
            Userinfo::User { user: decode(user)?, password: decode(password)? }
        }
        None => Userinfo::Token(decode(text)?),
    })
}

impl FromStr for ServerAddr {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        Self::parse(text).map_err(|fault| AddrError { shown: without_userinfo(text), fault })
    }
}

/// The text for an error message. Whatever stands before the last `@` may be a secret, also where
/// the address is too broken to tell.
fn without_userinfo(text: &str) -> String {
    let shown = match text.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.find("://").map_or("", |at| before.get(..at + 3).unwrap_or(""));
            format!("{scheme}…@{host}")
        }
        None => text.to_owned(),
    };
    shown.escape_debug().to_string()
}

impl fmt::Display for ServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}{}", self.scheme.as_str(), self.host, self.port, self.path)
    }
}

impl fmt::Debug for ServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerAddr({self})")
    }
}

/// What can be given as the servers to connect to: an address, several, or `()` for the local
/// default `nats://localhost:4222`.
///
/// A text may hold several addresses with commas between them; a list may mix schemes. In a browser
/// there is no local default, and `()` is no address.
pub trait IntoServers {
    /// The addresses, in order.
    ///
    /// # Errors
    /// [`AddrError`] for the first one that cannot be understood.
    fn into_servers(self) -> Result<Vec<ServerAddr>, AddrError>;
}

#[cfg(not(browser))]
impl IntoServers for () {
    fn into_servers(self) -> Result<Vec<ServerAddr>, AddrError> {
        Ok(Vec::new())
    }
}

impl IntoServers for &str {
    fn into_servers(self) -> Result<Vec<ServerAddr>, AddrError> {
        self.split(',').map(str::parse).collect()
    }
}

impl IntoServers for String {
    fn into_servers(self) -> Result<Vec<ServerAddr>, AddrError> {
        self.as_str().into_servers()
    }
}

impl IntoServers for &String {
    fn into_servers(self) -> Result<Vec<ServerAddr>, AddrError> {
        self.as_str().into_servers()
    }
}

impl IntoServers for ServerAddr {
    fn into_servers(self) -> Result<Vec<ServerAddr>, AddrError> {
        Ok(vec![self])
    }
}

impl IntoServers for &ServerAddr {
    fn into_servers(self) -> Result<Vec<ServerAddr>, AddrError> {
        Ok(vec![self.clone()])
    }
}

impl<T: IntoServers> IntoServers for Vec<T> {
    fn into_servers(self) -> Result<Vec<ServerAddr>, AddrError> {
        collect(self)
    }
}

impl<T: IntoServers, const N: usize> IntoServers for [T; N] {
    fn into_servers(self) -> Result<Vec<ServerAddr>, AddrError> {
        collect(self)
    }
}

impl<T: IntoServers + Clone> IntoServers for &[T] {
    fn into_servers(self) -> Result<Vec<ServerAddr>, AddrError> {
        collect(self.iter().cloned())
    }
}

fn collect<T: IntoServers>(
    servers: impl IntoIterator<Item = T>,
) -> Result<Vec<ServerAddr>, AddrError> {
    let mut all = Vec::new();
    for server in servers {
        all.extend(server.into_servers()?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<ServerAddr>().expect("a good address").to_string()
    }

    fn fault(text: &str) -> AddrFault {
        text.parse::<ServerAddr>().expect_err("a bad address").fault
    }

    #[test]
    fn a_scheme_decides_the_transport_and_the_default_port() {
        assert_eq!(shown("ws://foo"), "ws://foo:80");
        assert_eq!(shown("wss://foo"), "wss://foo:443");
        assert_eq!(shown("nats://foo"), "nats://foo:4222");
        assert_eq!(shown("tls://foo"), "tls://foo:4222");
        assert_eq!(shown("WSS://Foo.Example:80"), "wss://foo.example:80");
        assert_eq!(shown("ws://foo:9222/a/b?c=d#e"), "ws://foo:9222/a/b?c=d");
    }

    #[test]
    fn a_bare_host_means_a_secure_websocket() {
        assert_eq!(shown("foo"), "wss://foo:443");
        assert_eq!(shown("foo:100"), "wss://foo:100");
        assert_eq!(shown("foo/"), "wss://foo:443");
        assert_eq!(shown("foo/hello"), "wss://foo:443/hello");
        assert_eq!(shown("foo:100/hello?one=two"), "wss://foo:100/hello?one=two");
        assert_eq!(shown("foo:80"), "wss://foo:80");
        assert_eq!(shown("foo?one=a://b"), "wss://foo:443/?one=a://b");
        assert_eq!(shown("ws://foo?x=a://b"), "ws://foo:80/?x=a://b");
    }

    #[test]
    fn ipv6_is_written_in_brackets() {
        assert_eq!(shown("[2001:db8::1]"), "wss://[2001:db8::1]:443");
        assert_eq!(shown("ws://[::1]:100"), "ws://[::1]:100");
        let addr: ServerAddr = "nats://[::1]".parse().expect("a good address");
        assert_eq!((addr.host(), addr.authority()), ("::1", "[::1]:4222".to_owned()));
        for text in ["::1", "ws://[::1", "ws://[x]", "ws://[::1]x"] {
            assert_eq!(fault(text), AddrFault::Ipv6, "{text}");
        }
    }

    #[test]
    fn bad_addresses_are_refused_with_the_fault_and_quoted() {
        assert_eq!(fault("foo://bar"), AddrFault::Scheme);
        assert_eq!(fault("http://bar"), AddrFault::Scheme);
        assert_eq!(fault(""), AddrFault::Host);
        assert_eq!(fault("ws://"), AddrFault::Host);
        assert_eq!(fault("ws://a b"), AddrFault::Blank);
        assert_eq!(fault(" foo"), AddrFault::Blank);
        assert_eq!(fault("foo:65536"), AddrFault::Port);
        assert_eq!(fault("foo:0"), AddrFault::Port);
        assert_eq!(fault("foo:"), AddrFault::Port);
        assert_eq!(fault("ws://foo:bar"), AddrFault::Port);
        let error = "foo://bar:1".parse::<ServerAddr>().expect_err("a bad address");
        assert_eq!(
            error.to_string(),
            "server address `foo://bar:1` is not valid: the scheme is none of ws, wss, nats and tls"
        );
    }

    #[test]
    fn credentials_are_read_and_never_shown() {
        let addr: ServerAddr = "ws://me:s%40cret@foo:1".parse().expect("a good address");
        assert!(
            matches!(addr.userinfo(), Some(Userinfo::User { user, password }) if user == "me" && password == "s@cret")
        );
        assert_eq!(format!("{addr} {addr:?}"), "ws://foo:1 ServerAddr(ws://foo:1)");
        let addr: ServerAddr = "nats://t0ken@foo".parse().expect("a good address");
        assert!(matches!(addr.userinfo(), Some(Userinfo::Token(token)) if token == "t0ken"));
        let error = "x://me:secret@foo:1".parse::<ServerAddr>().expect_err("a bad address");
        assert!(!format!("{error} {error:?}").contains("secret"));
    }

    #[test]
    fn a_listed_server_has_the_scheme_path_and_credentials_of_the_one_that_listed_it() {
        let addr: ServerAddr = "wss://me:secret@broker.example/nats?v=1".parse().expect("good");
        let sibling = addr.sibling("10.0.0.7:8443", false).expect("a good address");
        assert_eq!(sibling.to_string(), "wss://10.0.0.7:8443/nats?v=1");
        assert_eq!(sibling.tls_name(), "broker.example");
        assert!(sibling.userinfo() == addr.userinfo());
        let named = addr.sibling("other.example:443", false).expect("a good address");
        assert_eq!(named.tls_name(), "other.example");
        let next = sibling.sibling("[::1]:1", false).expect("a good address");
        assert_eq!((next.host(), next.tls_name()), ("::1", "broker.example"));
        assert!(addr.sibling("not a server", false).is_err());
        let weaker = addr.sibling("ws://plain.example:80", false).expect("a good address");
        assert_eq!(weaker.scheme(), Scheme::Wss);
        let asked: ServerAddr = "nats://10.0.0.7".parse().expect("a good address");
        let both = [false, true].map(|secured| asked.sibling("10.0.0.8:4222", secured));
        let both = both.map(|addr| addr.expect("a good address"));
        assert_eq!(both.each_ref().map(ServerAddr::scheme), [Scheme::Nats, Scheme::Tls]);
        assert_eq!(both[0].tls_name(), "10.0.0.8", "an address has a certificate of its own");
    }

    #[test]
    fn lists_may_mix_schemes_and_be_written_with_commas() {
        let all = ["ws://a,tls://b", "c"].into_servers().expect("good addresses");
        let all: Vec<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(all, ["ws://a:80", "tls://b:4222", "wss://c:443"]);
        assert!(().into_servers().expect("no address").is_empty());
    }
}
