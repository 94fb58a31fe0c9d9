//! Fields of one line in either format, and their types.

use ringside_model::domain::{DecimalError, Name, Price, Quantity, Tick};
pub(crate) use ringside_model::field::Field;
use ringside_model::field::{FieldSource, Word};
use ringside_model::reason::Reason;
use std::borrow::Cow;

/// Fault of a line, with its byte offset in the line.
pub(crate) struct Fault {
    pub at: usize,
    pub message: String,
}

impl Fault {
    #[cold]
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Fault { at, message: message.into() }
    }
}

/// Returns a set of fields, one bit each.
pub(super) const fn set(fields: &[Field]) -> u128 {
    let (mut bits, mut i) = (0, 0);
    while i < fields.len() {
        bits |= 1 << fields[i] as u32;
        i += 1;
    }
    bits
}

/// Form in which a value was written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// String in JSON, in quotes.
    Text,
    /// Number in JSON, without quotes.
    Number,
    /// `true` or `false` in JSON.
    Bool,
    /// Cell in CSV, which may be any of these.
    Cell,
}

/// Value of a field, with the byte offsets of its key and of itself.
pub(crate) struct FieldToken<'a> {
    pub key_at: usize,
    pub at: usize,
    pub kind: Kind,
    pub text: Cow<'a, str>,
}

/// Fields that a line gives.
pub(crate) struct Fields<'a> {
    tokens: [Option<FieldToken<'a>>; Field::ALL.len()],
    given: u128,
    /// End of the line, which is the place of the fault if a field is missing.
    pub end: usize,
}

impl Default for Fields<'_> {
    fn default() -> Self {
        Fields { tokens: [const { None }; Field::ALL.len()], given: 0, end: 0 }
    }
}

impl<'a> Fields<'a> {
    pub(super) fn add(&mut self, field: Field, token: FieldToken<'a>) -> Result<(), Fault> {
        if self.has(set(&[field])) {
            return Err(Fault::new(token.key_at, format!("`{}` is given twice", field.name())));
        }
        self.given |= set(&[field]);
        self.tokens[field as usize] = Some(token);
        Ok(())
    }

    /// Returns true if any of the fields is given.
    pub(super) fn has(&self, fields: u128) -> bool {
        self.given & fields != 0
    }

    /// Rejects fields that the operation does not have.
    pub(super) fn allow(&self, operation: &str, allowed: u128) -> Result<(), Fault> {
        let strange = self.given & !(allowed | set(&[Field::Op, Field::Ts]));
        if strange == 0 {
            return Ok(());
        }
        let strange = Field::ALL.iter().filter(|&&field| strange & set(&[field]) != 0);
        let first =
            strange.filter_map(|&field| Some((self.get(field)?.key_at, field))).min_by_key(|f| f.0);
        let (at, field) = first.expect("a given field has a token");
        Err(Fault::new(at, format!("`{operation}` has no field `{}`", field.name())))
    }

    /// Returns the value, or a fault if the field is not given.
    pub(super) fn required<T>(&self, field: Field, value: Option<T>) -> Result<T, Fault> {
        let missing = || Fault::new(self.end, format!("the field `{}` is missing", field.name()));
        value.ok_or_else(missing)
    }

    /// Returns the string of a field.
    pub(super) fn text(&self, field: Field) -> Result<Option<&str>, Fault> {
        let Some(token) = self.get(field) else { return Ok(None) };
        match token.kind {
            Kind::Text | Kind::Cell => Ok(Some(&token.text)),
            Kind::Number | Kind::Bool => Err(self.fault(field, "must be a string")),
        }
    }

    /// Returns the value beside a word, for a field that is one of the words.
    pub(super) fn word_of<T>(
        &self,
        field: Field,
        words: impl Iterator<Item = (&'static str, T)> + Clone,
    ) -> Result<Option<T>, Fault> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        match words.clone().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(Some(value)),
            None => Err(self.unknown_word(field, words.map(|(word, _)| word))),
        }
    }

    /// Creates a fault of a field that is none of the words.
    #[cold]
    pub(super) fn unknown_word(
        &self,
        field: Field,
        words: impl Iterator<Item = &'static str>,
    ) -> Fault {
        let known: Vec<&str> = words.collect();
        self.fault(field, &format!("must be one of {}", known.join(", ")))
    }

    /// Returns the name of a symbol, a session or a firm.
    pub(super) fn name(&self, field: Field) -> Result<Option<Name>, Fault> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        let bad = || self.fault(field, "must have 1 to 16 printable ASCII characters, no space");
        Name::new(text).map(Some).ok_or_else(bad)
    }

    /// Returns true if the value is `true` or `false` rather than a word.
    pub(crate) fn is_bool(&self, field: Field) -> bool {
        self.get(field)
            .is_some_and(|t| t.kind != Kind::Text && matches!(&*t.text, "true" | "false"))
    }

    /// Returns an integer. The inner `None` is an integer that is negative or larger than any
    /// `u64`.
    pub(super) fn integer(&self, field: Field) -> Result<Option<Option<u64>>, Fault> {
        let Some(token) = self.get(field) else { return Ok(None) };
        let digits = token.text.strip_prefix('-').unwrap_or(&token.text);
        let is_integer = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        match token.kind {
            Kind::Number | Kind::Cell if is_integer => Ok(Some(token.text.parse().ok())),
            _ => Err(self.fault(field, "must be an integer")),
        }
    }

    /// Returns an integer of at most `max`; any other integer is malformed.
    pub(crate) fn integer_to(&self, field: Field, max: u64) -> Result<Option<u64>, Fault> {
        match self.integer(field)? {
            None => Ok(None),
            Some(Some(value)) if value <= max => Ok(Some(value)),
            Some(_) => Err(self.fault(field, &format!("must be between 0 and {max}"))),
        }
    }

    /// Returns a quantity; 0 stands for one that is out of range.
    pub(super) fn quantity(&self, field: Field) -> Result<Option<Quantity>, Fault> {
        let quantity = |value: Option<u64>| Quantity(value.unwrap_or(0));
        Ok(self.integer(field)?.map(quantity))
    }

    /// Returns a decimal. A JSON number is a fault, because it is a float.
    pub(super) fn decimal(&self, field: Field) -> Result<Option<Decimal<'_>>, Fault> {
        if self.get(field).is_some_and(|token| token.kind == Kind::Number) {
            let message = "must be a decimal string such as \"187.05\": a JSON number is a float";
            return Err(self.fault(field, message));
        }
        let Some(text) = self.text(field)? else { return Ok(None) };
        let bad = || self.fault(field, "must be a decimal such as \"187.05\"");
        Decimal::new(text).map(Some).ok_or_else(bad)
    }

    /// Creates a fault of the value of a field.
    #[cold]
    pub(super) fn fault(&self, field: Field, what: &str) -> Fault {
        let at = self.get(field).map_or(self.end, |token| token.at);
        Fault::new(at, format!("`{}` {what}", field.name()))
    }

    fn get(&self, field: Field) -> Option<&FieldToken<'a>> {
        self.tokens[field as usize].as_ref()
    }
}

impl FieldSource for Fields<'_> {
    type Fault = Fault;

    fn word<T: Word>(&self, field: Field) -> Result<Option<T>, Fault> {
        self.word_of(field, T::WORDS.iter().map(|&value| (value.word(), value)))
    }

    fn truth(&self, field: Field) -> Result<Option<bool>, Fault> {
        let Some(token) = self.get(field) else { return Ok(None) };
        match (token.kind, &*token.text) {
            (Kind::Bool | Kind::Cell, "true") => Ok(Some(true)),
            (Kind::Bool | Kind::Cell, "false") => Ok(Some(false)),
            _ => Err(self.fault(field, "must be true or false")),
        }
    }
}

/// Decimal of the form `[-]digits[.digits]`, of any length.
#[derive(Clone, Copy)]
pub(crate) struct Decimal<'a>(&'a str);

impl<'a> Decimal<'a> {
    fn new(text: &'a str) -> Option<Self> {
        let magnitude = text.strip_prefix('-').unwrap_or(text);
        let (whole, part) = magnitude.split_once('.').unwrap_or((magnitude, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        (digits(whole) && digits(part)).then_some(Decimal(text))
    }

    pub(super) fn text(self) -> &'a str {
        self.0
    }

    pub(super) fn is_zero(self) -> bool {
        self.0.bytes().all(|byte| matches!(byte, b'0' | b'.'))
    }

    /// Returns the price in ticks, or the reason why the decimal is no price.
    pub(super) fn ticks(self, tick: Tick) -> Result<Price, Reason> {
        tick.ticks(self.0).map_err(|e| match e {
            DecimalError::OutOfRange => Reason::InvalidPrice,
            DecimalError::OffTick => Reason::OffTick,
            DecimalError::Malformed => self.excess(),
        })
    }

    /// Returns the reason to reject a decimal with more digits than a price can have. Digits beyond
    /// the eighteenth decimal are finer than any tick.
    fn excess(self) -> Reason {
        let part = self.0.split_once('.').map_or("", |(_, part)| part.trim_end_matches('0'));
        let too_fine = part.len() > 18 && !self.0.starts_with('-');
        if too_fine { Reason::OffTick } else { Reason::InvalidPrice }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_beyond_every_price_still_have_a_reason() {
        let tick = Tick::parse("0.01").unwrap();
        let ticks = |text: &str| Decimal::new(text).map(|decimal| decimal.ticks(tick));
        assert_eq!(ticks("187.05"), Some(Ok(Price(18705))));
        assert_eq!(ticks(&format!("1{}", "0".repeat(40))), Some(Err(Reason::InvalidPrice)));
        assert_eq!(ticks(&format!("0.{}1", "0".repeat(40))), Some(Err(Reason::OffTick)));
        assert_eq!(ticks(&format!("-0.{}1", "0".repeat(40))), Some(Err(Reason::InvalidPrice)));
        assert_eq!(ticks(&format!("2.{}", "0".repeat(40))), Some(Ok(Price(200))));
        for malformed in ["", "-", ".5", "5.", "1e3", "+1", "0x1", "1.2.3", "--1", " 1", "NaN"] {
            assert_eq!(ticks(malformed), None, "{malformed}");
        }
    }
}
