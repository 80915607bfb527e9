//! `maxPodsExpression` of a NodeConfig: an expression in CEL over three numbers of the instance
//! type (awslabs/amazon-eks-ami, `nodeadm/internal/kubelet/eni_max_pods.go`).
//!
//! nodeadm compiles it with `cel.NewEnv`: CEL's standard functions and macros, none of cel-go's
//! extension libraries, so neither `math.least` nor `min`. It converts the result to an int: a
//! fraction is cut off.
//!
//! Numbers of all three kinds, their conversions, comparisons, `&&`, `||`, `!` and `? :` are
//! followed, as cel-go does: types are checked before anything is computed, also in a branch that
//! is not taken, and nothing is converted by itself, not even for a comparison (cel-go,
//! `CrossTypeNumericComparisons` is off). What else CEL has, as texts and lists, is told apart from
//! a mistake.
//!
//! A crate that evaluates CEL would not do: what nodeadm refuses, as `max_pods * 0.9`, has to be
//! told from what is only not known here, and an evaluator has one error for both.

mod parse;
mod value;

use std::fmt;

use parse::{Node, Operator};
use value::{Type, Value};

use crate::show;

/// What an expression may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variables {
    /// `default_enis`: how many interfaces the default network card takes.
    pub default_enis: u32,
    /// `ips_per_eni`: how many IPv4 addresses an interface takes.
    pub ips_per_eni: u32,
}

/// What nodeadm takes for maxPods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pods {
    /// What the expression says.
    Computed(u32),
    /// What the instance type has by itself: nodeadm does not take the expression, and says so in
    /// its log only.
    Standard {
        /// What nodeadm takes.
        pods: u32,
        /// What is wrong with the expression.
        why: Mistake,
    },
    /// The expression uses what is not followed here.
    NotFollowed,
}

/// Why nodeadm does not take an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// It is not CEL, as far as this text.
    Syntax(String),
    /// A name that nodeadm does not know.
    UnknownName(String),
    /// An operator gets what it does not take.
    Types,
    /// The result is no number.
    NotANumber,
    /// The result is 0, negative or more than 2,147,483,647.
    OutOfRange(i64),
    /// A division by zero, or a number of more than 64 bits on the way or in a conversion.
    NoResult,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(at) if at.is_empty() => f.write_str("it ends too early"),
            Self::Syntax(at) => write!(f, "it cannot be read at {:?}", show::text(at)),
            Self::UnknownName(name) => write!(
                f,
                "it names {}; default_enis, ips_per_eni and max_pods are known",
                show::text(name)
            ),
            Self::Types => f.write_str(
                "it mixes whole numbers, fractions, unsigned numbers, or true and false; CEL converts none by itself, as double(max_pods) does",
            ),
            Self::NotANumber => f.write_str("its result is true or false"),
            Self::OutOfRange(number) => {
                write!(f, "its result is {number}, and not 1 to 2147483647")
            }
            Self::NoResult => f.write_str("it divides by zero, or its numbers get too large"),
        }
    }
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    Mistake(Mistake),
    NotFollowed,
}

impl From<Mistake> for Fault {
    fn from(mistake: Mistake) -> Self {
        Self::Mistake(mistake)
    }
}

impl Variables {
    /// What the instance type has by itself: `max_pods`.
    #[must_use]
    pub fn max_pods(self) -> u32 {
        let of_an_interface = self.ips_per_eni.saturating_sub(1);
        let addresses = self.default_enis.saturating_mul(of_an_interface);
        addresses.saturating_add(2)
    }

    fn get(self, name: &str) -> Option<i64> {
        let value = match name {
            "default_enis" => self.default_enis,
            "ips_per_eni" => self.ips_per_eni,
            "max_pods" => self.max_pods(),
            _ => return None,
        };
        Some(value.into())
    }
}

/// What nodeadm takes for maxPods on an instance type.
#[must_use]
pub fn pods(expression: &str, variables: Variables) -> Pods {
    match computed(expression, variables) {
        Ok(pods) => Pods::Computed(pods),
        Err(Fault::NotFollowed) => Pods::NotFollowed,
        Err(Fault::Mistake(why)) => Pods::Standard {
            pods: variables.max_pods(),
            why,
        },
    }
}

/// What is wrong with an expression on every instance type.
#[must_use]
pub fn mistake(expression: &str) -> Option<Mistake> {
    match parse::read(expression).and_then(|node| type_of(&node)) {
        Err(Fault::Mistake(mistake)) => Some(mistake),
        Ok(Type::Truth) => Some(Mistake::NotANumber),
        Ok(_) | Err(Fault::NotFollowed) => None,
    }
}

fn computed(expression: &str, variables: Variables) -> Result<u32, Fault> {
    let node = parse::read(expression)?;
    if type_of(&node)? == Type::Truth {
        return Err(Mistake::NotANumber.into());
    }
    let Value::Number(number) = value(&node, variables)?.converted(Type::Number)? else {
        return Err(Mistake::NoResult.into());
    };
    match u32::try_from(number) {
        Ok(pods) if pods > 0 && i32::try_from(pods).is_ok() => Ok(pods),
        _ => Err(Mistake::OutOfRange(number).into()),
    }
}

/// Names that nodeadm has since August 2026 (awslabs/amazon-eks-ami, pull request 2777). Which of
/// them a node's image knows, its user data does not tell.
fn is_of_newer(name: &str) -> bool {
    matches!(name, "vcpus" | "memory_mib" | "physical_memory_mib")
}

fn type_of(node: &Node) -> Result<Type, Fault> {
    let only = |is_fit: bool| match is_fit {
        true => Ok(()),
        false => Err(Fault::from(Mistake::Types)),
    };
    Ok(match node {
        Node::Number(_) => Type::Number,
        Node::Unsigned(_) => Type::Unsigned,
        Node::Fraction(_) => Type::Fraction,
        Node::Truth(_) => Type::Truth,
        Node::Name(name) => match Variables::get(NONE, name) {
            Some(_) => Type::Number,
            None if is_of_newer(name) => return Err(Fault::NotFollowed),
            None => return Err(Mistake::UnknownName(name.clone()).into()),
        },
        Node::Minus(of) => {
            let of = type_of(of)?;
            only(matches!(of, Type::Number | Type::Fraction))?;
            of
        }
        Node::Not(of) => {
            only(type_of(of)? == Type::Truth)?;
            Type::Truth
        }
        Node::Convert(to, of) => {
            only(type_of(of)? != Type::Truth)?;
            *to
        }
        Node::Binary(operator, left, right) => {
            // Once each: an expression is nested.
            let (left, right) = (type_of(left)?, type_of(right)?);
            only(left == right)?;
            match operator {
                Operator::Compare(_) => Type::Truth,
                Operator::And | Operator::Or => {
                    only(left == Type::Truth)?;
                    Type::Truth
                }
                Operator::Remainder => {
                    only(matches!(left, Type::Number | Type::Unsigned))?;
                    left
                }
                _ => {
                    only(left != Type::Truth)?;
                    left
                }
            }
        }
        Node::Choice(condition, yes, no) => {
            only(type_of(condition)? == Type::Truth)?;
            let of = type_of(yes)?;
            only(type_of(no)? == of)?;
            of
        }
    })
}

/// To look up names only.
const NONE: Variables = Variables {
    default_enis: 0,
    ips_per_eni: 0,
};

fn value(node: &Node, variables: Variables) -> Result<Value, Fault> {
    let truth = |node: &Node| match value(node, variables)? {
        Value::Truth(truth) => Ok(truth),
        _ => Err(Fault::from(Mistake::Types)),
    };
    let some = |value: Option<Value>| value.ok_or(Fault::from(Mistake::NoResult));
    match node {
        Node::Number(number) => Ok(Value::Number(*number)),
        Node::Unsigned(number) => Ok(Value::Unsigned(*number)),
        Node::Fraction(number) => Ok(Value::Fraction(*number)),
        Node::Truth(truth) => Ok(Value::Truth(*truth)),
        Node::Name(name) => {
            let number = variables.get(name);
            let number = number.ok_or_else(|| Mistake::UnknownName(name.clone()))?;
            Ok(Value::Number(number))
        }
        Node::Minus(of) => some(match value(of, variables)? {
            Value::Number(number) => number.checked_neg().map(Value::Number),
            Value::Fraction(number) => Some(Value::Fraction(-number)),
            _ => None,
        }),
        Node::Not(of) => Ok(Value::Truth(!truth(of)?)),
        Node::Convert(to, of) => value(of, variables)?.converted(*to),
        Node::Binary(operator, left, right) => match operator {
            Operator::Compare(how) => {
                let order = value(left, variables)?.order(value(right, variables)?);
                some(how.holds(order).map(Value::Truth))
            }
            // One side decides, even if the other has no result (CEL's language definition,
            // "Logical operators").
            Operator::And | Operator::Or => {
                let deciding = *operator == Operator::Or;
                let (left, right) = (truth(left), truth(right));
                if left == Ok(deciding) || right == Ok(deciding) {
                    return Ok(Value::Truth(deciding));
                }
                if left == Err(Fault::NotFollowed) || right == Err(Fault::NotFollowed) {
                    return Err(Fault::NotFollowed);
                }
                left?;
                right?;
                Ok(Value::Truth(!deciding))
            }
            _ => some(value(left, variables)?.combined(*operator, value(right, variables)?)),
        },
        Node::Choice(condition, yes, no) => match truth(condition)? {
            true => value(yes, variables),
            false => value(no, variables),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As of a t3.medium.
    const SMALL: Variables = Variables {
        default_enis: 3,
        ips_per_eni: 6,
    };

    #[test]
    fn expressions_have_the_numbers_that_nodeadm_computes() {
        for (expression, expected) in [
            ("417", 417),
            ("0x1F", 31),
            ("max_pods", 17),
            ("max_pods + 2", 19),
            ("(default_enis * (ips_per_eni - 1)) + 2", 17),
            ("((default_enis -1) * (ips_per_eni - 1)) + 2", 12),
            ("(default_enis * ((ips_per_eni - 1) * 16)) + 2", 242),
            ("max_pods < 30 ? max_pods : 30", 17),
            ("max_pods >= 17 && !(max_pods != 17) ? 110 : 1 / 0", 110),
            ("1 - 2 - -3 * 2 // as in CEL", 5),
            ("7 % 4 * 2", 6),
            ("1 / 0 == 1 || true ? 8 : 9", 8),
            ("false ? 1 : true ? 2 : 3", 2),
            ("int(double(max_pods) * 0.9)", 15),
            // The result becomes an int.
            ("double(max_pods) * 0.9", 15),
            ("2.5e1 + .5", 25),
            ("0x10u + uint(max_pods) / 2u", 24),
            ("uint(7.9) % 4u", 3),
            ("int(-2.9) + 5", 3),
            ("uint(1e19) > 5u ? 30 : 10", 30),
            ("int( 7 ) - int(2u)", 5),
            ("double(7) / 2.0 > 3.4 && -1.5 < 0.0 ? 8 : 9", 8),
            ("0.0 / 0.0 == 0.0 / 0.0 ? 1 : 2", 2),
            ("0.0 / 0.0 != 0.0 ? 1 : 2", 1),
            ("0.0 / 0.0 < 0.0 || true ? 1 : 2", 1),
        ] {
            assert_eq!(
                pods(expression, SMALL),
                Pods::Computed(expected),
                "{expression}"
            );
            assert_eq!(mistake(expression), None, "{expression}");
        }
    }

    #[test]
    fn what_nodeadm_does_not_take_gives_the_number_of_the_instance_type() {
        let always = |name: &str| Mistake::UnknownName(name.to_owned());
        for (expression, expected, on_every_type) in [
            (
                "default_enis + fake_variable",
                always("fake_variable"),
                true,
            ),
            ("true", Mistake::NotANumber, true),
            ("max_pods < 30 ? max_pods : true", Mistake::Types, true),
            ("max_pods + (1 < 2)", Mistake::Types, true),
            ("-true", Mistake::Types, true),
            ("max_pods * 0.9", Mistake::Types, true),
            ("max_pods < 30.0 ? 1 : 2", Mistake::Types, true),
            ("max_pods + 1u", Mistake::Types, true),
            ("max_pods == 17u ? 1 : 2", Mistake::Types, true),
            ("7.0 % 2.0", Mistake::Types, true),
            ("-(1u)", Mistake::Types, true),
            ("int(true)", Mistake::Types, true),
            // Extensions of cel-go, which nodeadm does not load.
            ("math.least(max_pods, 30)", always("math"), true),
            ("min(max_pods, 30)", always("min"), true),
            ("int(1.0 / 0.0)", Mistake::NoResult, false),
            ("uint(0 - max_pods)", Mistake::NoResult, false),
            ("uint(-0.5)", Mistake::NoResult, false),
            ("uint(18446744073709551616.0)", Mistake::NoResult, false),
            (
                "(0 - 9223372036854775807 - 1) % -1 + 8",
                Mistake::NoResult,
                false,
            ),
            (".5e400", Mistake::Syntax(".5e400".to_owned()), true),
            (
                "max_pods + int(1e400)",
                Mistake::Syntax("1e400".to_owned()),
                true,
            ),
            ("1u - 2u", Mistake::NoResult, false),
            ("1e19", Mistake::NoResult, false),
            ("0.0 / 0.0 < 0.0 ? 1 : 2", Mistake::NoResult, false),
            ("(max_pods", Mistake::Syntax(String::new()), true),
            ("max_pods +", Mistake::Syntax(String::new()), true),
            ("max_pods 2", Mistake::Syntax("2".to_owned()), true),
            ("max_pods - 17", Mistake::OutOfRange(0), false),
            ("2 - max_pods", Mistake::OutOfRange(-15), false),
            ("2147483648", Mistake::OutOfRange(2_147_483_648), false),
            ("1 / (max_pods - 17)", Mistake::NoResult, false),
            (
                "9223372036854775807 * default_enis",
                Mistake::NoResult,
                false,
            ),
        ] {
            let found = pods(expression, SMALL);
            let why = expected.clone();
            assert_eq!(found, Pods::Standard { pods: 17, why }, "{expression}");
            let of_all = on_every_type.then_some(expected);
            assert_eq!(mistake(expression), of_all, "{expression}");
        }
    }

    #[test]
    fn mistake_shows_the_beginning_of_a_text_without_control_characters() {
        for expression in [
            "x".repeat(1_900),
            format!("max_pods ){}", "x".repeat(1_900)),
        ] {
            let shown = mistake(&expression).unwrap().to_string();
            assert!(shown.contains("xxx"), "{shown}");
            assert!(shown.chars().count() < 200, "{shown}");
        }
        let shown = mistake("max_pods \u{202e}\u{1b}x").unwrap().to_string();
        assert_eq!(shown, "it cannot be read at \"x\"");
    }

    #[test]
    fn what_is_not_followed_is_no_mistake() {
        let deep = format!("{}1", "(".repeat(10_000));
        let long = format!("1{}", " + 1".repeat(10_000));
        for expression in [
            "int(\"30\")",
            "size([1, 2])",
            "google.protobuf.Int64Value{value: 3}",
            "max_pods in [17, 30] ? 1 : 2",
            "max_pods < vcpus * 10 ? max_pods : vcpus * 10",
            "[max_pods, 30].min()",
            "\"a\" == \"b\" ? 1 : 2",
            "18446744073709551616u",
            "int(0.0 / 0.0) > 5 ? 30 : 10",
            "uint(0.0 / 0.0) > 5u ? 30 : 10",
            "0.0 / 0.0",
            "1 / 0 == 1 || int(0.0 / 0.0) > 5 ? 30 : 10",
            &deep,
            &long,
        ] {
            assert_eq!(pods(expression, SMALL), Pods::NotFollowed, "{expression}");
            assert_eq!(mistake(expression), None, "{expression}");
        }
    }
}
