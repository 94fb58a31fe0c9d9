//! The rare commands: definitions and mass cancel.

use super::book::{Book, side_index};
use super::orders::{NIL, Order, Slot};
use super::{Engine, SYMBOL_MAX, reject};
use crate::command::{Action, Command, DefineSymbol, MassCancel, Sequenced};
use crate::domain::{OrderId, Price, Quantity, Side, SymbolId, Tick};
use crate::hash;
use crate::reason::Reason;
use crate::report::{Report, ReportKind, ReportSink};

impl Engine {
    #[cold]
    pub(super) fn apply_rare(
        &mut self,
        at: &Sequenced,
        action: &Action,
        sink: &mut impl ReportSink,
    ) {
        let command = &at.command;
        if let Action::MassCancel(filter) = action {
            return self.mass_cancel(command, filter, sink);
        }
        match self.define(command) {
            Err(reason) => reject(command, OrderId(0), Side::Buy, reason, sink),
            Ok(()) => sink.report(Report {
                kind: match action {
                    Action::SetDurability(_) => ReportKind::DurabilitySet,
                    _ => ReportKind::Defined,
                },
                other: match action {
                    Action::SetDurability(mode) => *mode as u64,
                    Action::DefineSession { firm, .. } | Action::DefineFirm { firm, .. } => {
                        u64::from(firm.0)
                    }
                    _ => 0,
                },
                session: command.session,
                symbol: command.symbol,
                ..Report::BLANK
            }),
        }
    }

    /// Takes a definition in, or says why not.
    pub(super) fn define(&mut self, command: &Command) -> Result<(), Reason> {
        if command.verdict != Reason::None {
            return Err(command.verdict);
        }
        match &command.action {
            Action::DefineSymbol(definition) => self.define_symbol(command.symbol, definition)?,
            Action::DefineSession { name, firm } => {
                let new = self.sessions.insert(command.session.0);
                let fields = [1, u64::from(command.session.0), u64::from(firm.0)];
                self.define_name(command.session.0 != 0, new, fields, name.as_str())?;
            }
            Action::DefineFirm { firm, name } => {
                let new = self.firms.insert(firm.0);
                self.define_name(firm.0 != 0, new, [2, u64::from(firm.0), 0], name.as_str())?;
            }
            // It is not the books' to carry out.
            Action::SetDurability(_) => return Ok(()),
            Action::Enter(_)
            | Action::Cancel { .. }
            | Action::Reduce { .. }
            | Action::Replace { .. }
            | Action::MassCancel(_) => unreachable!("only definitions come here"),
        }
        self.definitions.push(*command);
        Ok(())
    }

    fn define_symbol(&mut self, symbol: SymbolId, d: &DefineSymbol) -> Result<(), Reason> {
        let valid = (1..=SYMBOL_MAX).contains(&symbol.0)
            && d.lot.0 > 0
            && d.tick.mantissa > 0
            && d.tick.scale <= Tick::SCALE_MAX
            && d.reference >= Price(0);
        if !valid {
            return Err(Reason::InvalidDefinition);
        }
        if self.book_index(symbol).is_some() {
            return Err(Reason::DuplicateName);
        }
        let book = Book::new(symbol, d);
        self.state_hash = self.state_hash.wrapping_add(book.hash());
        self.books.push(book);
        let place = symbol.0 as usize;
        if self.book_of.len() <= place {
            self.book_of.resize(place + 1, 0);
        }
        self.book_of[place] = self.books.len() as u32;
        Ok(())
    }

    /// Takes note of a session or firm; `new` says that its number was free until now.
    fn define_name(
        &mut self,
        valid: bool,
        new: bool,
        fields: [u64; 3],
        name: &str,
    ) -> Result<(), Reason> {
        if !valid {
            return Err(Reason::InvalidDefinition);
        }
        if !new {
            return Err(Reason::DuplicateName);
        }
        let letters = name.bytes().fold(0u128, |sum, byte| sum << 8 | u128::from(byte));
        let [what, number, firm] = fields;
        let fields = [what, number, firm, letters as u64, (letters >> 64) as u64, u64::MAX];
        self.state_hash = self.state_hash.wrapping_add(hash::of_fields(fields));
        Ok(())
    }

    fn mass_cancel(&mut self, command: &Command, filter: &MassCancel, sink: &mut impl ReportSink) {
        let one = command.symbol != SymbolId::NONE;
        let mut covered = std::mem::take(&mut self.covered);
        if one {
            let Some(book) = self.book_index(command.symbol) else {
                self.covered = covered;
                return reject(command, OrderId(0), Side::Buy, Reason::UnknownSymbol, sink);
            };
            self.cover(book, filter, &mut covered);
        } else {
            for book in self.book_of.iter().filter(|&&place| place != 0) {
                self.cover(*book as usize - 1, filter, &mut covered);
            }
        }
        sink.report(Report {
            kind: ReportKind::MassCanceled,
            quantity: Quantity(covered.len() as u64),
            session: command.session,
            symbol: command.symbol,
            ..Report::BLANK
        });
        for &slot in &covered {
            self.cancel_resting(slot, Reason::MassCancel, sink);
        }
        covered.clear();
        self.covered = covered;
    }

    /// Collects the orders of a book that a mass cancel covers, in priority order, bids first.
    fn cover(&self, book: usize, filter: &MassCancel, covered: &mut Vec<Slot>) {
        for buy in [true, false] {
            if filter.buy.is_some_and(|wanted| wanted != buy) {
                continue;
            }
            for level in self.books[book].sides[side_index(buy)].iter() {
                let mut slot = self.levels.get(level).head;
                while slot != NIL {
                    let order = self.orders.get(slot);
                    if covers(filter, order) {
                        covered.push(slot);
                    }
                    slot = order.next;
                }
            }
        }
    }
}

fn covers(filter: &MassCancel, order: &Order) -> bool {
    filter.session.is_none_or(|session| session.0 == order.session)
        && filter.firm.is_none_or(|firm| firm.0 == order.traits.firm())
        && filter.group.is_none_or(|group| group == order.traits.group())
}
