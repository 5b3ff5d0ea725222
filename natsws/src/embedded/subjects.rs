//! What a server makes of a subject, which is not what a client should send.
//!
//! A server takes subjects as bytes, relays some that no client of ours would send, and drops
//! others without a word. These rules are nats-server's, so that a test sees the same here; the
//! strict ones are in [`crate::subject`].

/// Whether a server accepts a subscription to this: no empty token, and `>` only at the end.
pub(super) fn is_valid_filter(filter: &[u8]) -> bool {
    let mut after_full_wildcard = false;
    tokens(filter).all(|token| {
        let valid = !token.is_empty() && !after_full_wildcard;
        after_full_wildcard = token == b">";
        valid
    })
}

/// Whether a pedantic server accepts a publish to this: no empty token, no wildcard.
pub(super) fn is_valid_subject(subject: &[u8]) -> bool {
    tokens(subject).all(|token| !token.is_empty() && !is_wildcard(token))
}

/// Whether a message with this subject can reach anyone.
pub(super) fn is_deliverable(subject: &[u8]) -> bool {
    tokens(subject).all(|token| !token.is_empty())
}

/// Whether this stands for more than one subject. `a*b` does not: a wildcard is a whole token.
pub(super) fn has_wildcard(filter: &[u8]) -> bool {
    tokens(filter).any(is_wildcard)
}

/// Whether a deliverable subject falls under a valid filter. A `*` in the subject is a plain token.
pub(super) fn matches(filter: &[u8], subject: &[u8]) -> bool {
    let mut subject = tokens(subject);
    for pattern in tokens(filter) {
        match (pattern, subject.next()) {
            (b">", Some(_)) => return true,
            (b"*", Some(_)) => {}
            (literal, Some(token)) if literal == token => {}
            _ => return false,
        }
    }
    subject.next().is_none()
}

fn tokens(subject: &[u8]) -> impl Iterator<Item = &[u8]> {
    subject.split(|byte| *byte == b'.')
}

fn is_wildcard(token: &[u8]) -> bool {
    matches!(token, b"*" | b">")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::{check_filter, check_subject, subject_matches};

    const SUBJECTS: [&str; 16] = [
        "a", "a.b", "a.b.c", "b", "*", ">", "a.*", "a.>", "*.b", "a.*.c", "*.*", "a..b", ".a",
        "a.", "a.>.b", "",
    ];

    #[test]
    fn whatever_a_client_may_send_is_valid_here() {
        for subject in SUBJECTS {
            let bytes = subject.as_bytes();
            assert_eq!(is_valid_filter(bytes), check_filter(subject).is_ok(), "{subject}");
            assert_eq!(is_valid_subject(bytes), check_subject(subject).is_ok(), "{subject}");
        }
    }

    #[test]
    fn what_only_a_careless_client_sends_is_taken_as_the_server_takes_it() {
        for filter in [&b"a*b"[..], b">>", b"a>b", b"\0", b"\xff"] {
            assert!(is_valid_filter(filter));
            assert!(is_valid_subject(filter));
            assert!(!has_wildcard(filter));
        }
        assert!(is_deliverable(b"a.*"));
        assert!(!is_deliverable(b"a..b"));
    }

    #[test]
    fn filters_match_here_as_they_do_for_clients() {
        let valid = |subject: &&str| check_filter(subject).is_ok();
        for filter in SUBJECTS.into_iter().filter(valid) {
            for subject in SUBJECTS.into_iter().filter(valid) {
                assert_eq!(
                    matches(filter.as_bytes(), subject.as_bytes()),
                    subject_matches(filter, subject),
                    "{filter} {subject}"
                );
            }
        }
        assert!(matches(b"*.x", b"\xff.x"));
    }
}
