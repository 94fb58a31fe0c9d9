//! Trait of a stage, and the one loop that polls a ring, hands over a batch and releases it.

use disruptor::{EventPoller, MultiConsumerBarrier, Polling, SingleProducerBarrier};
use std::cell::Cell;

/// Result of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Number of items that the step handled; zero is idle.
    Did(usize),
    /// End of the input: no item will come.
    Ended,
}

/// Consumer of the items of a ring, a batch at a time. A consumer knows neither its thread, nor the
/// ring, nor another stage. No consumer waits inside a step, with one exception: the journaler
/// waits for its device, and for the next segment if none is prepared.
pub(crate) trait Consume<T> {
    /// Returns the number of items that the consumer accepts now; 0 while it still holds
    /// undelivered output.
    fn room(&mut self) -> usize {
        usize::MAX
    }

    /// Takes the next item of the batch.
    fn take(&mut self, item: &T);

    /// Ends a batch. When this returns `Ok`, the promise for the batch is kept. The loop then
    /// releases the items: their slots are free for the stages behind.
    fn end_batch(&mut self) -> Result<(), Fatal>;
}

/// Failure of the environment of a stage that the promises of the venue rest on. The process must
/// end before the batch is released.
#[derive(Debug)]
pub struct Fatal(pub String);

impl Fatal {
    /// Logs the reason and ends the process. Everything that was acknowledged is in the journal,
    /// except under `volatile`.
    pub(crate) fn end_process(self) -> ! {
        END.get()(self)
    }
}

thread_local! {
    static END: Cell<fn(Fatal) -> !> = const {
        Cell::new(|Fatal(why)| {
            tracing::error!(event = "stopped", "stopped: {why}");
            std::process::exit(1);
        })
    };
}

/// Sets the function that ends the process for fatal failures on this thread. A simulation with
/// several nodes in one process uses it; it must not step the stages of the failed node any more.
pub fn let_end_by(end: fn(Fatal) -> !) {
    END.set(end);
}

/// Ring that a consumer takes items from.
pub(super) trait Poll<T> {
    /// Hands a batch of at most `batch_max` items to the consumer and releases the batch.
    fn poll_into(&mut self, consumer: &mut impl Consume<T>, batch_max: usize) -> Progress;
}

/// Implements [`Poll`] for a poller; the two kinds differ only in the barrier that they wait for.
macro_rules! impl_poll {
    ($barrier:ty) => {
        impl<T> Poll<T> for EventPoller<T, $barrier> {
            #[inline]
            fn poll_into(&mut self, consumer: &mut impl Consume<T>, batch_max: usize) -> Progress {
                // Polled also without room, so that the end of the input is seen.
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
                // The guard releases the batch wherever it is dropped, so no error may leave this
                // function.
                consumer.end_batch().unwrap_or_else(|fatal| fatal.end_process());
                Progress::Did(count)
            }
        }
    };
}

impl_poll!(SingleProducerBarrier);
impl_poll!(MultiConsumerBarrier);
