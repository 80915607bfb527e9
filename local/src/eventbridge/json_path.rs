//! Paths into an event.

use serde_json::Value;

use super::input::InvalidInput;

/// A path into an event: EventBridge's part of JSONPath (`$.detail.instance-id`, `$.resources[0]`,
/// `$['a b'][*]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
    All,
}

impl Path {
    /// Reads a path.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidInput> {
        let invalid = || InvalidInput(format!("Invalid JSON path: {text}"));
        let mut rest = text.strip_prefix('$').ok_or_else(invalid)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("['") {
                let (name, after) = after.split_once("']").ok_or_else(invalid)?;
                steps.push(Step::Field(name.to_owned()));
                rest = after;
            } else if let Some(after) = rest.strip_prefix('[') {
                let (index, after) = after.split_once(']').ok_or_else(invalid)?;
                steps.push(match index {
                    "*" => Step::All,
                    number => Step::Index(number.parse().map_err(|_| invalid())?),
                });
                rest = after;
            } else if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, after) = after.split_at_checked(end).ok_or_else(invalid)?;
                steps.push(match name {
                    "" => return Err(invalid()),
                    "*" => Step::All,
                    name => Step::Field(name.to_owned()),
                });
                rest = after;
            } else {
                return Err(invalid());
            }
        }
        Ok(Self(steps))
    }

    /// The value at the path. A path with `*` gives a list.
    pub(crate) fn find(&self, event: &Value) -> Option<Value> {
        let mut found = vec![event];
        let mut branched = false;
        for step in &self.0 {
            found = found
                .into_iter()
                .flat_map(|value| match step {
                    Step::Field(name) => value.get(name).into_iter().collect::<Vec<_>>(),
                    Step::Index(index) => value.get(index).into_iter().collect(),
                    Step::All => match value {
                        Value::Array(elements) => elements.iter().collect(),
                        Value::Object(fields) => fields.values().collect(),
                        _ => Vec::new(),
                    },
                })
                .collect();
            branched |= *step == Step::All;
        }
        if branched {
            return Some(Value::Array(found.into_iter().cloned().collect()));
        }
        found.first().map(|value| (*value).clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_finds_its_part_of_the_event() {
        let event = json!({ "resources": ["a", "b"], "detail": { "EC2InstanceId": "i-1" } });
        let find = |path: &str| Path::parse(path).unwrap().find(&event);
        assert_eq!(find("$"), Some(event.clone()));
        assert_eq!(find("$.detail.EC2InstanceId"), Some(json!("i-1")));
        assert_eq!(find("$.resources[1]"), Some(json!("b")));
        assert_eq!(find("$['resources'][*]"), Some(json!(["a", "b"])));
        assert_eq!(find("$.detail.none"), None);
        for bad in ["", "detail", "$.", "$[", "$['x'", "$[x]", "$x"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }
}
