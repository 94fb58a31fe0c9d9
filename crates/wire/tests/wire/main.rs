//! The wire protocols: layouts, round trips and hostile bytes.

mod decoders;
mod protocol;
mod protocol_fuzz;
mod protocol_layouts;
mod protocol_round_trips;
