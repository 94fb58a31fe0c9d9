//! Events of this thread, for tests of what a part of the venue logs.

use std::cell::RefCell;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber};

thread_local! {
    static EARS: RefCell<Option<(Dispatch, Ears)>> = const { RefCell::new(None) };
}

/// Does `work`. Returns its outcome, and the messages of the events that this thread had meanwhile.
pub fn during<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    let (dispatch, ears) = EARS.with_borrow_mut(|kept| {
        let new = || {
            let ears = Ears::default();
            (Dispatch::new(ears.clone()), ears)
        };
        kept.get_or_insert_with(new).clone()
    });
    let outcome = tracing::dispatcher::with_default(&dispatch, work);
    let heard = std::mem::take(&mut *ears.0.lock().expect("no thread panics with it"));
    (outcome, heard)
}

#[derive(Clone, Default)]
struct Ears(Arc<Mutex<Vec<String>>>);

impl Subscriber for Ears {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message::default();
        event.record(&mut message);
        self.0.lock().expect("no thread panics with it").push(message.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            write!(self.0, "{value:?}").expect("a string takes everything");
        }
    }
}
