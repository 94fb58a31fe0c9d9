//! Comparison with the crate `itchy`, field by field.

use crate::orders::{Change, Order};
use itchy::*;
use ringside_wire::itch::Itch;
use zerocopy::big_endian::{U32, U64};

/// Decodes a message with its length prefix, compares every field with ours, and returns its effect
/// on the resting orders.
pub fn compare(ours: Itch<'_>, entry: &[u8]) -> Change {
    let theirs = MessageStream::from_reader(entry).next().unwrap().unwrap();
    let header = ours.header();
    let same = header.message_type == theirs.tag
        && header.stock_locate.get() == theirs.stock_locate
        && header.tracking_number.get() == theirs.tracking_number
        && header.ns_since_midnight() == theirs.timestamp
        && same_body(ours, &theirs.body);
    assert!(same, "{ours:?}: {theirs:?}");
    change(theirs.stock_locate, &theirs.body)
}

fn change(locate: u16, body: &Body) -> Change {
    match *body {
        Body::AddOrder(ref add) => {
            let (buy, price, shares) = (add.side == Side::Buy, add.price.raw(), add.shares);
            let order = Order { locate, buy, price, shares };
            Change::Add { reference: add.reference, order }
        }
        Body::OrderExecuted { reference, executed, .. }
        | Body::OrderExecutedWithPrice { reference, executed, .. } => {
            Change::Reduce { reference, shares: executed }
        }
        Body::OrderCancelled { reference, cancelled } => {
            Change::Reduce { reference, shares: cancelled }
        }
        Body::DeleteOrder { reference } => Change::Remove { reference },
        Body::ReplaceOrder(ref replace) => Change::Replace {
            reference: replace.old_reference,
            by: replace.new_reference,
            shares: replace.shares,
            price: replace.price.raw(),
        },
        _ => Change::None,
    }
}

/// Comparison of a field of ours with a field of the other decoder.
trait Same<T> {
    fn same(&self, theirs: &T) -> bool;
}

impl Same<u32> for U32 {
    fn same(&self, theirs: &u32) -> bool {
        self.get() == *theirs
    }
}

impl Same<u64> for U64 {
    fn same(&self, theirs: &u64) -> bool {
        self.get() == *theirs
    }
}

impl Same<Price4> for U32 {
    fn same(&self, theirs: &Price4) -> bool {
        self.get() == theirs.raw()
    }
}

impl Same<Price8> for U64 {
    fn same(&self, theirs: &Price8) -> bool {
        self.get() == theirs.raw()
    }
}

impl<const N: usize> Same<ArrayString<N>> for [u8; N] {
    fn same(&self, theirs: &ArrayString<N>) -> bool {
        self == theirs.as_bytes()
    }
}

impl Same<char> for u8 {
    fn same(&self, theirs: &char) -> bool {
        char::from(*self) == *theirs
    }
}

/// Compares codes by the letter of each meaning.
macro_rules! codes {
    ($($type:ty [$($letter:literal $theirs:pat),*];)*) => {$(
        impl Same<$type> for u8 {
            fn same(&self, theirs: &$type) -> bool {
                *self == match theirs { $($theirs => $letter,)* }
            }
        }
    )*};
}

codes! {
    bool [b'Y' true, b'N' false];
    Option<bool> [b'Y' Some(true), b'N' Some(false), b' ' None];
    EventCode [b'O' EventCode::StartOfMessages, b'S' EventCode::StartOfSystemHours,
        b'Q' EventCode::StartOfMarketHours, b'M' EventCode::EndOfMarketHours,
        b'E' EventCode::EndOfSystemHours, b'C' EventCode::EndOfMessages];
    MarketCategory [b'Q' MarketCategory::NasdaqGlobalSelect,
        b'G' MarketCategory::NasdaqGlobalMarket,
        b'S' MarketCategory::NasdaqCapitalMarket, b'N' MarketCategory::Nyse,
        b'A' MarketCategory::NyseMkt, b'P' MarketCategory::NyseArca,
        b'Z' MarketCategory::BatsZExchange, b'V' MarketCategory::InvestorsExchange,
        b' ' MarketCategory::Unavailable];
    FinancialStatus [b'N' FinancialStatus::Normal, b'D' FinancialStatus::Deficient,
        b'E' FinancialStatus::Delinquent, b'Q' FinancialStatus::Bankrupt,
        b'S' FinancialStatus::Suspended, b'G' FinancialStatus::DeficientBankrupt,
        b'H' FinancialStatus::DeficientDelinquent, b'J' FinancialStatus::DelinquentBankrupt,
        b'K' FinancialStatus::DeficientDelinquentBankrupt, b'C' FinancialStatus::EtpSuspended,
        b' ' FinancialStatus::Unavailable];
    IssueClassification [b'A' IssueClassification::AmericanDepositaryShare,
        b'B' IssueClassification::Bond, b'C' IssueClassification::CommonStock,
        b'F' IssueClassification::DepositoryReceipt, b'I' IssueClassification::A144,
        b'L' IssueClassification::LimitedPartnership, b'N' IssueClassification::Notes,
        b'O' IssueClassification::OrdinaryShare, b'P' IssueClassification::PreferredStock,
        b'Q' IssueClassification::OtherSecurities, b'R' IssueClassification::Right,
        b'S' IssueClassification::SharesOfBeneficialInterest,
        b'T' IssueClassification::ConvertibleDebenture, b'U' IssueClassification::Unit,
        b'V' IssueClassification::UnitsPerBenifInt, b'W' IssueClassification::Warrant];
    LuldRefPriceTier [b'1' LuldRefPriceTier::Tier1, b'2' LuldRefPriceTier::Tier2,
        b' ' LuldRefPriceTier::Na];
    TradingState [b'H' TradingState::Halted, b'P' TradingState::Paused,
        b'Q' TradingState::QuotationOnly, b'T' TradingState::Trading];
    RegShoAction [b'0' RegShoAction::None, b'1' RegShoAction::Intraday, b'2' RegShoAction::Extant];
    MarketMakerMode [b'N' MarketMakerMode::Normal, b'P' MarketMakerMode::Passive,
        b'S' MarketMakerMode::Syndicate, b'R' MarketMakerMode::Presyndicate,
        b'L' MarketMakerMode::Penalty];
    MarketParticipantState [b'A' MarketParticipantState::Active,
        b'E' MarketParticipantState::Excused, b'W' MarketParticipantState::Withdrawn,
        b'S' MarketParticipantState::Suspended, b'D' MarketParticipantState::Deleted];
    LevelBreached [b'1' LevelBreached::L1, b'2' LevelBreached::L2, b'3' LevelBreached::L3];
    IpoReleaseQualifier [b'A' IpoReleaseQualifier::Anticipated,
        b'C' IpoReleaseQualifier::Cancelled];
    Side [b'B' Side::Buy, b'S' Side::Sell];
    CrossType [b'O' CrossType::Opening, b'C' CrossType::Closing, b'H' CrossType::IpoOrHalted,
        b'I' CrossType::Intraday, b'A' CrossType::ExtendedTradingClose];
    ImbalanceDirection [b'B' ImbalanceDirection::Buy, b'S' ImbalanceDirection::Sell,
        b'N' ImbalanceDirection::NoImbalance, b'O' ImbalanceDirection::InsufficientOrders];
    InterestFlag [b'B' InterestFlag::RPIAvailableBuySide, b'S' InterestFlag::RPIAvailableSellSide,
        b'A' InterestFlag::RPIAvailableBothSides, b'N' InterestFlag::RPINoneAvailable];
}

/// Compares fields of the same meaning; only the names differ.
macro_rules! same {
    ($ours:ident; $($field:ident $theirs:expr),* $(,)?) => {
        true $(&& $ours.$field.same(&$theirs))*
    };
}

fn same_body(ours: Itch<'_>, theirs: &Body) -> bool {
    match (ours, theirs) {
        (Itch::SystemEvent(o), Body::SystemEvent { event }) => same!(o; event_code *event),
        (Itch::StockDirectory(o), Body::StockDirectory(t)) => {
            same!(o;
                stock t.stock,
                market_category t.market_category,
                financial_status t.financial_status,
                round_lot_size t.round_lot_size,
                round_lots_only t.round_lots_only,
                issue_classification t.issue_classification,
                short_sale_threshold t.short_sale_threshold,
                ipo_flag t.ipo_flag,
                luld_tier t.luld_ref_price_tier,
                etp_flag t.etp_flag,
                etp_leverage_factor t.etp_leverage_factor,
                inverse_indicator t.inverse_indicator,
            ) && (o.authenticity == b'P') == t.authenticity
                // The sub types are many; the other decoder in this package (`itch5`) compares them
                // all.
                && (o.issue_sub_type == *b"Z ") == (t.issue_subtype == IssueSubType::NotApplicable)
        }
        (Itch::StockTradingAction(o), Body::TradingAction { stock, trading_state, reason }) => {
            same!(o; stock *stock, trading_state *trading_state, reason *reason)
        }
        (Itch::RegShoRestriction(o), Body::RegShoRestriction { stock, action }) => {
            same!(o; stock *stock, reg_sho_action *action)
        }
        (Itch::MarketParticipantPosition(o), Body::ParticipantPosition(t)) => same!(o;
            mpid t.mpid,
            stock t.stock,
            primary_market_maker t.primary_market_maker,
            market_maker_mode t.market_maker_mode,
            participant_state t.market_participant_state,
        ),
        (Itch::MwcbDeclineLevel(o), Body::MwcbDeclineLevel { level1, level2, level3 }) => {
            same!(o; level1 *level1, level2 *level2, level3 *level3)
        }
        (Itch::MwcbStatus(o), Body::Breach(level)) => same!(o; breached_level *level),
        (Itch::IpoQuotingPeriodUpdate(o), Body::IpoQuotingPeriod(t)) => same!(o;
            stock t.stock,
            release_time t.release_time,
            release_qualifier t.release_qualifier,
            ipo_price t.price,
        ),
        (
            Itch::LuldAuctionCollar(o),
            Body::LULDAuctionCollar { stock, ref_price, upper_price, lower_price, extension },
        ) => same!(o;
            stock *stock,
            reference_price *ref_price,
            upper_price *upper_price,
            lower_price *lower_price,
            extension *extension,
        ),
        (Itch::AddOrder(o), Body::AddOrder(t)) => {
            same!(o;
                order_reference t.reference,
                side t.side,
                shares t.shares,
                stock t.stock,
                price t.price,
            ) && t.mpid.is_none()
        }
        (Itch::AddOrderAttributed(o), Body::AddOrder(t)) => same!(o;
            order_reference t.reference,
            side t.side,
            shares t.shares,
            stock t.stock,
            price t.price,
            attribution t.mpid.expect("it is attributed"),
        ),
        (Itch::OrderExecuted(o), Body::OrderExecuted { reference, executed, match_number }) => {
            same!(
                o; order_reference *reference, executed_shares *executed,
                match_number *match_number
            )
        }
        (
            Itch::OrderExecutedWithPrice(o),
            Body::OrderExecutedWithPrice { reference, executed, match_number, printable, price },
        ) => same!(o;
            order_reference *reference,
            executed_shares *executed,
            match_number *match_number,
            printable *printable,
            execution_price *price,
        ),
        (Itch::OrderCancel(o), Body::OrderCancelled { reference, cancelled }) => {
            same!(o; order_reference *reference, cancelled_shares *cancelled)
        }
        (Itch::OrderDelete(o), Body::DeleteOrder { reference }) => {
            same!(o; order_reference *reference)
        }
        (Itch::OrderReplace(o), Body::ReplaceOrder(t)) => same!(o;
            original_order_reference t.old_reference,
            new_order_reference t.new_reference,
            shares t.shares,
            price t.price,
        ),
        (Itch::Trade(o), Body::NonCrossTrade(t)) => same!(o;
            order_reference t.reference,
            side t.side,
            shares t.shares,
            stock t.stock,
            price t.price,
            match_number t.match_number,
        ),
        (Itch::CrossTrade(o), Body::CrossTrade(t)) => same!(o;
            shares t.shares,
            stock t.stock,
            cross_price t.cross_price,
            match_number t.match_number,
            cross_type t.cross_type,
        ),
        (Itch::BrokenTrade(o), Body::BrokenTrade { match_number }) => {
            same!(o; match_number *match_number)
        }
        (Itch::NetOrderImbalance(o), Body::Imbalance(t)) => same!(o;
            paired_shares t.paired_shares,
            imbalance_shares t.imbalance_shares,
            imbalance_direction t.imbalance_direction,
            stock t.stock,
            far_price t.far_price,
            near_price t.near_price,
            current_reference_price t.current_ref_price,
            cross_type t.cross_type,
            price_variation t.price_variation_indicator,
        ),
        (Itch::RetailPriceImprovementIndicator(o), Body::RetailPriceImprovementIndicator(t)) => {
            same!(o; stock t.stock, interest_flag t.interest_flag)
        }
        _ => false,
    }
}
