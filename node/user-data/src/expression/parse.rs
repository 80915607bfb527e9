//! The grammar (CEL's language definition, "Syntax"), as far as it is followed.

use std::cmp::Ordering;

use super::value::Type;
use super::{Fault, Mistake, Variables};

/// The longest expression that is followed, in bytes.
const MAX_LENGTH: usize = 2_000;
/// How deep one may be nested.
const MAX_DEPTH: usize = 60;
/// The most characters of an expression that a mistake shows.
const SHOWN: usize = 20;

/// CEL's standard functions that are not followed (cel-go, `common/stdlib/standard.go`), and its
/// macro.
const NOT_FOLLOWED: [&str; 10] = [
    "bool",
    "bytes",
    "duration",
    "dyn",
    "has",
    "matches",
    "size",
    "string",
    "timestamp",
    "type",
];

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Number(i64),
    Unsigned(u64),
    Fraction(f64),
    Truth(bool),
    Name(String),
    Minus(Box<Node>),
    Not(Box<Node>),
    Convert(Type, Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    /// Condition, then, else.
    Choice(Box<Node>, Box<Node>, Box<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Compare(Comparison),
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl Operator {
    /// What an arithmetic operator makes of two whole numbers of 64 bits, before it is cut to them.
    pub(super) fn of_whole(self, one: i128, other: i128) -> Option<i128> {
        match self {
            Self::Add => one.checked_add(other),
            Self::Subtract => one.checked_sub(other),
            Self::Multiply => one.checked_mul(other),
            Self::Divide => one.checked_div(other),
            Self::Remainder => one.checked_rem(other),
            Self::Or | Self::And | Self::Compare(_) => None,
        }
    }
}

impl Comparison {
    /// Whether it holds for two values in this order. Two that have none are not equal, and what
    /// asks for their order has no result (cel-go, `common/types/double.go`).
    pub(super) fn holds(self, order: Option<Ordering>) -> Option<bool> {
        let Some(order) = order else {
            let is_equality = matches!(self, Self::Equal | Self::NotEqual);
            return is_equality.then_some(self == Self::NotEqual);
        };
        Some(match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
        })
    }
}

/// The operators of two sides, from those that bind least. A sign comes after those that begin with
/// it.
const LEVELS: [&[(&str, Operator)]; 5] = [
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[
        ("<=", Operator::Compare(Comparison::LessOrEqual)),
        ("<", Operator::Compare(Comparison::Less)),
        (">=", Operator::Compare(Comparison::GreaterOrEqual)),
        (">", Operator::Compare(Comparison::Greater)),
        ("==", Operator::Compare(Comparison::Equal)),
        ("!=", Operator::Compare(Comparison::NotEqual)),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[
        ("*", Operator::Multiply),
        ("/", Operator::Divide),
        ("%", Operator::Remainder),
    ],
];

/// Reads an expression.
pub(super) fn read(text: &str) -> Result<Node, Fault> {
    if text.len() > MAX_LENGTH {
        return Err(Fault::NotFollowed);
    }
    let mut rest = Rest { text, depth: 0 };
    let node = rest.choice()?;
    rest.skip();
    match rest.text {
        "" => Ok(node),
        _ => Err(rest.fault()),
    }
}

/// What is still to be read.
struct Rest<'a> {
    text: &'a str,
    depth: usize,
}

impl Rest<'_> {
    /// Skips spaces and comments.
    fn skip(&mut self) {
        loop {
            self.text = self.text.trim_start();
            if !self.text.starts_with("//") {
                return;
            }
            let end = self.text.find('\n').unwrap_or(self.text.len());
            self.text = self.text.get(end..).unwrap_or_default();
        }
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip();
        match self.text.strip_prefix(sign) {
            Some(rest) => {
                self.text = rest;
                true
            }
            None => false,
        }
    }

    /// What comes is of CEL's that is not followed, or no CEL.
    fn fault(&self) -> Fault {
        let has_more =
            self.text.starts_with(['.', '[', '{', '(', '"', '\'']) || self.text.starts_with("in ");
        match has_more {
            true => Fault::NotFollowed,
            false => Mistake::Syntax(self.text.chars().take(SHOWN).collect()).into(),
        }
    }

    fn choice(&mut self) -> Result<Node, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::NotFollowed);
        }
        let condition = self.binary(&LEVELS)?;
        let node = if self.take("?") {
            let yes = self.binary(&LEVELS)?;
            if !self.take(":") {
                return Err(self.fault());
            }
            let no = self.choice()?;
            Node::Choice(Box::new(condition), Box::new(yes), Box::new(no))
        } else {
            condition
        };
        self.depth -= 1;
        Ok(node)
    }

    fn binary(&mut self, levels: &[&[(&str, Operator)]]) -> Result<Node, Fault> {
        let Some((operators, tighter)) = levels.split_first() else {
            return self.unary();
        };
        let mut left = self.binary(tighter)?;
        let mut count = 0;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.take(sign)) {
            count += 1;
            if count > MAX_DEPTH {
                return Err(Fault::NotFollowed);
            }
            let right = self.binary(tighter)?;
            left = Node::Binary(*operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::NotFollowed);
        }
        let node = if self.take("-") {
            Node::Minus(Box::new(self.unary()?))
        } else if self.take("!") {
            Node::Not(Box::new(self.unary()?))
        } else {
            self.primary()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn primary(&mut self) -> Result<Node, Fault> {
        if self.take("(") {
            let inner = self.choice()?;
            return match self.take(")") {
                true => Ok(inner),
                false => Err(self.fault()),
            };
        }
        self.skip();
        if self
            .text
            .starts_with(|one: char| one.is_ascii_digit() || one == '.')
        {
            return self.number();
        }
        let is_word = |one: char| one.is_ascii_alphanumeric() || one == '_';
        let end = self.text.find(|one| !is_word(one));
        let (word, rest) = self.text.split_at(end.unwrap_or(self.text.len()));
        if word.is_empty() {
            return Err(self.fault());
        }
        let next = rest.trim_start().chars().next();
        let is_known = Variables::get(super::NONE, word).is_some() || super::is_of_newer(word);
        match (word, next) {
            (_, Some('(')) => {
                self.text = rest;
                self.call(word)
            }
            // A text after its kind.
            _ if rest.starts_with(['"', '\'']) => Err(Fault::NotFollowed),
            // The types of messages are known by this name.
            (_, Some('.' | '[' | '{')) if is_known || word == "google" => Err(Fault::NotFollowed),
            (_, Some('.')) => Err(Mistake::UnknownName(word.to_owned()).into()),
            (_, Some('[' | '{')) | ("null", _) => Err(Fault::NotFollowed),
            _ => {
                self.text = rest;
                Ok(match word {
                    "true" => Node::Truth(true),
                    "false" => Node::Truth(false),
                    name => Node::Name(name.to_owned()),
                })
            }
        }
    }

    /// A function with what is in its parentheses.
    fn call(&mut self, name: &str) -> Result<Node, Fault> {
        let to = match name {
            "int" => Type::Number,
            "uint" => Type::Unsigned,
            "double" => Type::Fraction,
            _ if NOT_FOLLOWED.contains(&name) => return Err(Fault::NotFollowed),
            _ => return Err(Mistake::UnknownName(name.to_owned()).into()),
        };
        Ok(Node::Convert(to, Box::new(self.primary()?)))
    }

    /// A number: whole, unsigned with a `u` behind it, or with a fraction or an exponent.
    fn number(&mut self) -> Result<Node, Fault> {
        let hexadecimal = self.text.strip_prefix("0x");
        let (text, base) = hexadecimal.map_or((self.text, 10), |digits| (digits, 16));
        let mut end = length(text, base);
        let mut is_fraction = false;
        let after = |end: usize| text.get(end..).unwrap_or_default();
        if base == 10 {
            if let Some(digits) = after(end).strip_prefix('.') {
                let count = length(digits, 10);
                // A member of a number.
                if count == 0 {
                    return Err(Fault::NotFollowed);
                }
                (end, is_fraction) = (end + 1 + count, true);
            }
            if let Some(rest) = after(end).strip_prefix(['e', 'E']) {
                let digits = rest.strip_prefix(['+', '-']).unwrap_or(rest);
                let count = length(digits, 10);
                if count > 0 {
                    (end, is_fraction) = (text.len() - digits.len() + count, true);
                }
            }
        }
        let (digits, rest) = text.split_at(end);
        let unsigned = rest.strip_prefix(['u', 'U']).filter(|_| !is_fraction);
        let rest = unsigned.unwrap_or(rest);
        // A whole one that is too large is not followed.
        let node = match (is_fraction, unsigned) {
            // One that is infinite by its size cannot be read (Go, `strconv.ParseFloat`: ErrRange).
            (true, _) => match digits.parse::<f64>() {
                Ok(number) if number.is_infinite() => {
                    let shown = digits.chars().take(SHOWN).collect();
                    return Err(Mistake::Syntax(shown).into());
                }
                number => number.ok().map(Node::Fraction),
            },
            (_, Some(_)) => u64::from_str_radix(digits, base).ok().map(Node::Unsigned),
            _ => i64::from_str_radix(digits, base).ok().map(Node::Number),
        };
        let goes_on =
            rest.starts_with(|one: char| one.is_ascii_alphanumeric() || "._[".contains(one));
        match node {
            Some(node) if !goes_on => {
                self.text = rest;
                Ok(node)
            }
            _ => Err(Fault::NotFollowed),
        }
    }
}

/// How many digits a text begins with.
fn length(text: &str, base: u32) -> usize {
    text.find(|one: char| !one.is_digit(base))
        .unwrap_or(text.len())
}
