//! Mover: takes the steps that the table asks for, while this node leads its partition.

use super::desk::{Desk, DeskAnswer, DeskError, DeskEvent, DeskRequest, MovedOrder, REQUESTS_MAX};
use super::lines::{ExportPiece, beginning};
use super::step::{MoverStep, next};
use super::table::{Export, NO_VERSION, Placement, SymbolTable, VersionsUsedUp, propose};
use crate::membership::{Coordinator, Keeper, Revision, Swapped, Unavailable};
use ringside_model::command::MoveSymbol;
use ringside_model::domain::{MoveStep, Name, PartitionId, Quantity, SeqNo};
use ringside_model::reason::Reason;
use ringside_model::report::Moved;
use ringside_planted::{Bug, planted};
use std::collections::BTreeMap;
use std::fmt;

/// Size of one piece of an export, in bytes of lines. etcd takes values of about a megabyte.
const PIECE_BYTES: usize = 256 << 10;

/// Coordinators of the table and of the exports beside it.
pub struct Keepers {
    /// Coordinator of the table.
    pub table: Box<dyn Coordinator<SymbolTable>>,
    /// Coordinators of the pieces of exports.
    pub pieces: Pieces,
}

/// Function that opens the coordinator of one piece of an export, by its name.
pub type Pieces = Box<dyn Fn(&str) -> Box<dyn Coordinator<ExportPiece>> + Send>;

impl Keepers {
    /// Creates the keepers of a venue.
    pub fn new(keeper: Keeper, venue: &str) -> Self {
        let (table, venue) = (keeper.shared(venue, "symbols"), venue.to_string());
        Keepers { table, pieces: Box::new(move |name| keeper.shared(&venue, name)) }
    }

    /// Opens one piece of the export of a symbol, for the move that began at this version of the
    /// table.
    fn piece(&self, symbol: &str, version: u32, number: u32) -> Box<dyn Coordinator<ExportPiece>> {
        (self.pieces)(&format!("exports/{symbol}/{version}/{number}"))
    }
}

/// Mover of a partition: reads the table repeatedly, and does what it asks for.
pub struct Mover<D, C> {
    me: PartitionId,
    /// Addresses at which clients find this partition.
    addresses: Vec<String>,
    /// Numbers of all partitions.
    partitions: Vec<u16>,
    /// State of every symbol in the journal; `None` if the symbol is traded here.
    here: BTreeMap<String, Option<Moved>>,
    keepers: Keepers,
    open: C,
    /// Desk of the venue. `None` after a turn without a step, and after a failed request: answers
    /// that are still on their way are not read any more.
    desk: Option<D>,
    /// Symbol of the last step that was tried; the other symbols go first. Empty after a turn
    /// without a step.
    troubled: String,
}

/// Reason why a step was not done. The mover tries the step again.
#[derive(Debug, thiserror::Error)]
pub enum MoverError {
    /// The coordinator of the table failed.
    #[error("the table of symbols: {0}")]
    Table(#[from] Unavailable),
    /// The table cannot change any more.
    #[error("the table of symbols: {0}")]
    UsedUp(#[from] VersionsUsedUp),
    /// The venue does not answer.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The venue rejected the step that the table asks for.
    #[error("{symbol}: the venue rejects the {request}: {reason}")]
    Rejected {
        /// Name of the symbol.
        symbol: Name,
        /// Request that was sent to the venue.
        request: String,
        /// Reason that the venue gives.
        reason: Reason,
    },
    /// The table and the journal contradict each other.
    #[error("{symbol}: the table has it at partition {place}, the journal of this one has {here}")]
    Contradiction {
        /// Name of the symbol.
        symbol: String,
        /// Partition that has the symbol in the table.
        place: u16,
        /// State of the symbol in the journal.
        here: String,
    },
    /// The journal has a halt of a move that no table can ask for.
    #[error("{symbol}: the journal has it in a move of version {NO_VERSION}, which no table has")]
    Unordered {
        /// Name of the symbol.
        symbol: String,
    },
    /// A piece of an export is missing beside the table.
    #[error("{symbol}: piece {number} of its export is gone")]
    PieceGone {
        /// Name of the symbol.
        symbol: String,
        /// Number of the piece.
        number: u32,
    },
    /// The pieces of an export have more or fewer orders than the table states.
    #[error("{symbol}: its export does not have the {orders} orders that the table states")]
    Miscounted {
        /// Name of the symbol.
        symbol: String,
        /// Number of the orders in the table.
        orders: u64,
    },
    /// A line of an export is no order of its symbol that this version can import.
    #[error("{symbol}: line {line} of piece {piece} of its export is no order of it: {begins:?}")]
    LineUnread {
        /// Name of the symbol.
        symbol: String,
        /// Number of the piece, from 0 on.
        piece: u32,
        /// Number of the line in its piece, from 1 on.
        line: usize,
        /// Beginning of the line.
        begins: String,
    },
}

impl<D: Desk, C: FnMut() -> Result<D, DeskError>> Mover<D, C> {
    /// Creates a mover. `here` is the state of every symbol in the journal at the beginning; `open`
    /// opens a desk of the venue.
    pub fn new(
        me: PartitionId,
        partitions: &[u16],
        addresses: &[String],
        here: BTreeMap<String, Option<Moved>>,
        keepers: Keepers,
        open: C,
    ) -> Self {
        let (partitions, addresses) = (partitions.to_vec(), addresses.to_vec());
        let troubled = String::new();
        Mover { me, addresses, partitions, here, keepers, open, desk: None, troubled }
    }

    /// Reads the table once, and takes one step for each symbol that needs one. Returns the steps
    /// as text for people.
    pub fn turn(&mut self) -> Result<Vec<String>, MoverError> {
        let (revision, table) = self.table()?;
        let has_asked = self.desk.is_none() && !self.troubled.is_empty();
        if has_asked && !planted(Bug::LostAnswerIgnored) {
            self.look()?;
        }
        let mut symbols: Vec<String> = self.here.keys().cloned().collect();
        symbols.sort_by_key(|symbol| *symbol == self.troubled);
        let mut done = vec![];
        for symbol in symbols {
            let Some(place) = table.symbols.get(&symbol) else { continue };
            let step = next(self.me, self.here[&symbol], place);
            if step == MoverStep::Wait {
                continue;
            }
            self.troubled.clone_from(&symbol);
            let taken = self.take(step, &symbol, place, &table);
            if taken.is_err() {
                self.desk = None;
            }
            let changed = taken?;
            done.push(format!("{symbol}: {step}"));
            if let Some(changed) = changed {
                // This revision was read before the journal was asked. Any other change of the
                // table since then wins, and this partition reads the table again.
                self.keepers.table.swap(Some(revision), &changed)?;
                return Ok(done);
            }
        }
        if done.is_empty() {
            // Nobody reads the desk between two moves. No request is unanswered: the states of the
            // symbols are known, and the next turn need not ask for one.
            self.desk = None;
            self.troubled.clear();
        }
        Ok(done)
    }

    /// Reads the table. Adds the addresses of this partition, and symbols that are missing.
    fn table(&mut self) -> Result<(Revision, SymbolTable), MoverError> {
        loop {
            let found = self.keepers.table.read()?;
            let (revision, table) = match found {
                Some((revision, table)) => (Some(revision), table),
                None => (None, SymbolTable::default()),
            };
            let unchanged = table.changed()?;
            let mut wanted = unchanged.clone();
            for &partition in &self.partitions {
                wanted.partitions.entry(partition).or_default();
            }
            wanted.partitions.insert(self.me.0, self.addresses.clone());
            for (symbol, here) in &self.here {
                // A symbol that is traded here already stays here, whatever partition would be
                // proposed.
                let proposed = match here {
                    None => Some(self.me),
                    Some(_) => propose(symbol, &self.partitions),
                };
                let Some(PartitionId(partition)) = proposed else { continue };
                let place = Placement { partition, version: wanted.version, moving: None };
                wanted.symbols.entry(symbol.clone()).or_insert(place);
            }
            match revision {
                Some(revision) if wanted == unchanged => return Ok((revision, table)),
                _ => {}
            }
            if let Swapped::Done(revision) = self.keepers.table.swap(revision, &wanted)? {
                return Ok((revision, wanted));
            }
        }
    }

    /// Takes a step. Returns the new table, if the step changes it.
    fn take(
        &mut self,
        step: MoverStep,
        symbol: &str,
        place: &Placement,
        table: &SymbolTable,
    ) -> Result<Option<SymbolTable>, MoverError> {
        let moving = place.moving.as_ref();
        let with = |place: Placement| {
            let mut changed = table.changed()?;
            changed.symbols.insert(symbol.into(), place);
            Ok(Some(changed))
        };
        match (step, moving) {
            (MoverStep::Halt, Some(moving)) => {
                self.ask(symbol, step_of(MoveStep::Halt, moving.to, moving.version))?;
            }
            (MoverStep::Resume, _) => {
                self.ask(symbol, step_of(MoveStep::Resume, self.me.0, place.version))?;
            }
            (MoverStep::Release, _) => {
                self.ask(symbol, step_of(MoveStep::Release, place.partition, place.version))?;
            }
            (MoverStep::Export, Some(moving)) => {
                let export = self.export(symbol, moving.to, moving.version)?;
                let moving = Some(super::Moving { export: Some(export), ..moving.clone() });
                return with(Placement { moving, ..place.clone() });
            }
            (MoverStep::Import, Some(moving)) => {
                let (partition, version) = (self.me.0, table.changed()?.version);
                self.import(symbol, moving)?;
                return with(Placement { partition, version, moving: Some(moving.clone()) });
            }
            (MoverStep::Arrive, Some(moving)) => {
                let export = self.import(symbol, moving)?;
                let resume = step_of(MoveStep::Resume, self.me.0, place.version);
                let (orders, quantity) = (export.orders, Quantity(export.quantity));
                self.ask(symbol, MoveSymbol { orders, quantity, ..resume })?;
            }
            (MoverStep::Finish, Some(moving)) => {
                self.clear(symbol, moving)?;
                return with(Placement { moving: None, ..place.clone() });
            }
            _ => {
                let here = match self.here[symbol] {
                    None => "it trading".into(),
                    Some(moved) => format!("{} at version {}", moved.step.name(), moved.version),
                };
                let (symbol, place) = (symbol.into(), place.partition);
                return Err(MoverError::Contradiction { symbol, place, here });
            }
        }
        Ok(None)
    }

    /// Asks the venue for a step, and waits until the step is in the journal. Returns its seqno and
    /// the number of orders that it concerns. Only a report of the same step, partition and version
    /// is the answer: a late report of an earlier request, or of a step of an operator, may come
    /// first.
    fn ask(&mut self, symbol: &str, asked: MoveSymbol) -> Result<(SeqNo, u64), MoverError> {
        let request = DeskRequest::Step { symbol: name_of(symbol), asked };
        self.desk()?.send(request.clone())?;
        self.answer(symbol, &request, |event| match event {
            DeskEvent::Moved { moved, seqno, orders } if moved == asked.moved() => {
                Some((seqno, orders))
            }
            _ => None,
        })
    }

    /// Finds out the state of the last symbol, whose request may have succeeded without an answer.
    fn look(&mut self) -> Result<(), MoverError> {
        let symbol = self.troubled.clone();
        let seen = self.see(&symbol);
        if seen.is_err() {
            self.desk = None;
        }
        seen
    }

    /// Asks for a step that is never the next one; the venue rejects it with the state of the
    /// symbol. A reject of anything else about the symbol does not have that state.
    fn see(&mut self, symbol: &str) -> Result<(), MoverError> {
        let asked = step_of(MoveStep::Export, self.me.0, NO_VERSION);
        self.desk()?.send(DeskRequest::Step { symbol: name_of(symbol), asked })?;
        loop {
            let DeskAnswer { symbol: about, event } = self.hear()?;
            match event {
                _ if about.as_str() != symbol => {}
                DeskEvent::OutOfStep(_) => return Ok(()),
                DeskEvent::Moved { moved, .. } if moved == asked.moved() => {
                    return Err(MoverError::Unordered { symbol: symbol.into() });
                }
                _ => {}
            }
        }
    }

    fn desk(&mut self) -> Result<&mut D, DeskError> {
        if self.desk.is_none() {
            self.desk = Some((self.open)()?);
        }
        Ok(self.desk.as_mut().expect("it is open"))
    }

    /// Returns the next answer of the venue. An answer about the state of a symbol updates `here`,
    /// whoever has asked for it.
    fn hear(&mut self) -> Result<DeskAnswer, DeskError> {
        let answer = self.desk()?.hear()?;
        let state = match answer.event {
            DeskEvent::Moved { moved, .. } => Some(moved),
            DeskEvent::OutOfStep(state) => state,
            DeskEvent::Exported(_) | DeskEvent::Held | DeskEvent::Rejected(_) => return Ok(answer),
        };
        match state.map(|moved| moved.step) {
            Some(MoveStep::Export) => {}
            None | Some(MoveStep::Resume) => _ = self.here.insert(answer.symbol.to_string(), None),
            Some(_) => _ = self.here.insert(answer.symbol.to_string(), state),
        }
        Ok(answer)
    }

    /// Returns the next answer about a symbol that is wanted. `request` is named in an error.
    ///
    /// # Errors
    /// If the venue rejects a request for the symbol.
    fn answer<T>(
        &mut self,
        symbol: &str,
        request: &dyn fmt::Display,
        wanted: impl Fn(DeskEvent) -> Option<T>,
    ) -> Result<T, MoverError> {
        loop {
            let DeskAnswer { symbol: about, event } = self.hear()?;
            if about.as_str() != symbol {
                continue;
            }
            let reason = match event {
                DeskEvent::OutOfStep(_) => Reason::InvalidMove,
                DeskEvent::Rejected(reason) => reason,
                event => match wanted(event) {
                    Some(wanted) => return Ok(wanted),
                    None => continue,
                },
            };
            let request = request.to_string();
            return Err(MoverError::Rejected { symbol: about, request, reason });
        }
    }

    /// Exports the orders of a symbol, and keeps them beside the table. Two leaders that export for
    /// the same move keep the same lines.
    fn export(&mut self, symbol: &str, to: u16, version: u32) -> Result<Export, MoverError> {
        // The journal must have the halt of this move, not only the memory of this leader: what
        // follows belongs to this move.
        self.ask(symbol, step_of(MoveStep::Halt, to, version))?;
        let export = step_of(MoveStep::Export, to, version);
        let (SeqNo(seqno), orders) = self.ask(symbol, export)?;
        let mut export = Export { seqno, orders, quantity: 0, pieces: 0 };
        let (mut lines, mut bytes) = (vec![], 0);
        for _ in 0..orders {
            let order = self.answer(symbol, &"export", |event| match event {
                DeskEvent::Exported(order) => Some(order),
                _ => None,
            })?;
            export.quantity = export.quantity.wrapping_add(order.terms.quantity.0);
            let line = order.line();
            bytes += line.len();
            lines.push(line);
            if bytes >= PIECE_BYTES {
                self.keep(symbol, version, &mut export.pieces, std::mem::take(&mut lines))?;
                bytes = 0;
            }
        }
        if !lines.is_empty() {
            self.keep(symbol, version, &mut export.pieces, lines)?;
        }
        Ok(export)
    }

    fn keep(
        &self,
        symbol: &str,
        version: u32,
        pieces: &mut u32,
        lines: Vec<String>,
    ) -> Result<(), MoverError> {
        let mut piece = self.keepers.piece(symbol, version, *pieces);
        let revision = piece.read()?.map(|(revision, _)| revision);
        // If another leader was faster, it has kept the same lines.
        piece.swap(revision, &ExportPiece(lines))?;
        *pieces += 1;
        Ok(())
    }

    /// Imports all orders of an export into the journal, from the first one on.
    fn import(&mut self, symbol: &str, moving: &super::Moving) -> Result<Export, MoverError> {
        let gone = |number| MoverError::PieceGone { symbol: symbol.into(), number };
        let export = moving.export.ok_or_else(|| gone(0))?;
        let miscounted = || MoverError::Miscounted { symbol: symbol.into(), orders: export.orders };
        let mut imports = vec![];
        for number in 0..export.pieces {
            let piece = self.keepers.piece(symbol, moving.version, number).read()?;
            let (_, ExportPiece(lines)) = piece.ok_or_else(|| gone(number))?;
            if imports.len() as u64 + lines.len() as u64 > export.orders {
                return Err(miscounted());
            }
            for (line, text) in (1..).zip(&lines) {
                // The lines come from the coordinator: a line of another symbol is no order of this
                // one.
                let order = MovedOrder::read(text).filter(|order| order.symbol.as_str() == symbol);
                let unread = || {
                    let (symbol, begins) = (symbol.into(), beginning(text));
                    MoverError::LineUnread { symbol, piece: number, line, begins }
                };
                imports.push(DeskRequest::Import(order.ok_or_else(unread)?));
            }
        }
        if imports.len() as u64 != export.orders {
            return Err(miscounted());
        }
        self.ask(symbol, step_of(MoveStep::Import, moving.from, moving.version))?;
        for imports in imports.chunks(REQUESTS_MAX) {
            for import in imports {
                self.desk()?.send(import.clone())?;
            }
            for import in imports {
                self.answer(symbol, import, |event| (event == DeskEvent::Held).then_some(()))?;
            }
        }
        Ok(export)
    }

    /// Empties the pieces of an export, which are not needed any more.
    fn clear(&self, symbol: &str, moving: &super::Moving) -> Result<(), MoverError> {
        for number in 0..moving.export.map_or(0, |export| export.pieces) {
            let mut piece = self.keepers.piece(symbol, moving.version, number);
            if let Some((revision, _)) = piece.read()? {
                piece.swap(Some(revision), &ExportPiece::default())?;
            }
        }
        Ok(())
    }
}

/// Returns a step that says nothing about orders.
fn step_of(step: MoveStep, partition: u16, version: u32) -> MoveSymbol {
    let partition = PartitionId(partition);
    MoveSymbol { step, partition, version, orders: 0, quantity: Quantity(0) }
}

fn name_of(symbol: &str) -> Name {
    Name::new(symbol).expect("a symbol of the journal has a name")
}
