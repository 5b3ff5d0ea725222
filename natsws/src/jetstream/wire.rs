//! How values look in the JSON of the API, where that is not what serde would write.
//!
//! Numbers are read through [`Number`], never as `u64` itself: behind `#[serde(flatten)]` serde
//! would not find them where somebody has switched on `arbitrary_precision` of `serde_json`.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serializer};
use serde_json::Number;

/// A whole number, where there is one.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i128>, D::Error> {
    let number: Option<Number> = Option::deserialize(deserializer)?;
    let whole = |number: Number| {
        number.as_i128().ok_or_else(|| D::Error::custom("the number is not a whole one"))
    };
    number.map(whole).transpose()
}

/// `null` is as good as absent: Go writes it for a list or a map that is empty.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A text, where it is not empty.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// A number of what there is.
pub(crate) fn count<'de, D, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<i128>,
{
    N::try_from(whole(deserializer)?.unwrap_or(0))
        .map_err(|_| D::Error::custom("the number is negative or too large"))
}

/// A sequence number, where it is not 0.
pub(crate) fn sequence<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    let sequence: u64 = count(deserializer)?;
    Ok(Some(sequence).filter(|sequence| *sequence > 0))
}

/// Whether a value is the one that nobody has to write down.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A limit: what is not above zero is none.
pub(crate) mod limit {
    use super::{Deserializer, Error, Serializer, whole};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
    pub(crate) fn serialize<N, S>(limit: &Option<N>, serializer: S) -> Result<S::Ok, S::Error>
    where
        N: Copy + TryInto<i64>,
        S: Serializer,
    {
        match limit {
            // The server counts with one bit less, and this is as good as no limit.
            Some(limit) => serializer.serialize_i64((*limit).try_into().unwrap_or(i64::MAX)),
            None => serializer.serialize_i64(-1),
        }
    }

    pub(crate) fn deserialize<'de, D, N>(deserializer: D) -> Result<Option<N>, D::Error>
    where
        D: Deserializer<'de>,
        N: TryFrom<i128>,
    {
        let limit = whole(deserializer)?.filter(|limit| *limit > 0);
        let fit =
            |limit| N::try_from(limit).map_err(|_| D::Error::custom("the limit is too large"));
        limit.map(fit).transpose()
    }
}

/// A duration as a number of nanoseconds; a negative one is none at all.
pub(crate) mod nanoseconds {
    use std::time::Duration;

    use super::{Deserializer, Error, Serializer, whole};

    pub(crate) fn serialize<S: Serializer>(
        time: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        // 292 years and more are written as that.
        serializer.serialize_i64(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
    }

    pub(crate) fn deserialize<'de, D>(deserializer: D) -> Result<Duration, D::Error>
    where
        D: Deserializer<'de>,
    {
        let nanoseconds = whole(deserializer)?.unwrap_or(0).max(0);
        let nanoseconds = u64::try_from(nanoseconds);
        let nanoseconds = nanoseconds.map_err(|_| D::Error::custom("the time is too long"))?;
        Ok(Duration::from_nanos(nanoseconds))
    }
}

/// A duration that may be missing, for which 0 stands.
pub(crate) mod some_nanoseconds {
    use std::time::Duration;

    use super::{Deserializer, Serializer, nanoseconds};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
    pub(crate) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        nanoseconds::serialize(&time.unwrap_or_default(), serializer)
    }

    pub(crate) fn deserialize<'de, D>(deserializer: D) -> Result<Option<Duration>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let time = nanoseconds::deserialize(deserializer)?;
        Ok(Some(time).filter(|time| !time.is_zero()))
    }
}

/// Several durations.
pub(crate) mod list_of_nanoseconds {
    use std::time::Duration;

    use serde::{Deserialize, Serialize};

    use super::{Deserializer, Serializer, nanoseconds};

    #[derive(Serialize, Deserialize)]
    struct One(#[serde(with = "nanoseconds")] Duration);

    pub(crate) fn serialize<S: Serializer>(
        times: &[Duration],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(times.iter().copied().map(One))
    }

    pub(crate) fn deserialize<'de, D>(deserializer: D) -> Result<Vec<Duration>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let times: Option<Vec<One>> = Option::deserialize(deserializer)?;
        Ok(times.unwrap_or_default().into_iter().map(|One(time)| time).collect())
    }
}

/// A point in time as RFC 3339 says it: written in UTC, read with any offset and precision.
pub(crate) mod rfc3339 {
    use std::time::{Duration, SystemTime};

    use serde::Deserialize;
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    use super::{Deserializer, Error, Serializer};

    /// 0001-01-01T00:00:00Z, which is how Go writes that there is no time. It is the first that is
    /// written, as the last is that of the year 9999: RFC 3339 goes no further.
    pub(super) const ZERO: i128 = -62_135_596_800_000_000_000;
    const LAST: i128 = 253_402_300_799_999_999_999;

    pub(crate) fn serialize<S: Serializer>(
        time: &SystemTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;

        let text = text(*time).ok_or_else(|| S::Error::custom("the time cannot be written"))?;
        serializer.serialize_str(&text)
    }

    /// A point in time as text. What RFC 3339 cannot say is as near to it as it can.
    pub(crate) fn text(time: SystemTime) -> Option<String> {
        let utc = OffsetDateTime::from_unix_timestamp_nanos(since_epoch(time)).ok()?;
        utc.format(&Rfc3339).ok()
    }

    pub(crate) fn deserialize<'de, D>(deserializer: D) -> Result<SystemTime, D::Error>
    where
        D: Deserializer<'de>,
    {
        let text = String::deserialize(deserializer)?;
        parse(&text).map(at).ok_or_else(unusable)
    }

    pub(super) fn unusable<E: Error>() -> E {
        // What it says instead is somebody else's text, and as long as they like.
        E::custom("the time is not one of RFC 3339")
    }

    /// Nanoseconds since the start of 1970.
    pub(super) fn parse(text: &str) -> Option<i128> {
        OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp_nanos)
    }

    fn since_epoch(time: SystemTime) -> i128 {
        let nanoseconds = |distance: Duration| i128::try_from(distance.as_nanos()).ok();
        let time = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => nanoseconds(after).unwrap_or(LAST),
            Err(before) => nanoseconds(before.duration()).map_or(ZERO, |before| -before),
        };
        time.clamp(ZERO, LAST)
    }

    /// A clock that does not go so far (that of Windows starts in 1601) is left at 1970.
    pub(super) fn at(nanoseconds: i128) -> SystemTime {
        const SECOND: u128 = 1_000_000_000;
        let epoch = SystemTime::UNIX_EPOCH;
        let distance = nanoseconds.unsigned_abs();
        let seconds = u64::try_from(distance / SECOND).map(Duration::from_secs);
        let rest = u64::try_from(distance % SECOND).map(Duration::from_nanos);
        let (Ok(seconds), Ok(rest)) = (seconds, rest) else { return epoch };
        let distance = seconds.saturating_add(rest);
        let time =
            if nanoseconds < 0 { epoch.checked_sub(distance) } else { epoch.checked_add(distance) };
        time.unwrap_or(epoch)
    }
}

/// A point in time that may be missing, for which the first second of the year 1 stands.
pub(crate) mod some_rfc3339 {
    use std::time::SystemTime;

    use serde::Deserialize;

    use super::{Deserializer, Serializer, rfc3339};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
    pub(crate) fn serialize<S: Serializer>(
        time: &Option<SystemTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => rfc3339::serialize(time, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D>(deserializer: D) -> Result<Option<SystemTime>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let text: Option<String> = Option::deserialize(deserializer)?;
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
        let time = rfc3339::parse(&text).ok_or_else(rfc3339::unusable)?;
        Ok((time != rfc3339::ZERO).then(|| rfc3339::at(time)))
    }
}

/// Bytes as base64; none are as good as absent.
pub(crate) mod base64 {
    use bytes::Bytes;
    use data_encoding::BASE64;
    use serde::Deserialize;

    use super::{Deserializer, Error};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Bytes, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        let bytes = BASE64.decode(text.unwrap_or_default().as_bytes());
        bytes.map(Bytes::from).map_err(|_| D::Error::custom("the bytes are not base64"))
    }
}

/// An enum whose values are words, and which keeps the word of a newer server.
macro_rules! words {
    (
        $(#[$attribute:meta])*
        pub enum $Name:ident {
            $( $(#[$note:meta])* $Variant:ident = $word:literal, )+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
        #[non_exhaustive]
        pub enum $Name {
            $( $(#[$note])* $Variant, )+
            /// What a newer server calls it, which is sent back as it is.
            Other(String),
        }

        impl $Name {
            /// The word of the API.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$Variant => $word, )+
                    Self::Other(word) => word,
                }
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                let word: Option<String> = serde::Deserialize::deserialize(deserializer)?;
                let word = word.unwrap_or_default();
                Ok(match word.as_str() {
                    "" => Self::default(),
                    $( $word => Self::$Variant, )+
                    _ => Self::Other(word),
                })
            }
        }
    };
}

pub(crate) use words;

#[cfg(test)]
mod tests;
