use super::token::FromToken;
use crate::subject::SubjectError;

/// Reads a received subject token by token along a template: the counterpart of
/// [`SubjectWriter`](crate::SubjectWriter).
#[derive(Debug)]
pub struct SubjectReader<'a> {
    subject: &'a str,
    template: &'static str,
    /// `None` when the last token has been read.
    rest: Option<&'a str>,
}

impl<'a> SubjectReader<'a> {
    /// Reads `subject`; `template` is named in errors.
    pub fn new(subject: &'a str, template: &'static str) -> Self {
        Self { subject, template, rest: Some(subject) }
    }

    fn next(&mut self) -> Result<&'a str, SubjectError> {
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

    /// Reads one token as the value of a field.
    ///
    /// # Errors
    /// [`SubjectError::Mismatch`] where the subject has ended, [`SubjectError::Parse`] where the
    /// token is not a value of the field's type.
    pub fn token<T: FromToken>(&mut self, field: &'static str) -> Result<T, SubjectError> {
        let token = self.next()?;
        T::from_token(token).map_err(|source| SubjectError::Parse {
            field,
            token: token.to_owned(),
            source,
        })
    }

    /// Says that the template ends here.
    ///
    /// # Errors
    /// [`SubjectError::Mismatch`] where the subject has more tokens.
    pub fn end(self) -> Result<(), SubjectError> {
        if self.rest.is_none() { Ok(()) } else { Err(self.mismatch()) }
    }
}
