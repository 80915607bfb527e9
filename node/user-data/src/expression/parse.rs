//! The grammar (CEL's language definition, "Syntax"), as far as it is followed.

use std::cmp::Ordering;

use super::{Fault, Mistake};

/// The longest expression that is followed, in bytes.
const MAX_LENGTH: usize = 2_000;
/// How deep one may be nested.
const MAX_DEPTH: usize = 60;
/// The most characters of an expression that a mistake shows.
const SHOWN: usize = 20;

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Number(i64),
    Truth(bool),
    Name(String),
    Minus(Box<Node>),
    Not(Box<Node>),
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

impl Comparison {
    /// Whether it holds for two values in this order.
    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
        }
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
        let is_word = |one: char| one.is_ascii_alphanumeric() || one == '_';
        let end = self.text.find(|one| !is_word(one));
        let (word, rest) = self.text.split_at(end.unwrap_or(self.text.len()));
        // A call, a member, a fraction, or a text after its kind.
        let goes_on =
            rest.trim_start().starts_with(['(', '.', '[', '{']) || rest.starts_with(['"', '\'']);
        if word.is_empty() {
            return Err(self.fault());
        }
        if goes_on {
            return Err(Fault::NotFollowed);
        }
        let node = match word.strip_prefix("0x") {
            _ if !word.starts_with(|one: char| one.is_ascii_digit()) => match word {
                "true" => Node::Truth(true),
                "false" => Node::Truth(false),
                "null" => return Err(Fault::NotFollowed),
                name => Node::Name(name.to_owned()),
            },
            Some(digits) => Node::Number(number(digits, 16)?),
            None => Node::Number(number(word, 10)?),
        };
        self.text = rest;
        Ok(node)
    }
}

/// A whole number. An unsigned one or a fraction is not followed.
fn number(digits: &str, base: u32) -> Result<i64, Fault> {
    let valid = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(base));
    match i64::from_str_radix(digits, base) {
        Ok(number) if valid => Ok(number),
        _ => Err(Fault::NotFollowed),
    }
}
