//! The subjects on which services are asked who they are (ADR-32):
//! `$SRV.PING`, `$SRV.PING.<name>`, `$SRV.PING.<name>.<id>`, and the same for `INFO` and `STATS`.

/// What these subjects begin with, where nothing else is said.
pub(crate) const PREFIX: &str = "$SRV";

/// What a service is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Whether it is there.
    Ping,
    /// What it offers.
    Info,
    /// What it has done.
    Stats,
}

/// Whom of the services it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom<'a> {
    /// Every instance of every service.
    All,
    /// Every instance of the service of this name.
    Named(&'a str),
    /// One instance.
    Instance { name: &'a str, id: &'a str },
}

impl Verb {
    pub(crate) const ALL: [Self; 3] = [Self::Ping, Self::Info, Self::Stats];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ping => "PING",
            Self::Info => "INFO",
            Self::Stats => "STATS",
        }
    }

    /// The subject to ask it on. Neither the prefix nor the words are looked at.
    pub(crate) fn subject(self, prefix: &str, whom: Whom<'_>) -> String {
        let verb = self.as_str();
        match whom {
            Whom::All => format!("{prefix}.{verb}"),
            Whom::Named(name) => format!("{prefix}.{verb}.{name}"),
            Whom::Instance { name, id } => format!("{prefix}.{verb}.{name}.{id}"),
        }
    }

    /// What a subject that begins with the prefix asks, whomever it asks.
    pub(crate) fn of_subject(prefix: &str, subject: &str) -> Option<Self> {
        let mut tokens = subject.strip_prefix(prefix)?.strip_prefix('.')?.split('.');
        let verb = tokens.next()?;
        let verb = Self::ALL.into_iter().find(|known| known.as_str() == verb);
        verb.filter(|_| tokens.count() <= 2)
    }
}

/// The subjects on which one instance of a service is asked: each verb for all, for its name and
/// for itself.
pub(crate) fn subjects(prefix: &str, name: &str, id: &str) -> [(Verb, String); 9] {
    let whom = [Whom::All, Whom::Named(name), Whom::Instance { name, id }];
    std::array::from_fn(|at| {
        let verb = Verb::ALL[at / whom.len()];
        (verb, verb.subject(prefix, whom[at % whom.len()]))
    })
}

/// Whether it is a name of a service, an endpoint or an instance: letters and digits of ASCII, `-`
/// and `_`, and at least one of them.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_asked_on_nine_subjects() {
        let expected = [
            (Verb::Ping, "$SRV.PING"),
            (Verb::Ping, "$SRV.PING.nAMe"),
            (Verb::Ping, "$SRV.PING.nAMe.iD"),
            (Verb::Info, "$SRV.INFO"),
            (Verb::Info, "$SRV.INFO.nAMe"),
            (Verb::Info, "$SRV.INFO.nAMe.iD"),
            (Verb::Stats, "$SRV.STATS"),
            (Verb::Stats, "$SRV.STATS.nAMe"),
            (Verb::Stats, "$SRV.STATS.nAMe.iD"),
        ];
        let expected = expected.map(|(verb, subject)| (verb, subject.to_owned()));
        assert_eq!(subjects(PREFIX, "nAMe", "iD"), expected);
        assert_eq!(subjects("hello.service", "nAMe", "iD")[2].1, "hello.service.PING.nAMe.iD");
    }

    #[test]
    fn each_subject_says_what_it_asks() {
        for prefix in [PREFIX, "hello.service"] {
            for (verb, subject) in subjects(prefix, "orders", "A1") {
                assert_eq!(Verb::of_subject(prefix, &subject), Some(verb), "{subject}");
            }
        }
        for subject in [
            "",
            "$SRV",
            "$SRV.",
            "$SRVPING",
            "$SRV.ping",
            "$SRV.PING.a.b.c",
            "$SRV.PONG",
            "other.PING",
            "$SRV.PINGS.a",
        ] {
            assert_eq!(Verb::of_subject(PREFIX, subject), None, "{subject}");
        }
    }

    #[test]
    fn names_are_letters_digits_dashes_and_underscores() {
        for name in ["a", "orders", "Orders-2_b", "-", "_"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a.b", "a b", "*", ">", "é", "a\n", "a$"] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
