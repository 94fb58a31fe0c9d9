//! Features of orders and of their surroundings, as sets of bits.

use ringside_model::command::{Action, SpecialTerms};
use ringside_model::domain::{OrderType, Peg, PostOnly, SelfTrade, Side, SymbolState, TimeInForce};

macro_rules! features {
    ($($family:ident { $($name:ident = $text:literal,)* })*) => {
        /// Feature of an order, of the state of its symbol, or of the protection around it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Feature { $($($name),*),* }

        impl Feature {
            pub const ALL: &[Feature] = &[$($(Feature::$name),*),*];

            /// Returns a short name.
            pub fn name(self) -> &'static str {
                match self { $($(Feature::$name => $text),*),* }
            }

            pub fn family(self) -> Family {
                match self { $($(Feature::$name => Family::$family),*),* }
            }
        }

        /// Family of features.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Family { $($family),* }
    };
}

// `Collar` is the end of an order at the collar.
features! {
    Type {
        Limit = "limit",
        Market = "market",
        MarketToLimit = "mtl",
        Stop = "stop",
        Iceberg = "iceberg",
        Hidden = "hidden",
        Minimum = "minimum",
        Primary = "primary",
        Midpoint = "midpoint",
        PostOnly = "post_only",
        Slide = "slide",
        Short = "short",
    }
    Term {
        Day = "day",
        Gtc = "gtc",
        Expiry = "expiry",
        Ioc = "ioc",
        Fok = "fok",
        AtOpen = "at_open",
        AtClose = "at_close",
        Auction = "auction",
    }
    Mode {
        CancelNewest = "newest",
        CancelOldest = "oldest",
        CancelBoth = "both",
        Decrement = "decrement",
        CancelSmallest = "smallest",
    }
    State {
        Open = "open",
        PreOpen = "pre_open",
        ReopeningCall = "reopening",
        ClosingCall = "closing",
        Halted = "halted",
        CancelOnly = "cancel_only",
        Closed = "closed",
        DayOver = "day_over",
    }
    Protection {
        StaticBands = "static",
        DynamicBands = "dynamic",
        LimitState = "limit_state",
        Restriction = "restricted",
        Quote = "quote",
    }
    Event {
        Collar = "collar",
        Uncross = "uncross",
        Prevented = "prevented",
    }
}

/// Set of features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Set(u64);

impl Set {
    pub fn with(self, feature: Feature) -> Set {
        Set(self.0 | 1 << feature as u32)
    }

    pub fn and(self, other: Set) -> Set {
        Set(self.0 | other.0)
    }

    pub fn has(self, feature: Feature) -> bool {
        self.0 >> (feature as u32) & 1 > 0
    }

    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.iter().copied().filter(move |&feature| self.has(feature))
    }
}

impl FromIterator<Feature> for Set {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Set {
        features.into_iter().fold(Set::default(), Set::with)
    }
}

/// Returns the features of a new order.
pub fn of_order(action: &Action) -> Option<Set> {
    let order = action.entered()?;
    let terms = match action {
        Action::EnterSpecial(special) => special.terms,
        _ => SpecialTerms::NONE,
    };
    let of_type = match order.order_type {
        OrderType::Limit => Feature::Limit,
        OrderType::Market => Feature::Market,
        OrderType::MarketToLimit => Feature::MarketToLimit,
    };
    let of_term = match order.tif {
        TimeInForce::Gtc if terms.expire.0 > 0 => Feature::Expiry,
        TimeInForce::Day => Feature::Day,
        TimeInForce::Gtc => Feature::Gtc,
        TimeInForce::Ioc => Feature::Ioc,
        TimeInForce::Fok => Feature::Fok,
        TimeInForce::AtOpen => Feature::AtOpen,
        TimeInForce::AtClose => Feature::AtClose,
        TimeInForce::Auction => Feature::Auction,
    };
    let mode = match order.self_trade {
        SelfTrade::None => None,
        SelfTrade::CancelNewest => Some(Feature::CancelNewest),
        SelfTrade::CancelOldest => Some(Feature::CancelOldest),
        SelfTrade::CancelBoth => Some(Feature::CancelBoth),
        SelfTrade::Decrement => Some(Feature::Decrement),
        SelfTrade::CancelSmallest => Some(Feature::CancelSmallest),
    };
    let marks = [
        (matches!(action, Action::EnterStop(_)), Feature::Stop),
        (matches!(action, Action::EnterIceberg(_)), Feature::Iceberg),
        (terms.hidden, Feature::Hidden),
        (terms.min_quantity.0 > 0, Feature::Minimum),
        (terms.peg == Peg::Primary, Feature::Primary),
        (terms.peg == Peg::Midpoint, Feature::Midpoint),
        (order.post_only == PostOnly::Reject, Feature::PostOnly),
        (order.post_only == PostOnly::Slide, Feature::Slide),
        (order.side == Side::Short, Feature::Short),
    ];
    let marks = marks.into_iter().filter_map(|(is_there, mark)| is_there.then_some(mark));
    Some(marks.chain([of_type, of_term]).chain(mode).collect())
}

pub fn of_state(state: SymbolState) -> Feature {
    match state {
        SymbolState::Open => Feature::Open,
        SymbolState::PreOpen => Feature::PreOpen,
        SymbolState::ReopeningCall => Feature::ReopeningCall,
        SymbolState::ClosingCall => Feature::ClosingCall,
        SymbolState::Halted => Feature::Halted,
        SymbolState::CancelOnly => Feature::CancelOnly,
        SymbolState::Closed => Feature::Closed,
    }
}
