//! Changes of ticks and lots, as the engine has accepted them.

use crate::cli::CliError;
use crate::cli::replay::open;
use crate::config::Config;
use ringside_core::merge::Subscriber;
use ringside_core::recovery::replay::replay;
use ringside_core::registry::directory::Directory;
use ringside_model::command::{self, Action, OperatorCommand, Sequenced};
use ringside_model::domain::SymbolId;
use ringside_model::frame::{Frame, FrameKind};
use ringside_model::report::{Body, Published, SymbolChanged};
use std::collections::BTreeMap;

/// Accepted changes of symbols by seqno.
type Accepted = BTreeMap<u64, (SymbolId, SymbolChanged)>;

/// Changes of symbols in a journal. The journal holds what was asked for; a replay, made when the
/// first such command comes, tells what was accepted.
pub(crate) struct UnitChanges<'a> {
    config: &'a Config,
    accepted: Option<Accepted>,
}

impl<'a> UnitChanges<'a> {
    /// Returns the changes in the journal of a config.
    pub(crate) fn new(config: &'a Config) -> Self {
        UnitChanges { config, accepted: None }
    }

    /// Observes a command: names, ids of orders, and units.
    pub(crate) fn observe(
        &mut self,
        at: &Sequenced,
        names: &mut Directory,
    ) -> Result<(), CliError> {
        names.observe(&at.command);
        self.take_over(at, names)
    }

    /// Observes a command that defines a name or changes units; ids of orders stay unknown.
    pub(crate) fn observe_definition(
        &mut self,
        frame: &Frame,
        names: &mut Directory,
    ) -> Result<(), CliError> {
        let defines = |kind| command::is_definition(kind) || kind == FrameKind::ChangeSymbol;
        let at = frame.kind().filter(|&kind| defines(kind)).and_then(|_| Sequenced::decode(frame));
        at.map_or(Ok(()), |at| self.observe(&at, names))
    }

    /// Takes over the units of a symbol if the command changes them.
    fn take_over(&mut self, at: &Sequenced, names: &Directory) -> Result<(), CliError> {
        if !matches!(at.command.action, Action::Operator(OperatorCommand::ChangeSymbol(_))) {
            return Ok(());
        }
        if self.accepted.is_none() {
            let (mut reader, shape) = (open(self.config)?, self.config.shape());
            self.accepted = Some(replay(&mut reader, shape, Seeker::default(), None)?.subscriber.0);
        }
        let accepted = self.accepted.iter().flat_map(|accepted| accepted.get(&at.seqno.0));
        accepted.for_each(|(symbol, changed)| names.names().change(*symbol, changed));
        Ok(())
    }
}

/// Subscriber that collects accepted changes.
#[derive(Default)]
struct Seeker(Accepted);

impl Subscriber for Seeker {
    fn report(&mut self, published: &Published) {
        if let Body::SymbolChanged(changed) = published.report.body() {
            self.0.insert(published.seqno.0, (published.report.symbol, changed));
        }
    }
}
