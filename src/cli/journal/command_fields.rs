//! Commands of the journal as lines of a file session.

#[cfg(test)]
mod tests;

use ringside_core::registry::directory::Directory;
use ringside_core::registry::names::Names;
use ringside_model::command::{Action, Command, OperatorCommand, Sequenced};
use ringside_model::domain::{Name, Price, SymbolId};
use ringside_model::field::{self, Field};
use ringside_model::reason::Reason;
use serde_json::Value;

/// Name of a field and its value.
pub(crate) type NamedField = (&'static str, Value);

/// Returns the names of all fields that a command may have, in the order of the columns.
pub(super) fn command_columns() -> Vec<&'static str> {
    let fields = Field::ALL.iter().map(|field| field.name());
    std::iter::once("seq").chain(fields).chain(["verdict"]).collect()
}

/// Returns the fields of a command as in a line of a file session, after its seqno and official
/// time. Names that `directory` does not know are left out, and prices of unknown symbols are 0:
/// the journal holds no text for them.
///
/// The last field is `verdict` if the gateway's verdict does not follow from the rest of the line:
/// the gateway found something that the line does not show, or did not find what the gateway of a
/// file session would find, as far as `directory` knows the ids and the venue's rules.
pub(crate) fn command_fields(at: &Sequenced, directory: &Directory) -> Vec<NamedField> {
    let (command, names) = (&at.command, directory.names());
    let mut fields = vec![("seq", at.seqno.0.into()), (Field::Ts.name(), at.time.0.into())];
    command.fields(&mut |field, value| {
        fields.extend(named(value, command.symbol, names).map(|value| (field.name(), value)));
    });
    if !is_usual(command, directory) {
        fields.push(("verdict", command.verdict.name().into()));
    }
    fields
}

/// Formats the fields as one JSON object, in their order, without a newline.
pub(crate) fn json_line(fields: &[NamedField]) -> String {
    let members: Vec<String> =
        fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// Returns a value in names and decimals; `None` for a number without a name.
fn named(value: field::Value, symbol: SymbolId, names: &Names) -> Option<Value> {
    let text = |name: Name| Value::from(name.as_str());
    match value {
        field::Value::Number(number) => Some(number.into()),
        field::Value::Truth(truth) => Some(truth.into()),
        field::Value::Word(word) => Some(word.into()),
        field::Value::Text(text) => Some(text.into()),
        field::Value::Name(name) => Some(text(name)),
        field::Value::Price(Price(0)) => Some("0".into()),
        field::Value::Price(price) => {
            let decimal = names.symbol(symbol).map(|symbol| symbol.tick.decimal(price));
            Some(decimal.unwrap_or_else(|| "0".into()).into())
        }
        field::Value::Session(session) => names.session(session).map(|session| text(session.name)),
        field::Value::Firm(firm) => names.firm(firm).map(text),
        field::Value::Symbol(symbol) => names.symbol(symbol).map(|symbol| text(symbol.name)),
    }
}

/// Returns true if the gateway of a file session would give the command the verdict that it has.
/// A change of an order gets `too_late` if its order is not live, and none if it names an unknown
/// order. An import without a price has a verdict in a file. The cause of a mass cancel is a field
/// of its line; a line without a symbol would cancel orders of all symbols.
fn is_usual(command: &Command, directory: &Directory) -> bool {
    let Command { session, symbol, verdict, .. } = *command;
    let is_none = verdict == Reason::None;
    let enters = |id| is_none && directory.refuses(session, id).is_none();
    match &command.action {
        Action::Reduce(_) | Action::Cancel(_) | Action::Modify(_) => {
            verdict == Reason::TooLate || is_none && symbol == SymbolId::NONE
        }
        Action::MassCancel(_) => {
            (is_none || verdict.is_of_cancel()) && symbol != Directory::NOWHERE
        }
        Action::Operator(OperatorCommand::ImportOrder(import)) => {
            is_none && import.order.price.0 != 0
        }
        action => match action.new_id() {
            Some(id) => enters(id),
            None => is_none,
        },
    }
}
