//! Comparison of the engine with the naive venue and with the laws of reports, command by command.

use super::audit::Audit;
use super::naive::Naive;
use super::shrink::shrink;
use super::text;
use super::venue::{TestedVenue, difference, whole_engine};
use ringside_model::command::Sequenced;
use ringside_model::report::Report;

/// Applies commands to the engine and to the naive venue. Returns the first difference, or the
/// first law that the reports break. Passes each command with its reports.
pub fn first_fault(
    commands: &[Sequenced],
    mut see: impl FnMut(&Sequenced, &[Report]),
) -> Option<String> {
    let (mut naive, mut engine, mut audit) = (Naive::default(), whole_engine(), Audit::default());
    for command in commands {
        let expected = naive.apply_one(command);
        let told = engine.apply(std::slice::from_ref(command));
        let law = audit.command(command, &told).err();
        if told != expected || law.is_some() {
            let lines = |reports: &[Report]| -> String {
                reports.iter().map(|r| format!("\n  {}", text::report(r))).collect()
            };
            let (expected, told) = (lines(&expected), lines(&told));
            let (at, law) = (text::command(command), law.unwrap_or_default());
            return Some(format!("at {at}\nnaive venue{expected}\nengine{told}\n{law}"));
        }
        see(command, &told);
    }
    let symbols: Vec<_> = naive.symbols.keys().copied().collect();
    let ids: Vec<_> = naive.orders.iter().map(|order| (order.session, order.id)).collect();
    difference(&naive, &engine, &symbols, &ids).or_else(|| audit.check_totals().err())
}

/// Returns the shortest list of commands that still has a fault, and the fault.
pub fn shortest_fault(commands: Vec<Sequenced>) -> String {
    let shortest = shrink(commands, |list| first_fault(list, |_, _| {}).is_some());
    let lines: Vec<String> = shortest.iter().map(text::command).collect();
    let fault = first_fault(&shortest, |_, _| {}).expect("the short list fails");
    format!("{}\n{fault}", lines.join("\n"))
}
