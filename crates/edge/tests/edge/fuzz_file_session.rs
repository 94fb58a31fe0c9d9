//! Any bytes yield commands or an error, never a panic. No line is accepted as JSON that another
//! JSON parser would reject.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use ringside_core::registry::directory::Directory;
use ringside_edge::gateway::file_session::{FileSession, Format, LineError};
use ringside_model::command::Command;
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::frame::Frame;
use ringside_testing::run::base_seed;

const JSON: &[&str] = &[
    r#"{"op":"symbol","symbol":"AAPL","tick":"0.01","lot":1,"collar_bps":500,"reference":"187.00"}"#,
    r#"{"op":"session","session":"A","firm":"F1"}"#,
    r#"{"op":"firm","firm":"F2"}"#,
    r#"{"op":"enter","session":"A","id":1,"symbol":"AAPL","side":"buy","type":"limit","tif":"day","qty":100,"price":"187.05","post_only":"slide","stp":"decrement","stp_group":7,"firm":"F1","ts":5}"#,
    r#"{"op":"enter","session":"A","id":2,"symbol":"AAPL","side":"sell","type":"stop","qty":1,"stop_price":"1.5","hidden":true,"display_qty":5,"refresh":"1-9","min_qty":3,"expire_ts":9}"#,
    r#"{"op":"reduce","session":"A","id":1,"qty":60} # comment"#,
    r#"{"op":"replace","session":"A","id":1,"new_id":2,"qty":60,"price":"187.04"}"#,
    r#"{"op":"cancel","session":"A","id":2}"#,
    r#"{"op":"mass_cancel","session":"A","symbol":"AAPL","of_session":"B","of_firm":"F1","stp_group":1,"side":"sell"}"#,
    r#"{"op":"mass_cancel","session":"A","id":9,"cause":"disconnect"}"#,
    r#"{"op":"session","session":"N","firm":"F1","role":"order_entry"}"#,
    r#"{"op":"enter","session":"N","id":3,"symbol":"AAPL","side":"sell","qty":9,"price":"187.06","capacity":"riskless","attributed":true}"#,
    r#"{"op":"modify","session":"N","id":3,"side":"short","qty":5}"#,
    r#"{"op":"order_entry","session":"N","enabled":false,"id":4}"#,
    r#"{"op":"account_query","session":"N","next_id":5}"#,
    r#"{"op":"break_trade","match":3,"resting_session":"A","resting_id":1,"resting_text":" a\"b","incoming_session":"N","incoming_id":3}"#,
    r#"{"op":"end_of_day"}"#,
    r#"{"op":"start_of_day"}"#,
];

const CSV: &[&str] = &[
    "op,session,id,new_id,symbol,side,qty,price,tick,firm,post_only",
    "symbol,,,,AAPL,,,,0.01,,",
    "enter,A,1,,AAPL,buy,100,187.05,,F1,slide",
    "enter,\"A\",2,,AAPL,sell,100,187.05,,\"F\"\"1\",true",
    "replace,A,1,3,,,50,1.00,,,",
    "cancel,A,3,,,,,,,,",
];

/// Overwrites, removes and inserts bytes of a line, mostly with bytes that mean something there.
fn mutate(line: &str, changes: &[(usize, u8, u8)]) -> Vec<u8> {
    const KNOWN: &[u8] = b"{}[]\",:\\#-.0019eE tfn\t\r\n\x00\x7f\x80\xc3\xff";
    let mut bytes = line.as_bytes().to_vec();
    for &(at, how, byte) in changes {
        let at = at % (bytes.len() + 1);
        let byte = if byte < 128 { KNOWN[usize::from(byte) % KNOWN.len()] } else { byte - 96 };
        match how % 3 {
            0 => bytes.insert(at, byte),
            1 if at < bytes.len() => bytes[at] = byte,
            _ => drop(bytes.drain(at..(at + usize::from(how) / 32).min(bytes.len()))),
        }
    }
    bytes
}

fn feed(session: &mut FileSession, bytes: &[u8]) -> Result<Vec<Command>, LineError> {
    let mut commands = Vec::new();
    let result = session.line_bytes(bytes, &mut |command, _| commands.push(command));
    if let Err(error) = &result {
        assert!(commands.is_empty(), "a malformed line yields no command");
        assert!(error.column >= 1 && error.column <= bytes.len() + 1, "{error}");
    }
    result.map(|()| commands)
}

/// Checks that a command of a gateway can be journaled and read back.
fn assert_journaled(command: Command) {
    let mut frame = Frame::default();
    command.encode(&mut frame);
    frame.seal(SeqNo(1), Nanos(1), 0);
    assert_eq!(Command::decode(&frame), Some(command));
}

fn changes() -> impl Strategy<Value = Vec<(usize, u8, u8)>> {
    prop::collection::vec((0usize..400, any::<u8>(), any::<u8>()), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(base_seed()),
        ..ProptestConfig::default()
    })]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), csv: bool) {
        let format = if csv { Format::Csv } else { Format::Json };
        let mut session = FileSession::new(Directory::new(), format);
        let _ = feed(&mut session, &bytes);
        let _ = feed(&mut session, &bytes);
    }

    #[test]
    fn mutated_json(lines in prop::collection::vec((0..JSON.len(), changes()), 1..12)) {
        let mut session = FileSession::new(Directory::new(), Format::Json);
        for (number, (line, changes)) in lines.iter().enumerate() {
            let bytes = mutate(JSON[*line], changes);
            match feed(&mut session, &bytes) {
                Err(error) => prop_assert_eq!(error.line, number as u64 + 1),
                Ok(commands) => {
                    commands.iter().copied().for_each(assert_journaled);
                    if !commands.is_empty() {
                        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
                        let mut values = serde_json::Deserializer::from_slice(bytes)
                            .into_iter::<serde_json::Value>();
                        let object = values.next().unwrap();
                        prop_assert!(object.is_ok(), "{}", String::from_utf8_lossy(bytes));
                    }
                }
            }
        }
    }

    #[test]
    fn mutated_csv(lines in prop::collection::vec((1..CSV.len(), changes()), 1..12)) {
        let mut session = FileSession::new(Directory::new(), Format::Csv);
        feed(&mut session, CSV[0].as_bytes()).unwrap();
        for (line, changes) in &lines {
            if let Ok(commands) = feed(&mut session, &mutate(CSV[*line], changes)) {
                commands.iter().copied().for_each(assert_journaled);
            }
        }
    }
}

#[test]
fn the_lines_that_are_mutated_are_well_formed() {
    for (format, lines) in [(Format::Json, JSON), (Format::Csv, CSV)] {
        let mut session = FileSession::new(Directory::new(), format);
        for line in lines {
            feed(&mut session, line.as_bytes()).unwrap();
        }
    }
}
