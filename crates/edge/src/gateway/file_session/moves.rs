//! Lines that move symbols between partitions.

use super::fields::{Fault, Field, Fields, set};
use super::operations::{Interpreter, required_id, required_name};
use super::orders::Said;
use super::words::Form;
use ringside_model::command::{Action, Command, Enter, ImportOrder, MoveSymbol};
use ringside_model::domain::{MoveStep, Nanos, OrderId, PartitionId, Quantity, SessionId};
use ringside_model::field::FieldSource;
use ringside_model::reason::Reason;

const MOVE: u128 =
    set(&[Field::Symbol, Field::Step, Field::Partition, Field::Version, Field::Orders, Field::Qty]);
const IMPORT: u128 = set(&[
    Field::Session,
    Field::Id,
    Field::IdThere,
    Field::Symbol,
    Field::Side,
    Field::Type,
    Field::Tif,
    Field::Qty,
    Field::Price,
    Field::PostOnly,
    Field::StpGroup,
    Field::Firm,
]) | set(Enter::ATTRIBUTE_FIELDS);

impl<F: FnMut(Command, Option<Nanos>)> Interpreter<'_, F> {
    pub(super) fn move_symbol(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("move", MOVE)?;
        let symbol = required_name(fields, Field::Symbol)?;
        let step = fields.required(Field::Step, fields.word::<MoveStep>(Field::Step)?)?;
        let partition = fields.integer_to(Field::Partition, u16::MAX.into())?;
        let partition = fields.required(Field::Partition, partition)?;
        let version = fields.integer_to(Field::Version, u32::MAX.into())?;
        let version = fields.required(Field::Version, version)?;
        let orders = fields.integer_to(Field::Orders, u64::MAX)?.unwrap_or(0);
        let quantity = Quantity(fields.integer_to(Field::Qty, u64::MAX)?.unwrap_or(0));

        let (partition, version) = (PartitionId(partition as u16), version as u32);
        let (symbol, verdict) = match self.directory.numbers().symbol_id(symbol) {
            Some(symbol) => (symbol, Reason::None),
            None => (Default::default(), Reason::UnknownSymbol),
        };
        let asked = MoveSymbol { step, partition, version, orders, quantity };
        self.send(SessionId(0), symbol, verdict, Action::from(asked));
        Ok(())
    }

    /// Imports an order that comes with its symbol. Session and firm of the order must be known,
    /// because the line does not define them.
    pub(super) fn import_order(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("import", IMPORT)?;
        let session = required_name(fields, Field::Session)?;
        let id = fields.integer_to(Field::Id, u64::MAX)?.map(OrderId);
        let id_there = required_id(fields, Field::IdThere)?;
        let symbol = required_name(fields, Field::Symbol)?;
        let said = Said::read(fields)?;
        let price = fields.required(Field::Price, fields.decimal(Field::Price)?)?;
        let firm = fields.name(Field::Firm)?;

        let unknown =
            |field, what: &str| fields.fault(field, &format!("is no {what} of this venue"));
        let session = self.directory.numbers().session_id(session);
        let session = session.ok_or_else(|| unknown(Field::Session, "session"))?;
        let firm = firm.map(|firm| self.directory.numbers().firm_id(firm).ok_or(firm)).transpose();
        let firm = firm.map_err(|_| unknown(Field::Firm, "firm"))?.unwrap_or_default();
        let symbol = self.directory.numbers().symbol_id(symbol);
        let symbol = symbol.ok_or_else(|| unknown(Field::Symbol, "symbol"))?;
        let price = self.ticks(symbol, price);
        let id = id.unwrap_or_else(|| self.directory.next_imported_id(session));
        let used = self.directory.order_symbol(session, id).is_some();
        let verdict = match price {
            _ if used => Reason::DuplicateId,
            Err(reason) => reason,
            Ok(_) if said.is_timed || said.form != Form::Plain => Reason::Unsupported,
            Ok(_) => Reason::None,
        };
        let order = Enter { id, firm, price: price.unwrap_or_default(), ..said.order };
        self.send(session, symbol, verdict, Action::from(ImportOrder { order, id_there }));
        Ok(())
    }
}
