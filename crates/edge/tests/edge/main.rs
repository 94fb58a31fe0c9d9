//! Tests of the edge of a venue: sessions, market data, timers.

mod due_times;
mod feed;
mod file_session;
mod fuzz_file_session;
mod gateway;
mod gateway_order_entry;
mod market_data;
mod rooms;
