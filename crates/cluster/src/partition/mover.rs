//! Mover: takes the steps that the table asks for, while this node leads its partition.

use super::operator::{Desk, DeskError};
use super::step::{Step, next};
use super::table::{Export, Lines, Place, Table, propose};
use crate::membership::{Coordinator, Keeper, Revision, Swapped, Unavailable};
use ringside_model::domain::{MoveStep, PartitionId};
use ringside_model::report::Moved;
use ringside_planted::{Bug, planted};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Size of one piece of an export, in bytes of lines. etcd takes values of about a megabyte.
const PIECE_BYTES: usize = 256 << 10;
/// Number of orders that are on their way into the journal at a time.
const IMPORTS_MAX: usize = 256;

/// Coordinators of the table and of the exports beside it.
pub struct Keepers {
    /// Coordinator of the table.
    pub table: Box<dyn Coordinator<Table>>,
    /// Coordinators of the pieces of exports.
    pub pieces: Pieces,
}

/// Function that opens the coordinator of one piece of an export, by its name.
pub type Pieces = Box<dyn Fn(&str) -> Box<dyn Coordinator<Lines>> + Send>;

impl Keepers {
    /// Creates the keepers of a venue.
    pub fn new(keeper: Keeper, venue: &str) -> Self {
        let (table, venue) = (keeper.shared(venue, "symbols"), venue.to_string());
        Keepers { table, pieces: Box::new(move |name| keeper.shared(&venue, name)) }
    }

    /// Opens one piece of the export of a symbol, for the move that began at this version of the
    /// table.
    fn piece(&self, symbol: &str, version: u32, number: u32) -> Box<dyn Coordinator<Lines>> {
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
    connect: C,
    /// Connection to the venue. `None` before the first request and after a failed one: answers
    /// that are still on their way are not read any more.
    desk: Option<D>,
    /// Symbol of the last step that was tried; the other symbols go first.
    troubled: String,
}

/// Reason why a step was not done. The mover tries the step again.
#[derive(Debug, thiserror::Error)]
pub enum MoverError {
    /// The coordinator of the table failed.
    #[error("the table of symbols: {0}")]
    Table(#[from] Unavailable),
    /// The operator port of the venue failed.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The venue rejected the step that the table asks for.
    #[error("{symbol}: the venue says {what} to {line}")]
    Refused {
        /// Name of the symbol.
        symbol: String,
        /// Line that was sent to the venue.
        line: String,
        /// Answer of the venue.
        what: String,
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
    /// A piece of an export is missing beside the table.
    #[error("{symbol}: piece {number} of its export is gone")]
    PieceGone {
        /// Name of the symbol.
        symbol: String,
        /// Number of the piece.
        number: u32,
    },
}

impl<D: Desk, C: FnMut() -> Result<D, DeskError>> Mover<D, C> {
    /// Creates a mover. `here` is the state of every symbol in the journal at the beginning;
    /// `connect` connects to the venue.
    pub fn new(
        me: PartitionId,
        partitions: &[u16],
        addresses: &[String],
        here: BTreeMap<String, Option<Moved>>,
        keepers: Keepers,
        connect: C,
    ) -> Self {
        let (partitions, addresses) = (partitions.to_vec(), addresses.to_vec());
        let troubled = String::new();
        Mover { me, addresses, partitions, here, keepers, connect, desk: None, troubled }
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
            if step == Step::Wait {
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
        Ok(done)
    }

    /// Reads the table. Adds the addresses of this partition, and symbols that are missing.
    fn table(&mut self) -> Result<(Revision, Table), MoverError> {
        loop {
            let found = self.keepers.table.read()?;
            let (revision, table) = match found {
                Some((revision, table)) => (Some(revision), table),
                None => (None, Table::default()),
            };
            let mut wanted = table.changed();
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
                let place = Place { partition, version: wanted.version, moving: None };
                wanted.symbols.entry(symbol.clone()).or_insert(place);
            }
            match revision {
                Some(revision) if wanted == table.changed() => return Ok((revision, table)),
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
        step: Step,
        symbol: &str,
        place: &Place,
        table: &Table,
    ) -> Result<Option<Table>, MoverError> {
        let moving = place.moving.as_ref();
        let with = |place: Place| {
            let mut changed = table.changed();
            changed.symbols.insert(symbol.into(), place);
            changed
        };
        match (step, moving) {
            (Step::Halt, Some(moving)) => {
                self.ask(symbol, MoveStep::Halt, moving.to, moving.version, Value::Null)?;
            }
            (Step::Resume, _) => {
                self.ask(symbol, MoveStep::Resume, self.me.0, place.version, Value::Null)?;
            }
            (Step::Release, _) => {
                let (partition, version) = (place.partition, place.version);
                self.ask(symbol, MoveStep::Release, partition, version, Value::Null)?;
            }
            (Step::Export, Some(moving)) => {
                let export = self.export(symbol, moving.to, moving.version)?;
                let moving = Some(super::Moving { export: Some(export), ..moving.clone() });
                return Ok(Some(with(Place { moving, ..place.clone() })));
            }
            (Step::Import, Some(moving)) => {
                self.import(symbol, moving)?;
                let (partition, version) = (self.me.0, table.version + 1);
                return Ok(Some(with(Place { partition, version, moving: Some(moving.clone()) })));
            }
            (Step::Arrive, Some(moving)) => {
                let export = self.import(symbol, moving)?;
                let all = json!({ "orders": export.orders, "qty": export.quantity });
                self.ask(symbol, MoveStep::Resume, self.me.0, place.version, all)?;
            }
            (Step::Finish, Some(moving)) => {
                self.clear(symbol, moving)?;
                return Ok(Some(with(Place { moving: None, ..place.clone() })));
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

    /// Asks the venue for a step, with the additional fields `more`, and waits until the step is in
    /// the journal. Returns the report of the venue.
    fn ask(
        &mut self,
        symbol: &str,
        step: MoveStep,
        partition: u16,
        version: u32,
        more: Value,
    ) -> Result<Value, MoverError> {
        let mut line = json!({
            "op": "move", "symbol": symbol, "step": step.name(), "partition": partition,
            "version": version,
        });
        if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
            line.extend(more);
        }
        let line = format!("{line}\n");
        self.desk()?.send(&line)?;
        self.answer(symbol, &line, |said| {
            said["report"] == "symbol_moved" && said["step"] == step.name()
        })
    }

    /// Finds out the state of the last symbol, whose request may have succeeded without an answer.
    /// The mover asks for a step that is never the next one; the venue rejects it with the state of
    /// the symbol.
    fn look(&mut self) -> Result<(), MoverError> {
        let symbol = self.troubled.clone();
        let asked = self.ask(&symbol, MoveStep::Export, self.me.0, u32::MAX, Value::Null);
        match asked {
            Err(MoverError::Refused { .. }) => Ok(()),
            Err(error) => {
                self.desk = None;
                Err(error)
            }
            Ok(_) => unreachable!("no move has this version"),
        }
    }

    fn desk(&mut self) -> Result<&mut D, DeskError> {
        if self.desk.is_none() {
            self.desk = Some((self.connect)()?);
        }
        Ok(self.desk.as_mut().expect("it is connected"))
    }

    /// Returns the next line of the venue. A line about the state of a symbol updates `here`,
    /// whoever has asked for it.
    fn hear(&mut self) -> Result<Value, DeskError> {
        let said = self.desk()?.hear()?;
        let tells = said["report"] == "symbol_moved" || said["reason"] == "invalid_move";
        if let Some(symbol) = said["symbol"].as_str().filter(|_| tells) {
            let number = |field: &str| said[field].as_u64().unwrap_or(0);
            let step = MoveStep::ALL.iter().find(|step| said["step"] == step.name());
            let (partition, version) = (PartitionId(number("partition") as u16), number("version"));
            let moved = |&step| Moved { step, partition, version: version as u32 };
            match step {
                Some(MoveStep::Export) => {}
                Some(MoveStep::Resume) => _ = self.here.insert(symbol.into(), None),
                // A rejected import of an order says nothing about the symbol.
                None if said["id"] != 0 => {}
                step => _ = self.here.insert(symbol.into(), step.map(moved)),
            }
        }
        Ok(said)
    }

    /// Returns the next line about a symbol that is wanted.
    ///
    /// # Errors
    /// If the venue rejects a request for the symbol, or reports an error.
    fn answer(
        &mut self,
        symbol: &str,
        line: &str,
        is_wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value, MoverError> {
        loop {
            let said = self.hear()?;
            let is_refused = said["report"] == "rejected" && said["symbol"] == symbol;
            if is_refused || said.get("error").is_some() {
                let (symbol, line) = (symbol.into(), line.trim_end().into());
                return Err(MoverError::Refused { symbol, line, what: said.to_string() });
            }
            if said["symbol"] == symbol && is_wanted(&said) {
                return Ok(said);
            }
        }
    }

    /// Exports the orders of a symbol, and keeps them beside the table. Two leaders that export for
    /// the same move keep the same lines.
    fn export(&mut self, symbol: &str, to: u16, version: u32) -> Result<Export, MoverError> {
        // The journal must have the halt of this move, not only the memory of this leader: what
        // follows belongs to this move.
        self.ask(symbol, MoveStep::Halt, to, version, Value::Null)?;
        let head = self.ask(symbol, MoveStep::Export, to, version, Value::Null)?;
        let [seqno, orders] = ["seq", "count"].map(|field| head[field].as_u64().unwrap_or(0));
        let mut export = Export { seqno, orders, quantity: 0, pieces: 0 };
        let (mut lines, mut bytes) = (vec![], 0);
        for _ in 0..orders {
            let told = self.answer(symbol, "export", |said| said["report"] == "exported")?;
            export.quantity = export.quantity.wrapping_add(told["qty"].as_u64().unwrap_or(0));
            let line = import_line(&told);
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
        piece.swap(revision, &Lines(lines))?;
        *pieces += 1;
        Ok(())
    }

    /// Imports all orders of an export into the journal, from the first one on.
    fn import(&mut self, symbol: &str, moving: &super::Moving) -> Result<Export, MoverError> {
        let gone = |number| MoverError::PieceGone { symbol: symbol.into(), number };
        let export = moving.export.ok_or_else(|| gone(0))?;
        let mut lines = vec![];
        for number in 0..export.pieces {
            let piece = self.keepers.piece(symbol, moving.version, number).read()?;
            lines.extend(piece.ok_or_else(|| gone(number))?.1.0);
        }
        if lines.len() as u64 != export.orders {
            return Err(gone(export.pieces));
        }
        self.ask(symbol, MoveStep::Import, moving.from, moving.version, Value::Null)?;
        for lines in lines.chunks(IMPORTS_MAX) {
            self.desk()?.send(&lines.concat())?;
            for line in lines {
                self.answer(symbol, line, |said| said["report"] == "held")?;
            }
        }
        Ok(export)
    }

    /// Empties the pieces of an export, which are not needed any more.
    fn clear(&self, symbol: &str, moving: &super::Moving) -> Result<(), MoverError> {
        for number in 0..moving.export.map_or(0, |export| export.pieces) {
            let mut piece = self.keepers.piece(symbol, moving.version, number);
            if let Some((revision, _)) = piece.read()? {
                piece.swap(Some(revision), &Lines::default())?;
            }
        }
        Ok(())
    }
}

/// Returns the `import` line that recreates an exported order.
fn import_line(told: &Value) -> String {
    const SAME: [&str; 12] = [
        "session",
        "symbol",
        "side",
        "tif",
        "qty",
        "price",
        "post_only",
        "stp",
        "stp_group",
        "firm",
        "capacity",
        "attributed",
    ];
    let mut line = Map::new();
    line.insert("op".into(), "import".into());
    line.insert("id_there".into(), told["id"].clone());
    for field in SAME {
        told.get(field).into_iter().for_each(|value| _ = line.insert(field.into(), value.clone()));
    }
    format!("{}\n", Value::Object(line))
}
