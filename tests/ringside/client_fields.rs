//! Client fields that reports repeat are stored in the journal behind their command: the tools show
//! them, and no replay needs them.

use ringside::config::Config;
use ringside_core::merge::Subscriber;
use ringside_core::pipeline::plan::allowed_cores;
use ringside_core::pipeline::{CommandSource, Control, Polled};
use ringside_core::venue::{Recover, Venue};
use ringside_model::command::{
    Action, Cancel, ClientFields, Command, DefineSession, DefineSymbol, Enter, EnterSpecial,
    Replace, SpecialTerms,
};
use ringside_model::domain::*;
use ringside_model::reason::Reason;
use ringside_model::report::Published;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command as Process;

/// Source of a client's commands, each with the client fields that reports repeat.
struct Client<'a> {
    commands: std::slice::Iter<'a, (Command, Option<ClientFields>)>,
    fields: Option<ClientFields>,
}

impl CommandSource for Client<'_> {
    fn poll(&mut self) -> Polled {
        let Some((command, fields)) = self.commands.next() else { return Polled::Ended };
        self.fields = *fields;
        let time = Some(Nanos(u64::MAX / 2));
        Polled::Command { command: *command, time, intended_ns: 0 }
    }

    fn client_fields(&self) -> Option<&ClientFields> {
        self.fields.as_ref()
    }
}

struct Nobody;

impl Recover for Nobody {}

impl Subscriber for Nobody {
    fn report(&mut self, _published: &Published) {}
}

/// Runs the commands on a journal of the standard venue.
fn journal(dir: &Path, commands: &[(Command, Option<ClientFields>)]) {
    let mut config = Config::default();
    config.journal.segment_bytes = 1 << 20;
    config.journal.any_filesystem = true;
    let options = config.journal_options(dir).unwrap();
    let venue = Venue::open(options, config.shape(), &mut Nobody).unwrap();
    let layout = config.layout(&allowed_cores()).unwrap();
    let source = Client { commands: commands.iter(), fields: None };
    venue.run(&layout, source, Nobody, &Control::default(), None, vec![]).unwrap().unwrap();
}

fn fields(text: &[u8; 14], tags: &[u8]) -> ClientFields {
    let mut fields = ClientFields {
        text: *text,
        tif: b'0',
        display: b'A',
        capacity: b'P',
        sweep: b'N',
        cross: b'N',
        tag_bytes: tags.len() as u8,
        tags: [0; ClientFields::TAG_BYTES_MAX],
    };
    fields.tags[..tags.len()].copy_from_slice(tags);
    fields
}

/// Returns definitions of a symbol and a session, an order with a client's text, and its replace
/// with another text.
fn commands(text: &[u8; 14]) -> Vec<(Command, Option<ClientFields>)> {
    let name = |text| Name::new(text).unwrap();
    let command = |session, symbol, action| Command {
        session: SessionId(session),
        symbol: SymbolId(symbol),
        verdict: Reason::None,
        action,
    };
    let definition = DefineSymbol {
        name: name("AAPL"),
        tick: Tick::parse("0.01").unwrap(),
        lot: Quantity(1),
        collar_bps: 0,
        reference: Price(0),
    };
    let enter = Enter {
        capacity: Capacity::Principal,
        attributed: true,
        ..Enter::limit(OrderId(1), Side::Sell, Quantity(10), Price(100))
    };
    let session =
        Action::from(DefineSession { name: name("N"), firm: FirmId(0), role: Role::OrderEntry });
    let replace = Action::Replace(Replace {
        id: OrderId(1),
        new_id: OrderId(2),
        quantity: Quantity(8),
        price: Price(101),
    });
    let cancel = command(1, 1, Action::Cancel(Cancel { id: OrderId(2) }));
    vec![
        (command(0, 1, Action::from(definition)), None),
        (command(1, 0, session), None),
        (command(1, 1, Action::Enter(enter)), Some(fields(text, &[2, 12, b'P']))),
        (command(1, 1, replace), Some(fields(b"\xFF\x00\"quote      ", &[]))),
        (Command { verdict: Reason::TooLate, ..cancel }, None),
    ]
}

/// Adds an order with special terms, and with as many bytes of other tags as there is room for.
fn with_hidden_order(
    mut commands: Vec<(Command, Option<ClientFields>)>,
) -> Vec<(Command, Option<ClientFields>)> {
    let Action::Enter(order) = commands[2].0.action else { panic!("{:?}", commands[2]) };
    let (id, tif) = (OrderId(3), TimeInForce::Gtc);
    let order = Enter { id, tif, attributed: false, ..order };
    let terms = SpecialTerms {
        expire: Nanos(u64::MAX),
        min_quantity: Quantity(5),
        hidden: true,
        ..SpecialTerms::NONE
    };
    let action = Action::EnterSpecial(EnterSpecial { order, terms });
    let fields = fields(b"order 3       ", b"\x02\x04N\x02\x0cN\x05\x1aABCD");
    commands.push((Command { action, ..commands[2].0 }, Some(fields)));
    commands
}

fn ringside(args: &[&str]) -> (Option<i32>, String) {
    let output = Process::new(env!("CARGO_BIN_EXE_ringside")).args(args).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_dump_shows_them_as_text_and_hex() {
    let dir = tempfile::tempdir().unwrap();
    journal(dir.path(), &commands(b"order 7       "));
    let at = dir.path().to_str().unwrap();
    let (code, dumped) = ringside(&["journal", "dump", "--json", "--journal", at]);
    assert_eq!(code, Some(0));
    let lines = dumped.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found: Vec<Value> = lines
        .filter(|line| line["body"]["committed"].is_null() && line["session"] != Value::Null)
        .map(|line| line["client"].clone())
        .collect();
    let letters = |text, tags| json!({ "text": text, "tif": "0", "display": "A", "capacity": "P", "sweep": "N", "cross": "N", "tags": tags });
    // The frame of a definition is longer than one line, too, but its second line holds the
    // definition itself.
    assert_eq!(
        found,
        [
            Value::Null,
            Value::Null,
            letters("order 7", "020c50"),
            letters(r#"\xff\x00\"quote"#, ""),
            Value::Null
        ]
    );
    let (_, dumped) = ringside(&["journal", "dump", "--journal", at]);
    let enter = dumped.lines().find(|line| line.contains(" enter ")).unwrap();
    assert!(enter.contains(r#" client {"#) && enter.contains(r#""text":"order 7""#), "{enter}");
    let cancel = dumped.lines().find(|line| line.contains(" cancel ")).unwrap();
    assert!(!cancel.contains(" client "), "{cancel}");
}

#[test]
fn an_order_with_terms_keeps_them_in_the_tail_of_its_frame() {
    let dir = tempfile::tempdir().unwrap();
    journal(dir.path(), &with_hidden_order(commands(b"order 7       ")));
    let at = dir.path().to_str().unwrap();
    let (_, dumped) = ringside(&["journal", "dump", "--json", "--journal", at]);
    let lines = dumped.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let orders: Vec<Value> = lines.filter(|line| line["kind"] == "enter_special").collect();
    assert_eq!(orders.len(), 1, "{dumped}");
    assert_eq!(orders[0]["client"]["text"], "order 3");
    assert_eq!(orders[0]["client"]["tags"], "02044e020c4e051a41424344");
}

#[test]
fn journals_that_differ_in_nothing_else_differ() {
    let place = tempfile::tempdir().unwrap();
    let dirs = ["a", "b", "c"].map(|name| place.path().join(name));
    for (dir, text) in dirs.iter().zip([b"one           ", b"two           ", b"one           "]) {
        std::fs::create_dir(dir).unwrap();
        journal(dir, &commands(text));
    }
    let [a, b, c] = dirs.each_ref().map(|dir| dir.to_str().unwrap());
    assert_eq!(ringside(&["journal", "diff", a, c]), (Some(0), "equal: 5 commands\n".into()));
    let (code, found) = ringside(&["journal", "diff", "--json", a, b]);
    assert_eq!(code, Some(3));
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["fields"], json!({ "client.text": { "a": "one", "b": "two" } }));
}

#[test]
fn an_export_says_where_an_id_came_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut commands = commands(b"order 7       ");
    // The replace has no effect, so its id is free for the order behind it.
    let replace = commands[3].0;
    let mut enter = commands[2].0;
    let Action::Enter(order) = &mut enter.action else { panic!("{enter:?}") };
    order.id = OrderId(2);
    commands.splice(2..5, [(replace, None), (enter, None)]);
    journal(dir.path(), &commands);
    let at = dir.path().to_str().unwrap();
    let (_, exported) = ringside(&["journal", "export", "--journal", at]);
    let verdicts: Vec<Value> = exported
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["verdict"].clone())
        .collect();
    assert_eq!(verdicts, [Value::Null, Value::Null, Value::Null, "none".into()]);
    let (_, reports) = ringside(&["journal", "export", "--reports", "--journal", at]);
    assert!(reports.contains(r#""report":"accepted","session":"N","id":2"#), "{reports}");
}

#[test]
fn an_export_leaves_them_out_and_runs_again_to_the_same_hashes() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).to_str().unwrap().to_string();
    let original = place.path().join("original");
    std::fs::create_dir(&original).unwrap();
    journal(&original, &with_hidden_order(commands(b"order 7       ")));
    let (code, exported) = ringside(&["journal", "export", "--journal", &path("original")]);
    assert_eq!(code, Some(0));
    assert!(exported.contains(r#""capacity":"principal","attributed":true"#), "{exported}");
    assert!(exported.contains(r#""hidden":true"#), "{exported}");
    let again: String =
        exported.lines().map(|line| format!("{{{}\n", line.split_once(',').unwrap().1)).collect();
    std::fs::write(path("again.jsonl"), again).unwrap();
    let summary = path("summary.json");
    let args = ["exec", &path("again.jsonl"), "--quiet", "--json-summary", &summary];
    assert_eq!(ringside(&args).0, Some(0));
    let summary: Value = serde_json::from_str(&std::fs::read_to_string(summary).unwrap()).unwrap();
    let (code, replayed) = ringside(&["replay", "--json", "--journal", &path("original")]);
    assert_eq!(code, Some(0));
    let replayed: Value = serde_json::from_str(&replayed).unwrap();
    for hash in ["state_hash", "output_hash"] {
        assert!(summary[hash].is_string());
        assert_eq!(summary[hash], replayed[hash], "{hash}");
    }
}
