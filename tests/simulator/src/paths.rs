//! The part of JSONPath and of the intrinsic functions that the state machines use. What is not known here is an error,
//! so that the walker never guesses.

use anyhow::{Result, bail, ensure};
use serde_json::Value;

/// Reads a reference path, `$.a.b`; `None` when nothing is there. `$$.…` reads the context object.
///
/// # Errors
/// For a path that is more than names.
pub fn read<'a>(path: &str, data: &'a Value, context: &'a Value) -> Result<Option<&'a Value>> {
    let (root, rest) = match path.strip_prefix("$$") {
        Some(rest) => (context, rest),
        None => match path.strip_prefix('$') {
            Some(rest) => (data, rest),
            None => bail!("{path:?} is no path"),
        },
    };
    let mut found = Some(root);
    for name in names(rest)? {
        found = found.and_then(|value| value.get(name));
    }
    Ok(found)
}

/// Puts `value` at a reference path, making the objects on the way (`ResultPath`).
///
/// # Errors
/// For a path that is more than names.
pub fn write(path: &str, data: &mut Value, value: Value) -> Result<()> {
    let Some(rest) = path.strip_prefix('$') else {
        bail!("{path:?} is no path");
    };
    let mut place = data;
    for name in names(rest)? {
        if !place.is_object() {
            *place = serde_json::json!({});
        }
        place = &mut place[name];
    }
    *place = value;
    Ok(())
}

fn names(rest: &str) -> Result<Vec<&str>> {
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let Some(rest) = rest.strip_prefix('.') else {
        bail!("a path of names is expected, found {rest:?}");
    };
    let names: Vec<&str> = rest.split('.').collect();
    let plain =
        |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    ensure!(
        names.iter().all(plain),
        "a path of names is expected, found {rest:?}"
    );
    Ok(names)
}

/// Evaluates a payload template (`Parameters`): fields named `….$` are paths.
///
/// # Errors
/// When a path finds nothing, as Step Functions does (`States.ParameterPathFailure`).
pub fn template(template: &Value, data: &Value, context: &Value) -> Result<Value> {
    let Value::Object(fields) = template else {
        return Ok(template.clone());
    };
    let mut made = serde_json::Map::new();
    for (name, value) in fields {
        match (name.strip_suffix(".$"), value.as_str()) {
            (Some(name), Some(path)) => {
                let Some(found) = read(path, data, context)? else {
                    bail!("{path} finds nothing");
                };
                made.insert(name.to_owned(), found.clone());
            }
            _ => {
                made.insert(name.clone(), self::template(value, data, context)?);
            }
        }
    }
    Ok(Value::Object(made))
}

/// Evaluates `CausePath` or `ErrorPath`: a path, or `States.Format('… {} …', path, …)`.
///
/// # Errors
/// When a path finds nothing.
pub fn text(expression: &str, data: &Value, context: &Value) -> Result<String> {
    let at = |path: &str| -> Result<String> {
        match read(path.trim(), data, context)? {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Ok(other.to_string()),
            None => bail!("{path} finds nothing"),
        }
    };
    let Some(arguments) = expression
        .strip_prefix("States.Format('")
        .and_then(|rest| rest.strip_suffix(')'))
    else {
        return at(expression);
    };
    let Some((format, arguments)) = arguments.split_once("',") else {
        bail!("{expression:?} is not understood");
    };
    let mut text = String::new();
    let mut arguments = arguments.split(',');
    for (n, part) in format.split("{}").enumerate() {
        if n > 0 {
            let Some(path) = arguments.next() else {
                bail!("{expression:?} has too few arguments");
            };
            text.push_str(&at(path)?);
        }
        text.push_str(part);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_are_read_and_written() {
        let mut data = json!({"a": {"b": 1}});
        let context = json!({"Execution": {"Name": "x"}});
        assert_eq!(read("$.a.b", &data, &context).unwrap(), Some(&json!(1)));
        assert_eq!(read("$.a.c", &data, &context).unwrap(), None);
        assert_eq!(
            read("$$.Execution.Name", &data, &context).unwrap(),
            Some(&json!("x"))
        );
        write("$.c.d", &mut data, json!(2)).unwrap();
        assert_eq!(data["c"]["d"], 2);
    }

    #[test]
    fn what_is_more_than_names_is_refused() {
        for path in ["$.a[0]", "$..a", "$.a.*", "a", "$.a?(@.b)"] {
            assert!(read(path, &json!({}), &json!({})).is_err(), "{path}");
        }
    }

    #[test]
    fn a_cause_is_formatted() {
        let data = json!({"id": "i-1", "n": 2});
        let text = text("States.Format('Of {}: {}.', $.id, $.n)", &data, &json!({})).unwrap();
        assert_eq!(text, "Of i-1: 2.");
    }
}
