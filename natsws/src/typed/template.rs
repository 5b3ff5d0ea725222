//! Templates at run time: `orders.{region}.{id}`, as the derive has checked it.

/// The tokens of a template. A tail `{rest..}` is one, and the last.
pub(super) fn tokens(template: &str) -> impl Iterator<Item = &str> {
    let tail = template.strip_suffix("..}").and_then(|rest| rest.rfind('{'));
    let (head, tail) = match tail {
        Some(at) => (template.get(..at).unwrap_or_default(), template.get(at..)),
        None => (template, None),
    };
    let head = if tail.is_some() { head.strip_suffix('.') } else { Some(head) };
    head.into_iter().flat_map(|head| head.split('.')).chain(tail)
}

/// One token of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'t> {
    Literal(&'t str),
    /// A placeholder with the text around it in its token.
    Field {
        prefix: &'t str,
        name: &'t str,
        suffix: &'t str,
    },
    /// A placeholder for all tokens that follow.
    Tail {
        name: &'t str,
    },
}

impl<'t> Token<'t> {
    pub(super) fn read(token: &'t str) -> Self {
        let parts = token.split_once('{').and_then(|(prefix, rest)| {
            let (name, suffix) = rest.split_once('}')?;
            Some((prefix, name, suffix))
        });
        match parts {
            None => Self::Literal(token),
            Some((prefix, name, suffix)) => match name.strip_suffix("..") {
                Some(name) => Self::Tail { name },
                None => Self::Field { prefix, name, suffix },
            },
        }
    }
}

/// What of a token stands for the placeholder; `None` where the text around it is another, or where
/// nothing is left.
pub(super) fn between<'s>(token: &'s str, prefix: &str, suffix: &str) -> Option<&'s str> {
    let value = token.strip_prefix(prefix)?.strip_suffix(suffix)?;
    (!value.is_empty()).then_some(value)
}

/// Says whether a subject has the shape of a template: its literal text, and something for each
/// placeholder. Whether that is a value of the field's type is not asked.
///
/// ```
/// assert!(natsws::template_matches("orders.{id}.created", "orders.7.created"));
/// assert!(natsws::template_matches("files.{path..}", "files.etc.hosts"));
/// assert!(!natsws::template_matches("api.v{major}", "api.latest"));
/// ```
pub fn template_matches(template: &str, subject: &str) -> bool {
    let mut found = subject.split('.');
    for token in tokens(template) {
        let Some(text) = found.next() else { return false };
        match Token::read(token) {
            Token::Literal(literal) if literal == text => {}
            Token::Field { prefix, suffix, .. } if between(text, prefix, suffix).is_some() => {}
            Token::Tail { .. } => return !text.is_empty() && found.all(|text| !text.is_empty()),
            Token::Literal(_) | Token::Field { .. } => return false,
        }
    }
    found.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_falls_apart_at_its_dots_but_for_those_of_a_tail() {
        let taken = |template| tokens(template).collect::<Vec<_>>();
        assert_eq!(taken("a"), ["a"]);
        assert_eq!(taken("a.{b}.v{c}x"), ["a", "{b}", "v{c}x"]);
        assert_eq!(taken("a.{b..}"), ["a", "{b..}"]);
        assert_eq!(taken("{b..}"), ["{b..}"]);
    }

    #[test]
    fn tokens_are_literals_fields_and_tails() {
        assert_eq!(Token::read("a"), Token::Literal("a"));
        assert_eq!(Token::read("{a}"), Token::Field { prefix: "", name: "a", suffix: "" });
        assert_eq!(Token::read("v{a}b"), Token::Field { prefix: "v", name: "a", suffix: "b" });
        assert_eq!(Token::read("{a..}"), Token::Tail { name: "a" });
    }

    #[test]
    fn a_subject_matches_the_shape_of_a_template() {
        for (template, subject, expected) in [
            ("a.{b}.c", "a.b.c", true),
            ("a.{b}.c", "a..c", false),
            ("a.{b}.c", "a.b", false),
            ("a.{b}.c", "a.b.c.d", false),
            ("v{a}", "v", false),
            ("v{a}", "v1", true),
            ("{a}-x", "1-x", true),
            ("{a}-x", "-x", false),
            ("aa{b}aa", "aaa", false),
            ("a.{b..}", "a", false),
            ("a.{b..}", "a.b", true),
            ("a.{b..}", "a.b.c", true),
            ("a.{b..}", "a.b..c", false),
            ("{b..}", "", false),
        ] {
            assert_eq!(template_matches(template, subject), expected, "{template} {subject}");
        }
    }
}
