//! Orders of sessions in a journal, read without engines and streams.

use super::client::Client;
use super::orders::text_of;
use ringside::config::Config;
use ringside_core::venue;
use ringside_journal::Reader;
use ringside_model::command::{
    Action, ClientFields, Command, DefineSession, Definition, Enter, Replace,
};
use ringside_model::domain::{Nanos, SeqNo, SessionId};
use ringside_model::reason::Reason;
use ringside_wire::ouch::Response;
use std::collections::HashMap;
use std::path::Path;

const DAY_NS: u64 = 86_400_000_000_000;

/// Orders in a journal, by user and id.
#[derive(Default)]
pub struct Orders {
    entered: HashMap<(String, u64), Vec<Entered>>,
    /// Replaces by user and new id.
    replaced: HashMap<(String, u64), Vec<Replaced>>,
    /// Seqno of the last command.
    pub seqno: SeqNo,
}

struct Entered {
    seqno: SeqNo,
    time: Nanos,
    enter: Enter,
    text: String,
}

#[derive(PartialEq)]
struct Replaced {
    seqno: SeqNo,
    time_of_day: u64,
    old: u64,
}

impl Orders {
    /// Reads a journal up to its valid end.
    pub fn read(dir: &Path) -> Result<Orders, String> {
        if !dir.exists() {
            return Ok(Orders::default());
        }
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let identity = venue::identity(Config::for_serve().matching_hash());
        let mut reader = Reader::open(dir, identity).map_err(|error| text(&error))?;
        let mut orders = Orders::default();
        let mut users = HashMap::<SessionId, String>::new();
        while let Some(frame) = reader.next_frame().map_err(|error| text(&error))? {
            let Some(command) = Command::decode(&frame) else { continue };
            let user = users.get(&command.session).cloned().unwrap_or_default();
            let (seqno, time) = (frame.seqno(), frame.time());
            match command.action {
                Action::Definition(Definition::Session(DefineSession { name, .. })) => {
                    users.insert(command.session, name.as_str().into());
                }
                Action::Enter(enter) if command.verdict == Reason::None => {
                    let fields = ClientFields::of(&frame).ok_or("an order without its text")?;
                    let text = String::from_utf8_lossy(&fields.text).trim_end().to_string();
                    let entered = orders.entered.entry((user, enter.id.0)).or_default();
                    entered.push(Entered { seqno, time, enter, text });
                }
                Action::Replace(Replace { id, new_id, .. }) => {
                    let replaced = orders.replaced.entry((user, new_id.0)).or_default();
                    replaced.push(Replaced { seqno, time_of_day: time.0 % DAY_NS, old: id.0 });
                }
                _ => {}
            }
        }
        orders.seqno = reader.seqno();
        Ok(orders)
    }

    /// Returns true if the journal has an order, entered or as a replacement.
    pub fn has(&self, user: &str, id: u32) -> bool {
        let key = (user.to_string(), id.into());
        self.entered.contains_key(&key) || self.replaced.contains_key(&key)
    }

    /// Returns the number of orders that a user has entered.
    pub fn entered_by(&self, user: &str) -> usize {
        self.entered.keys().filter(|(by, _)| by == user).count()
    }

    /// Returns an order that is in the journal more than once.
    pub fn doubled(&self) -> Option<&(String, u64)> {
        self.entered.iter().find(|(_, all)| all.len() > 1).map(|(order, _)| order)
    }

    /// Checks that no order is in the journal twice, and that every order in the client's messages
    /// is in the journal unchanged. Returns the number of these orders.
    pub fn check(&self, client: &Client) -> Result<usize, String> {
        if let Some((user, id)) = self.doubled() {
            return Err(format!("order {id} of {user} is in the journal more than once"));
        }
        let user = &client.user;
        let mut told = 0;
        for message in &client.kept {
            let (id, seqno, is_there) = match Response::parse(message) {
                Ok(Response::Accepted(m, _)) => {
                    let id = m.user_ref_num.get();
                    let entered = self.entered.get(&(user.clone(), id.into()));
                    let is_there = entered.is_some_and(|all| {
                        let Entered { seqno, time, enter, text } = &all[0];
                        seqno.0 == m.order_reference_number.get()
                            && time.0 % DAY_NS == m.timestamp.get()
                            && enter.quantity.0 == u64::from(m.quantity.get())
                            // Every tick is a cent.
                            && enter.price.0 * 100 == m.price.get() as i64
                            && *text == text_of(user, id)
                    });
                    (id, m.order_reference_number.get(), is_there)
                }
                Ok(Response::Replaced(m, _)) => {
                    let (id, seqno) = (m.user_ref_num.get(), m.order_reference_number.get());
                    let as_told = Replaced {
                        seqno: SeqNo(seqno),
                        time_of_day: m.timestamp.get(),
                        old: m.orig_user_ref_num.get().into(),
                    };
                    let replaced = self.replaced.get(&(user.clone(), id.into()));
                    (id, seqno, replaced.is_some_and(|all| *all == [as_told]))
                }
                _ => continue,
            };
            if !is_there {
                return Err(format!(
                    "order {id} of {user}, told as {seqno}, is not in the journal"
                ));
            }
            told += 1;
        }
        Ok(told)
    }
}
