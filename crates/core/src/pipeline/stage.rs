//! What a stage is, and the one loop that polls a ring, hands over a batch and releases it.

use disruptor::{EventPoller, MultiConsumerBarrier, Polling, SingleProducerBarrier};
use std::cell::Cell;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It handled so many items; zero is idle.
    Did(usize),
    /// Nothing will come any more.
    Ended,
}

/// What takes the items of a ring, a batch at a time. It knows neither its thread, nor the ring, nor
/// another stage, and never blocks inside a step but for its own purpose.
pub(crate) trait Consume<T> {
    /// How many items it can take now: none while it holds what it could not hand over.
    fn room(&mut self) -> usize {
        usize::MAX
    }

    /// Takes the next item.
    fn take(&mut self, item: &T);

    /// Ends a batch. When this returns `Ok` the promise for the batch is kept, and the items go on to
    /// the stages behind.
    fn end_batch(&mut self) -> Result<(), Fatal>;
}

/// A failing environment of a stage on whose promise the venue rests. The process must end before
/// anything is released.
#[derive(Debug)]
pub struct Fatal(pub String);

impl Fatal {
    /// Says why and ends the process. Whatever was acknowledged is in the journal.
    pub(crate) fn end_process(self) -> ! {
        END.get()(self)
    }
}

thread_local! {
    static END: Cell<fn(Fatal) -> !> = const {
        Cell::new(|Fatal(why)| {
            eprintln!("ringside: stopped: {why}");
            std::process::exit(1);
        })
    };
}

/// Lets what runs on this thread end in another way: for who has several processes in one, and steps no stage of this one
/// any more.
pub fn let_end_by(end: fn(Fatal) -> !) {
    END.set(end);
}

/// A ring that items can be taken from.
pub(super) trait Poll<T> {
    /// Hands a batch of at most `batch_max` items to the consumer and releases it.
    fn poll_into(&mut self, consumer: &mut impl Consume<T>, batch_max: usize) -> Progress;
}

/// The two kinds of pollers differ only in what they wait for.
macro_rules! impl_poll {
    ($barrier:ty) => {
        impl<T> Poll<T> for EventPoller<T, $barrier> {
            #[inline]
            fn poll_into(&mut self, consumer: &mut impl Consume<T>, batch_max: usize) -> Progress {
                // Without room it is still seen that nothing will come any more.
                let limit = consumer.room().min(batch_max);
                let mut batch = match self.take(limit as u64) {
                    Ok(batch) => batch,
                    Err(Polling::NoEvents) => return Progress::Did(0),
                    Err(Polling::Shutdown) => return Progress::Ended,
                };
                let count = (&mut batch).len();
                if count == 0 {
                    return Progress::Did(0);
                }
                for item in &mut batch {
                    consumer.take(item);
                }
                // The guard releases the batch wherever it is dropped: no error may leave from here.
                consumer.end_batch().unwrap_or_else(|fatal| fatal.end_process());
                Progress::Did(count)
            }
        }
    };
}

impl_poll!(SingleProducerBarrier);
impl_poll!(MultiConsumerBarrier);
