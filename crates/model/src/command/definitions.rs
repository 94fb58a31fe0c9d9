//! Definitions: the commands that give names their numbers.

use super::stored::{Stored, body};
use crate::domain::{FirmId, Name, Price, Quantity, Role, Tick};

body! {
    /// Definition of the symbol `Command::symbol`.
    pub DefineSymbol {
        /// Name in lines and on the wire: 1 to 16 printable characters, no space.
        name: Name = Symbol,
        /// Price of one tick, in units of the currency.
        tick: Tick = Tick,
        /// Lot: quantities are multiples of it; at least 1.
        lot: Quantity = Lot,
        /// Prior close, which is the reference price until the first trade; 0 for none.
        reference: Price,
        /// Greatest distance of a market order's trades from the reference price, in basis points;
        /// 0 for no limit.
        collar_bps: u32 = CollarBps,
    }
}

impl DefineSymbol {
    /// Creates a definition with lots of one unit, no collar and no reference price, as a base for
    /// others.
    pub const fn new(name: Name, tick: Tick) -> Self {
        DefineSymbol { name, tick, lot: Quantity(1), collar_bps: 0, reference: Price(0) }
    }
}

body! {
    /// Definition of the session `Command::session`.
    pub DefineSession {
        /// Name in lines and at the login: 1 to 16 printable characters, no space.
        name: Name = Session,
        /// Firm of the session's orders that name no firm.
        firm: FirmId = Firm,
        /// Role: decides which requests the session may send and which messages it gets.
        role: Role = Role unless Role::File,
    }
}

body! {
    /// Definition of a firm.
    pub DefineFirm {
        /// Name in lines and on the wire: 1 to 16 printable characters, no space.
        name: Name = Firm,
        /// Number that orders and reports have in place of the name; not 0.
        firm: FirmId,
    }
}

body! {
    /// Bytes of a [`Tick`].
    pub(crate) TickBody {
        mantissa: u64,
        scale: u8,
    }
}

impl Stored for Tick {
    type Bytes = <TickBody as Stored>::Bytes;

    fn store(self) -> Self::Bytes {
        TickBody { mantissa: self.mantissa, scale: self.scale }.store()
    }

    fn load(bytes: Self::Bytes) -> Option<Self> {
        let TickBody { mantissa, scale } = TickBody::load(bytes)?;
        Some(Tick { mantissa, scale })
    }
}
