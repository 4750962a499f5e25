//! Search attributes with their types, named once.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use sagaline_core::Payload;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::{Error, Result};

/// Longest name.
const NAME_BYTES_MAX: usize = sagaline_core::FIELD_NAME_BYTES_MAX;

/// The name of a search attribute, or of a field of a memo, and the type of its values.
///
/// # Example: lists that find orders by region and total
/// ```
/// use sagaline_sdk::{Attribute, Attributes, Context, Result, testing::Env, workflow};
///
/// const REGION: Attribute<String> = Attribute::new("region");
/// const CENTS: Attribute<u64> = Attribute::new("cents");
///
/// #[workflow]
/// async fn order(cx: Context, cents: u64) -> Result<()> {
///     cx.upsert_attributes(&Attributes::new().set(&REGION, "eu").set(&CENTS, cents))?;
///     cx.upsert_attributes(&Attributes::new().unset(&REGION))
/// }
///
/// let run = Env::new().start(order(4_990));
/// run.result().unwrap();
/// assert_eq!(run.describe()["attributes"].to_string(), r#"{"cents":4990}"#);
/// ```
///
/// # Example: another type is no value of it
/// ```compile_fail
/// use sagaline_sdk::{Attribute, Attributes};
///
/// const CENTS: Attribute<u64> = Attribute::new("cents");
/// let wrong = Attributes::new().set(&CENTS, "4990");
/// ```
///
/// # Example: what cannot be a name does not compile
/// ```compile_fail
/// const SPACED: sagaline_sdk::Attribute<u64> = sagaline_sdk::Attribute::new("in cents");
/// ```
pub struct Attribute<T> {
    name: &'static str,
    values: PhantomData<fn(T)>,
}

impl<T: Serialize> Attribute<T> {
    /// An attribute of that name: a letter or an underline, then letters, digits, and `_`, `-`, `.`; 64 bytes at most.
    ///
    /// # Panics
    /// It can be no name; of a `const`, the compiler says so.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        assert!(
            is_name(name.as_bytes()),
            "this cannot be the name of a field"
        );
        Self {
            name,
            values: PhantomData,
        }
    }

    /// Its name, as filters have it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// As [`sagaline_core::is_field_name`], for the compiler.
const fn is_name(name: &[u8]) -> bool {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return false;
    }
    let mut at = 0;
    while at < name.len() {
        let byte = name[at];
        let is_letter = byte.is_ascii_alphabetic() || byte == b'_';
        let may_follow = byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        if !(is_letter || at > 0 && may_follow) {
            return false;
        }
        at += 1;
    }
    true
}

/// Attributes with values, for [`upsert_attributes`](crate::Context::upsert_attributes) and wherever a run is given some.
#[derive(Debug, Default)]
#[must_use = "nothing is set until a run is given them"]
pub struct Attributes(BTreeMap<&'static str, Result<Box<RawValue>>>);

impl Attributes {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with a value.
    pub fn set<T: Serialize>(mut self, attribute: &Attribute<T>, value: impl Into<T>) -> Self {
        let json = to_raw_value(&value.into()).map_err(Error::from);
        self.0.insert(attribute.name, json);
        self
    }

    /// The same without one: what the run has there is taken away.
    pub fn unset<T>(mut self, attribute: &Attribute<T>) -> Self {
        self.0.insert(attribute.name, Ok(RawValue::NULL.to_owned()));
        self
    }
}

impl Attributes {
    pub(crate) fn into_values(self) -> impl Iterator<Item = (&'static str, Result<Payload>)> {
        let values = self.0.into_iter();
        values.map(|(name, json)| (name, json.map(|json| Payload::json(json.get().as_bytes()))))
    }
}

/// A JSON object.
impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = self.0.iter().map(|(name, json)| match json {
            Ok(json) => Ok((name, json)),
            Err(error) => Err(serde::ser::Error::custom(format!("{name}: {error}"))),
        });
        serializer.collect_map(written.collect::<Result<BTreeMap<_, _>, _>>()?)
    }
}

impl<T> fmt::Debug for Attribute<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attribute").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use sagaline_core::is_field_name;

    use super::*;

    #[test]
    fn a_name_is_one_for_the_compiler_as_for_the_engine() {
        let long = "x".repeat(64);
        let too_long = "x".repeat(65);
        for name in [
            "region", "_x", "a.b-c_9", "Z", &long, "", "9", "-a", ".a", "a b", "ä", &too_long,
        ] {
            assert_eq!(is_name(name.as_bytes()), is_field_name(name), "{name}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_written_is_an_error_that_names_the_attribute() {
        const PAIRS: Attribute<BTreeMap<(u8, u8), u8>> = Attribute::new("pairs");
        let pairs = BTreeMap::from([((1, 2), 3)]);

        let error = serde_json::to_string(&Attributes::new().set(&PAIRS, pairs)).unwrap_err();

        assert!(error.to_string().contains("pairs: "), "{error}");
    }
}
