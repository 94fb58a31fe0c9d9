//! Names and prices in wire format.

use crate::registry::names::Symbol;
use ringside_model::command::{Action, Command, DefineFirm, Definition};
use ringside_model::domain::{FirmId, Name, Price, SymbolId, Tick};

/// Symbols that fit the wire format, and the names of firms.
#[derive(Default)]
pub(crate) struct WireNames {
    /// Wire form of each symbol, by its number.
    symbols: Vec<Option<Listed>>,
    /// First four letters of each firm's name, by its number.
    firms: Vec<[u8; 4]>,
}

/// Symbol in wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// Number of the symbol, which is the ITCH stock locate.
    pub locate: u16,
    /// Name of the symbol, padded with spaces.
    pub stock: [u8; 8],
    /// Round lot of the symbol.
    pub lot: u32,
    /// Value of one tick in 1/10000 of the currency.
    pub tick: u64,
}

impl Listed {
    /// Returns the symbol in wire format. `None` if that is not possible: a name of more than 8
    /// bytes, a number or a lot that is too large, or a tick that is no multiple of 1/10000.
    pub(super) fn new(symbol: SymbolId, name: Name, tick: Tick, lot: u64) -> Option<Listed> {
        let stock = ringside_wire::padded(name.as_str())?;
        let zeros = 4u32.checked_sub(tick.scale.into())?;
        Some(Listed {
            locate: u16::try_from(symbol.0).ok()?,
            stock,
            lot: u32::try_from(lot).ok()?,
            tick: tick.mantissa.checked_mul(10u64.pow(zeros))?,
        })
    }

    /// Returns a price in 1/10000 of the currency; the highest number if the price does not fit.
    #[inline]
    pub(super) fn price(&self, price: Price) -> u64 {
        u64::try_from(price.0).map_or(0, |ticks| ticks.saturating_mul(self.tick))
    }

    /// Returns a price in 1/10000 of the currency, in 32 bits; the highest number if the price does
    /// not fit.
    #[inline]
    pub(crate) fn price4(&self, price: Price) -> u32 {
        saturated(self.price(price))
    }
}

/// Returns a number in 32 bits; the highest one if the number does not fit.
#[inline]
pub(super) fn saturated(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl WireNames {
    /// Adds the names of an accepted definition.
    pub(super) fn observe(&mut self, command: &Command) {
        match command.action {
            Action::Definition(Definition::Symbol(d)) => {
                let listed = Listed::new(command.symbol, d.name, d.tick, d.lot.0);
                put(&mut self.symbols, command.symbol.0 as usize, None, listed);
            }
            Action::Definition(Definition::Firm(DefineFirm { firm, name })) => {
                let mut short = [b' '; 4];
                name.as_str().bytes().zip(&mut short).for_each(|(from, to)| *to = from);
                put(&mut self.firms, firm.0.into(), [b' '; 4], short);
            }
            _ => {}
        }
    }

    /// Takes over the present units of a symbol.
    pub(super) fn change(&mut self, symbol: SymbolId, present: &Symbol) {
        let listed = Listed::new(symbol, present.name, present.tick, present.lot.0);
        put(&mut self.symbols, symbol.0 as usize, None, listed);
    }

    /// Returns a symbol if it fits the wire format.
    #[inline]
    pub(super) fn symbol(&self, symbol: SymbolId) -> Option<&Listed> {
        self.symbols.get(symbol.0 as usize)?.as_ref()
    }

    /// Returns the first four letters of a firm's name; spaces for none.
    pub(super) fn firm(&self, firm: FirmId) -> [u8; 4] {
        self.firms.get(usize::from(firm.0)).copied().unwrap_or([b' '; 4])
    }
}

fn put<T: Clone>(table: &mut Vec<T>, at: usize, empty: T, value: T) {
    if table.len() <= at {
        table.resize(at + 1, empty);
    }
    table[at] = value;
}
