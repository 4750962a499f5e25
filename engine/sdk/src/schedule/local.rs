//! What a time of the wall clock is on the world's line.
//!
//! A time that does not exist, because clocks were put forward over it, is the first instant after the gap. One that exists
//! twice, because they were put back, is the first of the two. So the order of wall-clock times is that of their instants.
//!
//! Zones come from the IANA data inside the binary, never from the host: two engines of one build decide alike.

use std::sync::LazyLock;

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};

use super::{
    calendar::{Pattern, Stretch},
    invalid::Invalid,
};

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of that IANA name.
pub(super) fn zone(name: &str) -> Result<TimeZone, Invalid> {
    if name.is_empty() || name.eq_ignore_ascii_case("utc") {
        return Ok(TimeZone::UTC);
    }
    ZONES.get(name).map_err(|_| {
        Invalid::new(format!(
            "`{name}`: a name of the IANA list is allowed, as Europe/Zurich"
        ))
    })
}

/// The first instant later than `after` at which the zone's wall clock matches.
pub(super) fn next_after(
    pattern: &Pattern,
    zone: &TimeZone,
    after: Timestamp,
) -> Option<Timestamp> {
    let mut wall = zone.to_datetime(after);
    loop {
        wall = pattern.next_after(wall)?;
        let found = zone.to_ambiguous_timestamp(wall).offset();
        let at = instant(zone, wall, found)?;
        if at > after {
            return Some(at);
        }
        // Within the hour that comes again: nothing is taken until the wall clock is past it.
        wall = match found {
            AmbiguousOffset::Fold { before, .. } => {
                let put_back = zone.following(at).next()?.timestamp();
                let end = before.to_datetime(put_back);
                end.checked_sub(jiff::SignedDuration::from_secs(1)).ok()?
            }
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => wall,
        };
    }
}

fn instant(zone: &TimeZone, wall: DateTime, offset: AmbiguousOffset) -> Option<Timestamp> {
    match offset {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(wall).ok()
        }
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the later offset it lies before the gap, at whose end the next change is.
            let before_gap = after.to_timestamp(wall).ok()?;
            Some(zone.following(before_gap).next()?.timestamp())
        }
    }
}

/// If the wall clock at `at` matches, the last instant that certainly does, in one piece.
pub(super) fn matched_until(
    pattern: &Pattern,
    zone: &TimeZone,
    at: Timestamp,
) -> Option<Timestamp> {
    let wall = zone.to_datetime(at);
    if !pattern.matches(wall) {
        return None;
    }
    let of_minute = 59 - i64::from(wall.second());
    let of_hour = of_minute + 60 * (59 - i64::from(wall.minute()));
    let seconds = match pattern.stretch() {
        Stretch::Second => 0,
        Stretch::Minute => of_minute,
        Stretch::Hour => of_hour,
        Stretch::Day => of_hour + 3_600 * (23 - i64::from(wall.hour())),
    };
    let end = at
        .checked_add(jiff::SignedDuration::from_secs(seconds))
        .ok()?;
    let changed = zone.following(at).next();
    let changed = changed.and_then(|change| {
        let before = jiff::SignedDuration::from_micros(1);
        change.timestamp().checked_sub(before).ok()
    });
    Some(changed.map_or(end, |changed| end.min(changed).max(at)))
}
