//! Reads the shape of a schema off its `.avsc`, line by line, and checks the rules that every schema keeps.

use std::collections::BTreeMap;

use serde_json::Value;

/// The shape of a schema below `name`: one line per primitive and per symbol, as
/// `Transition.events[] WorkflowStarted.trace?.parent: string`.
pub(crate) fn lines(name: &str, avsc: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(avsc).unwrap();
    let mut walk = Walk {
        named: BTreeMap::new(),
        lines: Vec::new(),
    };
    walk.describe(name, &schema);
    walk.lines
}

struct Walk<'a> {
    named: BTreeMap<&'a str, &'a Value>,
    lines: Vec<String>,
}

impl<'a> Walk<'a> {
    fn describe(&mut self, at: &str, schema: &'a Value) {
        match schema {
            Value::String(name) => match self.named.get(name.as_str()) {
                Some(definition) => self.describe_type(at, definition),
                None => self.lines.push(format!("{at}: {name}")),
            },
            Value::Array(branches) => self.describe_union(at, branches),
            Value::Object(_) => {
                if let Some(name) = schema["name"].as_str() {
                    let defined = *self.named.entry(name).or_insert(schema);
                    assert!(std::ptr::eq(defined, schema), "{name} is defined twice");
                }
                self.describe_type(at, schema);
            }
            other => panic!("{at} has no type: {other}"),
        }
    }

    fn describe_type(&mut self, at: &str, schema: &'a Value) {
        match schema["type"].as_str().unwrap() {
            "record" => {
                self.lines.push(format!("{at}: record"));
                for field in schema["fields"].as_array().unwrap() {
                    self.describe_field(at, field);
                }
            }
            "array" => self.describe(&format!("{at}[]"), &schema["items"]),
            "enum" => {
                for symbol in schema["symbols"].as_array().unwrap() {
                    self.lines
                        .push(format!("{at} {}: symbol", symbol.as_str().unwrap()));
                }
            }
            primitive => self.lines.push(format!("{at}: {primitive}")),
        }
    }

    fn describe_field(&mut self, at: &str, field: &'a Value) {
        let name = field["name"].as_str().unwrap();
        let at = format!("{at}.{name}");
        if let Some(logical_type) = logical_type_of_long(&field["type"]) {
            let words = ["at", "now", "since", "deadline"];
            let is_instant = words.contains(&name) || name.ends_with("_at");
            assert_eq!(
                logical_type,
                is_instant.then_some("timestamp-micros"),
                "{at}: an instant is a timestamp-micros, and nothing else is"
            );
        }
        assert_eq!(
            field.get("default"),
            is_nullable(&field["type"]).then_some(&Value::Null),
            "{at}: null is the default of null"
        );
        self.describe(&at, &field["type"]);
    }

    fn describe_union(&mut self, at: &str, branches: &'a [Value]) {
        match branches {
            [null, some] if null == "null" => self.describe(&format!("{at}?"), some),
            _ => {
                for branch in branches {
                    let name = branch["name"]
                        .as_str()
                        .unwrap_or_else(|| panic!("{at}: a union is of records: {branch}"));
                    self.describe(&format!("{at} {name}"), branch);
                }
            }
        }
    }
}

fn is_nullable(schema: &Value) -> bool {
    schema
        .as_array()
        .is_some_and(|branches| branches.first().is_some_and(|first| first == "null"))
}

/// Of a number, or a number or null: its logical type, if it has one.
fn logical_type_of_long(schema: &Value) -> Option<Option<&str>> {
    let schema = if is_nullable(schema) {
        &schema[1]
    } else {
        schema
    };
    (schema == "long" || schema["type"] == "long").then(|| schema["logicalType"].as_str())
}
