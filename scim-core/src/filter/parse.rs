//! The filter grammar (RFC 7644 fig. 1), on nom.
//!
//! ```abnf
//! FILTER    = attrExp / logExp / valuePath / *1"not" "(" FILTER ")"
//! valuePath = attrPath "[" valFilter "]"
//! valFilter = attrExp / logExp / *1"not" "(" valFilter ")"
//! attrExp   = (attrPath SP "pr") / (attrPath SP compareOp SP compValue)
//! logExp    = FILTER SP ("and" / "or") SP FILTER
//! compValue = false / null / true / number / string
//! compareOp = "eq" / "ne" / "co" / "sw" / "ew" / "gt" / "lt" / "ge" / "le"
//! attrPath  = [URI ":"] ATTRNAME *1subAttr
//! ATTRNAME  = ALPHA *(nameChar)
//! nameChar  = "-" / "_" / DIGIT / ALPHA
//! subAttr   = "." ATTRNAME
//! ```
//!
//! `not` binds closest, then `and`, then `or`. Beyond the grammar `path[filter].sub op value` is
//! understood, as one element that satisfies both: Entra writes it.

use std::str::FromStr;

use nom::branch::alt;
use nom::bytes::complete::{take_while, take_while1};
use nom::character::complete::char;
use nom::combinator::{opt, recognize};
use nom::{IResult, Parser};
use serde_json::Number;

use super::{Filter, Literal, Op};
use crate::error::{Error, Kind, Result};
use crate::path::AttrPath;

/// The longest filter, in bytes (S21).
const MAX_BYTES: usize = 8 * 1024;
/// The deepest nesting of parentheses and brackets.
const MAX_DEPTH: usize = 32;
/// The most comparisons in a filter (S21).
const MAX_COMPARISONS: usize = 100;

/// How a filter is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// An unquoted word is a string: `userName eq ann@example.com`.
    pub bare_values: bool,
}

impl FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text, Options::default())
    }
}

impl Filter {
    /// Parses a filter.
    ///
    /// # Errors
    /// [`Kind::InvalidFilter`] that says what was expected and at which character.
    pub fn parse(text: &str, options: Options) -> Result<Self> {
        if text.len() > MAX_BYTES {
            let detail =
                format!("the filter is {} bytes long; {MAX_BYTES} are accepted", text.len());
            return Err(Error::new(Kind::InvalidFilter, detail));
        }
        let mut parser =
            FilterParser { source: text, rest: text, depth: 0, comparisons: 0, options };
        let filter = parser.filter(Place::Filter).and_then(|filter| {
            parser.blanks();
            if parser.rest.is_empty() {
                Ok(filter)
            } else {
                Err(parser.expected("\"and\", \"or\" or the end"))
            }
        });
        filter.map_err(|wrong| wrong.into_error("filter", Kind::InvalidFilter))
    }
}

/// What was expected, and where.
pub(crate) struct Wrong {
    expected: String,
    /// 1-based, in characters.
    at: usize,
}

impl Wrong {
    pub(crate) fn into_error(self, what: &str, kind: Kind) -> Error {
        Error::new(kind, format!("{what}: expected {} at character {}", self.expected, self.at))
    }
}

type Parsed<T> = std::result::Result<T, Wrong>;

#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Anywhere.
    Filter,
    /// Within the brackets of a value path: no brackets again.
    Value,
}

/// A cursor over the text: nom reads the tokens, this counts depth and knows what may come next.
pub(crate) struct FilterParser<'a> {
    source: &'a str,
    rest: &'a str,
    depth: usize,
    comparisons: usize,
    options: Options,
}

impl<'a> FilterParser<'a> {
    /// A value path of a PATCH: `path[filter]` with what comes after it. Used by [`crate::path`].
    pub(crate) fn value_path(
        text: &'a str,
        options: Options,
    ) -> Parsed<(AttrPath, Option<Filter>, &'a str)> {
        let mut parser = Self { source: text, rest: text, depth: 0, comparisons: 0, options };
        let path = parser.attr_path()?;
        let filter = match parser.eat('[') {
            false => None,
            true => {
                let filter = parser.filter(Place::Value)?;
                parser.close(']')?;
                Some(filter)
            }
        };
        Ok((path, filter, parser.rest))
    }

    fn expected(&self, what: &str) -> Wrong {
        let read = self.source.len() - self.rest.len();
        let at = self.source.char_indices().take_while(|(i, _)| *i < read).count() + 1;
        Wrong { expected: what.to_owned(), at }
    }

    fn token<T>(
        &mut self,
        parser: impl Parser<&'a str, Output = T, Error = nom::error::Error<&'a str>>,
    ) -> Option<T> {
        let mut parser = parser;
        let result: IResult<&str, T> = parser.parse(self.rest);
        let (rest, value) = result.ok()?;
        self.rest = rest;
        Some(value)
    }

    fn blanks(&mut self) -> bool {
        self.token(take_while1(|c: char| c == ' ' || c == '\t')).is_some()
    }

    fn eat(&mut self, c: char) -> bool {
        self.token(char(c)).is_some()
    }

    fn close(&mut self, bracket: char) -> Parsed<()> {
        self.blanks();
        if self.eat(bracket) {
            return Ok(());
        }
        Err(self.expected(&format!("\"and\", \"or\" or \"{bracket}\"")))
    }

    /// A word in any case that isn't the beginning of a longer one.
    fn keyword(&mut self, keyword: &str) -> bool {
        let before = self.rest;
        match self.token(take_while1(is_name_char)) {
            Some(word) if word.eq_ignore_ascii_case(keyword) => true,
            _ => {
                self.rest = before;
                false
            }
        }
    }

    /// `logExp` with `or`, the loosest.
    fn filter(&mut self, place: Place) -> Parsed<Filter> {
        let mut parts = vec![self.conjunction(place)?];
        while self.joined("or")? {
            parts.push(self.conjunction(place)?);
        }
        Ok(Filter::any(parts))
    }

    /// `logExp` with `and`.
    fn conjunction(&mut self, place: Place) -> Parsed<Filter> {
        let mut parts = vec![self.factor(place)?];
        while self.joined("and")? {
            parts.push(self.factor(place)?);
        }
        Ok(Filter::all(parts))
    }

    fn joined(&mut self, word: &str) -> Parsed<bool> {
        let before = self.rest;
        self.blanks();
        if self.keyword(word) {
            return Ok(true);
        }
        self.rest = before;
        Ok(false)
    }

    /// `*1"not" "(" FILTER ")"`, `attrExp` or `valuePath`.
    fn factor(&mut self, place: Place) -> Parsed<Filter> {
        self.blanks();
        let before = self.rest;
        if self.keyword("not") {
            self.blanks();
            if self.eat('(') {
                let inner = self.nested(place, ')')?;
                return Ok(Filter::Not(Box::new(inner)));
            }
            self.rest = before;
        }
        if self.eat('(') {
            return self.nested(place, ')');
        }
        self.expression(place)
    }

    fn nested(&mut self, place: Place, bracket: char) -> Parsed<Filter> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.expected(&format!("at most {MAX_DEPTH} levels of nesting")));
        }
        let filter = self.filter(place)?;
        self.close(bracket)?;
        self.depth -= 1;
        Ok(filter)
    }

    /// `attrExp` or `valuePath`.
    fn expression(&mut self, place: Place) -> Parsed<Filter> {
        let path = self.attr_path()?;
        if place == Place::Filter && self.eat('[') {
            let inner = self.nested(Place::Value, ']')?;
            if !self.eat('.') {
                return Ok(Filter::Within(path, Box::new(inner)));
            }
            // Not in the grammar: `emails[type eq "work"].value eq "a"`.
            let sub = AttrPath { urn: None, name: self.name()?.to_owned(), sub: None };
            let compared = self.comparison(sub)?;
            let both = Filter::all(vec![inner, compared]);
            return Ok(Filter::Within(path, Box::new(both)));
        }
        self.comparison(path)
    }

    /// The rest of an `attrExp`: `pr`, or an operator and a value.
    fn comparison(&mut self, path: AttrPath) -> Parsed<Filter> {
        const OPERATORS: &str = "an operator (eq, ne, co, sw, ew, gt, ge, lt, le, pr)";
        self.comparisons += 1;
        if self.comparisons > MAX_COMPARISONS {
            return Err(self.expected(&format!("at most {MAX_COMPARISONS} comparisons")));
        }
        if !self.blanks() {
            return Err(self.expected(OPERATORS));
        }
        let before = self.rest;
        let word = self.token(take_while1(is_name_char)).unwrap_or_default();
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(path));
        }
        let Some(op) = Op::ALL.into_iter().find(|op| op.name().eq_ignore_ascii_case(word)) else {
            self.rest = before;
            return Err(self.expected(OPERATORS));
        };
        if !self.blanks() {
            return Err(self.expected("a blank and a value"));
        }
        let value = self.value()?;
        Ok(Filter::Compare(path, op, value))
    }

    /// `attrPath`
    fn attr_path(&mut self) -> Parsed<AttrPath> {
        let before = self.rest;
        let run = self.token(take_while1(|c: char| {
            is_name_char(c) || matches!(c, ':' | '.' | '$' | '/' | '+' | '%' | '~' | '@')
        }));
        match run.map(AttrPath::split) {
            Some(Some(path)) => Ok(path),
            _ => {
                self.rest = before;
                Err(self.expected("an attribute name"))
            }
        }
    }

    fn name(&mut self) -> Parsed<&'a str> {
        self.token(attr_name).ok_or_else(|| self.expected("a sub-attribute name"))
    }

    /// `compValue`
    fn value(&mut self) -> Parsed<Literal> {
        const VALUES: &str = "a value: a string in double quotes, a number, true, false or null";
        if self.rest.starts_with('"') {
            return self.string();
        }
        let before = self.rest;
        let bare = self.options.bare_values;
        let word = self
            .token(take_while1(|c: char| !matches!(c, ' ' | '\t' | ')' | ']' | '(' | '[' | '"')));
        let literal = word.and_then(|word| {
            if word.eq_ignore_ascii_case("true") {
                Some(Literal::Bool(true))
            } else if word.eq_ignore_ascii_case("false") {
                Some(Literal::Bool(false))
            } else if word.eq_ignore_ascii_case("null") {
                Some(Literal::Null)
            } else if let Ok(number) = word.parse::<Number>() {
                Some(Literal::Number(number))
            } else {
                (bare && !word.contains('\0')).then(|| Literal::String(word.to_owned()))
            }
        });
        literal.ok_or_else(|| {
            self.rest = before;
            self.expected(VALUES)
        })
    }

    /// A JSON string (RFC 7159 §7).
    fn string(&mut self) -> Parsed<Literal> {
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find_map(|(i, c)| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends.then_some(i + 1)
        });
        let quoted = end.and_then(|end| self.rest.split_at_checked(end));
        let Some((quoted, rest)) = quoted else {
            self.rest = "";
            return Err(self.expected("a closing double quote"));
        };
        match serde_json::from_str::<String>(quoted) {
            Ok(text) if !text.contains('\0') => {
                self.rest = rest;
                Ok(Literal::String(text))
            }
            _ => Err(self.expected("a string with JSON's escapes and without U+0000")),
        }
    }
}

/// `ATTRNAME`, or `$ref`.
pub(crate) fn attr_name(input: &str) -> IResult<&str, &str> {
    recognize((
        opt(char('$')),
        alt((recognize(take_while1(|c: char| c.is_ascii_alphabetic())), recognize(char('_')))),
        take_while(is_name_char),
    ))
    .parse(input)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

impl Filter {
    /// All of them: one part stays itself, conjunctions among them are taken in.
    #[must_use]
    pub fn all(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part {
            Self::And(inner) => inner,
            other => vec![other],
        });
        one_or(flat.collect(), Self::And)
    }

    /// Any of them: one part stays itself, disjunctions among them are taken in.
    #[must_use]
    pub fn any(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part {
            Self::Or(inner) => inner,
            other => vec![other],
        });
        one_or(flat.collect(), Self::Or)
    }
}

fn one_or(mut parts: Vec<Filter>, make: fn(Vec<Filter>) -> Filter) -> Filter {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            parts.extend(last);
            make(parts)
        }
    }
}

#[cfg(test)]
mod tests;
