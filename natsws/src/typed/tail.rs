use std::error::Error;
use std::str::Split;

use super::token::{FromToken, ToToken};

/// The tokens that a tail placeholder `{field..}` is read from.
pub type Tokens<'m> = Split<'m, char>;

/// A list of values that can be written as the last tokens of a subject: what `{field..}` needs.
///
/// Vectors, slices and arrays of what can be a token are.
///
/// ```
/// use natsws::Subject;
/// use serde::Serialize;
///
/// #[derive(Serialize, Subject)]
/// #[subject("files.{path..}")]
/// struct FileSeen<'a> { path: &'a [&'a str] }
///
/// assert_eq!(FileSeen { path: &["etc", "hosts"] }.subject()?, "files.etc.hosts");
/// assert!(FileSeen { path: &[] }.subject().is_err());
/// # Ok::<(), natsws::SubjectError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the tail of a subject",
    note = "a field named by `{{field..}}` is a list of tokens, as in `Vec<String>`"
)]
pub trait ToTail {
    /// Gives each token to `put`.
    ///
    /// # Errors
    /// The error of `put`, which ends it.
    fn each_token<E>(&self, put: impl FnMut(&dyn ToToken) -> Result<(), E>) -> Result<(), E>;
}

/// A list of values that can be read from the last tokens of a subject: what `{field..}` needs.
///
/// ```
/// use natsws::SubjectReader;
///
/// let mut reader = SubjectReader::new("versions.1.2.3", "versions.{numbers..}");
/// reader.literal("versions")?;
/// let numbers: [u32; 3] = reader.tail("numbers")?;
/// assert_eq!(numbers, [1, 2, 3]);
/// # Ok::<(), natsws::SubjectError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from the tail of a subject",
    note = "a field named by `{{field..}}` is a list of tokens, as in `Vec<String>`"
)]
pub trait FromTail: Sized {
    /// Reads the tokens, of which there is at least one.
    ///
    /// # Errors
    /// Whatever the type says of tokens that are not its values.
    fn from_tail(tokens: Tokens<'_>) -> Result<Self, Box<dyn Error + Send + Sync>>;
}

impl<T: ToToken> ToTail for [T] {
    fn each_token<E>(&self, put: impl FnMut(&dyn ToToken) -> Result<(), E>) -> Result<(), E> {
        self.iter().map(|token| token as &dyn ToToken).try_for_each(put)
    }
}

impl<T: ToToken> ToTail for Vec<T> {
    fn each_token<E>(&self, put: impl FnMut(&dyn ToToken) -> Result<(), E>) -> Result<(), E> {
        self.as_slice().each_token(put)
    }
}

impl<T: ToToken, const N: usize> ToTail for [T; N] {
    fn each_token<E>(&self, put: impl FnMut(&dyn ToToken) -> Result<(), E>) -> Result<(), E> {
        self.as_slice().each_token(put)
    }
}

impl<T: ToTail + ?Sized> ToTail for &T {
    fn each_token<E>(&self, put: impl FnMut(&dyn ToToken) -> Result<(), E>) -> Result<(), E> {
        T::each_token(self, put)
    }
}

impl<T: ToTail + ?Sized> ToTail for Box<T> {
    fn each_token<E>(&self, put: impl FnMut(&dyn ToToken) -> Result<(), E>) -> Result<(), E> {
        T::each_token(self, put)
    }
}

impl<T: FromToken> FromTail for Vec<T> {
    fn from_tail(tokens: Tokens<'_>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        tokens.map(T::from_token).collect()
    }
}

impl<T: FromToken> FromTail for Box<[T]> {
    fn from_tail(tokens: Tokens<'_>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        tokens.map(T::from_token).collect()
    }
}

impl<T: FromToken, const N: usize> FromTail for [T; N] {
    fn from_tail(tokens: Tokens<'_>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let tokens = Vec::from_tail(tokens)?;
        let found = tokens.len();
        tokens.try_into().map_err(|_| format!("{found} tokens, where {N} are expected").into())
    }
}
