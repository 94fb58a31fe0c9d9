//! Lines that are no commands: each says its place and what was expected.

use super::*;

#[test]
#[rustfmt::skip] // One case on each line, however long.
fn malformed_lines_say_where_and_why() {
    for (line, expected) in [
        ("x", "1:1: a line must be a JSON object: expected `{`"),
        ("[1]", "1:1: a line must be a JSON object: expected `{`"),
        ("{", "1:2: expected the name of a field in quotes"),
        ("{}", "1:2: the field `op` is missing"),
        ("  { }", "1:5: the field `op` is missing"),
        (r#"{"op"}"#, "1:6: expected `:`"),
        (r#"{"op":}"#, "1:7: a value must be a string, an integer, true or false"),
        (r#"{"op":"#, "1:7: expected a value"),
        (r#"{"op":"cancel","#, "1:16: expected the name of a field in quotes"),
        (r#"{"op":"cancel",}"#, "1:16: expected the name of a field in quotes"),
        (r#"{"op":"cancel" "id":1}"#, "1:16: expected `,` or `}`"),
        (r#"{"op":"cancel"#, "1:7: the string does not end"),
        (r#"{"op":"cancel"} x"#, "1:17: only a `# comment` may follow the object"),
        (r#"{"op":"cancel"}{}"#, "1:16: only a `# comment` may follow the object"),
        (r#"{"op":"can\qcel"}"#, "1:7: a bad escape in a string"),
        ("{\"op\":\"can\tcel\"}", "1:11: a control character in a string"),
        (r#"{"op":[]}"#, "1:7: a value must be a string, an integer, true or false"),
        (r#"{"op":nil}"#, "1:7: a value must be a string, an integer, true or false"),
        (r#"{"op":null}"#, "1:7: leave a field out instead of giving null"),
        (r#"{"op":1}"#, "1:7: `op` must be a string"),
        (r#"{"op":"buy"}"#, "1:7: `op` must be one of enter, reduce, replace, cancel, modify, mass_cancel, order_entry, account_query, symbol, session, firm, durability, start_of_day, end_of_day, break_trade, move, import, state, plan, tick, bands, quote, short_sale, risk, correct_trade, reference, change_symbol, stop_waves"),
        (r#"{"op":"cancel","id":1,"sesion":"A"}"#, "1:23: unknown field `sesion`"),
        (r#"{"op":"cancel","id":1,"é":"A"}"#, "1:23: unknown field `é`"),
        (r#"{"op":"é","id":1,"x":"A"}"#, "1:18: unknown field `x`"),
        (r#"{"op":"cancel","session":"É","id":1}"#, "1:26: `session` must have 1 to 16 printable ASCII characters, no space"),
        (r#"{"op":"cancel","session":"A"}"#, "1:29: the field `id` is missing"),
        (r#"{"op":"cancel","session":"A","id":1,"id":2}"#, "1:37: `id` is given twice"),
        (r#"{"op":"cancel","session":"A","id":1,"qty":2}"#, "1:37: `cancel` has no field `qty`"),
        (r#"{"op":"cancel","session":"A","id":"1"}"#, "1:35: `id` must be an integer"),
        (r#"{"op":"cancel","session":"A","id":1.0}"#, "1:35: `id` must be an integer"),
        (r#"{"op":"cancel","session":"A","id":1e3}"#, "1:35: `id` must be an integer"),
        (r#"{"op":"cancel","session":"A","id":01}"#, "1:35: a JSON number has no leading zeros"),
        (r#"{"op":"cancel","session":"A","id":-1}"#, "1:35: `id` must be between 0 and 18446744073709551615"),
        (r#"{"op":"cancel","session":"A","id":18446744073709551616}"#, "1:35: `id` must be between 0 and 18446744073709551615"),
        (r#"{"op":"cancel","session":"A","id":1,"ts":"5"}"#, "1:42: `ts` must be an integer"),
        (r#"{"op":"cancel","session":"","id":1}"#, "1:26: `session` must have 1 to 16 printable ASCII characters, no space"),
        (r#"{"op":"cancel","session":true,"id":1}"#, "1:26: `session` must be a string"),
        (r#"{"op":"reduce","session":"A","id":1,"qty":1.5}"#, "1:43: `qty` must be an integer"),
        (r#"{"op":"replace","session":"A","id":1,"new_id":2,"qty":1}"#, "1:56: the field `price` is missing"),
        (r#"{"op":"replace","session":"A","id":1,"new_id":2,"qty":1,"price":187.05}"#, "1:65: `price` must be a decimal string such as \"187.05\": a JSON number is a float"),
        (r#"{"op":"replace","session":"A","id":1,"new_id":2,"qty":1,"price":"1e5"}"#, "1:65: `price` must be a decimal such as \"187.05\""),
        (r#"{"op":"symbol","symbol":"AAPL","tick":0.01}"#, "1:39: `tick` must be a decimal string such as \"187.05\": a JSON number is a float"),
        (r#"{"op":"mass_cancel","session":"A","side":"short"}"#, "1:42: `side` must be one of buy, sell"),
        (r#"{"op":"mass_cancel","session":"A","id":-1}"#, "1:40: `id` must be between 0 and 18446744073709551615"),
        (r#"{"op":"modify","session":"A","id":1}"#, "1:36: `modify` needs the field `side`, the field `qty`, or both"),
        (r#"{"op":"modify","session":"A","id":1,"side":"long"}"#, "1:44: `side` must be one of buy, sell, short, short_exempt"),
        (r#"{"op":"modify","session":"A","id":1,"qty":"5"}"#, "1:43: `qty` must be an integer"),
        (r#"{"op":"modify","session":"A","id":1,"price":"5"}"#, "1:37: `modify` has no field `price`"),
        (r#"{"op":"modify","id":1,"qty":5}"#, "1:30: the field `session` is missing"),
        (r#"{"op":"session","session":"A","role":"boss"}"#, "1:38: `role` must be one of file, order_entry, firm_drop_copy, venue_drop_copy"),
        (r#"{"op":"order_entry","session":"A"}"#, "1:34: the field `enabled` is missing"),
        (r#"{"op":"order_entry","session":"A","enabled":"yes"}"#, "1:45: `enabled` must be true or false"),
        (r#"{"op":"account_query","session":"A","id":1}"#, "1:37: `account_query` has no field `id`"),
        (r#"{"op":"account_query","session":"A","next_id":-1}"#, "1:47: `next_id` must be between 0 and 18446744073709551615"),
        (r#"{"op":"end_of_day","session":"A"}"#, "1:20: `end_of_day` has no field `session`"),
        (r#"{"op":"start_of_day","match":1}"#, "1:22: `start_of_day` has no field `match`"),
        (r#"{"op":"break_trade","resting_session":"A","resting_id":1,"incoming_session":"A","incoming_id":1}"#, "1:96: the field `match` is missing"),
        (r#"{"op":"break_trade","match":1.5,"resting_session":"A","resting_id":1}"#, "1:29: `match` must be an integer"),
        (r#"{"op":"break_trade","match":1,"resting_session":"A","resting_id":1}"#, "1:67: the field `incoming_session` is missing"),
        (r#"{"op":"break_trade","match":1,"resting_session":"A","resting_id":1,"resting_text":"fifteen letters"}"#, "1:83: `resting_text` must have at most 14 printable ASCII characters"),
        (r#"{"op":"break_trade","match":1,"resting_session":"A","resting_id":1,"resting_text":"é"}"#, "1:83: `resting_text` must have at most 14 printable ASCII characters"),
        (r#"{"op":"mass_cancel","session":"A","cause":"closed"}"#, "1:43: `cause` must be one of user, ioc_remainder, fok_not_fillable, no_liquidity, collar, self_trade, halt, expired, disconnect, mass_cancel, risk, auction_leftover, replaced_invalid, operator, stop_cascade, moved, limit_state, band_ended, short_ended, work_limit"),
        (r#"{"op":"mass_cancel","session":"A","stp_group":65536}"#, "1:47: `stp_group` must be between 0 and 65535"),
    ] {
        assert_eq!(error(Format::Json, &[line]), expected, "{line}");
    }
}

#[test]
#[rustfmt::skip] // One case on each line, however long.
fn malformed_options_of_an_order_say_where_and_why() {
    let order = r#"{"op":"enter","session":"A","id":1,"symbol":"AAPL","side":"buy","qty":1,"#;
    let column = order.len() + 1;
    for (option, at, expected) in [
        (r#""type":"limt"}"#, 7, "`type` must be one of limit, market, market_to_limit, stop, stop_limit, peg"),
        (r#""tif":"ever"}"#, 6, "`tif` must be one of day, gtc, ioc, fok, at_open, at_close, auction, gtt"),
        (r#""stp":"yes"}"#, 6, "`stp` must be one of none, cancel_newest, cancel_oldest, cancel_both, decrement, cancel_smallest"),
        (r#""post_only":"true"}"#, 12, "`post_only` must be true, false or \"slide\""),
        (r#""post_only":1}"#, 12, "`post_only` must be true, false or \"slide\""),
        (r#""hidden":"yes"}"#, 9, "`hidden` must be true or false"),
        (r#""refresh":"often"}"#, 10, "`refresh` must be \"fixed\" or a range such as \"100-300\""),
        (r#""stop_price":"x"}"#, 13, "`stop_price` must be a decimal such as \"187.05\""),
        (r#""capacity":"agent"}"#, 11, "`capacity` must be one of other, agency, principal, riskless"),
        (r#""attributed":"true"}"#, 13, "`attributed` must be true or false"),
        (r#""price":5}"#, 8, "`price` must be a decimal string such as \"187.05\": a JSON number is a float"),
        (r#""lot":5}"#, 0, "`enter` has no field `lot`"),
        (r#""lot":5,"tick":"1"}"#, 0, "`enter` has no field `lot`"),
        (r#""tick":"1","lot":5}"#, 0, "`enter` has no field `tick`"),
    ] {
        let expected = format!("2:{}: {expected}", column + at);
        assert_eq!(error(Format::Json, &[AAPL, &format!("{order}{option}")]), expected);
    }
}

#[test]
fn long_lines_and_other_encodings_are_malformed() {
    let comment = |len: usize| format!("#{}\r\n", "x".repeat(len - 1));
    assert_eq!(run(Format::Json, &[&comment(LINE_BYTES_MAX)]).1, []);
    let expected = "1:65537: the line is longer than 64 KiB";
    assert_eq!(error(Format::Json, &[&comment(LINE_BYTES_MAX + 1)]), expected);

    let mut session = FileSession::new(Directory::new(), Format::Json);
    let mut none = |command: Command, _| panic!("{command:?}");
    session.line_bytes(b"# fine\r\n", &mut none).unwrap();
    let error = session.line_bytes(b"{\"\xC3\xA9\xFF", &mut none).unwrap_err();
    assert_eq!(error.to_string(), "2:4: the line is not UTF-8");
    let error = session.line_bytes(b"?", &mut none).unwrap_err();
    assert_eq!((error.line, error.column), (3, 1));
}

#[test]
fn json_and_csv_say_the_same() {
    let json = [
        AAPL,
        r#"{"op":"session","session":"A","firm":"F,\"1\""}"#,
        r#"{"op":"enter","session":"A","id":1,"symbol":"AAPL","side":"buy","qty":100,"price":"187.05","ts":5}"#,
        r#"{"op":"enter","session":"A","id":2,"symbol":"AAPL","side":"sell","type":"market","tif":"fok","qty":-1}"#,
        r#"{"op":"enter","session":"A","id":3,"symbol":"AAPL","side":"sell","post_only":true,"qty":1,"price":"187.055"}"#,
        r#"{"op":"enter","session":"A","id":4,"symbol":"MSFT","side":"sell","post_only":"slide","qty":1,"price":"1"}"#,
        r#"{"op":"reduce","session":"A","id":1,"qty":50,"ts":6}"#,
        r#"{"op":"replace","session":"A","id":1,"new_id":5,"qty":50,"price":"1.00"}"#,
        r#"{"op":"cancel","session":"A","id":5}"#,
        r#"{"op":"mass_cancel","session":"A","symbol":"AAPL"}"#,
        r#"{"op":"session","session":"B","role":"order_entry"}"#,
        r#"{"op":"enter","session":"B","id":6,"symbol":"AAPL","side":"sell","qty":7,"price":"1.00","capacity":"agency","attributed":true}"#,
        r#"{"op":"modify","session":"B","id":6,"side":"short","qty":5}"#,
        r#"{"op":"modify","session":"B","id":6,"qty":4}"#,
        r#"{"op":"order_entry","session":"B","enabled":false}"#,
        r#"{"op":"account_query","session":"B"}"#,
        r#"{"op":"break_trade","match":9,"resting_session":"A","resting_id":1,"incoming_session":"B","incoming_id":6,"incoming_text":" a,b"}"#,
        r#"{"op":"end_of_day"}"#,
        r#"{"op":"start_of_day"}"#,
        r#"{"op":"state","symbol":"AAPL","state":"halted"}"#,
    ];
    let csv = [
        "# the same as CSV",
        "op,session,id,new_id,symbol,side,type,tif,qty,price,post_only,firm,tick,ts\r\n",
        "symbol,,,,AAPL,,,,,,,,0.01,",
        "session,A,,,,,,,,,,\"F,\"\"1\"\"\",,",
        "enter,A,1,,AAPL,buy,,,100,187.05,,,,5",
        "",
        "enter,A,2,,AAPL,sell,market,fok,-1,,,,,",
        "enter,A,3,,AAPL,sell,,,1,187.055,true,,,",
        "enter , \"A\" ,4,, MSFT,sell,,,1,1,slide,,,",
        "reduce,A,1,,,,,,50,,,,,6",
        "replace,A,1,5,,,,,50,1.00,,,,",
        "cancel,A,5,,,,,,,,,,,",
        "mass_cancel,A,,,AAPL,,,,,,,,,",
    ];
    let more_csv = [
        "session,B,,,,,,,order_entry,,,,,,,,,",
        "enter,B,6,AAPL,sell,7,1.00,,,agency,true,,,,,,,",
        "modify,B,6,,short,5,,,,,,,,,,,,",
        "modify,B,6,,,4,,,,,,,,,,,,",
        "order_entry,B,,,,,,false,,,,,,,,,,",
        "account_query,B,,,,,,,,,,,,,,,,",
        "break_trade,,,,,,,,,,,9,A,1,B,6,\" a,b\",",
        "end_of_day,,,,,,,,,,,,,,,,,",
        "start_of_day,,,,,,,,,,,,,,,,,",
        "state,,,AAPL,,,,,,,,,,,,,,halted",
    ];
    let header = "op,session,id,symbol,side,qty,price,enabled,role,capacity,attributed,match,\
                  resting_session,resting_id,incoming_session,incoming_id,incoming_text,state";
    let (from_json, errors) = run(Format::Json, &json);
    assert_eq!(errors, []);
    assert_eq!(from_json.len(), json.len() + 1, "the firm is defined on the way");
    let mut from_csv = vec![];
    let mut directory = Directory::new();
    for lines in [&csv[..], &[&[header], &more_csv[..]].concat()] {
        let mut session = FileSession::new(directory, Format::Csv);
        for line in lines {
            let taken = session.line(line, &mut |command, time| from_csv.push((command, time)));
            taken.unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        directory = session.into_directory();
    }
    assert_eq!(from_csv, from_json);
}

#[test]
fn malformed_records_say_where_and_why() {
    let header = "op,session,id,qty,price";
    let with_new_id = "op,session,id,qty,price,new_id";
    for (lines, expected) in [
        (&["op,sesion"][..], "1:4: unknown field `sesion`"),
        (&["op,id, op"], "1:8: `op` is given twice"),
        (&["op,\"id"], "1:4: the quoted cell does not end"),
        (&[header, "cancel,A,1,"], "2:12: the line has 4 cells, the header 5 columns"),
        (&[header, "cancel,A,1,,,"], "2:14: the header has 5 columns only"),
        (&[header, "cancel,A,,,"], "2:12: the field `id` is missing"),
        (&[header, ",A,1,,"], "2:7: the field `op` is missing"),
        (&[header, "cancel,A,x,,"], "2:10: `id` must be an integer"),
        (&[header, "cancel,A,1,5,"], "2:12: `cancel` has no field `qty`"),
        (&[header, "cancel,\"A\"B,1,,"], "2:11: expected `,` after the quoted cell"),
        (&[header, "cancel,\"A,1,,"], "2:8: the quoted cell does not end"),
        (&[header, "replace,A,1,5,1e5"], "2:18: the field `new_id` is missing"),
        (
            &[with_new_id, "replace,A,1,5,1e5,2"],
            "2:15: `price` must be a decimal such as \"187.05\"",
        ),
    ] {
        assert_eq!(error(Format::Csv, lines), expected, "{lines:?}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    let (all, errors) = run(Format::Csv, &["\u{feff}op,firm", "firm,F"]);
    assert_eq!((all.len(), errors), (1, vec![]));
    assert_eq!(error(Format::Csv, &["\u{feff}op,x"]), "1:4: unknown field `x`");
}
