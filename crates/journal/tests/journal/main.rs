//! The journal: its files, its recovery, and disks that lose data or fail.

mod crash_images;
mod damage;
mod faulty;
mod journal;
mod journal_runs;
mod life;
mod locks;
mod recovery_table;
mod segments;
