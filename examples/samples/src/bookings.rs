//! A trip of three bookings: one after the other, or all at once. When one fails, those that are made are given back.

use sagaline::{ActivityCall, RunActivity, prelude::*};

/// Books a car, a hotel or a flight; returns the booking.
#[activity]
pub async fn book(what: &str) -> Result<String> {
    Ok(format!("{what}-1"))
}

/// Gives a booking back. It may be called for one that is given back already.
#[activity]
pub async fn give_back(booking: &str) -> Result<()> {
    let _ = booking;
    Ok(())
}

const TRIP: [&str; 3] = ["car", "hotel", "flight"];

fn booking(cx: &Context, what: &str) -> RunActivity<String> {
    let call: ActivityCall<String, _> = book(what).start_to_close(1.hours());
    cx.run(call)
        .compensate_with(|booking: &String| give_back(booking))
}

/// One booking after the other.
#[workflow]
pub async fn trip(cx: Context) -> Result<Vec<String>> {
    let mut booked = Vec::new();
    for what in TRIP {
        booked.push(booking(&cx, what).await?);
    }
    Ok(booked)
}

/// All bookings at once.
#[workflow]
pub async fn quick_trip(cx: Context) -> Result<Vec<String>> {
    try_join_all(TRIP.map(|what| booking(&cx, what))).await
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env};

    use super::*;
    use crate::seen::{after, asked_to_stop};

    /// No seat is left, after so many minutes; hotels take ten and do not listen.
    fn no_seat(after: u64) -> Env {
        let env = Env::new().activities(activities![give_back]);
        env.mock_with(book, move |_, what: String| match what.as_str() {
            "flight" => {
                Answer::err(Error::new("SoldOut", "no seat").non_retryable()).after(after.minutes())
            }
            "hotel" => Answer::ok("hotel-1".to_owned()).after(10.minutes()),
            _ => Answer::ok("car-1".to_owned()),
        })
    }

    /// What was given back, in order.
    fn given_back(history: &sagaline::testing::History) -> Vec<String> {
        use sagaline::testing::Event;
        let undone = history.events().filter_map(|(_, event)| match event {
            Event::CompensationRegistered(one) => Some((
                one.activity_id,
                String::from_utf8_lossy(one.input.data()).into_owned(),
            )),
            _ => None,
        });
        let inputs: std::collections::BTreeMap<_, _> = undone.collect();
        let done = history.events().filter_map(|(_, event)| match event {
            Event::CompensationCompleted(one) => Some(inputs[&one.activity_id].clone()),
            _ => None,
        });
        done.collect()
    }

    #[test]
    fn what_was_booked_before_the_failure_is_given_back_last_first() {
        let run = no_seat(0).start(trip());

        assert_eq!(run.result().unwrap_err().error_type(), "SoldOut");
        assert_eq!(given_back(&run.history()), [r#""hotel-1""#, r#""car-1""#]);
    }

    #[test]
    fn a_booking_that_is_under_way_when_another_fails_is_awaited_and_given_back() {
        let env = no_seat(1);
        let begin = env.now();

        let run = env.start(quick_trip());
        let error = run.result().unwrap_err();

        assert_eq!(error.error_type(), "SoldOut");
        assert_eq!(asked_to_stop(&run.history()), ["book"], "the hotel's");
        assert_eq!(given_back(&run.history()), [r#""hotel-1""#, r#""car-1""#]);
        assert_eq!(after(begin, env.now()), 10.minutes());
    }

    #[test]
    fn a_booking_that_cannot_be_given_back_waits_for_a_person() {
        let env = no_seat(0);
        let refused = Error::new("TooLate", "the hotel keeps the money").non_retryable();
        env.fail(give_back, 1, &refused);
        let run = env.start(trip());

        let incident = run.wait_for_incident().unwrap();
        assert_eq!(incident.activity(), Some("give-back"));
        incident.skip(&()).unwrap();

        assert_eq!(run.result().unwrap_err().error_type(), "SoldOut");
        assert_eq!(
            env.attempts(give_back),
            2,
            "the car is given back all the same"
        );
    }
}
