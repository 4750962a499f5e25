//! What a workflow says about its run: fields of a struct or a map.

use std::collections::BTreeMap;

use sagaline_core::{Fields, Name, error_type, is_field_name};
use serde::Serialize;
use serde_json::Value;

use crate::{Error, Result};

/// The fields of something that is an object in JSON.
pub(super) fn fields(what: &str, of: &(impl Serialize + ?Sized)) -> Result<Option<Fields>> {
    let invalid = |text: String| Error::new(error_type::INVALID_OPTIONS, text).non_retryable();
    let Value::Object(object) = serde_json::to_value(of)? else {
        return Err(invalid(format!("{what}: a struct or a map is expected")));
    };
    let mut fields: BTreeMap<Name, Box<str>> = BTreeMap::new();
    for (name, value) in object {
        let checked = is_field_name(&name).then(|| Name::new(&name).ok());
        let Some(checked) = checked.flatten() else {
            let text = format!(
                "{what}: `{name}` cannot be the name of a field: a letter or _, then letters, digits, _, - and ."
            );
            return Err(invalid(text));
        };
        fields.insert(checked, value.to_string().into());
    }
    Fields::new(fields).map_err(|over| invalid(format!("{what}: {over:?}")))
}
