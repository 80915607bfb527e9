//! Values of CEL: whole, unsigned and fractional numbers, and truth. None becomes another by
//! itself.

use std::cmp::Ordering;

use super::parse::Operator;
use super::{Fault, Mistake};

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
    /// The value of another type.
    pub(super) fn converted(self, to: Type) -> Result<Self, Fault> {
        let found = match (self, to) {
            (Self::Truth(_), _) | (_, Type::Truth) => None,
            // Newer versions of cel-go find no result; older ones convert what is no number to
            // whatever the processor makes of it (`common/types/overflow.go`).
            (Self::Fraction(number), Type::Number | Type::Unsigned) if number.is_nan() => {
                return Err(Fault::NotFollowed);
            }
            (Self::Unsigned(number), Type::Number) => number.try_into().ok().map(Self::Number),
            (Self::Fraction(number), Type::Number) => whole(number).map(Self::Number),
            (Self::Number(number), Type::Unsigned) => number.try_into().ok().map(Self::Unsigned),
            (Self::Fraction(number), Type::Unsigned) => unsigned(number).map(Self::Unsigned),
            (Self::Number(number), Type::Fraction) => Some(Self::Fraction(fraction(number.into()))),
            (Self::Unsigned(number), Type::Fraction) => {
                Some(Self::Fraction(fraction(number.into())))
            }
            (Self::Number(_), Type::Number)
            | (Self::Unsigned(_), Type::Unsigned)
            | (Self::Fraction(_), Type::Fraction) => Some(self),
        };
        found.ok_or(Fault::Mistake(Mistake::NoResult))
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
            // The only remainder without a result but that by zero (cel-go, `moduloInt64Checked`).
            (Self::Number(i64::MIN), Self::Number(-1)) if operator == Operator::Remainder => None,
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
    let fits = number > -limit && number < limit;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "that is what CEL's int() does"
    )]
    fits.then_some(number as i64)
}

/// The same of one without a sign.
fn unsigned(number: f64) -> Option<u64> {
    // 2^64: the largest that 64 bits hold is no fraction.
    let limit = fraction(1 << 64);
    let fits = number >= 0.0 && number < limit;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "that is what CEL's uint() does"
    )]
    fits.then_some(number as u64)
}

fn fraction(number: i128) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "that is what CEL's double() does"
    )]
    let fraction = number as f64;
    fraction
}
