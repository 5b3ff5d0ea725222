//! The version of a server, and what needs a newer one.

use super::capability::Needs;
use super::context::JetStream;
use super::error::JetStreamError;

/// `2.11.0`: what can be compared. Of a pre-release counts what it is on the way to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32, u32);

impl Version {
    /// Reads `2.11.0`, and as much of `v2.12.0-RC.1+build` as is needed.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('v').unwrap_or(text);
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let mut numbers = numbers.split('.').map(|number| number.parse().ok());
        let version = Self(numbers.next()??, numbers.next()??, numbers.next()??);
        numbers.next().is_none().then_some(version)
    }
}

/// Something that not every server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Feature {
    /// What the user calls it.
    pub(crate) name: &'static str,
    /// The oldest version that has it.
    pub(crate) since: &'static str,
}

impl Feature {
    pub(crate) const fn new(name: &'static str, since: &'static str) -> Self {
        Self { name, since }
    }

    pub(crate) fn missing(self, has: &str) -> JetStreamError {
        JetStreamError::Unsupported { feature: self.name, needs: self.since, has: has.to_owned() }
    }

    /// Whether a server of this version lacks it. One that says no version may have everything.
    fn lacks(self, has: &str) -> bool {
        match (Version::parse(has), Version::parse(self.since)) {
            (Some(has), Some(since)) => has < since,
            _ => false,
        }
    }
}

impl JetStream {
    /// Fails where the server is too old for something.
    ///
    /// The version of another domain's or account's servers is not known: they say themselves what
    /// they do not have.
    pub(crate) fn need(&self, feature: Feature) -> Result<(), JetStreamError> {
        let info = self.connection().server_info();
        if self.is_own() && feature.lacks(&info.version) {
            return Err(feature.missing(&info.version));
        }
        Ok(())
    }

    /// Fails where the server is too old for something that a configuration has.
    pub(crate) fn need_all(&self, needs: &Needs) -> Result<(), JetStreamError> {
        needs.features.iter().try_for_each(|feature| self.need(*feature))
    }

    /// What a server has left out that does not know it: one whose version is not known says so in
    /// this way.
    pub(crate) fn left_out(&self, asked: Needs, answered: &Needs) -> Option<Feature> {
        if self.is_own() {
            return None;
        }
        asked.beyond(answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_by_their_numbers() {
        let version = |text| Version::parse(text).expect("it is one");
        assert_eq!(version("2.15.1"), Version(2, 15, 1));
        assert_eq!(version("v2.12.0-RC.1"), Version(2, 12, 0));
        assert_eq!(version("2.12.0-preview.2+build.7"), Version(2, 12, 0));
        assert!(version("2.9.25") < version("2.10.0"));
        assert!(version("2.10.9") < version("2.10.10"));
        assert!(version("3.0.0") > version("2.99.99"));
        for text in ["", "2", "2.10", "2.10.x", "2.10.0.1", "latest", "2..1", "-2.1.0"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_a_version_that_is_known_to_be_older_lacks_something() {
        let batches = Feature::new("batches", "2.11.0");
        assert!(batches.lacks("2.10.29"));
        assert!(!batches.lacks("2.11.0-dev"), "a pre-release has what it is made for");
        assert!(!batches.lacks("2.15.1"));
        assert!(!batches.lacks(""));
        assert!(!batches.lacks("nightly"));
        assert_eq!(
            batches.missing("2.10.29").to_string(),
            "batches needs a server of version 2.11.0, this one has \"2.10.29\""
        );
    }
}
