//! How the values of ADR-32 look in JSON, where that is not what serde would write.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// What an answer says in `type`.
pub(crate) trait Typed {
    const TYPE: &'static str;
}

/// The `type` of an answer: always written, and no other is read.
pub(crate) struct Tag<T>(PhantomData<fn() -> T>);

impl<T> Tag<T> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Clone for Tag<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Tag<T> {}

impl<T> PartialEq for Tag<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T: Typed> fmt::Debug for Tag<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::TYPE)
    }
}

impl<T: Typed> Serialize for Tag<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(T::TYPE)
    }
}

impl<'de, T: Typed> Deserialize<'de> for Tag<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Expected<T>(PhantomData<fn() -> T>);

        impl<T: Typed> Visitor<'_> for Expected<T> {
            type Value = Tag<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "the type {:?}", T::TYPE)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                if text == T::TYPE {
                    return Ok(Tag::new());
                }
                // What it says instead is somebody else's text, and as long as they like.
                Err(E::custom(format_args!("the type is not {:?}", T::TYPE)))
            }
        }

        deserializer.deserialize_str(Expected(PhantomData))
    }
}

/// `null` is as good as absent: Go writes it for a list or a map that is empty.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A text that is always written, and empty where there is none.
pub(crate) mod text {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
    pub(crate) fn serialize<S: Serializer>(
        text: &Option<String>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text.as_deref().unwrap_or_default())
    }

    pub(crate) fn deserialize<'de, D>(deserializer: D) -> Result<Option<String>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let text: Option<String> = Option::deserialize(deserializer)?;
        Ok(text.filter(|text| !text.is_empty()))
    }
}

/// A duration as a number of nanoseconds.
pub(crate) mod nanoseconds {
    use std::fmt;
    use std::time::Duration;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        time: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        // 584 years and more are written as that.
        serializer.serialize_u64(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        deserializer.deserialize_any(Nanoseconds)
    }

    struct Nanoseconds;

    impl Visitor<'_> for Nanoseconds {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number of nanoseconds")
        }

        fn visit_u64<E>(self, nanoseconds: u64) -> Result<Duration, E> {
            Ok(Duration::from_nanos(nanoseconds))
        }

        // JavaScript measures with the clock on the wall, which may be set back meanwhile.
        fn visit_i64<E>(self, nanoseconds: i64) -> Result<Duration, E> {
            Ok(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0)))
        }

        // JavaScript divides without rounding where an endpoint is read as an iterator.
        fn visit_f64<E: Error>(self, nanoseconds: f64) -> Result<Duration, E> {
            let seconds = nanoseconds.max(0.0) / 1e9;
            Duration::try_from_secs_f64(seconds).map_err(E::custom)
        }

        fn visit_unit<E>(self) -> Result<Duration, E> {
            Ok(Duration::ZERO)
        }
    }
}

/// A point in time as RFC 3339 says it: written in UTC with milliseconds, read with any offset and
/// precision.
pub(crate) mod rfc3339 {
    use std::fmt;
    use std::time::{Duration, SystemTime};

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    pub(crate) fn serialize<S: Serializer>(
        time: &SystemTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;

        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        let utc = since.ok().and_then(|since| {
            let nanoseconds = i128::try_from(since.as_nanos()).ok()?;
            OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()
        });
        // The calendar goes no further than the year 9999, and RFC 3339 neither.
        let utc = utc.ok_or_else(|| S::Error::custom("the time is not within 1970 to 9999"))?;
        let (date, (hour, minute, second, millisecond)) = (utc.date(), utc.time().as_hms_milli());
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        serializer.collect_str(&format_args!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z"
        ))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SystemTime, D::Error> {
        deserializer.deserialize_str(Time)
    }

    struct Time;

    impl Visitor<'_> for Time {
        type Value = SystemTime;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time as in 2026-01-02T03:04:05.678Z")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<SystemTime, E> {
            let unusable = || E::custom("the time is not one of RFC 3339");
            let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| unusable())?;
            let nanoseconds = time.unix_timestamp_nanos();
            let distance = u64::try_from(nanoseconds.unsigned_abs() / 1_000_000_000);
            let seconds = Duration::from_secs(distance.map_err(|_| unusable())?);
            let rest = u64::try_from(nanoseconds.unsigned_abs() % 1_000_000_000);
            let distance = seconds + Duration::from_nanos(rest.map_err(|_| unusable())?);
            let epoch = SystemTime::UNIX_EPOCH;
            let time = if nanoseconds < 0 {
                epoch.checked_sub(distance)
            } else {
                epoch.checked_add(distance)
            };
            time.ok_or_else(unusable)
        }
    }
}
