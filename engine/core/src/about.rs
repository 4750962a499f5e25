//! What a caller says about a run beside its input: search attributes, by which it is found, and a memo for people.
//!
//! Deliberately absent: what the values mean. Each is JSON, kept and given back verbatim.

use alloc::{boxed::Box, collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::{
    Name,
    show::{Show, one_line},
};

/// Most search attributes of a run, and most fields of its memo.
pub const FIELDS_MAX: usize = 64;

/// Longest name of one, in bytes.
pub const FIELD_NAME_BYTES_MAX: usize = 64;

/// Most bytes of all names and values of a run's search attributes, and as many of its memo.
pub const FIELDS_BYTES_MAX: usize = 16 * 1024;

/// Names with JSON values, in order of name; at least one. Cloning shares them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(Arc<[Field]>);

/// A name with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name.
    pub name: Name,
    /// The value: JSON, verbatim.
    pub json: Box<str>,
}

/// Fields over a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldsOver {
    /// More than [`FIELDS_MAX`].
    Count(usize),
    /// More bytes than [`FIELDS_BYTES_MAX`].
    Bytes(usize),
}

impl Fields {
    /// Takes fields whose names were checked by [`is_field_name`]; `None` when there are none.
    ///
    /// # Errors
    /// There are too many, or they are too large.
    pub fn new(fields: BTreeMap<Name, Box<str>>) -> Result<Option<Self>, FieldsOver> {
        let sizes = fields
            .iter()
            .map(|(name, json)| name.as_str().len().saturating_add(json.len()));
        let bytes = sizes.fold(0, usize::saturating_add);
        if fields.len() > FIELDS_MAX {
            return Err(FieldsOver::Count(fields.len()));
        }
        if bytes > FIELDS_BYTES_MAX {
            return Err(FieldsOver::Bytes(bytes));
        }
        let fields: Arc<[Field]> = fields
            .into_iter()
            .map(|(name, json)| Field { name, json })
            .collect();
        Ok((!fields.is_empty()).then_some(Self(fields)))
    }

    /// Some fields with others over them; one that is null takes the field of its name away.
    ///
    /// # Errors
    /// There would be too many, or they would be too large.
    pub fn merged(old: Option<&Self>, new: Option<&Self>) -> Result<Option<Self>, FieldsOver> {
        let all = [old, new].into_iter().flatten().flat_map(Self::iter);
        let mut merged: BTreeMap<Name, Box<str>> = BTreeMap::new();
        for Field { name, json } in all {
            match &**json {
                "null" => merged.remove(name),
                _ => merged.insert(name.clone(), json.clone()),
            };
        }
        Self::new(merged)
    }

    /// The fields in order of name.
    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.0.iter()
    }
}

/// Whether a field may have this name: a letter or an underline, then letters, digits, and `_`, `-`, `.`.
#[must_use]
pub fn is_field_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    text.len() <= FIELD_NAME_BYTES_MAX
        && text.bytes().next().is_some_and(is_letter)
        && text
            .bytes()
            .all(|byte| is_letter(byte) || byte.is_ascii_digit() || byte == b'-' || byte == b'.')
}

/// A JSON object.
impl Show for Fields {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for field in &*self.0 {
            match serde_json::from_str::<&RawValue>(&field.json) {
                Ok(json) => map.serialize_entry(&field.name, &one_line(json))?,
                // Nobody of ours wrote it; people may see it all the same.
                Err(_) => map.serialize_entry(&field.name, &field.json)?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec::Vec};

    use super::*;
    use crate::show::Shown;

    fn fields(pairs: &[(&str, &str)]) -> Result<Option<Fields>, FieldsOver> {
        let pairs = pairs.iter();
        Fields::new(
            pairs
                .map(|(name, json)| (Name::new(name).unwrap(), (*json).into()))
                .collect(),
        )
    }

    #[test]
    fn values_are_given_back_verbatim_in_order_of_name() {
        let fields = fields(&[("b", "1.50"), ("a", r#"{"x" : [1,  2e0]}"#)]).unwrap();

        let json = serde_json::to_string(&Shown(&fields)).unwrap();

        assert_eq!(json, r#"{"a":{"x" : [1,  2e0]},"b":1.50}"#);
    }

    #[test]
    fn a_value_of_many_lines_is_shown_on_one() {
        let fields = fields(&[("a", "[1,\n 2]")]).unwrap();

        let json = serde_json::to_string(&Shown(&fields)).unwrap();

        assert_eq!(json, r#"{"a":[1,  2]}"#);
    }

    #[test]
    fn fields_are_merged_by_name_and_null_takes_one_away() {
        let old = fields(&[("a", "1"), ("b", "2")]).unwrap();
        let new = fields(&[("b", "null"), ("c", "3"), ("d", "null")]).unwrap();
        let large = format!("\"{}\"", "x".repeat(FIELDS_BYTES_MAX / 2));
        let half = |name| fields(&[(name, &large)]).unwrap();

        assert_eq!(
            Fields::merged(old.as_ref(), new.as_ref()),
            fields(&[("a", "1"), ("c", "3")])
        );
        assert_eq!(Fields::merged(old.as_ref(), None), Ok(old));
        assert!(Fields::merged(half("a").as_ref(), half("b").as_ref()).is_err());
    }

    #[test]
    fn none_at_all_take_hardly_any_room() {
        assert_eq!(fields(&[]), Ok(None));
        assert_eq!(size_of::<Option<Fields>>(), 16);
    }

    #[test]
    fn there_is_a_limit_to_their_number_and_size() {
        let names: Vec<_> = (0..=FIELDS_MAX).map(|at| format!("n{at}")).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
        let large = format!("\"{}\"", "x".repeat(FIELDS_BYTES_MAX - 3));

        assert_eq!(fields(&many), Err(FieldsOver::Count(FIELDS_MAX + 1)));
        let (_, fewer) = many.split_first().unwrap();
        assert!(fields(fewer).is_ok());
        assert_eq!(
            fields(&[("ab", &large)]),
            Err(FieldsOver::Bytes(FIELDS_BYTES_MAX + 1))
        );
        assert!(fields(&[("a", &large)]).is_ok());
    }

    #[test]
    fn a_name_can_stand_in_a_query() {
        for good in ["Customer", "order_id", "a-b.c9", "_x"] {
            assert!(is_field_name(good), "{good}");
        }
        let long = "x".repeat(FIELD_NAME_BYTES_MAX + 1);
        for bad in ["", "9a", "-a", "a b", "ä", "$base64", &long] {
            assert!(!is_field_name(bad), "{bad}");
        }
    }
}
