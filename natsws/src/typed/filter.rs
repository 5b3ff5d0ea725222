use std::fmt;
use std::marker::PhantomData;

use super::subject::Subject;
use super::tail::ToTail;
use super::template::{Token, tokens};
use super::token::ToToken;
use super::writer::SubjectWriter;
use crate::subject::SubjectError;

/// Which subjects of a type are meant: all, or those with some of their tokens fixed.
///
/// `#[derive(Subject)]` makes a typed one, which becomes this one:
/// `OrderCreated::filter().region("eu")`. Give it to [`only`](crate::SubscribeTo::only).
///
/// ```
/// use natsws::{Filter, Subject};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Subject)]
/// #[subject("orders.{region}.{id}.created")]
/// struct OrderCreated { region: String, id: u64 }
///
/// let filter: Filter<OrderCreated> = OrderCreated::filter().region("eu").into();
/// assert_eq!(filter.subjects()?, ["orders.eu.*.created"]);
/// # Ok::<(), natsws::SubjectError>(())
/// ```
pub struct Filter<M> {
    /// Those of each template.
    templates: Vec<Vec<Piece>>,
    fault: Option<SubjectError>,
    message: PhantomData<fn() -> M>,
}

#[derive(Clone)]
enum Piece {
    Fixed(String),
    /// A token of the template, not fixed yet.
    Open(&'static str),
}

impl<M: Subject> Filter<M> {
    /// All subjects of the type.
    pub fn all() -> Self {
        let piece = |token| match Token::read(token) {
            Token::Literal(text) => Piece::Fixed(text.to_owned()),
            Token::Field { .. } | Token::Tail { .. } => Piece::Open(token),
        };
        let templates = M::TEMPLATES.iter().map(|text| tokens(text).map(piece).collect());
        Self { templates: templates.collect(), fault: None, message: PhantomData }
    }

    /// Fixes the token of the placeholder with this name, in each template that has it. A value that
    /// cannot be a token is the error of the subscription.
    #[must_use]
    pub fn token(self, field: &'static str, value: &dyn ToToken) -> Self {
        self.fix(field, |out| out.token(field, value))
    }

    /// Fixes all tokens of the tail placeholder with this name.
    #[must_use]
    pub fn tail(self, field: &'static str, value: impl ToTail) -> Self {
        self.fix(field, |out| out.tail(field, &value))
    }

    fn fix(
        mut self,
        field: &'static str,
        write: impl FnOnce(&mut SubjectWriter<'_>) -> Result<(), SubjectError>,
    ) -> Self {
        let mut text = String::new();
        if let Err(fault) = write(&mut SubjectWriter::new(&mut text)) {
            self.fault.get_or_insert(fault);
            return self;
        }
        for piece in self.templates.iter_mut().flatten() {
            let Piece::Open(token) = *piece else { continue };
            match Token::read(token) {
                Token::Field { prefix, name, suffix } if name == field => {
                    *piece = Piece::Fixed(format!("{prefix}{text}{suffix}"));
                }
                Token::Tail { name } if name == field => *piece = Piece::Fixed(text.clone()),
                Token::Literal(_) | Token::Field { .. } | Token::Tail { .. } => {}
            }
        }
        self
    }

    /// What to subscribe to: one subject for each template, with wildcards for the tokens that are
    /// not fixed, and without those that others cover.
    ///
    /// # Errors
    /// [`SubjectError::Token`] where a fixed value cannot be a token.
    pub fn subjects(self) -> Result<Vec<String>, SubjectError> {
        match self.fault {
            Some(fault) => Err(fault),
            None => {
                Ok(cover(&self.templates.iter().map(|pieces| subject(pieces)).collect::<Vec<_>>()))
            }
        }
    }
}

fn subject(pieces: &[Piece]) -> String {
    fn text(piece: &Piece) -> &str {
        match piece {
            Piece::Fixed(text) => text,
            Piece::Open(token) if matches!(Token::read(token), Token::Tail { .. }) => ">",
            Piece::Open(_) => "*",
        }
    }

    pieces.iter().map(text).collect::<Vec<_>>().join(".")
}

/// Leaves out what others cover: a message would come once for each.
fn cover(filters: &[String]) -> Vec<String> {
    let is_needed = |at: usize, filter: &str| {
        // Of two that are the same the first stays.
        !filters.iter().enumerate().any(|(other, wide)| {
            other != at && covers(wide, filter) && (other < at || !covers(filter, wide))
        })
    };
    let each = filters.iter().enumerate();
    each.filter(|(at, filter)| is_needed(*at, filter)).map(|(_, filter)| filter.clone()).collect()
}

/// Whether every subject of the filter `narrow` is one of `wide`.
fn covers(wide: &str, narrow: &str) -> bool {
    let mut narrow = narrow.split('.');
    for token in wide.split('.') {
        match (token, narrow.next()) {
            (">", Some(_)) => return true,
            ("*", Some(other)) if other != ">" => {}
            (literal, Some(other)) if literal == other => {}
            _ => return false,
        }
    }
    narrow.next().is_none()
}

impl<M> fmt::Debug for Filter<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter")
            .field(&self.templates.iter().map(|pieces| subject(pieces)).collect::<Vec<_>>())
            .finish()
    }
}

/// A value for one placeholder of a filter: of the field's type, or a reference to one; a `&str`
/// where the field is text.
///
/// ```
/// use natsws::{Filter, Subject};
/// use serde::Serialize;
///
/// #[derive(Serialize, Subject)]
/// #[subject("doors.{house}.{number}")]
/// struct Door { house: String, number: u8 }
///
/// let door = Door { house: "main".into(), number: 7 };
/// for filter in [Door::filter().house("main").number(7), Door::filter().house(&door.house).number(7)] {
///     assert_eq!(Filter::from(filter).subjects()?, ["doors.main.7"]);
/// }
/// # Ok::<(), natsws::SubjectError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a value for a token that is a `{T}`",
    note = "give the filter a `{T}`, or a reference to one"
)]
pub trait TokenOf<T: ?Sized> {
    /// It as a token.
    fn as_token(&self) -> &dyn ToToken;
}

impl<T: ToToken> TokenOf<T> for T {
    fn as_token(&self) -> &dyn ToToken {
        self
    }
}

impl<T: ToToken> TokenOf<T> for &T {
    fn as_token(&self) -> &dyn ToToken {
        *self
    }
}

impl TokenOf<String> for &str {
    fn as_token(&self) -> &dyn ToToken {
        self
    }
}

impl TokenOf<std::borrow::Cow<'_, str>> for &str {
    fn as_token(&self) -> &dyn ToToken {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(filters: &[&str]) -> Vec<String> {
        cover(&filters.iter().map(|filter| (*filter).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_another_filter_covers_is_left_out() {
        assert_eq!(covered(&["a.*.b", "a.*.c"]), ["a.*.b", "a.*.c"]);
        assert_eq!(covered(&["a.x.b", "a.*.b"]), ["a.*.b"]);
        assert_eq!(covered(&["a.>", "a.*.b", "a"]), ["a.>", "a"]);
        assert_eq!(covered(&["*.*", "*.*", "*.>"]), ["*.>"]);
        assert_eq!(covered(&["a", "a", "a"]), ["a"]);
        assert_eq!(covered(&["a.*", "a.>"]), ["a.>"]);
        assert_eq!(covered(&["*.b", "a.*"]), ["*.b", "a.*"]);
    }
}
