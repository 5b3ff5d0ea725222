//! Which trace a message belongs to (W3C Trace Context, level 1).

use std::fmt;
use std::str;
use std::sync::Arc;

use crate::header::Headers;

/// The header in which a typed message says which trace it belongs to and who sent it:
/// `traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
pub const TRACEPARENT_HEADER: &str = "traceparent";

/// The header in which tracing systems carry what is theirs through a trace.
pub const TRACESTATE_HEADER: &str = "tracestate";

/// The bytes of a `traceparent` of version 00.
const LEN: usize = 55;

/// A `tracestate` that is longer is not carried on, in bytes.
const LONGEST_STATE: usize = 512;

const SAMPLED: u8 = 1;

/// Where in a trace something happens: the trace, and the span of it that whatever is sent from here
/// is caused by.
///
/// It is what the headers `traceparent` and `tracestate` say of a message (W3C Trace Context, level
/// 1), which tracing systems understand. Typed messages that are published or requested
/// [within](Self::scope) one carry it as it is, unless a `traceparent` is among their headers; a
/// server without headers gets none. Calls of [`Connection`](crate::Connection) carry nothing by
/// themselves.
///
/// ```
/// use natsws::TraceContext;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let caller = TraceContext::parse(text).expect("a traceparent");
/// assert_eq!(caller.to_string(), text);
/// assert!(caller.is_sampled());
///
/// let here = caller.child();
/// assert_eq!(here.trace_id(), caller.trace_id());
/// assert_ne!(here.span_id(), caller.span_id());
/// here.clone().scope(async move {
///     assert_eq!(TraceContext::current(), Some(here));
/// }).await;
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    is_sampled: bool,
    state: Option<Arc<str>>,
}

impl TraceContext {
    /// The first span of a new trace, which is sampled and has no `tracestate`. Both ids are random.
    pub fn new_root() -> Self {
        let mut trace_id = [0; 16];
        // Without the system's random numbers it is no less a trace.
        if getrandom::fill(&mut trace_id).is_err() || trace_id == [0; 16] {
            trace_id = fastrand::u128(1..).to_be_bytes();
        }
        Self { trace_id, span_id: random_span(), is_sampled: true, state: None }
    }

    /// A span of the same trace with a random id: what whoever handles a message makes of the
    /// context that came with it.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: random_span(), ..self.clone() }
    }

    /// Reads a `traceparent`; `None` where it is not one.
    ///
    /// A version later than 00 is read as far as 00 goes. Ids that are zero, version ff and letters
    /// in upper case are refused. Of the flags only `sampled` is kept, as level 1 wants it.
    pub fn parse(traceparent: &str) -> Option<Self> {
        let (version, rest) = hex::<1>(traceparent.as_bytes())?;
        let (trace_id, rest) = hex::<16>(rest.strip_prefix(b"-")?)?;
        let (span_id, rest) = hex::<8>(rest.strip_prefix(b"-")?)?;
        let ([flags], rest) = hex::<1>(rest.strip_prefix(b"-")?)?;
        // What follows in a later version is not looked at, however long it is.
        let ends = rest.is_empty() || (version != [0] && rest.starts_with(b"-"));
        let is_valid = ends && version != [0xff] && trace_id != [0; 16] && span_id != [0; 8];
        let is_sampled = flags & SAMPLED != 0;
        is_valid.then_some(Self { trace_id, span_id, is_sampled, state: None })
    }

    /// What a received message says in its `traceparent` and `tracestate`, whatever the case of
    /// those names; `None` where there is no `traceparent`, a bad one or more than one.
    ///
    /// Several `tracestate` are one list. One that is longer than 512 bytes in all, or has more in it
    /// than printable ASCII, is left out.
    pub fn from_headers(headers: &Headers) -> Option<Self> {
        let mut parents = values(headers, TRACEPARENT_HEADER);
        let (parent, None) = (parents.next()?, parents.next()) else { return None };
        let mut context = Self::parse(parent)?;
        context.state = joined(values(headers, TRACESTATE_HEADER));
        Some(context)
    }

    /// The same with this `tracestate`; with none where it is empty, longer than 512 bytes or has
    /// more in it than printable ASCII.
    #[must_use]
    pub fn with_tracestate(mut self, tracestate: &str) -> Self {
        self.state = joined(std::iter::once(tracestate));
        self
    }

    /// The same, sampled or not.
    #[must_use]
    pub fn with_sampled(mut self, is_sampled: bool) -> Self {
        self.is_sampled = is_sampled;
        self
    }

    /// The id that all of the trace has in common; never all zero.
    pub fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// The id of the span, which `traceparent` calls the parent: whatever is sent is caused by it.
    /// Never all zero.
    pub fn span_id(&self) -> [u8; 8] {
        self.span_id
    }

    /// Whether who sent it has recorded it, and so it is worth recording.
    pub fn is_sampled(&self) -> bool {
        self.is_sampled
    }

    /// The flags as `traceparent` has them: 1 where it is sampled, otherwise 0.
    pub fn flags(&self) -> u8 {
        if self.is_sampled { SAMPLED } else { 0 }
    }

    /// What tracing systems carry along, as it came.
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The `traceparent`, which is ASCII.
    pub(crate) fn to_text(&self) -> [u8; LEN] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |four: u8| DIGITS.get(usize::from(four)).copied().unwrap_or(b'0');
        let mut text = [b'-'; LEN];
        let flags = [self.flags()];
        let parts: [(usize, &[u8]); 4] =
            [(0, &[0]), (3, &self.trace_id), (36, &self.span_id), (53, &flags)];
        for (start, bytes) in parts {
            let pairs = text.get_mut(start..).unwrap_or_default().chunks_exact_mut(2);
            for (pair, byte) in pairs.zip(bytes) {
                pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
            }
        }
        text
    }
}

/// As the `traceparent` header has it.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.to_text()).unwrap_or_default())
    }
}

/// What tracing systems carry along is theirs, and is not shown.
impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceContext")
            .field("traceparent", &format_args!("{self}"))
            .finish_non_exhaustive()
    }
}

/// It has to be one of its own within one trace only.
fn random_span() -> [u8; 8] {
    fastrand::u64(1..).to_be_bytes()
}

/// The values of a name, whatever the case of its letters.
fn values<'h>(headers: &'h Headers, name: &'h str) -> impl Iterator<Item = &'h str> {
    let named = headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value)
}

/// One list of several, where it may be sent on.
fn joined<'s>(lists: impl Iterator<Item = &'s str>) -> Option<Arc<str>> {
    let is_text = |byte: u8| byte == b'\t' || byte == b' ' || byte.is_ascii_graphic();
    let mut joined = String::new();
    for list in lists.map(str::trim).filter(|list| !list.is_empty()) {
        let comma = if joined.is_empty() { "" } else { "," };
        if joined.len() + comma.len() + list.len() > LONGEST_STATE || !list.bytes().all(is_text) {
            return None;
        }
        joined.push_str(comma);
        joined.push_str(list);
    }
    (!joined.is_empty()).then(|| joined.into())
}

/// Takes so many bytes in lower-case digits off the front.
fn hex<const N: usize>(text: &[u8]) -> Option<([u8; N], &[u8])> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (digits, rest) = text.split_at_checked(2 * N)?;
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some((bytes, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(lines: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in lines {
            headers.append(name, value).expect("valid");
        }
        headers
    }

    fn read(lines: &[(&str, &str)]) -> Option<TraceContext> {
        TraceContext::from_headers(&headers(lines))
    }

    #[test]
    fn a_traceparent_is_read_and_written_as_it_was() {
        let context = TraceContext::parse(PARENT).expect("valid");
        assert_eq!(
            context.trace_id(),
            0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes()
        );
        assert_eq!(context.span_id(), 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
        assert_eq!((context.flags(), context.is_sampled()), (1, true));
        assert_eq!(context.to_string(), PARENT);
        let not_sampled = context.with_sampled(false);
        assert_eq!(not_sampled.to_string(), PARENT.replace("-01", "-00"));
        assert_eq!(TraceContext::parse(&not_sampled.to_string()), Some(not_sampled));
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let span = "00f067aa0ba902b7";
        let long = format!("{PARENT}{}", "0".repeat(1_000_000));
        for text in [
            "",
            "00",
            "00-",
            &PARENT[..54],
            &format!("{PARENT}-"),
            &format!("{PARENT}-00"),
            &format!(" {PARENT}"),
            &format!("{PARENT} "),
            &long,
            &PARENT.to_uppercase(),
            &PARENT.replace("4b", "4B"),
            &PARENT.replace("4b", "4g"),
            &PARENT.replace("4b", "é"),
            &PARENT.replacen('-', "_", 1),
            &PARENT.replace("-00f0", "00f0-"),
            &PARENT.replace("-01", "-0x"),
            &format!("ff-{trace}-{span}-01"),
            &format!("0-{trace}-{span}-01"),
            &format!("00-{}-{span}-01", "0".repeat(32)),
            &format!("00-{trace}-{}-01", "0".repeat(16)),
            &format!("cc-{trace}-{span}-01x"),
            &format!("cc-{trace}-{span}-01.what"),
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text:.60}");
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_this_one_goes() {
        let long = format!("-{}", "x".repeat(1_000_000));
        for (rest, flags) in [("", "01"), ("-", "01"), ("-what", "ff"), (&long, "03")] {
            let later =
                format!("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}{rest}");
            let context = TraceContext::parse(&later).expect("it is read");
            assert_eq!(context.to_string(), PARENT);
        }
    }

    #[test]
    fn headers_say_it_in_any_case_and_once() {
        let context = read(&[("Other", "x"), ("TraceParent", PARENT)]).expect("valid");
        assert_eq!((context.to_string().as_str(), context.tracestate()), (PARENT, None));
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("tracestate", "a=1")]), None);
        assert_eq!(read(&[("traceparent", "7")]), None);
        assert_eq!(read(&[("traceparent", PARENT), ("traceparent", PARENT)]), None);
        assert_eq!(read(&[("traceparent", PARENT), ("Traceparent", "7")]), None);
    }

    #[test]
    fn a_tracestate_is_carried_where_it_is_short_and_printable() {
        let state = |lists: &[&str]| {
            let mut lines = vec![("traceparent", PARENT)];
            lines.extend(lists.iter().map(|list| ("TraceState", *list)));
            read(&lines).expect("valid").tracestate().map(str::to_owned)
        };
        assert_eq!(state(&["a=1,b=2"]).as_deref(), Some("a=1,b=2"));
        assert_eq!(state(&["a=1", "", "b=2\t,c"]).as_deref(), Some("a=1,b=2\t,c"));
        assert_eq!(state(&["", " "]), None);
        let (fits, too_long) = ("x".repeat(512), "x".repeat(513));
        assert_eq!(state(&[&fits]), Some(fits.clone()));
        assert_eq!(state(&[&too_long]), None);
        assert_eq!(state(&["a", &fits[..511]]), None);
        for bad in ["a=é", "a=\u{7f}", "a=\u{1}"] {
            assert_eq!(state(&[bad]), None, "{bad:?}");
        }
        let context = TraceContext::parse(PARENT).expect("valid").with_tracestate("a=1");
        assert_eq!(context.child().tracestate(), Some("a=1"));
        assert_eq!(context.clone().with_tracestate("a\r\nX: y").tracestate(), None);
        assert!(!format!("{context:?}").contains("a=1"));
    }

    #[test]
    fn new_traces_and_spans_differ() {
        let (one, two) = (TraceContext::new_root(), TraceContext::new_root());
        assert_ne!(one.trace_id(), two.trace_id());
        assert!(one.is_sampled() && one.tracestate().is_none());
        let child = one.child();
        assert_eq!((child.trace_id(), child.flags()), (one.trace_id(), one.flags()));
        assert_ne!(child.span_id(), one.span_id());
        assert_eq!(TraceContext::parse(&child.to_string()), Some(child));
    }
}
