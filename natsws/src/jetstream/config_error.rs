//! Contradictions in a configuration.

use std::time::Duration;

use super::name::NameError;
use crate::subject::SubjectError;

/// A configuration that no server takes, with what to do about it.
///
/// Only what is wrong on every server is found here; the rest is the server's to say.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A name that nothing can have.
    #[error("a name in the configuration cannot be used")]
    Name(#[from] NameError),
    /// A subject that cannot be used.
    #[error("`{option}` has a subject that cannot be used")]
    Subject {
        /// The option it stands in.
        option: &'static str,
        /// What is wrong with it.
        source: SubjectError,
    },
    /// Two options that exclude each other.
    #[error("`{option}` and `{other}` exclude each other: leave one of them out")]
    Excludes {
        /// The one.
        option: &'static str,
        /// The other.
        other: &'static str,
    },
    /// An option without another that it needs.
    #[error("`{option}` needs `{needs}`: set that as well, or leave `{option}` out")]
    Needs {
        /// The option that is set.
        option: &'static str,
        /// What is missing.
        needs: &'static str,
    },
    /// A time that is too short.
    #[error("`{option}` is {given:?}, and has to be {least:?} or more")]
    TooShort {
        /// The option.
        option: &'static str,
        /// What it was set to.
        given: Duration,
        /// The shortest time that a server takes.
        least: Duration,
    },
    /// A number or a length that is too large.
    #[error("`{option}` is {given}, and may be {most} at most")]
    TooLarge {
        /// The option.
        option: &'static str,
        /// What it was set to: a number, or the length in bytes.
        given: usize,
        /// The largest that a server takes.
        most: usize,
    },
    /// An option that exceeds another.
    #[error("`{option}` exceeds `{other}`: lower the one or raise the other")]
    Exceeds {
        /// The option.
        option: &'static str,
        /// The option that limits it.
        other: &'static str,
    },
    /// An option with a value that means nothing.
    #[error("`{option}` has a value that no server takes: {reason}")]
    Value {
        /// The option.
        option: &'static str,
        /// What is wrong with the value.
        reason: &'static str,
    },
}

/// The first of the pairs where both are set.
pub(super) fn exclusive(
    pairs: &[(bool, &'static str, bool, &'static str)],
) -> Result<(), ConfigError> {
    match pairs.iter().find(|(one, _, two, _)| *one && *two) {
        Some((_, option, _, other)) => Err(ConfigError::Excludes { option, other }),
        None => Ok(()),
    }
}

/// The first of the pairs where the first is set and what it needs is not.
pub(super) fn needed(
    pairs: &[(bool, &'static str, bool, &'static str)],
) -> Result<(), ConfigError> {
    match pairs.iter().find(|(set, _, needed, _)| *set && !*needed) {
        Some((_, option, _, needs)) => Err(ConfigError::Needs { option, needs }),
        None => Ok(()),
    }
}

/// Whether a time, where there is one, is as long as a server wants it.
pub(super) fn at_least(
    option: &'static str,
    given: Option<Duration>,
    least: Duration,
) -> Result<(), ConfigError> {
    // Zero is written as no time at all.
    match given.filter(|given| !given.is_zero() && *given < least) {
        Some(given) => Err(ConfigError::TooShort { option, given, least }),
        None => Ok(()),
    }
}

/// Whether a number is not larger than a server takes.
pub(super) fn at_most(option: &'static str, given: usize, most: usize) -> Result<(), ConfigError> {
    if given > most {
        return Err(ConfigError::TooLarge { option, given, most });
    }
    Ok(())
}

/// What streams and consumers say of themselves is limited alike.
pub(super) fn check_texts<'a>(
    description: Option<&str>,
    metadata: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<(), ConfigError> {
    at_most("description", description.map_or(0, str::len), 4 * 1024)?;
    let metadata = metadata.into_iter().map(|(key, value)| key.len() + value.len()).sum();
    at_most("metadata", metadata, 128 * 1024)
}
