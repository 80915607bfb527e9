//! Paths, and the fields that hold one. ASL, "Paths" and "Reference Paths".

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::Error;

/// A path: `$.a.b`, `$.a[0]`, `$.a[1:]`, or `$$.a.b` into the context object. Other JSONPath is
/// refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Path {
    text: String,
    root: Root,
    steps: Vec<Step>,
}

/// What a path begins at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    /// `$`: the state's data.
    Data,
    /// `$$`: the context object. Step Functions Developer Guide, "Accessing execution data from the
    /// Context object".
    Context,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
    /// From an index on, or up to one. No reader needs the value of one yet.
    Slice,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// If the text is not a path, or has JSONPath operators that are not known here.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (root, mut rest) = match (text.strip_prefix("$$"), text.strip_prefix('$')) {
            (Some(rest), _) => (Root::Context, rest),
            (None, Some(rest)) => (Root::Data, rest),
            (None, None) => return Err(Error::new(format!("{text:?} is not a path"))),
        };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) =
                step(rest).ok_or_else(|| Error::new(format!("path {text:?}: unknown {rest:?}")))?;
            steps.push(step);
            rest = after;
        }
        Ok(Self {
            text: text.to_owned(),
            root,
            steps,
        })
    }

    /// The path as the state machine has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value at the path; `None` if there is none.
    ///
    /// # Errors
    /// If the path has a slice.
    pub fn find<'a>(
        &self,
        data: &'a Value,
        context: &'a Value,
    ) -> Result<Option<&'a Value>, Error> {
        let mut found = Some(match self.root {
            Root::Data => data,
            Root::Context => context,
        });
        for step in &self.steps {
            found = match step {
                Step::Name(name) => found.and_then(|value| value.get(name)),
                Step::Index(index) => found.and_then(|value| value.get(index)),
                Step::Slice => return Err(Error::new(format!("{self}: a slice is not evaluated"))),
            };
        }
        Ok(found)
    }

    /// The value at the path.
    ///
    /// # Errors
    /// If there is none. Step Functions then fails the execution with `States.Runtime` or
    /// `States.ParameterPathFailure`.
    pub fn value<'a>(&self, data: &'a Value, context: &'a Value) -> Result<&'a Value, Error> {
        self.find(data, context)?
            .ok_or_else(|| Error::new(format!("there is nothing at {self}")))
    }

    /// Puts a value at the path, and makes the objects on the way.
    ///
    /// # Errors
    /// If the path is not a reference path into the data: names only.
    pub fn put(&self, data: &mut Value, value: Value) -> Result<(), Error> {
        let mut place = data;
        for step in &self.steps {
            let (Root::Data, Step::Name(name)) = (self.root, step) else {
                return Err(Error::new(format!("{self} is not a reference path")));
            };
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            let Value::Object(fields) = place else {
                return Err(Error::new(format!("{self}: not an object")));
            };
            place = fields.entry(name.as_str()).or_insert(Value::Null);
        }
        *place = value;
        Ok(())
    }
}

/// The first step of what is left of a path, and the rest.
fn step(rest: &str) -> Option<(Step, &str)> {
    if let Some(rest) = rest.strip_prefix('.') {
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        return (!name.is_empty()).then(|| (Step::Name(name.to_owned()), rest));
    }
    let (inside, rest) = rest.strip_prefix('[')?.split_once(']')?;
    let Some((from, to)) = inside.split_once(':') else {
        return Some((Step::Index(inside.parse().ok()?), rest));
    };
    for bound in [from, to] {
        if !bound.is_empty() {
            bound.parse::<usize>().ok()?;
        }
    }
    Some((Step::Slice, rest))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Path {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.text
    }
}

/// A field that holds a path or null: `InputPath`, `OutputPath`, `ResultPath`. ASL, "Input and
/// Output Processing".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PathField {
    /// The field is absent, which means `$`.
    #[default]
    Absent,
    /// Null: an input or output is `{}`; a result is discarded.
    Null,
    /// A path.
    At(Path),
}

impl PathField {
    /// Whether the field is absent.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        *self == Self::Absent
    }

    /// The path, if the field has one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::At(path) => Some(path),
            Self::Absent | Self::Null => None,
        }
    }

    /// What an `InputPath` or `OutputPath` selects.
    ///
    /// # Errors
    /// If there is nothing at the path.
    pub fn select(&self, data: Value, context: &Value) -> Result<Value, Error> {
        match self {
            Self::Absent => Ok(data),
            Self::Null => Ok(json!({})),
            Self::At(path) => path.value(&data, context).cloned(),
        }
    }

    /// The state's input with the result where a `ResultPath` puts it.
    ///
    /// # Errors
    /// If the path is not a reference path.
    pub fn combine(&self, mut input: Value, result: Value) -> Result<Value, Error> {
        match self {
            Self::Absent => Ok(result),
            Self::Null => Ok(input),
            Self::At(path) => {
                path.put(&mut input, result)?;
                Ok(input)
            }
        }
    }
}

impl Serialize for PathField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.path().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PathField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<Path>::deserialize(deserializer)?.map_or(Self::Null, Self::At))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap()
    }

    #[test]
    fn paths_are_read_and_written() {
        let mut data = json!({"a": {"b": 1}, "list": [7]});
        let context = json!({"Execution": {"Name": "x"}});
        let found = |text| path(text).find(&data, &context).unwrap().cloned();
        assert_eq!(found("$.a.b"), Some(json!(1)));
        assert_eq!(found("$.a.c"), None);
        assert_eq!(found("$.list[0]"), Some(json!(7)));
        assert_eq!(found("$.list[1]"), None);
        assert_eq!(found("$$.Execution.Name"), Some(json!("x")));
        path("$.c.d").put(&mut data, json!(2)).unwrap();
        assert_eq!(data["c"]["d"], 2);
    }

    #[test]
    fn what_is_more_than_names_indexes_and_slices_is_refused() {
        for text in [
            "$..a",
            "$.a.*",
            "a",
            "$.a?(@.b)",
            "$.a[-1]",
            "$.",
            "$a",
            "$.a['b']",
        ] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_slice_is_read_and_not_evaluated() {
        let slice = path("$.a[1:]");
        assert!(slice.find(&json!({"a": [1, 2]}), &json!({})).is_err());
    }

    #[test]
    fn a_result_is_put_at_a_reference_path_only() {
        for text in ["$.a[0]", "$$.a"] {
            let put = path(text).put(&mut json!({"a": [1]}), json!(2));
            assert!(put.is_err(), "{text}");
        }
    }

    #[test]
    fn null_is_not_the_same_as_absent() {
        let (input, result) = (json!({"a": 1}), json!(2));
        let combined = |field: PathField| field.combine(input.clone(), result.clone()).unwrap();
        assert_eq!(combined(PathField::Absent), json!(2));
        assert_eq!(combined(PathField::Null), json!({"a": 1}));
        assert_eq!(
            combined(PathField::At(path("$.b"))),
            json!({"a": 1, "b": 2})
        );
        let selected = |field: PathField| field.select(input.clone(), &json!({})).unwrap();
        assert_eq!(selected(PathField::Absent), input);
        assert_eq!(selected(PathField::Null), json!({}));
        assert_eq!(selected(PathField::At(path("$.a"))), json!(1));
    }
}
