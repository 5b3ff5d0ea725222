use std::error::Error;

use super::tail::FromTail;
use super::template::between;
use super::token::FromToken;
use crate::subject::SubjectError;

/// Reads a received subject token by token along a template: the counterpart of
/// [`SubjectWriter`](crate::SubjectWriter).
///
/// ```
/// use natsws::{SubjectError, SubjectReader};
///
/// let mut reader = SubjectReader::new("orders.eu.v2", "orders.{region}.v{major}");
/// reader.literal("orders")?;
/// let region: &str = reader.text("region")?;
/// reader.affix("v", "");
/// let major: u32 = reader.token("major")?;
/// reader.end()?;
/// assert_eq!((region, major), ("eu", 2));
/// # Ok::<(), SubjectError>(())
/// ```
#[derive(Debug)]
pub struct SubjectReader<'m> {
    subject: &'m str,
    template: &'static str,
    /// `None` when the last token has been read.
    rest: Option<&'m str>,
    /// What stands around the value in the next token, where anything does.
    affix: Option<(&'static str, &'static str)>,
}

impl<'m> SubjectReader<'m> {
    /// Reads `subject`; `template` is named in errors.
    pub fn new(subject: &'m str, template: &'static str) -> Self {
        Self { subject, template, rest: Some(subject), affix: None }
    }

    fn next(&mut self) -> Result<&'m str, SubjectError> {
        let rest = self.rest.ok_or_else(|| self.mismatch())?;
        // Tokens are short: a plain loop finds the dot before a search would have begun.
        let dot = rest.bytes().position(|byte| byte == b'.').unwrap_or(rest.len());
        self.rest = rest.get(dot + 1..);
        Ok(rest.get(..dot).unwrap_or_default())
    }

    fn mismatch(&self) -> SubjectError {
        SubjectError::Mismatch { subject: self.subject.to_owned(), template: self.template }
    }

    /// Steps over one token that must be exactly `token`.
    ///
    /// # Errors
    /// [`SubjectError::Mismatch`] where it is another one or the subject has ended.
    pub fn literal(&mut self, token: &str) -> Result<(), SubjectError> {
        if self.next()? == token { Ok(()) } else { Err(self.mismatch()) }
    }

    /// Says what stands before and behind the value in the next token, as in `v{major}`.
    pub fn affix(&mut self, prefix: &'static str, suffix: &'static str) {
        self.affix = Some((prefix, suffix));
    }

    /// Reads the text of one token, without a copy.
    ///
    /// # Errors
    /// [`SubjectError::Mismatch`] where the subject has ended, or has nothing there.
    pub fn text(&mut self, _field: &'static str) -> Result<&'m str, SubjectError> {
        let token = self.next()?;
        let value = match self.affix.take() {
            None => Some(token).filter(|token| !token.is_empty()),
            Some((prefix, suffix)) => between(token, prefix, suffix),
        };
        value.ok_or_else(|| self.mismatch())
    }

    /// Reads one token as the value of a field.
    ///
    /// # Errors
    /// [`SubjectError::Mismatch`] where the subject has ended, [`SubjectError::Parse`] where the
    /// token is not a value of the field's type.
    pub fn token<T: FromToken>(&mut self, field: &'static str) -> Result<T, SubjectError> {
        self.token_with(field, T::from_token)
    }

    /// Reads one token as the value of a field by a function.
    ///
    /// # Errors
    /// As [`token`](Self::token); what the function says is the source of the error.
    pub fn token_with<T, E: Into<Box<dyn Error + Send + Sync>>>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&'m str) -> Result<T, E>,
    ) -> Result<T, SubjectError> {
        let token = self.text(field)?;
        read(token).map_err(|source| SubjectError::Parse {
            field,
            token: token.to_owned(),
            source: source.into(),
        })
    }

    /// Reads all tokens that are left, of which there must be one, as the value of a field.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub fn tail<T: FromTail>(&mut self, field: &'static str) -> Result<T, SubjectError> {
        let Some(rest) = self.rest.take() else { return Err(self.mismatch()) };
        if rest.split('.').any(str::is_empty) {
            return Err(self.mismatch());
        }
        T::from_tail(rest.split('.')).map_err(|source| SubjectError::Parse {
            field,
            token: rest.to_owned(),
            source,
        })
    }

    /// Says that the template ends here.
    ///
    /// # Errors
    /// [`SubjectError::Mismatch`] where the subject has more tokens.
    pub fn end(&mut self) -> Result<(), SubjectError> {
        if self.rest.is_none() { Ok(()) } else { Err(self.mismatch()) }
    }
}
