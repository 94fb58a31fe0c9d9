//! Reads and checks frames on one thread while another one works on them: a restart takes as long
//! as the slower of the two, not as long as both.

use super::{JournalError, Reader};
use ringside_model::frame::Frame;
use std::sync::mpsc::sync_channel;

/// Number of frames handed over at once. With fewer, waking the other thread takes a tenth of the
/// time.
const BATCH_FRAMES: usize = 8192;
/// Number of batches that may wait. Frames read far ahead have left the cache before they are used.
const BATCHES_MAX: usize = 4;

/// Frames that are handed over at once.
struct Batch {
    frames: Vec<Frame>,
    count: usize,
}

/// Passes every frame up to the end of the journal to `apply`, in order, until `apply` returns
/// `false`. The reader then stands somewhere after the last frame passed.
pub fn read_ahead<E: From<JournalError>>(
    reader: &mut Reader,
    mut apply: impl FnMut(&Frame) -> Result<bool, E>,
) -> Result<(), E> {
    std::thread::scope(|scope| {
        let (full, to_apply) = sync_channel::<Batch>(BATCHES_MAX);
        // As many batches as can be in use, so that none has to be allocated later.
        let (empty, to_fill) = sync_channel::<Batch>(BATCHES_MAX + 2);
        for _ in 0..BATCHES_MAX + 2 {
            let _ = empty.send(Batch { frames: vec![Frame::default(); BATCH_FRAMES], count: 0 });
        }
        let reading = std::thread::Builder::new().name("reader".into());
        let reading = reading.spawn_scoped(scope, move || -> Result<(), JournalError> {
            while let Ok(mut batch) = to_fill.recv() {
                let outcome = fill(reader, &mut batch);
                // The frames read before an error are good, and go first.
                let last = outcome.is_err() || batch.count < BATCH_FRAMES;
                if full.send(batch).is_err() || last {
                    return outcome;
                }
            }
            Ok(())
        });
        let reading = reading.expect("the system has room for a thread");
        for batch in &to_apply {
            for frame in &batch.frames[..batch.count] {
                if !apply(frame)? {
                    return Ok(());
                }
            }
            let _ = empty.send(batch);
        }
        reading.join().expect("the reading thread does not panic").map_err(E::from)
    })
}

fn fill(reader: &mut Reader, batch: &mut Batch) -> Result<(), JournalError> {
    batch.count = 0;
    for frame in &mut batch.frames {
        if !reader.read_next(frame)? {
            break;
        }
        batch.count += 1;
    }
    Ok(())
}
