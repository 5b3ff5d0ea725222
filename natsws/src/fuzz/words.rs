//! Subjects, headers and addresses.

use bytes::Bytes;

use crate::header::{HeaderError, Headers};
use crate::protocol::decode::{Decoder, Limits};
use crate::protocol::encode::{self, PublishHead, Reply, Typed};
use crate::protocol::op::ClientOp;
use crate::server_addr::{Scheme, ServerAddr, Userinfo};
use crate::subject::{
    MAX_SUBJECT_LEN, SubjectBuf, SubjectError, check_filter, check_queue_group, check_subject,
    subject_matches, token_fault,
};

/// Text from the application and header blocks from the network: what is accepted comes back as it
/// was and is one operation on the wire, and what is refused is refused for a reason. The first byte
/// says what the rest is: `s`ubjects, a `h`eader block, a header's name and `v`alue, an `a`ddress.
///
/// # Panics
/// Where that does not hold.
pub fn subject_header_codec(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind % 4 {
        3 => subjects(text_of(rest)),
        0 => header_block(rest),
        2 => name_and_value(text_of(rest)),
        _ => address(text_of(rest)),
    }
}

/// The bytes up to the first one that is not UTF-8.
fn text_of(data: &[u8]) -> &str {
    data.utf8_chunks().next().map_or("", |chunk| chunk.valid())
}

/// A filter, and behind `|` a subject.
fn subjects(text: &str) {
    let (filter, subject) = text.split_once('|').unwrap_or((text, text));
    for text in [filter, subject] {
        check_text_as_subject(text);
    }
    // For others the answer means nothing, but there must be one.
    let matches = subject_matches(filter, subject);
    if check_filter(filter).is_ok() && check_subject(subject).is_ok() {
        let filter: Vec<_> = filter.split('.').collect();
        let subject: Vec<_> = subject.split('.').collect();
        assert_eq!(matches, tokens_match(&filter, &subject));
    }
}

/// The rule of the server for subjects that are valid, as the documentation says it.
pub(super) fn tokens_match(filter: &[&str], subject: &[&str]) -> bool {
    match (filter, subject) {
        ([], []) | ([">"], [_, ..]) => true,
        ([pattern, filter @ ..], [token, subject @ ..]) => {
            (*pattern == "*" || pattern == token) && tokens_match(filter, subject)
        }
        _ => false,
    }
}

/// A token that is no wildcard: not empty, without blanks, control characters and wildcards.
fn is_plain(token: &str) -> bool {
    let forbidden = |c: char| c == ' ' || c.is_ascii_control() || c == '*' || c == '>';
    !token.is_empty() && !token.chars().any(forbidden)
}

fn check_text_as_subject(text: &str) {
    let fits = text.len() <= MAX_SUBJECT_LEN;
    let subject = check_subject(text);
    assert_eq!(subject.is_ok(), fits && text.split('.').all(is_plain));
    let filter = check_filter(text);
    let last = text.split('.').count() - 1;
    let may_stand = |(at, token): (usize, &str)| {
        is_plain(token) || token == "*" || (token == ">" && at == last)
    };
    assert_eq!(filter.is_ok(), fits && text.split('.').enumerate().all(may_stand));
    assert_eq!(check_queue_group(text).is_ok(), subject.is_ok());
    assert_eq!(token_fault(text).is_none(), is_plain(text) && !text.contains('.'));
    for error in [&subject, &filter].into_iter().filter_map(|checked| checked.as_ref().err()) {
        check_subject_error(error, text);
    }

    let parsed = text.parse::<SubjectBuf>();
    assert_eq!(parsed.is_ok(), subject.is_ok());
    assert_eq!(SubjectBuf::try_from(text.to_owned()).ok(), parsed.as_ref().ok().cloned());
    if let Ok(parsed) = parsed {
        assert_eq!((parsed.as_str(), &*parsed.to_string()), (text, text));
        assert!(filter.is_ok() && subject_matches(text, text));
        let none = Headers::new();
        check_publish(text, text, &none, None, text.as_bytes());
        assert_eq!(String::from(parsed), text);
    }
    if filter.is_ok() {
        check_subscribe(text, subject.is_ok().then_some(text));
    }
}

/// An error shows foreign text without its control characters, and names the right place.
fn check_subject_error(error: &SubjectError, text: &str) {
    let shown = error.to_string();
    assert!(shown.len() < 2048 && !shown.contains(char::is_control), "{shown:?}");
    match error {
        SubjectError::Empty => assert!(text.is_empty()),
        SubjectError::TooLong { len, .. } => assert_eq!(*len, text.len()),
        SubjectError::EmptyToken { at, .. } => {
            let (before, behind) = (&text[..*at], &text[*at..]);
            assert!(before.is_empty() || before.ends_with('.'));
            assert!(behind.is_empty() || behind.starts_with('.'));
        }
        SubjectError::Character { character: found, at, .. }
        | SubjectError::Wildcard { wildcard: found, at, .. } => {
            assert!(text[*at..].starts_with(*found));
        }
        other => assert!(matches!(other, SubjectError::Empty), "{other:?} is about something else"),
    }
}

/// Reads what a client wrote; it must be operations and nothing else.
fn read_back(wire: &[u8]) -> Vec<ClientOp> {
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(Bytes::copy_from_slice(wire));
    decoder.push(Bytes::from_static(encode::PING));
    let mut ops = Vec::new();
    while let Some(op) = decoder.next::<ClientOp>().expect("what is written can be read") {
        ops.push(op);
    }
    assert!(matches!(ops.pop(), Some(ClientOp::Ping)), "something is left of {wire:?}");
    ops
}

fn check_subscribe(filter: &str, group: Option<&str>) {
    let mut wire = Vec::new();
    encode::subscribe(&mut wire, filter, group, 7);
    let ops = read_back(&wire);
    let [ClientOp::Sub { subject, queue_group, sid: 7 }] = &ops[..] else {
        unreachable!("one subscription is read as {ops:?}")
    };
    assert_eq!(
        (&subject[..], queue_group.as_deref()),
        (filter.as_bytes(), group.map(str::as_bytes))
    );
}

/// Publishes and reads that back; gives back the headers as the other side finds them.
fn check_publish(
    subject: &str,
    reply: &str,
    headers: &Headers,
    content_type: Option<&'static str>,
    payload: &[u8],
) -> Headers {
    let reply_to = (!reply.is_empty()).then_some(Reply::Subject(reply));
    let typed = Typed { content_type, ..Typed::default() };
    let head = PublishHead { subject, reply: reply_to, headers, typed: Some(&typed) };
    let mut wire = Vec::new();
    head.write(&mut wire, head.headers_len(), payload.len(), payload.len());
    wire.extend_from_slice(payload);
    encode::payload_end(&mut wire);
    let ops = read_back(&wire);
    let [ClientOp::Pub(delivery)] = &ops[..] else {
        unreachable!("one message is read as {ops:?}")
    };
    assert_eq!(delivery.subject(), subject.as_bytes());
    assert_eq!(delivery.reply().unwrap_or_default(), reply.as_bytes());
    assert_eq!(delivery.payload_bytes(), payload);
    assert_eq!(delivery.headers().len(), head.headers_len());
    Headers::parse(&delivery.headers()).expect("a header block that was written is one")
}

/// A header block as it comes from the network.
fn header_block(data: &[u8]) {
    let block = Bytes::copy_from_slice(data);
    let Ok(headers) = Headers::parse(&block) else { return };
    let mut travels = headers.as_lines().to_vec();
    if !travels.is_empty() {
        travels.extend_from_slice(b"\r\n");
    }
    assert_eq!(travels, data, "what was read is what is sent on");
    let sent_on = check_publish("a", "", &headers, None, data);
    assert_eq!(sent_on, headers);
    assert_eq!(sent_on.as_lines(), headers.as_lines());

    let mut built = Headers::new();
    for (name, value) in headers.iter() {
        built.append(name, value).expect("what was received can be sent");
        assert_eq!(headers.get_all(name).next(), headers.get(name));
        assert!(headers.get_ignore_case(&name.to_ascii_uppercase()).is_some());
    }
    assert!(built.iter().eq(headers.iter()));
    assert_eq!(built.len(), headers.len());
    let sent = check_publish("a", "b", &built, Some("x/y"), b"");
    let with_type = headers.iter().chain([("Content-Type", "x/y")]);
    assert!(sent.iter().eq(with_type));

    let mut joined = headers.clone();
    joined.extend(&headers);
    assert!(joined.iter().eq(headers.iter().chain(headers.iter())));
    assert_eq!(joined.status(), headers.status());
    if let Some((name, _)) = headers.iter().next() {
        joined.insert(name, "only").expect("the name is valid");
        assert!(joined.get_all(name).eq(["only"]));
        assert!(joined.remove(name) && !joined.contains(name));
        let others = || headers.iter().filter(|(other, _)| *other != name);
        assert!(joined.iter().eq(others().chain(others())));
        assert_eq!(joined.status(), headers.status());
    }
}

/// A header's name, and behind `|` its value, as an application gives them.
fn name_and_value(text: &str) {
    let (name, value) = text.split_once('|').unwrap_or((text, text));
    let good_name =
        !name.is_empty() && name.bytes().all(|b| (b'!'..=b'~').contains(&b) && b != b':');
    let bad = value.chars().find(|c| matches!(c, '\r' | '\n' | '\0'));
    let mut headers = Headers::new();
    match headers.append(name, value) {
        Ok(()) => assert!(good_name && bad.is_none()),
        Err(error) => {
            assert!(headers.is_empty() && headers.as_lines().is_empty());
            assert!(!error.to_string().contains(char::is_control));
            match error {
                HeaderError::Name { .. } => assert!(!good_name),
                HeaderError::Value { character, .. } => {
                    assert!(good_name && bad == Some(character));
                }
                HeaderError::Malformed { .. } => unreachable!("nothing was received"),
            }
            return;
        }
    }
    headers.append("Next", "one").expect("a good header");
    let expected = [(name, value.trim()), ("Next", "one")];
    assert!(headers.iter().eq(expected));
    let received = check_publish("a.b", "", &headers, None, value.as_bytes());
    assert_eq!(received, headers);
    assert!(received.iter().eq(expected));
    assert_eq!(received.status(), None);
    headers.insert(name, value).expect("it was good before");
    assert_eq!(headers.get_all(name).count(), 1);
    assert_eq!(headers.get(name), Some(value.trim()));
}

/// An address: what is shown of it is an address again, and the credentials are not in it.
fn address(text: &str) {
    const SECRET: &str = "S3cr3t";
    let parsed = text.parse::<ServerAddr>();
    match &parsed {
        Ok(addr) => check_address(addr),
        Err(error) => {
            let shown = error.to_string();
            assert!(!shown.contains(char::is_control), "{shown:?}");
            let behind = format!("` is not valid: {}", error.fault);
            let shown = shown.strip_prefix("server address `");
            let shown = shown.and_then(|shown| shown.strip_suffix(&behind)).expect("the text");
            assert_eq!(shown.contains('@'), text.contains('@'));
            if let Some((scheme, _)) = shown.rsplit_once("…@") {
                // What stands before `://` is also shown where it is no scheme: `me:se://cret@foo`
                // is shown as `me:se://…@foo`. When that is mended, only characters of a scheme
                // may stand here.
                let more = scheme.find("://").map(|at| &scheme[at + 3..]);
                assert_eq!(more.unwrap_or(scheme), "", "{shown:?} shows more than a scheme");
            }
        }
    }
    if text.contains('@') {
        return;
    }
    let scheme = text.find("://").filter(|at| text[..*at].chars().all(is_of_scheme));
    let (scheme, rest) = text.split_at(scheme.map_or(0, |at| at + 3));
    let with_secret = format!("{scheme}me:{SECRET}@{rest}").parse::<ServerAddr>();
    assert_eq!(with_secret.is_ok(), parsed.is_ok());
    match (with_secret, parsed) {
        (Ok(addr), Ok(plain)) => {
            assert_eq!(addr.to_string(), plain.to_string());
            assert_eq!(format!("{addr:?}"), format!("{plain:?}"));
            assert!(matches!(
                addr.userinfo(),
                Some(Userinfo::User { user, password }) if user == "me" && password == SECRET
            ));
        }
        (Err(error), Err(plain)) => {
            assert_eq!(error.fault, plain.fault);
            let shown = error.to_string();
            assert!(text.contains(SECRET) || !shown.contains(SECRET), "{shown}");
        }
        _ => {}
    }
}

fn is_of_scheme(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')
}

fn check_address(addr: &ServerAddr) {
    let shown = addr.to_string();
    assert!(!shown.contains(|c: char| c.is_control() || c.is_whitespace()));
    let expected = format!("{}://{}{}", addr.scheme().as_str(), addr.authority(), addr.path());
    assert_eq!(shown, expected, "nothing else is shown");
    assert_eq!(format!("{addr:?}"), format!("ServerAddr({shown})"));
    assert!(addr.port() != 0 && !addr.host().is_empty());
    assert!(addr.path().is_empty() || addr.path().starts_with('/'));
    let again: ServerAddr = shown.parse().expect("what is shown of an address is one");
    assert_eq!(again.to_string(), shown);
    assert_eq!(
        (again.scheme(), again.host(), again.port(), again.path()),
        (addr.scheme(), addr.host(), addr.port(), addr.path())
    );
    assert!(again.userinfo().is_none());
    assert_eq!(again == *addr, addr.userinfo().is_none());

    let secure: ServerAddr = "wss://me:pass@broker.example/nats".parse().expect("a good address");
    let listed = secure.sibling(&addr.authority(), false).expect("a server lists itself like that");
    assert_eq!((listed.host(), listed.port()), (addr.host(), addr.port()));
    assert_eq!((listed.scheme(), listed.path()), (Scheme::Wss, "/nats"));
    assert!(listed.userinfo() == secure.userinfo());
}
