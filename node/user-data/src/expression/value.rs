//! Values of CEL: whole, unsigned and fractional numbers, and truth. None becomes another by itself.

use std::cmp::Ordering;

use super::parse::Operator;

/// What an expression has on an instance type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Number(i64),
    Unsigned(u64),
    Fraction(f64),
    Truth(bool),
}

/// The type of an expression, which no instance type changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Number,
    Unsigned,
    Fraction,
    Truth,
}

impl Value {
    /// The value of another type; `None` if that has none.
    pub(super) fn converted(self, to: Type) -> Option<Self> {
        Some(match (self, to) {
            (Self::Truth(_), _) | (_, Type::Truth) => return None,
            (Self::Number(number), Type::Number) => Self::Number(number),
            (Self::Unsigned(number), Type::Number) => Self::Number(number.try_into().ok()?),
            (Self::Fraction(number), Type::Number) => Self::Number(whole(number)?),
            (Self::Number(number), Type::Unsigned) => Self::Unsigned(number.try_into().ok()?),
            (Self::Unsigned(number), Type::Unsigned) => Self::Unsigned(number),
            (Self::Fraction(number), Type::Unsigned) if number < 0.0 => return None,
            // One of more than 63 bits is not told from one that has no result: no number of pods is.
            (Self::Fraction(number), Type::Unsigned) => {
                Self::Unsigned(whole(number)?.try_into().ok()?)
            }
            (Self::Number(number), Type::Fraction) => Self::Fraction(fraction(number.into())),
            (Self::Unsigned(number), Type::Fraction) => Self::Fraction(fraction(number.into())),
            (Self::Fraction(number), Type::Fraction) => Self::Fraction(number),
        })
    }

    /// The order of two values of a type. Two fractions may have none.
    pub(super) fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => Some(one.cmp(&other)),
            (Self::Unsigned(one), Self::Unsigned(other)) => Some(one.cmp(&other)),
            (Self::Fraction(one), Self::Fraction(other)) => one.partial_cmp(&other),
            (Self::Truth(one), Self::Truth(other)) => Some(one.cmp(&other)),
            _ => None,
        }
    }

    /// What an arithmetic operator makes of two values of a type.
    pub(super) fn combined(self, operator: Operator, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => {
                let result = operator.of_whole(one.into(), other.into())?;
                Some(Self::Number(result.try_into().ok()?))
            }
            (Self::Unsigned(one), Self::Unsigned(other)) => {
                let result = operator.of_whole(one.into(), other.into())?;
                Some(Self::Unsigned(result.try_into().ok()?))
            }
            (Self::Fraction(one), Self::Fraction(other)) => match operator {
                Operator::Add => Some(one + other),
                Operator::Subtract => Some(one - other),
                Operator::Multiply => Some(one * other),
                Operator::Divide => Some(one / other),
                _ => None,
            }
            .map(Self::Fraction),
            _ => None,
        }
    }
}

/// A fraction without what follows its point, if it has one of 64 bits (cel-go,
/// `common/types/overflow.go`).
fn whole(number: f64) -> Option<i64> {
    let limit = fraction(i64::MAX.into());
    // Neither is one that is no number.
    let fits = number > -limit && number < limit;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "that is what CEL's int() does"
    )]
    fits.then_some(number as i64)
}

fn fraction(number: i128) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "that is what CEL's double() does"
    )]
    let fraction = number as f64;
    fraction
}
