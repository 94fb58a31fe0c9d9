//! Allocations of the engine in steady state: none, counted by the allocator itself.

use ringside_engine::Engine;
use ringside_load::flow::{Flow, FlowSpec, Workload};
use ringside_model::command::Sequenced;
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::report::Report;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator; counting does not touch its memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of this function, which is that of the system's
        // allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as in `alloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Applies a flow; returns the number of allocations in its last 200,000 commands and the number of
/// all reports.
fn allocations_of(workload: Workload) -> (u64, usize) {
    let flow = Flow::generate(&FlowSpec { workload, seed: 1, events: 400_000 });
    let events = flow.setup.iter().chain(&flow.events).map(|event| event.command());
    let commands: Vec<Sequenced> = flow
        .definitions
        .iter()
        .copied()
        .chain(events)
        .enumerate()
        .map(|(i, command)| Sequenced { seqno: SeqNo(i as u64 + 1), time: Nanos(0), command })
        .collect();
    let mut engine = Engine::new(flow.setup.len() * 2);
    let mut reports: Vec<Report> = Vec::with_capacity(1 << 16);
    let (first, second) = commands.split_at(commands.len() - 200_000);
    let mut made = 0;
    let mut run = |part: &[Sequenced]| {
        for batch in part.chunks(64) {
            engine.apply_batch(batch, &mut reports);
            made += reports.len();
            reports.clear();
        }
    };
    run(first);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    run(second);
    (ALLOCATIONS.load(Ordering::Relaxed) - before, made)
}

/// Checks all workloads in one test, so that no other thread allocates meanwhile.
#[test]
fn the_engine_allocates_nothing_in_steady_state() {
    for workload in [Workload::W1, Workload::W2, Workload::Shuffled] {
        let (allocations, reports) = allocations_of(workload);
        assert!(reports > 200_000, "{workload} did its work");
        assert_eq!(allocations, 0, "{workload}");
    }
    // Levels far behind a walking price lie in an ordered map, which allocates nodes for a dozen
    // levels at a time.
    let (allocations, _) = allocations_of(Workload::Walk);
    assert!(allocations < 200_000 / 5_000, "{allocations}");
}
