//! Agreeing on compression in the handshake (RFC 7692, section 7.1).

/// What is offered: messages by themselves, both ways. A server that compresses over many messages
/// would need memory of ours for it, and one that does not decline the offer does not.
pub(super) const OFFER: &str =
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover";

/// An answer that is not one to the offer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the server chose the extension {name:?}, which was not offered")]
    NotOffered { name: String },
    #[error("the server chose compression twice")]
    Twice,
    #[error("the server chose compression with {parameter:?}, which was not offered")]
    Parameter { parameter: String },
    #[error("the server chose compression with {parameter:?} twice")]
    ParameterTwice { parameter: String },
    #[error("the server chose compression without `server_no_context_takeover`, which was offered")]
    ContextTakeover,
}

/// Whether the server has agreed to compression, by the values of its `Sec-WebSocket-Extensions`.
pub(super) fn agreed<'a>(
    values: impl Iterator<Item = &'a str>,
    offered: bool,
) -> Result<bool, Fault> {
    let mut is_agreed = false;
    // What may have a comma or a semicolon in it belongs to no answer that is accepted.
    for extension in values.flat_map(|value| value.split(',')).map(str::trim) {
        if extension.is_empty() {
            continue;
        }
        let mut parameters = extension.split(';').map(str::trim);
        let name = parameters.next().unwrap_or_default();
        if !offered || !name.eq_ignore_ascii_case("permessage-deflate") {
            return Err(Fault::NotOffered { name: shown(name) });
        }
        if is_agreed {
            return Err(Fault::Twice);
        }
        check(parameters)?;
        is_agreed = true;
    }
    Ok(is_agreed)
}

fn check<'a>(parameters: impl Iterator<Item = &'a str>) -> Result<(), Fault> {
    let mut seen = Vec::new();
    for parameter in parameters {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
            None => (parameter, None),
        };
        let name = name.to_ascii_lowercase();
        let is_known = match &*name {
            "server_no_context_takeover" | "client_no_context_takeover" => value.is_none(),
            // A server may say so unasked. What it compresses with less is inflated with the most.
            "server_max_window_bits" => value.is_some_and(is_window),
            _ => false,
        };
        if !is_known {
            return Err(Fault::Parameter { parameter: shown(parameter) });
        }
        if seen.contains(&name) {
            return Err(Fault::ParameterTwice { parameter: name });
        }
        seen.push(name);
    }
    let has = |name: &str| seen.iter().any(|seen| seen == name);
    if has("server_no_context_takeover") { Ok(()) } else { Err(Fault::ContextTakeover) }
}

/// 8 to 15, which may stand in quotes.
fn is_window(value: &str) -> bool {
    let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    matches!(bare, "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")
}

/// The beginning of what may be long.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(values: &[&str]) -> Result<bool, String> {
        agreed(values.iter().copied(), true).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_server_agrees_or_declines() {
        for values in [&[][..], &[""], &[" , "]] {
            assert_eq!(answered(values), Ok(false), "{values:?}");
            assert_eq!(agreed(values.iter().copied(), false), Ok(false));
        }
        for value in [
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            OFFER,
            "Permessage-Deflate;SERVER_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=8",
            "permessage-deflate; server_max_window_bits = \"15\" ; server_no_context_takeover",
            ", permessage-deflate; server_no_context_takeover ,",
        ] {
            assert_eq!(answered(&[value]), Ok(true), "{value}");
        }
    }

    #[test]
    fn what_was_not_offered_is_refused() {
        let not_offered = "which was not offered";
        for (values, expected) in [
            (
                &["x-deflate"][..],
                format!("the server chose the extension \"x-deflate\", {not_offered}"),
            ),
            (
                &["permessage-deflate; client_max_window_bits=10"],
                format!(
                    "the server chose compression with \"client_max_window_bits=10\", {not_offered}"
                ),
            ),
            (
                &["permessage-deflate; server_no_context_takeover=1"],
                format!(
                    "the server chose compression with \"server_no_context_takeover=1\", {not_offered}"
                ),
            ),
            (
                &["permessage-deflate; server_no_context_takeover; server_max_window_bits=16"],
                format!(
                    "the server chose compression with \"server_max_window_bits=16\", {not_offered}"
                ),
            ),
            (
                &["permessage-deflate; server_no_context_takeover; server_max_window_bits"],
                format!(
                    "the server chose compression with \"server_max_window_bits\", {not_offered}"
                ),
            ),
            (
                &["permessage-deflate; server_no_context_takeover; "],
                format!("the server chose compression with \"\", {not_offered}"),
            ),
            (
                &["permessage-deflate; server_no_context_takeover; server_no_context_takeover"],
                "the server chose compression with \"server_no_context_takeover\" twice".to_owned(),
            ),
            (&[OFFER, OFFER], "the server chose compression twice".to_owned()),
            (
                &["permessage-deflate; client_no_context_takeover"],
                Fault::ContextTakeover.to_string(),
            ),
        ] {
            assert_eq!(answered(values), Err(expected), "{values:?}");
        }
        let unasked = agreed([OFFER].into_iter(), false);
        assert_eq!(unasked, Err(Fault::NotOffered { name: "permessage-deflate".to_owned() }));
    }
}
