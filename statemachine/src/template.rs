//! Payload templates and intrinsic functions. ASL, "Payload Template" and "Intrinsic Functions".

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::path::Path;

/// A payload template: JSON in which fields named `….$` are expressions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Template {
    /// A string, a number, a boolean or null, as it stands.
    Literal(Value),
    /// A list of templates.
    List(Vec<Template>),
    /// An object of templates. The names are without the `.$` of an expression.
    Object(BTreeMap<String, Template>),
    /// The value of a field whose name ends in `.$`.
    Expression(Expression),
}

impl Template {
    /// The value that the template makes.
    ///
    /// # Errors
    /// If there is nothing at a path, or an intrinsic function is not evaluated here. Step
    /// Functions fails the execution on the first.
    pub fn evaluate(&self, data: &Value, context: &Value) -> Result<Value, Error> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::List(items) => items
                .iter()
                .map(|item| item.evaluate(data, context))
                .collect::<Result<_, _>>()?,
            Self::Object(fields) => {
                let field = |(name, template): (&String, &Self)| {
                    let value = template.evaluate(data, context);
                    let value = value.map_err(|error| error.within(name))?;
                    Ok((name.clone(), value))
                };
                Value::Object(fields.iter().map(field).collect::<Result<_, Error>>()?)
            }
            Self::Expression(expression) => expression.evaluate(data, context)?,
        })
    }
}

impl TryFrom<Value> for Template {
    type Error = Error;

    fn try_from(value: Value) -> Result<Self, Error> {
        Ok(match value {
            Value::Array(items) => {
                let items = items.into_iter().map(Self::try_from);
                Self::List(items.collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => {
                let mut templates = BTreeMap::new();
                for (name, value) in fields {
                    let (name, template) = match (name.strip_suffix(".$"), &value) {
                        (None, _) => (name, Self::try_from(value)?),
                        (Some(plain), Value::String(text)) => {
                            (plain.to_owned(), Self::Expression(Expression::parse(text)?))
                        }
                        (Some(_), _) => {
                            return Err(Error::new(format!("{name}: {value} is not a string")));
                        }
                    };
                    if templates.insert(name.clone(), template).is_some() {
                        return Err(Error::new(format!("{name} is there twice")));
                    }
                }
                Self::Object(templates)
            }
            literal => Self::Literal(literal),
        })
    }
}

impl From<Template> for Value {
    fn from(template: Template) -> Self {
        match template {
            Template::Literal(value) => value,
            Template::List(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Template::Object(fields) => {
                let field = |(name, template)| match template {
                    Template::Expression(expression) => {
                        (format!("{name}.$"), Self::String(expression.text))
                    }
                    template => (name, Self::from(template)),
                };
                Self::Object(fields.into_iter().map(field).collect())
            }
            Template::Expression(expression) => Self::String(expression.text),
        }
    }
}

/// An expression: a path or a call of an intrinsic function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expression {
    text: String,
    term: Term,
}

/// A part of an expression.
#[derive(Debug, Clone, PartialEq)]
enum Term {
    Path(Path),
    /// A string, a number, a boolean or null. As an argument only.
    Literal(Value),
    Call {
        function: String,
        arguments: Vec<Term>,
    },
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// If it is neither a path nor a call of an intrinsic function.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (term, rest) = term(text)?;
        if !rest.is_empty() || matches!(term, Term::Literal(_)) {
            return Err(Error::new(format!("{text:?} is neither a path nor a call")));
        }
        Ok(Self {
            text: text.to_owned(),
            term,
        })
    }

    /// Its value.
    ///
    /// # Errors
    /// If there is nothing at a path, or the function is not evaluated here: only `States.Format`
    /// is.
    pub fn evaluate(&self, data: &Value, context: &Value) -> Result<Value, Error> {
        self.term.evaluate(data, context)
    }

    /// Its value as a text; JSON if it is not a string.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub fn text(&self, data: &Value, context: &Value) -> Result<String, Error> {
        Ok(match self.evaluate(data, context)? {
            Value::String(text) => text,
            other => other.to_string(),
        })
    }
}

impl Term {
    fn evaluate(&self, data: &Value, context: &Value) -> Result<Value, Error> {
        match self {
            Self::Path(path) => path.value(data, context).cloned(),
            Self::Literal(value) => Ok(value.clone()),
            Self::Call {
                function,
                arguments,
            } => {
                let arguments = arguments
                    .iter()
                    .map(|argument| argument.evaluate(data, context))
                    .collect::<Result<Vec<_>, _>>()?;
                match (function.as_str(), arguments.as_slice()) {
                    ("States.Format", [Value::String(format), arguments @ ..]) => {
                        filled(format, arguments).map(Value::String)
                    }
                    _ => Err(Error::new(format!("{function} is not evaluated"))),
                }
            }
        }
    }
}

/// The text with an argument in the place of each `{}`.
fn filled(format: &str, arguments: &[Value]) -> Result<String, Error> {
    let (first, parts) = format
        .split_once("{}")
        .map_or((format, None), |(first, rest)| {
            (first, Some(rest.split("{}").collect::<Vec<_>>()))
        });
    let parts = parts.unwrap_or_default();
    if parts.len() != arguments.len() {
        return Err(Error::new(format!(
            "States.Format: {} arguments for {format:?}",
            arguments.len()
        )));
    }
    let mut text = first.to_owned();
    for (argument, part) in arguments.iter().zip(parts) {
        match argument {
            Value::String(argument) => text.push_str(argument),
            Value::Array(_) | Value::Object(_) => {
                return Err(Error::new(format!("States.Format: {argument} is no text")));
            }
            other => text.push_str(&other.to_string()),
        }
        text.push_str(part);
    }
    Ok(text)
}

/// The term that a text begins with, and what follows it.
fn term(text: &str) -> Result<(Term, &str), Error> {
    let text = text.trim_start();
    if text.starts_with('$') {
        let (path, rest) = text.split_at(text.find([',', ')', ' ']).unwrap_or(text.len()));
        return Ok((Term::Path(Path::parse(path)?), rest));
    }
    if let Some(rest) = text.strip_prefix('\'') {
        return match rest.split_once('\'') {
            // Escapes would need another reading; the state machines have none.
            Some((inside, rest)) if !inside.contains('\\') => {
                Ok((Term::Literal(inside.into()), rest))
            }
            _ => Err(Error::new(format!(
                "{text:?}: a string without its end, or with an escape"
            ))),
        };
    }
    let (word, rest) = text.split_at(text.find([',', '(', ')', ' ']).unwrap_or(text.len()));
    let Some(mut rest) = rest.strip_prefix('(') else {
        let literal = serde_json::from_str(word);
        let literal = literal.map_err(|_| Error::new(format!("{word:?} is no argument")))?;
        return Ok((Term::Literal(literal), rest));
    };
    if !word.starts_with("States.") {
        return Err(Error::new(format!("{word:?} is no intrinsic function")));
    }
    let mut arguments = Vec::new();
    loop {
        let (argument, after) = term(rest)?;
        arguments.push(argument);
        rest = after.trim_start();
        let Some(after) = rest.strip_prefix(',') else {
            break;
        };
        rest = after;
    }
    let Some(rest) = rest.strip_prefix(')') else {
        return Err(Error::new(format!(
            "{word}: `)` is expected, found {rest:?}"
        )));
    };
    let function = word.to_owned();
    Ok((
        Term::Call {
            function,
            arguments,
        },
        rest,
    ))
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Expression {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<Expression> for String {
    fn from(expression: Expression) -> Self {
        expression.text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn data() -> Value {
        json!({"id": "i-1", "n": 2, "list": [1]})
    }

    fn evaluated(text: &str) -> Result<Value, Error> {
        let context = json!({"Execution": {"Name": "x", "Input": {"a": [true]}}});
        Expression::parse(text)?.evaluate(&data(), &context)
    }

    #[test]
    fn expressions_are_evaluated() {
        for (text, expected) in [
            ("$.id", json!("i-1")),
            ("$", data()),
            ("$$.Execution.Name", json!("x")),
            ("$$.Execution.Input.a[0]", json!(true)),
            (
                "States.Format('Of {}: {}.', $.id, $.n)",
                json!("Of i-1: 2."),
            ),
            (
                "States.Format('{}, {}, {}', 'a, (b)', 1.5, null)",
                json!("a, (b), 1.5, null"),
            ),
            (
                "States.Format('{}', States.Format('<{}>', $.n))",
                json!("<2>"),
            ),
            ("States.Format('as it stands')", json!("as it stands")),
        ] {
            assert_eq!(evaluated(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_evaluated_is_an_error() {
        for text in [
            "$.absent",
            "States.Format('{} {}', $.id)",
            "States.Format('{}', $.list)",
            "States.MathAdd($.n, 1)",
        ] {
            assert!(
                Expression::parse(text).is_ok() && evaluated(text).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "id",
            "'text'",
            "3",
            "$.id, $.n",
            "Format('{}', $.id)",
            "States.Format('{}', $.id",
            "States.Format('{}' $.id)",
            "States.Format('it\\'s')",
            "{% $x %}",
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_template_is_evaluated_at_every_depth() {
        let template = json!({
            "id.$": "$.id", "plain": "$.id", "inside": {"n.$": "$.n", "list": [{"n.$": "$.n"}, 3]},
        });
        let template = Template::try_from(template).unwrap();
        assert_eq!(
            template.evaluate(&data(), &json!({})),
            Ok(json!({"id": "i-1", "plain": "$.id", "inside": {"n": 2, "list": [{"n": 2}, 3]}}))
        );
        let absent = Template::try_from(json!({"a": {"b.$": "$.absent"}})).unwrap();
        let error = absent.evaluate(&data(), &json!({})).unwrap_err();
        assert_eq!(error.to_string(), "a: b: there is nothing at $.absent");
    }

    #[test]
    fn a_template_with_a_field_twice_or_an_expression_that_is_no_string_is_refused() {
        for template in [
            json!({"a": 1, "a.$": "$.n"}),
            json!({"a.$": 1}),
            json!([{"a.$": "x"}]),
        ] {
            assert!(Template::try_from(template.clone()).is_err(), "{template}");
        }
    }
}
