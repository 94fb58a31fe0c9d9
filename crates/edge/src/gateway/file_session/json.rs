//! JSON: one flat object on a line, and perhaps a comment after it.
//!
//! The values of this format are strings, numbers, `true` and `false`, and the scanner reads
//! exactly these. It copies no text except a string with escapes, and knows the byte offset of
//! every key and value for faults.

use super::fields::{Fault, Field, FieldToken, Fields, Kind};
use std::borrow::Cow;

/// Reads the object of a line.
pub(super) fn read<'a>(text: &'a str, fields: &mut Fields<'a>) -> Result<(), Fault> {
    let mut scan = Scan { text, at: 0 };
    scan.expect(b'{', "a line must be a JSON object: expected `{`")?;
    if scan.peek() == Some(b'}') {
        fields.end = scan.at;
    } else {
        loop {
            scan.member(fields)?;
            match scan.peek() {
                Some(b',') => scan.at += 1,
                Some(b'}') => break,
                _ => return Err(scan.fault("expected `,` or `}`")),
            }
        }
        fields.end = scan.at;
    }
    scan.at += 1;
    match scan.peek() {
        None | Some(b'#') => Ok(()),
        Some(_) => Err(scan.fault("only a `# comment` may follow the object")),
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn member(&mut self, fields: &mut Fields<'a>) -> Result<(), Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.fault("expected the name of a field in quotes"));
        }
        let key_at = self.at;
        let key = self.string()?;
        let unknown = || Fault::new(key_at, format!("unknown field `{}`", key.escape_debug()));
        let field = Field::from_name(&key).ok_or_else(unknown)?;
        self.expect(b':', "expected `:`")?;
        let (first, at) = (self.peek(), self.at);
        let (kind, text) = match first {
            Some(b'"') => (Kind::Text, self.string()?),
            Some(b'-' | b'0'..=b'9') => (Kind::Number, Cow::Borrowed(self.number()?)),
            Some(b'a'..=b'z') => (Kind::Bool, Cow::Borrowed(self.truth()?)),
            None => return Err(self.fault("expected a value")),
            Some(_) => return Err(self.fault(VALUES)),
        };
        fields.add(field, FieldToken { key_at, at, kind, text })
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        let bytes = self.text.as_bytes();
        let open = self.at;
        let mut at = open + 1;
        let mut escaped = false;
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    at += 2;
                }
                Some(0..=31) => return Err(Fault::new(at, "a control character in a string")),
                Some(_) => at += 1,
                None => return Err(Fault::new(open, "the string does not end")),
            }
        }
        self.at = at + 1;
        if !escaped {
            return Ok(Cow::Borrowed(&self.text[open + 1..at]));
        }
        let bad = |_| Fault::new(open, "a bad escape in a string");
        serde_json::from_str(&self.text[open..=at]).map(Cow::Owned).map_err(bad)
    }

    /// Reads a number as it stands. Only integers have a use; the reader of the field checks for
    /// one.
    fn number(&mut self) -> Result<&'a str, Fault> {
        let rest = &self.text[self.at..];
        let is_part = |b: u8| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let len = rest.bytes().take_while(|&b| is_part(b)).count();
        let number = &rest[..len];
        let digits = number.strip_prefix('-').unwrap_or(number).as_bytes();
        if digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit() {
            return Err(self.fault("a JSON number has no leading zeros"));
        }
        self.at += len;
        Ok(number)
    }

    fn truth(&mut self) -> Result<&'a str, Fault> {
        let rest = &self.text[self.at..];
        let len = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        match &rest[..len] {
            truth @ ("true" | "false") => {
                self.at += len;
                Ok(truth)
            }
            "null" => Err(self.fault("leave a field out instead of giving null")),
            _ => Err(self.fault(VALUES)),
        }
    }

    fn expect(&mut self, byte: u8, message: &str) -> Result<(), Fault> {
        if self.peek() != Some(byte) {
            return Err(self.fault(message));
        }
        self.at += 1;
        Ok(())
    }

    /// Returns the next byte that is no white space, and leaves it in place.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    #[cold]
    fn fault(&self, message: &str) -> Fault {
        Fault::new(self.at, message)
    }
}

const VALUES: &str = "a value must be a string, an integer, true or false";
