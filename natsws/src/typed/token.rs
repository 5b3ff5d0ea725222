use std::error::Error;
use std::fmt::{self, Display, Write};
use std::str::FromStr;

/// A value that can be written as one token of a subject.
///
/// Everything with `Display` is one: numbers, `bool`, `char`, strings, and your own newtypes. What
/// is written is checked afterwards: a dot, a wildcard, a blank, a control character or nothing at
/// all makes it a [`SubjectError`](crate::SubjectError), never a different subject.
///
/// ```
/// use natsws::ToToken;
///
/// let mut out = String::from("floors.");
/// 3_u8.write_token(&mut out)?;
/// assert_eq!(out, "floors.3");
/// # Ok::<(), std::fmt::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a token of a subject",
    note = "a field named by a placeholder is written with `Display` and read with `FromStr`: implement both on `{Self}`, or write `#[derive(Token)]` on an enum without fields or a newtype"
)]
pub trait ToToken {
    /// Writes the token.
    ///
    /// # Errors
    /// [`fmt::Error`] where the value's own formatting fails.
    fn write_token(&self, out: &mut String) -> fmt::Result;
}

impl<T: Display + ?Sized> ToToken for T {
    fn write_token(&self, out: &mut String) -> fmt::Result {
        write!(out, "{self}")
    }
}

/// A value that can be read back from one token of a subject: everything with `FromStr`.
///
/// ```
/// use natsws::FromToken;
///
/// assert_eq!(u8::from_token("3").ok(), Some(3));
/// assert!(u8::from_token("three").is_err());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a token of a subject",
    note = "a field named by a placeholder is written with `Display` and read with `FromStr`: implement both on `{Self}`, or write `#[derive(Token)]` on an enum without fields or a newtype"
)]
pub trait FromToken: Sized {
    /// Reads the token.
    ///
    /// # Errors
    /// Whatever the type says of a token that is not one of its values.
    fn from_token(token: &str) -> Result<Self, Box<dyn Error + Send + Sync>>;
}

impl<T: FromStr> FromToken for T
where
    T::Err: Into<Box<dyn Error + Send + Sync>>,
{
    fn from_token(token: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        token.parse().map_err(Into::into)
    }
}
