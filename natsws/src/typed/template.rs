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
    use proptest::prelude::*;

    use super::super::{SubjectReader, SubjectWriter};
    use super::*;
    use crate::subject::{SubjectError, check_subject};

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

    /// A token of a template that was made up.
    #[derive(Debug, Clone)]
    enum Part {
        Literal(String),
        Field { prefix: String, value: String, suffix: String },
        Tail(Vec<String>),
    }

    /// Text that is often none that a token may be.
    fn value() -> impl Strategy<Value = String> {
        prop_oneof![3 => "[a-z0-9{}]{1,6}", 1 => ".{0,6}", 1 => "[.*> \t]{0,2}[a-z]{0,2}"]
    }

    fn part() -> impl Strategy<Value = Part> {
        prop_oneof![
            "[a-z]{1,4}".prop_map(Part::Literal),
            ("[a-z]{0,2}", value(), "[a-z]{0,2}").prop_map(|(prefix, value, suffix)| Part::Field {
                prefix,
                value,
                suffix
            }),
        ]
    }

    fn shape() -> impl Strategy<Value = Vec<Part>> {
        let tail = prop::option::of(prop::collection::vec(value(), 0..4).prop_map(Part::Tail));
        (prop::collection::vec(part(), 1..6), tail).prop_map(|(mut parts, tail)| {
            parts.extend(tail);
            parts
        })
    }

    fn template(parts: &[Part]) -> &'static str {
        let text = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Field { prefix, suffix, .. } => format!("{prefix}{{f}}{suffix}"),
            Part::Tail(_) => "{t..}".to_owned(),
        };
        // A test's few templates may live on.
        parts.iter().map(text).collect::<Vec<_>>().join(".").leak()
    }

    fn write(parts: &[Part]) -> Result<String, SubjectError> {
        let mut subject = String::new();
        let mut out = SubjectWriter::new(&mut subject);
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                out.literal(".");
            }
            match part {
                Part::Literal(text) => out.literal(text),
                Part::Field { prefix, value, suffix } => {
                    out.literal(prefix);
                    out.token("f", value)?;
                    out.literal(suffix);
                }
                Part::Tail(values) => out.tail("t", values)?,
            }
        }
        out.finish()?;
        Ok(subject)
    }

    /// Whether reading along the template gives back what was written.
    fn reads_back(parts: &[Part], subject: &str) -> Result<bool, SubjectError> {
        let mut reader = SubjectReader::new(subject, template(parts));
        let mut same = true;
        for part in parts {
            match part {
                Part::Literal(text) => reader.literal(text)?,
                Part::Field { prefix, value, suffix } => {
                    reader.affix(prefix.clone().leak(), suffix.clone().leak());
                    same &= reader.text("f")? == value;
                }
                Part::Tail(values) => same &= reader.tail::<Vec<String>>("t")? == *values,
            }
        }
        reader.end()?;
        Ok(same)
    }

    proptest! {
        #[test]
        fn whatever_the_shape_what_is_written_is_a_subject_and_reads_back(parts in shape()) {
            match write(&parts) {
                Err(SubjectError::Token { .. }) => {}
                Err(other) => prop_assert!(false, "{other}"),
                Ok(subject) => {
                    prop_assert!(check_subject(&subject).is_ok(), "{}", subject);
                    prop_assert!(template_matches(template(&parts), &subject), "{}", subject);
                    let read = reads_back(&parts, &subject);
                    prop_assert!(read.is_ok_and(|same| same), "{}", subject);
                }
            }
        }
    }
}
