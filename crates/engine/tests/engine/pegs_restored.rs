//! Pegs of an engine that goes on against those of one that is restored before each command. A
//! running engine knows where its pegs have their places and looks at few of them; a restored one
//! looks at all.

use ringside_engine::Engine;
use ringside_model::command::{
    Action, Cancel, Command, DefineSymbol, Enter, EnterSpecial, Modify, Sequenced, SetBands,
    SetQuote, SetShortSale, SetState, SpecialTerms,
};
use ringside_model::domain::*;
use ringside_model::reason::Reason;
use ringside_model::report::{Report, ReportKind};
use ringside_testing::oracle::commands::Random;

const SYMBOL: SymbolId = SymbolId(1);
/// Number of ids of a stream; an id is used again when its order has ended.
const IDS: u64 = 12;

fn price(random: &mut Random) -> Price {
    Price(*random.pick(&[8, 9, 10, 10, 11, 12]))
}

fn peg(random: &mut Random, id: OrderId) -> Action {
    let side = *random.pick(&[Side::Buy, Side::Sell, Side::Short]);
    let order = Enter::limit(id, side, Quantity(1 + random.below(3)), Price(0));
    let is_midpoint = random.in_1000(300);
    let bound = price(random);
    let terms = SpecialTerms {
        peg: if is_midpoint { Peg::Midpoint } else { Peg::Primary },
        hidden: is_midpoint,
        peg_offset: if is_midpoint { 0 } else { random.below(6) as u32 },
        peg_limit: if random.in_1000(400) { bound } else { Price(0) },
        at_short_test: *random.pick(&[AtShortTest::Slide, AtShortTest::Reject]),
        at_band: *random.pick(&[AtBand::Reprice, AtBand::Reprice, AtBand::Cancel]),
        ..SpecialTerms::NONE
    };
    Action::EnterSpecial(EnterSpecial { order, terms })
}

/// Makes a command; most quotes have one side or both as before.
fn action(random: &mut Random, quote: &mut SetQuote) -> Action {
    let id = OrderId(1 + random.below(IDS));
    match random.below(12) {
        0..4 => {
            match random.below(4) {
                0 => quote.bid = price(random),
                1 => quote.offer = price(random),
                2 => quote.bid = Price(0),
                _ => {}
            }
            Action::from(*quote)
        }
        4 => {
            let [low, high] = *random.pick(&[[0, 0], [0, 9], [11, 0], [9, 11]]);
            let (low, high) = (Price(low), Price(high));
            Action::from(SetBands { low, high, bps: 0, reference: Price(0) })
        }
        5 => Action::from(SetShortSale { restricted: random.in_1000(600), automatic: false }),
        6 => {
            let side = Some(*random.pick(&[Side::Sell, Side::Short]));
            Action::Modify(Modify { id, side, quantity: None })
        }
        7 => Action::Cancel(Cancel { id }),
        8 => {
            let side = *random.pick(&[Side::Buy, Side::Sell]);
            Action::Enter(Enter::limit(id, side, Quantity(1), price(random)))
        }
        9 if random.in_1000(300) => {
            Action::from(SetState::to(*random.pick(&[SymbolState::Halted, SymbolState::Open])))
        }
        9 => Action::from(SetState::to(SymbolState::Open)),
        _ => peg(random, id),
    }
}

fn apply(engine: &mut Engine, seqno: u64, action: Action) -> Vec<Report> {
    let command = Command { session: SessionId(1), symbol: SYMBOL, verdict: Reason::None, action };
    let mut reports = vec![];
    engine.apply_batch(
        &[Sequenced { seqno: SeqNo(seqno), time: Nanos(seqno), command }],
        &mut reports,
    );
    reports
}

#[test]
fn a_quote_moves_the_same_pegs_before_and_after_a_restart() {
    let (mut moved, mut unfinished) = (0, 0);
    for seed in 1..=80 {
        let mut random = Random(seed);
        // Some engines leave the rest of a quote to the next commands.
        let work_max = *random.pick(&[1, 2, 3, 1_000]);
        let mut engine = Engine::new(0);
        engine.set_work_max(work_max);
        let define = DefineSymbol::new(Name::new("S").unwrap(), Tick::parse("1").unwrap());
        apply(&mut engine, 1, Action::from(define));
        let mut quote = SetQuote { bid: Price(9), offer: Price(11) };
        for seqno in 2..1_000 {
            let action = action(&mut random, &mut quote);
            let mut restored = Engine::restore(0, &engine.image()).expect("a valid image");
            restored.set_work_max(work_max);
            let expected = apply(&mut restored, seqno, action);
            let reports = apply(&mut engine, seqno, action);
            assert_eq!(reports, expected, "seed {seed}, seqno {seqno}: {action:?}");
            assert_eq!(engine.state_hash(), restored.state_hash());
            unfinished += usize::from(reports.iter().any(|r| r.kind == ReportKind::Unfinished));
            moved += usize::from(matches!(action, Action::Operator(_)) && reports.len() > 1);
        }
    }
    assert!(moved > 4_000 && unfinished > 500, "{moved} commands moved pegs, {unfinished} not all");
}
