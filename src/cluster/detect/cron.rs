//! When a cron schedule is due: the five fields as Kubernetes reads them, in UTC.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A rare schedule (29 February) comes at least this often, in days.
const HORIZON: usize = 366 * 8;

/// A schedule that can be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
}

/// The values of one field as bits, and whether it was written as `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    bits: u64,
    is_any: bool,
}

impl Field {
    fn has(self, value: i8) -> bool {
        u32::try_from(value).is_ok_and(|value| self.bits & (1 << value) != 0)
    }
}

impl Schedule {
    /// Reads `*/5 * * * *`, `0 2 * * mon-fri`, `@hourly` …; none for what is not understood (`@every`, a time zone in the text).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return None;
        };
        let mut weekdays = field(weekdays, 0, 7, WEEKDAYS)?;
        // 7 is Sunday as well.
        if weekdays.bits & (1 << 7) != 0 {
            weekdays.bits = (weekdays.bits & !(1 << 7)) | 1;
        }
        Some(Schedule {
            minutes: field(minutes, 0, 59, &[])?,
            hours: field(hours, 0, 23, &[])?,
            days: field(days, 1, 31, &[])?,
            months: field(months, 1, 12, MONTHS)?,
            weekdays,
        })
    }

    /// Whether the times depend on the time zone (zones differ by full hours, mostly).
    pub(super) fn depends_on_zone(self) -> bool {
        !(self.hours.is_any && self.days.is_any && self.months.is_any && self.weekdays.is_any)
    }

    /// The first time after `base`, reading the fields in UTC.
    pub(super) fn next_after(self, base: Timestamp) -> Option<Timestamp> {
        let start = base.to_zoned(TimeZone::UTC).datetime();
        let mut day = start.date();
        for _ in 0..HORIZON {
            if self.is_on(day) {
                for hour in (0..24).filter(|hour| self.hours.has(*hour)) {
                    for minute in (0..60).filter(|minute| self.minutes.has(*minute)) {
                        let at = day.at(hour, minute, 0, 0);
                        if at > start {
                            return at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
                        }
                    }
                }
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }

    fn is_on(self, day: Date) -> bool {
        let by_day = self.days.has(day.day());
        let by_weekday = self.weekdays.has(match day.weekday() {
            Weekday::Sunday => 0,
            other => other.to_monday_one_offset(),
        });
        // When both are restricted, either suffices.
        let day_fits = if self.days.is_any || self.weekdays.is_any {
            by_day && by_weekday
        } else {
            by_day || by_weekday
        };
        self.months.has(day.month()) && day_fits
    }
}

const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MONTHS: &[&str] = &[
    "", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

fn field(text: &str, low: u32, high: u32, names: &[&str]) -> Option<Field> {
    let mut bits = 0;
    let mut is_any = false;
    for item in text.split(',') {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, step.parse::<u32>().ok().filter(|step| *step > 0)?),
            None => (item, 1),
        };
        let (from, to) = if matches!(range, "*" | "?") {
            is_any = is_any || step == 1;
            (low, high)
        } else if let Some((from, to)) = range.split_once('-') {
            (number(from, names)?, number(to, names)?)
        } else {
            let from = number(range, names)?;
            (from, if item.contains('/') { high } else { from })
        };
        if from < low || to > high || from > to {
            return None;
        }
        for value in (from..=to).step_by(usize::try_from(step).ok()?) {
            bits |= 1 << value;
        }
    }
    Some(Field { bits, is_any })
}

fn number(text: &str, names: &[&str]) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    match names
        .iter()
        .position(|name| !name.is_empty() && *name == lower)
    {
        Some(position) => u32::try_from(position).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::detect::fixtures::time;

    fn next(schedule: &str, base: &str) -> Option<String> {
        Schedule::parse(schedule)?
            .next_after(time(base))
            .map(|at| at.to_string())
    }

    #[test]
    fn schedules_are_due_when_cron_says() {
        for (schedule, base, due) in [
            (
                "*/5 * * * *",
                "2026-11-25T08:01:10Z",
                "2026-11-25T08:05:00Z",
            ),
            (
                "*/5 * * * *",
                "2026-11-25T08:05:00Z",
                "2026-11-25T08:10:00Z",
            ),
            ("0 2 * * *", "2026-11-25T08:01:10Z", "2026-11-26T02:00:00Z"),
            (
                "30 4 1,15 * *",
                "2026-11-25T00:00:00Z",
                "2026-12-01T04:30:00Z",
            ),
            (
                "0 0 * * mon-fri",
                "2026-11-27T12:00:00Z",
                "2026-11-30T00:00:00Z",
            ),
            ("0 0 * * 7", "2026-11-25T00:00:00Z", "2026-11-29T00:00:00Z"),
            ("0 0 13 * 5", "2026-11-25T00:00:00Z", "2026-11-27T00:00:00Z"),
            ("@monthly", "2026-11-25T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("0 0 29 2 *", "2026-11-25T00:00:00Z", "2028-02-29T00:00:00Z"),
            (
                "10-20/5 8 * jan,NOV *",
                "2026-11-25T08:11:00Z",
                "2026-11-25T08:15:00Z",
            ),
        ] {
            assert_eq!(next(schedule, base).as_deref(), Some(due), "{schedule}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_guessed() {
        for schedule in [
            "@every 5m",
            "TZ=Europe/Berlin 0 2 * * *",
            "",
            "a b c d e",
            "60 * * * *",
            "*/0 * * * *",
            "5-1 * * * *",
        ] {
            assert_eq!(Schedule::parse(schedule), None, "{schedule}");
        }
    }

    #[test]
    fn an_impossible_date_is_never_due() {
        assert_eq!(next("0 0 31 2 *", "2026-11-25T00:00:00Z"), None);
    }

    #[test]
    fn only_schedules_with_fixed_hours_depend_on_the_zone() {
        assert!(Schedule::parse("0 2 * * *").is_some_and(Schedule::depends_on_zone));
        assert!(!Schedule::parse("*/5 * * * *").is_some_and(Schedule::depends_on_zone));
    }
}
