//! The rules of a Choice state. ASL, "Choice Rules" and "Data-test expression".

use std::cmp::Ordering;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::Error;
use crate::path::Path;

/// A rule of a Choice state: where the execution goes if a condition holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceRule {
    /// The condition.
    pub condition: Condition,
    /// The next state.
    pub next: String,
    /// What the rule means.
    pub comment: Option<String>,
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All of them hold.
    And(Vec<Condition>),
    /// At least one of them holds.
    Or(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// The value at a path passes a test.
    Test {
        /// The path.
        variable: Path,
        /// The test.
        test: Test,
    },
}

/// A test of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// `IsPresent` and the like: whether the value has a quality.
    Is {
        /// The quality.
        quality: Quality,
        /// Whether it must have it, or must not.
        wanted: bool,
    },
    /// `NumericGreaterThan` and the like. A value of another type does not pass.
    Compare {
        /// The type of both values.
        kind: Kind,
        /// How the value must stand to the operand.
        relation: Relation,
        /// What it is compared with.
        operand: Operand,
    },
}

/// What a comparison compares with.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A value of the comparison's type.
    Literal(Value),
    /// The value at a path.
    Path(Path),
}

/// An enum whose variants are named in the language.
macro_rules! named {
    ($(#[$doc:meta])* $type:ident { $($(#[$item:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type { $($(#[$item])* $variant),+ }

        impl $type {
            const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name in the language.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

named! {
    /// A quality of a value.
    Quality {
        /// It is there.
        Present = "Present",
        /// It is null.
        Null = "Null",
        /// It is a boolean.
        Boolean = "Boolean",
        /// It is a number.
        Numeric = "Numeric",
        /// It is a string.
        String = "String",
        /// It is a string that is a time in RFC 3339.
        Timestamp = "Timestamp",
    }
}

named! {
    /// The type of a comparison.
    Kind {
        /// Strings.
        String = "String",
        /// Numbers.
        Numeric = "Numeric",
        /// Booleans; they are only equal or not.
        Boolean = "Boolean",
        /// Times in RFC 3339.
        Timestamp = "Timestamp",
    }
}

named! {
    /// How a value must stand to another.
    Relation {
        /// They are equal.
        Equals = "Equals",
        /// It is less.
        LessThan = "LessThan",
        /// It is less, or equal.
        LessThanEquals = "LessThanEquals",
        /// It is greater.
        GreaterThan = "GreaterThan",
        /// It is greater, or equal.
        GreaterThanEquals = "GreaterThanEquals",
        /// It matches a pattern with `*` for any characters. For strings only.
        Matches = "Matches",
    }
}

impl Condition {
    /// Whether the condition holds.
    ///
    /// # Errors
    /// If there is nothing at a path, which fails the execution with `States.Runtime`; or if the
    /// test is one that is not evaluated here.
    pub fn holds(&self, data: &Value, context: &Value) -> Result<bool, Error> {
        match self {
            Self::And(all) => {
                for condition in all {
                    if !condition.holds(data, context)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(any) => {
                for condition in any {
                    if condition.holds(data, context)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(condition) => Ok(!condition.holds(data, context)?),
            Self::Test { variable, test } => test.passes(variable, data, context),
        }
    }

    fn to_fields(&self) -> Map<String, Value> {
        let list = |conditions: &[Self]| {
            let objects = conditions.iter().map(|one| Value::Object(one.to_fields()));
            Value::Array(objects.collect())
        };
        let fields = match self {
            Self::And(all) => vec![("And".to_owned(), list(all))],
            Self::Or(any) => vec![("Or".to_owned(), list(any))],
            Self::Not(one) => vec![("Not".to_owned(), Value::Object(one.to_fields()))],
            Self::Test { variable, test } => vec![
                ("Variable".to_owned(), variable.as_str().into()),
                (test.operator(), test.operand()),
            ],
        };
        fields.into_iter().collect()
    }

    /// Reads a condition from the fields of an object, which must have no others.
    fn of_fields(mut fields: Map<String, Value>) -> Result<Self, Error> {
        if let Some(variable) = fields.remove("Variable") {
            let variable = variable
                .as_str()
                .ok_or_else(|| Error::new("Variable is not a string"))?;
            let (operator, operand) = only(fields)?;
            return Ok(Self::Test {
                variable: Path::parse(variable)?,
                test: Test::read(&operator, operand)?,
            });
        }
        match only(fields)? {
            (key, Value::Array(conditions)) if key == "And" => Ok(Self::And(list(conditions)?)),
            (key, Value::Array(conditions)) if key == "Or" => Ok(Self::Or(list(conditions)?)),
            (key, condition) if key == "Not" => Ok(Self::Not(Box::new(Self::read(condition)?))),
            (key, _) => Err(Error::new(format!("a choice rule with {key:?}"))),
        }
    }

    fn read(condition: Value) -> Result<Self, Error> {
        match condition {
            Value::Object(fields) => Self::of_fields(fields),
            other => Err(Error::new(format!("{other} is not a choice rule"))),
        }
    }
}

fn list(conditions: Vec<Value>) -> Result<Vec<Condition>, Error> {
    if conditions.is_empty() {
        return Err(Error::new("And and Or need at least one choice rule"));
    }
    conditions.into_iter().map(Condition::read).collect()
}

/// The only field of an object.
fn only(fields: Map<String, Value>) -> Result<(String, Value), Error> {
    let mut fields = fields.into_iter();
    match (fields.next(), fields.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Error::new("a choice rule without an operator")),
        (Some((one, _)), Some((other, _))) => Err(Error::new(format!(
            "a choice rule with both {one:?} and {other:?}"
        ))),
    }
}

impl Test {
    /// The operator's name in the language.
    #[must_use]
    pub fn operator(&self) -> String {
        match self {
            Self::Is { quality, .. } => format!("Is{}", quality.name()),
            Self::Compare {
                kind,
                relation,
                operand,
            } => {
                let path = match operand {
                    Operand::Path(_) => "Path",
                    Operand::Literal(_) => "",
                };
                format!("{}{}{path}", kind.name(), relation.name())
            }
        }
    }

    fn operand(&self) -> Value {
        match self {
            Self::Is { wanted, .. } => Value::Bool(*wanted),
            Self::Compare { operand, .. } => match operand {
                Operand::Literal(value) => value.clone(),
                Operand::Path(path) => path.as_str().into(),
            },
        }
    }

    fn read(operator: &str, operand: Value) -> Result<Self, Error> {
        let unknown = || Error::new(format!("unknown operator {operator:?}"));
        let mistyped = || Error::new(format!("{operator}: {operand} has another type"));
        if let Some(quality) = operator.strip_prefix("Is") {
            return Ok(Self::Is {
                quality: *Quality::ALL
                    .iter()
                    .find(|one| one.name() == quality)
                    .ok_or_else(unknown)?,
                wanted: operand.as_bool().ok_or_else(mistyped)?,
            });
        }
        let (name, is_path) = match operator.strip_suffix("Path") {
            Some(name) => (name, true),
            None => (operator, false),
        };
        let (kind, relation) = Kind::ALL
            .iter()
            .find_map(|kind| Some((*kind, name.strip_prefix(kind.name())?)))
            .ok_or_else(unknown)?;
        let relation = *Relation::ALL
            .iter()
            .find(|one| one.name() == relation)
            .ok_or_else(unknown)?;
        let exists = match (kind, relation) {
            (_, Relation::Equals) => true,
            (Kind::String, Relation::Matches) => !is_path,
            (_, Relation::Matches) | (Kind::Boolean, _) => false,
            _ => true,
        };
        if !exists {
            return Err(unknown());
        }
        let operand = if is_path {
            Operand::Path(Path::parse(operand.as_str().ok_or_else(mistyped)?)?)
        } else {
            let is_typed = match kind {
                Kind::String | Kind::Timestamp => operand.is_string(),
                Kind::Numeric => operand.is_number(),
                Kind::Boolean => operand.is_boolean(),
            };
            if !is_typed {
                return Err(mistyped());
            }
            Operand::Literal(operand)
        };
        Ok(Self::Compare {
            kind,
            relation,
            operand,
        })
    }

    fn passes(&self, variable: &Path, data: &Value, context: &Value) -> Result<bool, Error> {
        let (kind, relation, operand) = match self {
            Self::Is { quality, wanted } => {
                let has = match quality {
                    Quality::Present => variable.find(data, context)?.is_some(),
                    Quality::Null => variable.value(data, context)?.is_null(),
                    Quality::Boolean => variable.value(data, context)?.is_boolean(),
                    Quality::Numeric => variable.value(data, context)?.is_number(),
                    Quality::String => variable.value(data, context)?.is_string(),
                    Quality::Timestamp => return Err(self.not_evaluated()),
                };
                return Ok(has == *wanted);
            }
            Self::Compare {
                kind,
                relation,
                operand,
            } => (kind, relation, operand),
        };
        let value = variable.value(data, context)?;
        let operand = match operand {
            Operand::Literal(operand) => operand,
            Operand::Path(path) => path.value(data, context)?,
        };
        // A value of another type has no order.
        let order = match kind {
            Kind::String => order(value.as_str(), operand.as_str()),
            Kind::Numeric => order(value.as_f64(), operand.as_f64()),
            Kind::Boolean => order(value.as_bool(), operand.as_bool()),
            Kind::Timestamp => return Err(self.not_evaluated()),
        };
        let wanted: &[Ordering] = match relation {
            Relation::Equals => &[Ordering::Equal],
            Relation::LessThan => &[Ordering::Less],
            Relation::LessThanEquals => &[Ordering::Less, Ordering::Equal],
            Relation::GreaterThan => &[Ordering::Greater],
            Relation::GreaterThanEquals => &[Ordering::Greater, Ordering::Equal],
            Relation::Matches => return Err(self.not_evaluated()),
        };
        Ok(order.is_some_and(|order| wanted.contains(&order)))
    }

    fn not_evaluated(&self) -> Error {
        Error::new(format!("{} is not evaluated", self.operator()))
    }
}

/// How two values stand to each other, if both are there.
fn order<T: PartialOrd>(one: Option<T>, other: Option<T>) -> Option<Ordering> {
    one?.partial_cmp(&other?)
}

impl Serialize for ChoiceRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = self.condition.to_fields();
        fields.insert("Next".to_owned(), self.next.as_str().into());
        if let Some(comment) = &self.comment {
            fields.insert("Comment".to_owned(), comment.as_str().into());
        }
        fields.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ChoiceRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::<String, Value>::deserialize(deserializer)?;
        let mut text = |name: &str| match fields.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(serde::de::Error::custom(format!("{name} is not a string"))),
        };
        Ok(Self {
            next: text("Next")?.ok_or_else(|| serde::de::Error::missing_field("Next"))?,
            comment: text("Comment")?,
            condition: Condition::of_fields(fields).map_err(serde::de::Error::custom)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(condition: Value, data: &Value) -> bool {
        Condition::read(condition)
            .unwrap()
            .holds(data, &json!({}))
            .unwrap()
    }

    #[test]
    fn conditions_are_evaluated() {
        let data = json!({"text": "b", "number": 3, "flag": false, "none": null, "other": 3});
        for (condition, expected) in [
            (json!({"Variable": "$.text", "StringEquals": "b"}), true),
            (json!({"Variable": "$.text", "StringLessThan": "b"}), false),
            (
                json!({"Variable": "$.number", "NumericGreaterThan": 2.5}),
                true,
            ),
            (
                json!({"Variable": "$.number", "NumericEqualsPath": "$.other"}),
                true,
            ),
            (
                json!({"Variable": "$.number", "NumericLessThanEquals": 2}),
                false,
            ),
            (json!({"Variable": "$.flag", "BooleanEquals": false}), true),
            (json!({"Variable": "$.absent", "IsPresent": false}), true),
            (json!({"Variable": "$.none", "IsNull": true}), true),
            (json!({"Variable": "$.none", "IsString": true}), false),
            (
                json!({"Not": {"Variable": "$.flag", "BooleanEquals": false}}),
                false,
            ),
            (
                json!({"And": [{"Variable": "$.flag", "IsPresent": true}, {"Variable": "$.flag", "BooleanEquals": true}]}),
                false,
            ),
            (
                json!({"Or": [{"Variable": "$.flag", "BooleanEquals": true}, {"Variable": "$.text", "IsString": true}]}),
                true,
            ),
        ] {
            assert_eq!(holds(condition.clone(), &data), expected, "{condition}");
        }
    }

    #[test]
    fn a_value_of_another_type_does_not_pass() {
        for operator in ["NumericEquals", "NumericLessThan", "NumericGreaterThan"] {
            assert!(!holds(
                json!({"Variable": "$.a", operator: 1}),
                &json!({"a": "1"})
            ));
        }
    }

    #[test]
    fn a_path_with_nothing_there_is_an_error() {
        let condition = Condition::read(json!({"Variable": "$.a", "StringEquals": "x"})).unwrap();
        assert!(condition.holds(&json!({}), &json!({})).is_err());
    }

    #[test]
    fn what_is_not_a_choice_rule_is_refused() {
        for condition in [
            json!({"Variable": "$.a", "StringEqual": "x"}),
            json!({"Variable": "$.a", "StringEquals": 1}),
            json!({"Variable": "$.a", "BooleanLessThan": true}),
            json!({"Variable": "$.a", "StringMatchesPath": "$.b"}),
            json!({"Variable": "$.a", "IsEmpty": true}),
            json!({"Variable": "$.a", "IsPresent": true, "IsNull": false}),
            json!({"Variable": "$.a"}),
            json!({"And": []}),
            json!({"Condition": "{% $count($x) > 2 %}"}),
            json!("x"),
        ] {
            assert!(Condition::read(condition.clone()).is_err(), "{condition}");
        }
    }
}
