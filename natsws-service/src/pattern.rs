//! The subject of an endpoint: names of placeholders, the filter that is subscribed, and what two
//! of them have in common.

use natsws::subject_matches;

/// A subject with placeholders, as it is declared and as it is subscribed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// `orders.{id}.{rest..}`
    pub(crate) template: String,
    /// `orders.*.>`
    pub(crate) filter: String,
}

impl Pattern {
    /// Reads a template in which wildcards may have names: `{id}` is a `*`, `{rest..}` a `>`.
    pub(crate) fn new(template: &str) -> Self {
        let filter: Vec<_> = template.split('.').fold(Vec::new(), |mut tokens, token| {
            // The dots of `{rest..}` are no separators: they come as the tokens `{rest`, ``, `}`.
            match (token, tokens.as_slice()) {
                ("}", [.., open, ""]) if open.starts_with('{') => {
                    tokens.truncate(tokens.len() - 2);
                    tokens.push(">");
                }
                _ => tokens.push(token),
            }
            tokens
        });
        let filter: Vec<_> = filter
            .into_iter()
            .map(|token| if is_placeholder(token) { "*" } else { token })
            .collect();
        Self { template: template.to_owned(), filter: filter.join(".") }
    }

    /// Of a request, whose filter is known.
    pub(crate) fn declared(template: &str, filter: &str) -> Self {
        Self { template: template.to_owned(), filter: filter.to_owned() }
    }

    /// The same under a prefix.
    pub(crate) fn under(&self, prefix: &Self) -> Self {
        if prefix.filter.is_empty() {
            return self.clone();
        }
        Self {
            template: format!("{}.{}", prefix.template, self.template),
            filter: format!("{}.{}", prefix.filter, self.filter),
        }
    }

    /// A name for an endpoint whose name is not given: the tokens with dashes between them, and
    /// what a name may not have left out. `orders.{id}.get` is `orders-id-get`.
    pub(crate) fn name(&self) -> String {
        let tokens = self.template.split('.').map(|token| match token {
            "*" => "any".to_owned(),
            ">" => "all".to_owned(),
            token => token.chars().filter(|c| is_name_character(*c)).collect(),
        });
        tokens.filter(|token| !token.is_empty()).collect::<Vec<_>>().join("-")
    }
}

/// The template whose filter a subject matches. Where there is one, nothing has to be matched.
pub(crate) fn fitting<'t, T: AsRef<str>>(
    mut patterns: impl ExactSizeIterator<Item = (&'t str, &'t str)>,
    subject: impl FnOnce() -> T,
) -> &'t str {
    let found = if patterns.len() == 1 {
        patterns.next()
    } else {
        let subject = subject();
        patterns.find(|(_, filter)| subject_matches(filter, subject.as_ref()))
    };
    found.map_or("", |(template, _)| template)
}

/// A whole token with one name in braces.
fn is_placeholder(token: &str) -> bool {
    let name = token.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| !name.is_empty() && !name.contains(['{', '}']))
}

/// What names of endpoints consist of (ADR-32).
fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Whether there is a subject that both filters match.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (None, None) | (Some(">"), Some(_)) | (Some(_), Some(">")) => return true,
            (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
            _ => return false,
        }
    }
}

/// The placeholders of a template, each with its part of a subject: those without a name are `*`
/// and `>`.
pub(crate) fn captures<'t, 's>(template: &'t str, subject: &'s str) -> Vec<(&'t str, &'s str)> {
    let mut found = Vec::new();
    let (mut template, mut subject) = (template, subject);
    while !template.is_empty() {
        let tail = template == ">" || (template.starts_with('{') && template.ends_with("..}"));
        if tail && !template.trim_end_matches("..}").contains('.') {
            found.push((name(template), subject));
            break;
        }
        let (token, rest) = template.split_once('.').unwrap_or((template, ""));
        let (value, left) = subject.split_once('.').unwrap_or((subject, ""));
        if let Some((before, placeholder, after)) = placeholder(token) {
            let value = value.strip_prefix(before).and_then(|value| value.strip_suffix(after));
            found.push((placeholder, value.unwrap_or_default()));
        }
        (template, subject) = (rest, left);
    }
    found
}

fn name(tail: &str) -> &str {
    tail.trim_start_matches('{').trim_end_matches("..}")
}

/// The placeholder of a token, and the text before and behind it: `v{major}` has one.
fn placeholder(token: &str) -> Option<(&str, &str, &str)> {
    if token == "*" {
        return Some(("", "*", ""));
    }
    let (before, rest) = token.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_placeholders_become_wildcards() {
        let filter = |template: &str| Pattern::new(template).filter;
        assert_eq!(filter("admin.uptime"), "admin.uptime");
        assert_eq!(filter("admin.*"), "admin.*");
        assert_eq!(filter("orders.{id}.get"), "orders.*.get");
        assert_eq!(filter("files.{path..}"), "files.>");
        assert_eq!(filter("{path..}"), ">");
        assert_eq!(filter("a..b"), "a..b", "what is wrong stays, to be refused");
    }

    #[test]
    fn a_prefix_goes_before_both() {
        let under = |prefix: &str| Pattern::new("{id}.get").under(&Pattern::new(prefix));
        assert_eq!(under(""), Pattern::new("{id}.get"));
        assert_eq!(under("eu.*"), Pattern::new("eu.*.{id}.get"));
    }

    #[test]
    fn names_are_of_the_subject() {
        let name = |template: &str| Pattern::new(template).name();
        assert_eq!(name("orders.{id}.get"), "orders-id-get");
        assert_eq!(name("files.v{major}.{path..}"), "files-vmajor-path");
        assert_eq!(name("admin.*.>"), "admin-any-all");
        assert_eq!(name("größe"), "gre");
    }

    #[test]
    fn filters_overlap_where_a_subject_fits_both() {
        for (one, other) in [
            ("a.b", "a.b"),
            ("a.*", "a.b"),
            ("a.*", "*.b"),
            (">", "a"),
            ("a.>", "a.b.c"),
            ("a.*.c", "a.b.>"),
            ("*", ">"),
        ] {
            assert!(overlap(one, other) && overlap(other, one), "{one} {other}");
        }
        for (one, other) in
            [("a", "b"), ("a", "a.b"), ("a.*", "a"), ("a.>", "a"), ("a.*.c", "a.b.d")]
        {
            assert!(!overlap(one, other) && !overlap(other, one), "{one} {other}");
        }
    }

    #[test]
    fn placeholders_have_their_parts_of_the_subject() {
        let of = |template: &'static str, subject: &'static str| captures(template, subject);
        assert_eq!(of("orders.{id}.get", "orders.7.get"), [("id", "7")]);
        assert_eq!(
            of("files.v{major}.{path..}", "files.v2.a.b"),
            [("major", "2"), ("path", "a.b")]
        );
        assert_eq!(of("admin.*.>", "admin.x.y.z"), [("*", "x"), (">", "y.z")]);
        assert_eq!(of("admin.uptime", "admin.uptime"), []);
        assert_eq!(of("{a}.{b}", "short"), [("a", "short"), ("b", "")]);
    }
}
