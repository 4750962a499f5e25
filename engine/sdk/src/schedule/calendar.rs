//! Calendars: times of the wall clock that match in every field.
//!
//! Deliberately absent: time zones. What a time of the wall clock means on the world's line is `local.rs`'s.

use jiff::civil::{DateTime, Time};
use serde::{Deserialize, Serialize};

use super::{
    field::{
        DAY_OF_MONTH, DAY_OF_WEEK, Field, HOUR, MINUTE, MONTH, SECOND, Set, Values, YEAR, YEAR_MAX,
    },
    invalid::Invalid,
};

/// Times of the wall clock that match in every field, as in Temporal.
///
/// A field that is not said is 0 for second, minute and hour, and everything for the others: `{"hour": 9}` is every day at
/// 09:00:00. In an exclusion every field that is not said is everything: `{"month": 12, "day_of_month": 25}` is the whole day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// 0 to 59.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<Values>,
    /// 0 to 59.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minute: Option<Values>,
    /// 0 to 23.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<Values>,
    /// 1 to 31, and `L` for the last day of the month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_of_month: Option<Values>,
    /// 1 to 12, or `JAN` to `DEC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<Values>,
    /// 1970 to 2199.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<Values>,
    /// 0 to 7, or `SUN` to `SAT`; Sunday is 0 and 7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_of_week: Option<Values>,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

impl Calendar {
    /// What it matches among times that are to come.
    pub(super) fn included(&self) -> Result<Pattern, Invalid> {
        self.read(Field::read)
    }

    /// What it matches among times that are left out.
    pub(super) fn excluded(&self) -> Result<Pattern, Invalid> {
        self.read(Field::read_or_all)
    }

    fn read(
        &self,
        read: fn(&Field, Option<&Values>) -> Result<Set, Invalid>,
    ) -> Result<Pattern, Invalid> {
        Ok(Pattern {
            second: read(&SECOND, self.second.as_ref())?,
            minute: read(&MINUTE, self.minute.as_ref())?,
            hour: read(&HOUR, self.hour.as_ref())?,
            day_of_month: read(&DAY_OF_MONTH, self.day_of_month.as_ref())?,
            month: read(&MONTH, self.month.as_ref())?,
            year: read(&YEAR, self.year.as_ref())?,
            day_of_week: read(&DAY_OF_WEEK, self.day_of_week.as_ref())?,
        })
    }
}

/// A calendar as it is searched.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    second: Set,
    minute: Set,
    hour: Set,
    day_of_month: Set,
    month: Set,
    year: Set,
    day_of_week: Set,
}

/// How long a time of the wall clock stays matched at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stretch {
    Second,
    Minute,
    Hour,
    Day,
}

impl Pattern {
    /// The first match later than `after`; none before the end of the last year that calendars know.
    pub(super) fn next_after(&self, after: DateTime) -> Option<DateTime> {
        let from = after
            .with()
            .subsec_nanosecond(0)
            .build()
            .ok()?
            .checked_add(jiff::SignedDuration::from_secs(1))
            .ok()?;
        let mut date = from.date();
        if self.matches_date(date)
            && let Some(time) = self.time_from(from.time())
        {
            return Some(date.to_datetime(time));
        }
        // Every time of a later day will do, so its first is taken.
        let first = self.time_from(Time::midnight())?;
        loop {
            date = self.later_date(date)?;
            if self.matches_date(date) {
                return Some(date.to_datetime(first));
            }
        }
    }

    /// Whether a time of the wall clock matches.
    pub(super) fn matches(&self, at: DateTime) -> bool {
        self.matches_date(at.date())
            && self.hour.contains(number(at.hour()))
            && self.minute.contains(number(at.minute()))
            && self.second.contains(number(at.second()))
    }

    /// How much around a match certainly matches, too.
    pub(super) fn stretch(&self) -> Stretch {
        let every_second = self.second.is_full(0, 59);
        let every_minute = every_second && self.minute.is_full(0, 59);
        match (every_minute && self.hour.is_full(0, 23), every_minute) {
            (true, _) => Stretch::Day,
            (false, true) => Stretch::Hour,
            (false, false) if every_second => Stretch::Minute,
            (false, false) => Stretch::Second,
        }
    }

    /// The next day that could match: months and years that cannot are passed over.
    fn later_date(&self, date: jiff::civil::Date) -> Option<jiff::civil::Date> {
        let (year, month) = (date.year(), date.month());
        let date = date.tomorrow().ok()?;
        if (date.year(), date.month()) == (year, month) {
            return Some(date);
        }
        let (mut year, mut month) = (u16::try_from(date.year()).ok()?, number(date.month()));
        while year <= YEAR_MAX {
            if self.year.contains(year)
                && let Some(found) = self.month.next(month, 12)
            {
                let (year, month) = (i16::try_from(year).ok()?, i8::try_from(found).ok()?);
                return jiff::civil::Date::new(year, month, 1).ok();
            }
            (year, month) = (year + 1, 1);
        }
        None
    }

    fn matches_date(&self, date: jiff::civil::Date) -> bool {
        let day_of_week = date.weekday().to_sunday_zero_offset();
        let year = u16::try_from(date.year()).unwrap_or(0);
        self.month.contains(number(date.month()))
            && self.year.contains(year)
            && self
                .day_of_month
                .contains_day(number(date.day()), number(date.days_in_month()))
            && self.day_of_week.contains(number(day_of_week))
    }

    /// The first time of day that matches, from `from` on.
    fn time_from(&self, from: Time) -> Option<Time> {
        let (hour, minute, second) = (
            number(from.hour()),
            number(from.minute()),
            number(from.second()),
        );
        if self.hour.contains(hour) {
            if self.minute.contains(minute)
                && let Some(second) = self.second.next(second, 59)
            {
                return time(hour, minute, second);
            }
            if let Some(minute) = self.minute.next(minute + 1, 59) {
                return time(hour, minute, self.second.next(0, 59)?);
            }
        }
        let hour = self.hour.next(hour + 1, 23)?;
        time(hour, self.minute.next(0, 59)?, self.second.next(0, 59)?)
    }
}

/// A field of jiff's, which is never negative here.
fn number(field: i8) -> u16 {
    u16::from(field.unsigned_abs())
}

fn time(hour: u16, minute: u16, second: u16) -> Option<Time> {
    let [hour, minute, second] = [hour, minute, second].map(i8::try_from);
    Time::new(hour.ok()?, minute.ok()?, second.ok()?, 0).ok()
}
