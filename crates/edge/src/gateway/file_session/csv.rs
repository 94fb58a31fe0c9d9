//! CSV: a header and the records below it, one on a line.
//!
//! A cell may be quoted, and a quote inside is doubled. A quoted cell ends on its line, since no
//! value of this format has a line end. Spaces around a cell do not count.

use super::fields::{Fault, Field, FieldToken, Fields, Kind};
use std::borrow::Cow;

/// Reads the header; returns the field of each column.
pub(super) fn header(text: &str) -> Result<Vec<Field>, Fault> {
    let mut columns = Vec::new();
    let mut cells = Cells::new(text);
    while let Some((at, name)) = cells.next()? {
        let unknown = || Fault::new(at, format!("unknown field `{}`", name.escape_debug()));
        let field = Field::from_name(&name).ok_or_else(unknown)?;
        if columns.contains(&field) {
            return Err(Fault::new(at, format!("`{name}` is given twice")));
        }
        columns.push(field);
    }
    Ok(columns)
}

/// Reads a record. An empty cell is a field that is not given.
pub(super) fn read<'a>(
    text: &'a str,
    columns: &[Field],
    fields: &mut Fields<'a>,
) -> Result<(), Fault> {
    fields.end = text.len();
    let mut cells = Cells::new(text);
    let mut count = 0;
    while let Some((at, text)) = cells.next()? {
        let Some(&field) = columns.get(count) else {
            return Err(Fault::new(at, format!("the header has {} columns only", columns.len())));
        };
        count += 1;
        if !text.is_empty() {
            fields.add(field, FieldToken { key_at: at, at, kind: Kind::Cell, text })?;
        }
    }
    if count < columns.len() {
        let message = format!("the line has {count} cells, the header {} columns", columns.len());
        return Err(Fault::new(text.len(), message));
    }
    Ok(())
}

struct Cells<'a> {
    text: &'a str,
    /// Start of the next cell; beyond the end of the text after the last cell.
    at: usize,
}

impl<'a> Cells<'a> {
    fn new(text: &'a str) -> Self {
        Cells { text, at: 0 }
    }

    /// Returns the next cell, with its byte offset in the line.
    fn next(&mut self) -> Result<Option<(usize, Cow<'a, str>)>, Fault> {
        let Some(rest) = self.text.get(self.at..) else { return Ok(None) };
        let trimmed = rest.trim_start_matches([' ', '\t']);
        let at = self.at + rest.len() - trimmed.len();
        if trimmed.starts_with('"') {
            return self.quoted(at).map(Some);
        }
        let len = trimmed.find(',').unwrap_or(trimmed.len());
        self.at = at + len + 1;
        Ok(Some((at, Cow::Borrowed(trimmed[..len].trim_end_matches([' ', '\t'])))))
    }

    fn quoted(&mut self, open: usize) -> Result<(usize, Cow<'a, str>), Fault> {
        let bytes = self.text.as_bytes();
        let mut at = open + 1;
        let mut doubled = false;
        loop {
            match (bytes.get(at), bytes.get(at + 1)) {
                (Some(b'"'), Some(b'"')) => {
                    doubled = true;
                    at += 2;
                }
                (Some(b'"'), _) => break,
                (Some(_), _) => at += 1,
                (None, _) => return Err(Fault::new(open, "the quoted cell does not end")),
            }
        }
        let content = &self.text[open + 1..at];
        let rest = &self.text[at + 1..];
        let after = rest.trim_start_matches([' ', '\t']);
        if !after.is_empty() && !after.starts_with(',') {
            let after_at = self.text.len() - after.len();
            return Err(Fault::new(after_at, "expected `,` after the quoted cell"));
        }
        self.at = self.text.len() - after.len() + 1;
        let cell = if doubled { content.replace("\"\"", "\"").into() } else { content.into() };
        Ok((open, cell))
    }
}
