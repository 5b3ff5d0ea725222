use super::writer::SubjectWriter;
use crate::subject::{SubjectBuf, SubjectError};

/// A type whose values each have a subject: what `#[derive(Subject)]` implements.
///
/// By hand it is four lines; the text that `write_subject` makes must match the template.
///
/// ```
/// use natsws::{Subject, SubjectError, SubjectWriter};
///
/// struct Door { floor: u8 }
///
/// impl Subject for Door {
///     const TEMPLATES: &'static [&'static str] = &["doors.{floor}"];
///     const FILTERS: &'static [&'static str] = &["doors.*"];
///
///     fn write_subject(&self, out: &mut SubjectWriter<'_>) -> Result<(), SubjectError> {
///         out.literal("doors.");
///         out.token("floor", &self.floor)
///     }
/// }
///
/// assert_eq!(Door { floor: 3 }.subject()?, "doors.3");
/// # Ok::<(), SubjectError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no subject",
    note = "say what it is published to: `#[derive(Subject)]` and `#[subject(\"…\")]` on `{Self}`"
)]
pub trait Subject {
    /// The subject with its placeholders, as declared: one for a struct, one per variant for an
    /// enum.
    const TEMPLATES: &'static [&'static str];
    /// The templates with a wildcard in place of each placeholder: what to subscribe to.
    const FILTERS: &'static [&'static str];
    /// The queue group that services of this type share; `None` leaves it to the service.
    const QUEUE: Option<&'static str> = None;

    /// Writes the subject of this value.
    ///
    /// # Errors
    /// [`SubjectError`] where a field's value cannot be one token of a subject.
    fn write_subject(&self, out: &mut SubjectWriter<'_>) -> Result<(), SubjectError>;

    /// The subject of this value.
    ///
    /// # Errors
    /// [`SubjectError`] where a field's value cannot be one token of a subject.
    fn subject(&self) -> Result<SubjectBuf, SubjectError> {
        let mut subject = String::new();
        let mut writer = SubjectWriter::new(&mut subject);
        self.write_subject(&mut writer)?;
        writer.finish()?;
        Ok(SubjectBuf::from_checked(subject))
    }
}
