//! `--retry`: the policy of a whole workflow as the engine takes it in `sl-retry`, looked at before anything is sent.

use sagaline_runtime::retry_policy;

/// The policy's text, as it was typed, if the engine takes it.
pub(super) fn policy(text: &str) -> Result<String, String> {
    retry_policy(text).map(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_takes_goes_to_it_as_it_was_typed() {
        for text in [
            "{}",
            r#" {"maximum_attempts": 5}"#,
            r#"{"initial_interval":"1m","maximum_interval":120000,"backoff_coefficient":1.5,"jitter":0}"#,
            r#"{"initial_interval_ms":200,"maximum_interval_ms":0,"on_exhausted":"fail"}"#,
            r#"{"maximum_interval":null,"non_retryable_error_types":["Fraud","shop.*"]}"#,
        ] {
            assert_eq!(policy(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_the_engine_refuses_says_what_of_it_is_wrong() {
        for (text, said) in [
            ("{bad", "key must be a string"),
            ("5", "JSON object is expected"),
            ("[\"1s\"]", "JSON object is expected"),
            ("{\"attempts\":3}", "unknown field `attempts`"),
            ("{\"maximum_attempts\":-1}", "invalid value"),
            ("{\"initial_interval\":\"soon\"}", "soon"),
            ("{\"initial_interval\":0}", "initial_interval"),
            ("{\"backoff_coefficient\":0.5}", "backoff_coefficient"),
            ("{\"jitter\":2}", "jitter"),
            (
                "{\"on_exhausted\":\"park\"}",
                "of a workflow, fail is allowed",
            ),
            (
                "{\"non_retryable_error_types\":[\"\"]}",
                "non_retryable_error_types",
            ),
            (
                "{\"initial_interval\":\"2s\",\"maximum_interval\":\"1s\"}",
                "at least initial_interval",
            ),
        ] {
            let wrong = policy(text).unwrap_err();
            assert!(wrong.contains(said), "{text}: {wrong}");
        }
    }
}
