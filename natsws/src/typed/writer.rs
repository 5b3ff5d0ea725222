use super::tail::ToTail;
use super::token::ToToken;
use crate::subject::{MAX_SUBJECT_LEN, SubjectError, TokenFault, token_fault};

/// Writes a subject piece by piece: literal text as it is, values checked to be one token each.
///
/// ```
/// use natsws::{SubjectError, SubjectWriter};
///
/// let mut subject = String::new();
/// let mut out = SubjectWriter::new(&mut subject);
/// out.literal("files.");
/// out.token("owner", "ann")?;
/// out.literal(".");
/// out.tail("path", &["etc", "hosts"])?;
/// assert!(out.token("owner", "a.b").is_err());
/// assert_eq!(subject, "files.ann.etc.hosts");
/// # Ok::<(), SubjectError>(())
/// ```
#[derive(Debug)]
pub struct SubjectWriter<'a> {
    out: &'a mut String,
    start: usize,
}

impl<'a> SubjectWriter<'a> {
    /// Writes behind what `out` holds already.
    pub fn new(out: &'a mut String) -> Self {
        let start = out.len();
        Self { out, start }
    }

    /// Writes text of the template, dots and all.
    ///
    /// The derive has checked this text; a subject that is wrong all the same is refused when it is
    /// published.
    pub fn literal(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Writes the value of the field that a placeholder names.
    ///
    /// # Errors
    /// [`SubjectError::Token`] where what the value writes is not exactly one token: nothing is
    /// escaped or left out to make it fit.
    pub fn token<T: ToToken + ?Sized>(
        &mut self,
        field: &'static str,
        value: &T,
    ) -> Result<(), SubjectError> {
        let at = self.out.len();
        let fault = match value.write_token(self.out) {
            Ok(()) => token_fault(self.written(at)),
            Err(_) => Some(TokenFault::Format),
        };
        match fault {
            None => Ok(()),
            Some(fault) => {
                let value = self.written(at).to_owned();
                self.out.truncate(at);
                Err(SubjectError::Token { field, value, fault })
            }
        }
    }

    /// Writes the values of the field that a tail placeholder names, with dots between them.
    ///
    /// # Errors
    /// As [`token`](Self::token), for each value; a list of none is refused too, because a subject
    /// cannot end with a dot.
    pub fn tail<T: ToTail + ?Sized>(
        &mut self,
        field: &'static str,
        value: &T,
    ) -> Result<(), SubjectError> {
        let start = self.out.len();
        value.each_token(|token| {
            if self.out.len() > start {
                self.out.push('.');
            }
            self.token(field, token)
        })?;
        if self.out.len() > start {
            return Ok(());
        }
        Err(SubjectError::Token { field, value: String::new(), fault: TokenFault::Empty })
    }

    /// Ends the subject and checks its length.
    pub(crate) fn finish(self) -> Result<(), SubjectError> {
        let len = self.out.len() - self.start;
        if len == 0 {
            return Err(SubjectError::Empty);
        }
        if len > MAX_SUBJECT_LEN {
            return Err(SubjectError::TooLong { len, max: MAX_SUBJECT_LEN });
        }
        Ok(())
    }

    /// What was written from `at` on. A value's own `Display` can only append, so `at` is always
    /// within the text.
    fn written(&self, at: usize) -> &str {
        self.out.get(at..).unwrap_or_default()
    }
}
