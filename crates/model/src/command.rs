//! Commands: every request that may change the venue.
//!
//! This file has the one table of commands. From it come the kinds of the [`Frame`]s, the
//! [`Action`], and how a command is written into a frame and read from it. The bodies, with their
//! bytes and their fields in lines, are in `orders.rs`, `definitions.rs` and `operator.rs`;
//! `lines.rs` has fields of lines that depend on each other.

mod client_fields;
mod definitions;
mod lines;
mod operator;
mod orders;
mod stored;
#[cfg(test)]
mod tests;

pub use client_fields::ClientFields;
pub use definitions::{DefineFirm, DefineSession, DefineSymbol};
pub use operator::{
    BreakTrade, ChangeSymbol, CorrectTrade, ImportOrder, MoveSymbol, PlanState, RiskLimits,
    RunTimers, SetBands, SetDurability, SetQuote, SetReference, SetRisk, SetShortSale, SetState,
    SetStopWaves, TradeSide, TradingDay,
};
pub use orders::{
    AccountQuery, Cancel, Display, Enter, EnterIceberg, EnterSpecial, EnterStop, MassCancel,
    Modify, NamedSpecialTerms, NamedTerms, Reduce, Replace, ReplaceTerms, SetOrderEntry,
    SpecialTerms,
};

use crate::domain::{DayEvent, Nanos, OrderId, RiskScope, SeqNo, SessionId, SymbolId, byte_enum};
use crate::field::Out;
use crate::frame::{CommitMark, EpochStart, FRAME_BYTES_MIN, Frame, HashProbe, length_with};
use crate::reason::Reason;
use stored::Stored;

/// Declares all commands: the name in code, the body, the code and the name of the frame, and the
/// `op` of lines. `field: Words` in place of an `op` gives each word of the field a line of its
/// own. Bookkeeping has no `op`.
macro_rules! commands {
    (
        orders {
            $($(#[$order_doc:meta])*
            $order:ident = $order_code:literal $order_name:literal, $order_op:literal;)*
        }
        definitions {
            $($(#[$definition_doc:meta])*
            $definition:ident($definition_body:ident) =
                $definition_code:literal $definition_name:literal, $definition_op:literal;)*
        }
        operator {
            $($(#[$operator_doc:meta])*
            $operator:ident = $operator_code:literal $operator_name:literal,
                $($operator_op:literal)? $($op_field:ident: $op_words:ident)?;)*
        }
        bookkeeping {
            $($(#[$mark_doc:meta])*
            $mark:ident($mark_body:ty) = $mark_code:literal $mark_name:literal;)*
        }
    ) => {
        byte_enum! {
            /// Content of a frame. Codes from 128 on are bookkeeping.
            FrameKind {
                $($(#[$order_doc])* $order = $order_code $order_name,)*
                $($(#[$definition_doc])* $definition_body = $definition_code $definition_name,)*
                $($(#[$operator_doc])* $operator = $operator_code $operator_name,)*
                $($(#[$mark_doc])* $mark = $mark_code $mark_name,)*
            }
        }

        /// Effect of a command. The actions that name an order come first, and their bodies begin
        /// with its id, so that prefetching tests for them with one comparison and reads the id at
        /// one place. A tag of its own keeps that test cheaper than a tag in a niche.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Action {
            $($(#[$order_doc])* $order($order),)*
            /// Definition of a name.
            Definition(Definition),
            /// Command of the operator.
            Operator(OperatorCommand),
        }

        /// Command that gives a name its number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Definition { $($(#[$definition_doc])* $definition($definition_body)),* }

        /// Command that no client can send over OUCH. It comes from the operator, a line of a file,
        /// the start of a venue, the schedule, the timers, or the mover of a symbol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum OperatorCommand { $($(#[$operator_doc])* $operator($operator)),* }

        impl OperatorCommand {
            /// Passes the fields of the command's line behind its `op`.
            fn fields(&self, command: &Command, line: Out) {
                match self { $(OperatorCommand::$operator(body) => body.fields(command, line),)* }
            }
        }

        $(impl From<$order> for Action {
            #[inline]
            fn from(body: $order) -> Action {
                Action::$order(body)
            }
        })*
        $(impl From<$definition_body> for Action {
            fn from(body: $definition_body) -> Action {
                Action::Definition(Definition::$definition(body))
            }
        })*
        $(impl From<$operator> for Action {
            fn from(body: $operator) -> Action {
                Action::Operator(OperatorCommand::$operator(body))
            }
        })*

        impl Action {
            /// Returns the kind of the command's frame.
            #[inline]
            pub fn kind(&self) -> FrameKind {
                match self {
                    $(Action::$order(_) => FrameKind::$order,)*
                    $(Action::Definition(Definition::$definition(_)) => {
                        FrameKind::$definition_body
                    })*
                    $(Action::Operator(OperatorCommand::$operator(_)) => FrameKind::$operator,)*
                }
            }

            /// Returns the `op` of the command's line.
            pub fn op(&self) -> &'static str {
                match self {
                    $(Action::$order(_) => $order_op,)*
                    $(Action::Definition(Definition::$definition(_)) => $definition_op,)*
                    $(Action::Operator(OperatorCommand::$operator(_body)) => {
                        $($operator_op)? $(_body.$op_field.name())?
                    })*
                }
            }

            /// Returns the `op`s of all lines, each once, in the order of the table.
            pub fn ops() -> Vec<&'static str> {
                let mut ops = vec![];
                let mut add = |op| {
                    if !ops.contains(&op) {
                        ops.push(op);
                    }
                };
                $(add($order_op);)*
                $(add($definition_op);)*
                $(
                    $(add($operator_op);)?
                    $($op_words::ALL.iter().for_each(|words| add(words.name()));)?
                )*
                ops
            }

            /// Writes the action into a frame, without its header fields.
            #[inline]
            fn encode(&self, frame: &mut Frame) {
                match *self {
                    $(Action::$order(body) => frame.write(FrameKind::$order, &body.store()),)*
                    $(Action::Definition(Definition::$definition(body)) => {
                        frame.write(FrameKind::$definition_body, &body.store())
                    })*
                    $(Action::Operator(OperatorCommand::$operator(body)) => {
                        frame.write(FrameKind::$operator, &body.store())
                    })*
                }
            }

            /// Reads the action of a frame; `None` for bookkeeping and for impossible bytes.
            #[inline]
            fn decode(frame: &Frame) -> Option<Action> {
                Some(match frame.kind()? {
                    $(FrameKind::$order => {
                        Action::$order(Stored::load(*frame.body_before_client_fields()?)?)
                    })*
                    $(FrameKind::$definition_body => {
                        let body = Stored::load(*frame.whole_body()?)?;
                        Action::Definition(Definition::$definition(body))
                    })*
                    $(FrameKind::$operator => {
                        let body = Stored::load(*frame.whole_body()?)?;
                        Action::Operator(OperatorCommand::$operator(body))
                    })*
                    $(FrameKind::$mark => return None,)*
                })
            }
        }

        impl FrameKind {
            /// Returns the length of the body in bytes.
            #[inline]
            pub(crate) const fn body_bytes(self) -> usize {
                match self {
                    $(FrameKind::$order => size_of::<<$order as Stored>::Bytes>(),)*
                    $(FrameKind::$definition_body => {
                        size_of::<<$definition_body as Stored>::Bytes>()
                    })*
                    $(FrameKind::$operator => size_of::<<$operator as Stored>::Bytes>(),)*
                    $(FrameKind::$mark => size_of::<$mark_body>(),)*
                }
            }

            /// Returns true if clients send commands of this kind. Their frames may have
            /// [`ClientFields`].
            #[inline]
            pub const fn is_from_clients(self) -> bool {
                matches!(self, $(FrameKind::$order)|*)
            }
        }
    };
}

commands! {
    orders {
        /// New order: no stop, no iceberg, no special terms.
        Enter = 1 "enter", "enter";
        /// Lower total quantity of an order, which keeps its priority.
        Reduce = 2 "reduce", "reduce";
        /// New terms of an order, which gets a new priority.
        Replace = 3 "replace", "replace";
        /// Cancel of the open quantity of an order.
        Cancel = 4 "cancel", "cancel";
        /// New sell marking of an order, lower total quantity, or both; the order keeps its
        /// priority.
        Modify = 6 "modify", "modify";
        /// Replace that also names terms which only some orders have.
        ReplaceTerms = 12 "replace_terms", "replace";
        /// New order that waits for a trade at its stop price.
        EnterStop = 9 "enter_stop", "enter";
        /// New order that displays one slice at a time.
        EnterIceberg = 10 "enter_iceberg", "enter";
        /// New order with special terms.
        EnterSpecial = 11 "enter_special", "enter";
        /// Cancel of many orders.
        MassCancel = 5 "mass_cancel", "mass_cancel";
        /// Permission of a session to enter orders.
        SetOrderEntry = 7 "set_order_entry", "order_entry";
        /// Query of a session for its next order id.
        AccountQuery = 8 "account_query", "account_query";
    }
    definitions {
        /// Definition of a symbol.
        Symbol(DefineSymbol) = 16 "define_symbol", "symbol";
        /// Definition of a session.
        Session(DefineSession) = 17 "define_session", "session";
        /// Definition of a firm.
        Firm(DefineFirm) = 18 "define_firm", "firm";
    }
    operator {
        /// Change of the durability mode.
        SetDurability = 19 "set_durability", "durability";
        /// Start or end of the trading day.
        TradingDay = 20 "trading_day", event: DayEvent;
        /// Break of a trade, which is taken back.
        BreakTrade = 21 "break_trade", "break_trade";
        /// Step of a move of a symbol between partitions.
        MoveSymbol = 22 "move_symbol", "move";
        /// Order that moves with its symbol.
        ImportOrder = 23 "import_order", "import";
        /// Change of the state of a symbol.
        SetState = 24 "set_state", "state";
        /// Schedule of the next state of a symbol.
        PlanState = 25 "plan_state", "plan";
        /// Passage of time for a symbol.
        RunTimers = 26 "tick", "tick";
        /// Change of the price bands of a symbol.
        SetBands = 27 "set_bands", "bands";
        /// Change of the reference quote of a symbol.
        SetQuote = 28 "set_quote", "quote";
        /// Change of the short sale restriction of a symbol.
        SetShortSale = 29 "set_short_sale", "short_sale";
        /// Change of the risk limits of a session, a firm or a symbol.
        SetRisk = 30 "set_risk", "risk";
        /// Correction of the published terms of a trade.
        CorrectTrade = 31 "correct_trade", "correct_trade";
        /// Change of the prior close and the last price of a symbol.
        SetReference = 32 "set_reference", "reference";
        /// Change of tick, lot and collars of a symbol without orders.
        ChangeSymbol = 33 "change_symbol", "change_symbol";
        /// Change of the cap on the waves of stops of a symbol.
        SetStopWaves = 34 "set_stop_waves", "stop_waves";
    }
    bookkeeping {
        /// Start of a writer's run: the first frame of each run.
        EpochStart(EpochStart) = 128 "epoch_start";
        /// Highest committed seqno, and highest seqno on the device, as known when the mark was
        /// made.
        CommitMark(CommitMark) = 129 "commit_mark";
        /// State hash and output hash after a command.
        HashProbe(HashProbe) = 130 "hash_probe";
        /// End of the segment; the next segment continues.
        SegmentEnd([u8; 0]) = 131 "segment_end";
    }
}

/// Command, before or after it has its seqno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Session that sent the command.
    pub session: SessionId,
    /// Symbol that the command concerns: the shard that owns it acts. [`SymbolId::NONE`] for an
    /// unknown symbol and for commands that concern the whole venue.
    pub symbol: SymbolId,
    /// Result of the checks before the engine, journaled with the command so that no replay has to
    /// check again. The meaning depends on the action:
    ///
    /// | action | meaning of a verdict |
    /// |---|---|
    /// | reduce, modify, cancel | the reason to report if the order is not live |
    /// | mass cancel | the cause of its cancels, or the reason to reject the command |
    /// | replace, duplicate id or [`Reason::refuses_service`] | the reason to reject the command |
    /// | replace, any other verdict | the original order ends |
    /// | plan of the schedule | the reason to reject it; the boundary counts as handled |
    /// | all others | the reason to reject the command |
    pub verdict: Reason,
    /// Effect that the command asks for.
    pub action: Action,
}

/// Command with its seqno and its official time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequenced {
    /// Seqno of the command.
    pub seqno: SeqNo,
    /// Official time of the command.
    pub time: Nanos,
    /// Command that has this place.
    pub command: Command,
}

impl Command {
    /// Writes the command into a frame; [`Frame::seal`] completes the frame.
    #[inline]
    pub fn encode(&self, frame: &mut Frame) {
        self.action.encode(frame);
        frame.header.verdict = self.verdict as u8;
        frame.header.session = self.session.0;
        frame.header.symbol = self.symbol.0;
    }

    /// Reads the command of a frame; `None` if the frame is bookkeeping, or has a length or a value
    /// that no writer of this version writes.
    #[inline]
    pub fn decode(frame: &Frame) -> Option<Command> {
        Some(Command {
            action: Action::decode(frame)?,
            session: frame.session(),
            symbol: frame.symbol(),
            verdict: Reason::from_code(frame.header.verdict)?,
        })
    }

    /// Returns true if the command brings an order or new terms of an order.
    #[inline]
    pub fn enters(&self) -> bool {
        self.action.new_id().is_some()
    }

    /// Returns the mass cancel that follows if the command pulls a kill switch: it cancels all open
    /// orders in scope.
    pub fn kills(&self) -> Option<Command> {
        let Action::Operator(OperatorCommand::SetRisk(SetRisk { scope, firm, limits })) =
            self.action
        else {
            return None;
        };
        if !limits.killed || self.verdict != Reason::None {
            return None;
        }
        let filter = match scope {
            RiskScope::Session => {
                MassCancel { session: Some(self.session), ..MassCancel::default() }
            }
            RiskScope::Firm => MassCancel { firm: Some(firm), ..MassCancel::default() },
            RiskScope::Symbol => MassCancel::default(),
        };
        Some(Command {
            session: SessionId(0),
            symbol: self.symbol,
            verdict: Reason::Risk,
            action: Action::MassCancel(filter),
        })
    }
}

impl Sequenced {
    /// Reads a command with its seqno and time. See [`Command::decode`].
    #[inline]
    pub fn decode(frame: &Frame) -> Option<Sequenced> {
        let command = Command::decode(frame)?;
        Some(Sequenced { seqno: frame.seqno(), time: frame.time(), command })
    }
}

impl Action {
    /// Returns the new order of the command, of any kind.
    #[inline]
    pub fn entered(&self) -> Option<&Enter> {
        match self {
            Action::Enter(enter) => Some(enter),
            Action::EnterStop(stop) => Some(&stop.order),
            Action::EnterIceberg(iceberg) => Some(&iceberg.order),
            Action::EnterSpecial(special) => Some(&special.order),
            _ => None,
        }
    }

    /// Returns ids, quantity and limit of a replace, with or without other terms.
    #[inline]
    pub fn replaced(&self) -> Option<&Replace> {
        match self {
            Action::Replace(replace) => Some(replace),
            Action::ReplaceTerms(terms) => Some(&terms.replace),
            _ => None,
        }
    }

    /// Returns the id of the new order, or the new id of a replaced one.
    #[inline]
    pub fn new_id(&self) -> Option<OrderId> {
        match self.replaced() {
            Some(replace) => Some(replace.new_id),
            None => self.entered().map(|enter| enter.id),
        }
    }
}

impl FrameKind {
    /// Returns true if the frame is a command, with a seqno of its own.
    #[inline]
    pub fn is_command(self) -> bool {
        (self as u8) < 128
    }

    /// Returns true if a frame of this kind may have this length in bytes: that of its body, or, if
    /// clients send the kind, a line more for the [`ClientFields`].
    #[inline]
    pub const fn allows(self, length: usize) -> bool {
        let body = length_with(self.body_bytes());
        length == body || length == body + FRAME_BYTES_MIN && self.is_from_clients()
    }
}

/// Returns true if every shard applies a command of this kind and symbol.
#[inline]
pub fn is_venue_wide(kind: FrameKind, symbol: SymbolId) -> bool {
    kind == FrameKind::TradingDay || kind == FrameKind::MassCancel && symbol == SymbolId::NONE
}

/// Returns true if a command of this kind defines a symbol, a session or a firm.
#[inline]
pub fn is_definition(kind: FrameKind) -> bool {
    matches!(kind, FrameKind::DefineSymbol | FrameKind::DefineSession | FrameKind::DefineFirm)
}
