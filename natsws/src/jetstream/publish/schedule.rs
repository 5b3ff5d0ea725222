//! Messages that the stream publishes later, and again and again (ADR-51).

use std::time::{Duration, SystemTime};

use super::super::wire::rfc3339;
use super::message::{PublishToStream, Rollup, seconds};

/// When the stream publishes a message that it holds, and where to.
///
/// The message that has the schedule is kept on its own subject, one for each schedule; what the
/// stream makes of it goes to the [target](Self::to), which is another subject of the same stream.
/// The stream must allow schedules (`allow_message_schedules`).
///
/// ```no_run
/// use std::time::{Duration, SystemTime};
///
/// use natsws::jetstream::Schedule;
///
/// # async fn example(client: natsws::Client) -> Result<(), natsws::Error> {
/// let js = client.jetstream();
/// let soon = SystemTime::now() + Duration::from_secs(60);
/// let reminder = Schedule::at(soon).to("reminders.due");
/// js.publish_bytes("reminders.later.7", "call back").schedule(&reminder).await?;
///
/// let report = Schedule::cron("0 30 8 * * mon-fri").time_zone("Europe/Berlin").to("reports.due");
/// js.publish_bytes("reports.weekdays", "").schedule(&report).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "it is given to a message that is published"]
pub struct Schedule {
    when: String,
    target: Option<String>,
    source: Option<String>,
    ttl: Option<Duration>,
    time_zone: Option<String>,
    rollup: Option<Rollup>,
}

impl Schedule {
    /// Once, at this time; where that is over, at once. The schedule goes when it has been done.
    pub fn at(time: SystemTime) -> Self {
        Self::when(format!("@at {}", rfc3339::text(time).unwrap_or_default()))
    }

    /// Again and again, with this in between, which the server wants to be at least a second.
    pub fn every(interval: Duration) -> Self {
        Self::when(format!("@every {}", go_duration(interval)))
    }

    /// As cron does it, with six fields: second, minute, hour, day of the month, month, day of the
    /// week. `"0 30 8 * * mon-fri"` is at half past eight on working days. It is in UTC unless
    /// there is a [time zone](Self::time_zone).
    pub fn cron(fields: &str) -> Self {
        Self::when(fields.to_owned())
    }

    /// At the start of every hour.
    pub fn hourly() -> Self {
        Self::when("@hourly".to_owned())
    }

    /// At every midnight.
    pub fn daily() -> Self {
        Self::when("@daily".to_owned())
    }

    /// At the midnight with which a Sunday begins.
    pub fn weekly() -> Self {
        Self::when("@weekly".to_owned())
    }

    /// At the midnight with which a month begins.
    pub fn monthly() -> Self {
        Self::when("@monthly".to_owned())
    }

    /// At the midnight with which a year begins.
    pub fn yearly() -> Self {
        Self::when("@yearly".to_owned())
    }

    fn when(when: String) -> Self {
        Self { when, target: None, source: None, ttl: None, time_zone: None, rollup: None }
    }

    /// The subject that it is published to. It must be one of the same stream, and the server wants
    /// one.
    pub fn to(mut self, subject: &str) -> Self {
        self.target = Some(subject.to_owned());
        self
    }

    /// Publishes the last message of this subject, as it is by then, instead of the one that has the
    /// schedule: for taking samples. Nothing is published while the subject has none.
    pub fn last_of(mut self, subject: &str) -> Self {
        self.source = Some(subject.to_owned());
        self
    }

    /// Has what is published deleted after this time, in whole seconds, at least one. The stream
    /// must allow it (`allow_message_ttl`).
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The time zone of a [cron](Self::cron) schedule, by its name in the time zone database.
    /// Default: UTC.
    pub fn time_zone(mut self, name: &str) -> Self {
        self.time_zone = Some(name.to_owned());
        self
    }

    /// Has what is published delete what is before it. The stream must allow it (`allow_rollup`).
    pub fn rollup(mut self, rollup: Rollup) -> Self {
        self.rollup = Some(rollup);
        self
    }
}

impl<C, D> PublishToStream<C, D> {
    /// Has the stream hold the message, and publish it by this schedule. A later message on the same
    /// subject takes its place.
    pub fn schedule(mut self, schedule: &Schedule) -> Self {
        let Schedule { when, target, source, ttl, time_zone, rollup } = schedule;
        let ttl = ttl.map(seconds);
        for (name, value) in [
            ("Nats-Schedule", Some(when.as_str())),
            ("Nats-Schedule-Target", target.as_deref()),
            ("Nats-Schedule-Source", source.as_deref()),
            ("Nats-Schedule-TTL", ttl.as_deref()),
            ("Nats-Schedule-Time-Zone", time_zone.as_deref()),
            ("Nats-Schedule-Rollup", rollup.map(Rollup::as_str)),
        ] {
            if let Some(value) = value {
                self = self.set(name, value);
            }
        }
        self
    }

    /// Ends the schedule that this subject holds, together with storing the message. The message
    /// goes to another subject of the stream.
    pub fn cancel_schedule(self, subject: &str) -> Self {
        self.set("Nats-Scheduler", subject).set("Nats-Schedule-Next", "purge")
    }
}

/// A duration as Go reads it, exactly.
fn go_duration(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    for (unit, name) in [(1_000_000_000, "s"), (1_000_000, "ms"), (1000, "us")] {
        if nanoseconds % unit == 0 {
            return format!("{}{name}", nanoseconds / unit);
        }
    }
    format!("{nanoseconds}ns")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_exactly() {
        for (duration, text) in [
            (Duration::from_secs(90), "90s"),
            (Duration::from_millis(1500), "1500ms"),
            (Duration::from_micros(1_000_001), "1000001us"),
            (Duration::from_nanos(1_000_000_001), "1000000001ns"),
            (Duration::ZERO, "0s"),
        ] {
            assert_eq!(go_duration(duration), text);
        }
    }

    #[test]
    fn a_point_in_time_is_written_in_utc() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_500_000_500);
        assert_eq!(Schedule::at(time).when, "@at 2025-11-30T10:53:20.5Z");
    }
}
