//! Options that make no sense: the step fails at once, says which field, and nothing is scheduled.

use sagaline_core::program::ProgramCommand;
use sagaline_sdk::{ActivityCall, call_activity, prelude::*};

use crate::drive::Drive;

/// A call of `charge` with one senseless option.
fn charge(option: &str) -> ActivityCall<()> {
    let call = call_activity("charge", &());
    let retry = |retry: Retry| call_activity("charge", &()).retry(retry);
    let (none, century) = (0.seconds(), (100 * 366 + 1).days());
    match option {
        "coefficient" => retry(Retry::default().backoff_coefficient(0.5)),
        "coefficient nan" => retry(Retry::default().backoff_coefficient(f64::NAN)),
        "coefficient infinite" => retry(Retry::default().backoff_coefficient(f64::INFINITY)),
        "jitter" => retry(Retry::default().jitter(1.5)),
        "jitter negative" => retry(Retry::default().jitter(-0.1)),
        "initial" => retry(Retry::default().initial_interval(none)),
        "initial long" => retry(Retry::default().initial_interval(century)),
        "maximum" => retry(Retry::default().maximum_interval(500.milliseconds())),
        "start to close" => call.start_to_close(none),
        "schedule to start" => call.schedule_to_start(century),
        "schedule to close" => call.schedule_to_close(none),
        "heartbeat" => call.heartbeat(none),
        _ => unreachable!("an option of this test"),
    }
}

#[workflow]
async fn pays(cx: Context, option: String) -> Result<()> {
    cx.run(charge(&option)).await
}

#[workflow]
async fn pays_and_undoes(cx: Context, option: String) -> Result<()> {
    let paid = cx.run(call_activity::<()>("charge", &()));
    paid.compensate_always(charge(&option)).await
}

/// What a run of `workflow` fails with at once, having scheduled nothing.
fn refusal(workflow: &'static str, option: &str) -> String {
    let mut drive = Drive::new(workflows![pays, pays_and_undoes], workflow);

    let commands = drive.start(option);

    let [ProgramCommand::Fail { failure }] = &commands[..] else {
        panic!("{option}: {commands:?}");
    };
    assert!(failure.non_retryable);
    assert_eq!(failure.error_type.as_str(), "sagaline.InvalidOptions");
    failure.message.to_string()
}

#[test]
fn a_step_with_senseless_options_fails_at_once_and_names_the_field() {
    for (option, message) in [
        (
            "coefficient",
            "backoff_coefficient is 0.5; 1 to 1000000 are allowed",
        ),
        (
            "coefficient nan",
            "backoff_coefficient is NaN; 1 to 1000000 are allowed",
        ),
        (
            "coefficient infinite",
            "backoff_coefficient is inf; 1 to 1000000 are allowed",
        ),
        ("jitter", "jitter is 1.5; 0 to 1 are allowed"),
        ("jitter negative", "jitter is -0.1; 0 to 1 are allowed"),
        (
            "initial",
            "initial_interval is 0ns; 1 ms to 100 years are allowed",
        ),
        (
            "initial long",
            "initial_interval is 3162326400s; 1 ms to 100 years are allowed",
        ),
        (
            "maximum",
            "maximum_interval is 500 ms; at least initial_interval, 1000 ms, is allowed",
        ),
        (
            "start to close",
            "start_to_close is 0ns; 1 ms to 100 years are allowed",
        ),
        (
            "schedule to start",
            "schedule_to_start is 3162326400s; 1 ms to 100 years are allowed",
        ),
        (
            "schedule to close",
            "schedule_to_close is 0ns; 1 ms to 100 years are allowed",
        ),
        (
            "heartbeat",
            "heartbeat is 0ns; 1 ms to 100 years are allowed",
        ),
    ] {
        let expected = format!("activity `charge`: {message}");
        assert_eq!(refusal("pays", option), expected);
        assert_eq!(refusal("pays-and-undoes", option), expected);
    }
}

#[test]
fn what_is_within_its_bounds_is_scheduled() {
    #[workflow]
    async fn patient(cx: Context) -> Result<()> {
        let retry = Retry::default()
            .initial_interval(1.milliseconds())
            .maximum_interval(1.milliseconds())
            .backoff_coefficient(1.0)
            .jitter(1.0);
        let paid = cx.run(call_activity::<()>("charge", &()));
        paid.retry(retry).start_to_close((100 * 366).days()).await
    }
    let mut drive = Drive::new(workflows![patient], "patient");

    let commands = drive.start(());

    assert!(
        matches!(&commands[..], [ProgramCommand::ScheduleActivity(_)]),
        "{commands:?}"
    );
}
