//! Fault injection: `cargo test --features faults --test faults` proves that the chaos test finds
//! every one of these faults. Without the feature none of this is compiled, and release builds
//! refuse it.
//!
//! `planted!(Name => statement)` adds a statement when that fault is active,
//! `planted!(Name, faulty, sound)` replaces an expression.

#[cfg(all(feature = "faults", not(debug_assertions)))]
compile_error!("the feature `faults` plants faults on purpose: it is for tests, not for a release");

#[cfg(feature = "faults")]
macro_rules! planted {
    ($name:ident => $do:stmt) => {
        if $crate::fault::is($crate::fault::Fault::$name) {
            $do
        }
    };
    ($name:ident, $faulty:expr, $sound:expr) => {
        if $crate::fault::is($crate::fault::Fault::$name) {
            $faulty
        } else {
            $sound
        }
    };
}

#[cfg(not(feature = "faults"))]
macro_rules! planted {
    ($name:ident => $do:stmt) => {};
    ($name:ident, $faulty:expr, $sound:expr) => {
        $sound
    };
}

/// A point where a process can be stopped.
#[cfg(feature = "faults")]
macro_rules! stop_point {
    ($point:ident) => {
        $crate::fault::stop_at($crate::fault::Point::$point)
    };
}

#[cfg(not(feature = "faults"))]
macro_rules! stop_point {
    ($point:ident) => {};
}

#[cfg(feature = "faults")]
pub use active::{FAULT, Fault, Point, STOPS, is, stop_at};

#[cfg(feature = "faults")]
mod active {
    use std::sync::LazyLock;

    use crate::core::words;

    /// Variable: the name of the fault that is active in this process.
    pub const FAULT: &str = "OPSROOM_FAULT";
    /// Variable: a folder. A file named after the process id holds the [`Point`] to stop at next.
    pub const STOPS: &str = "OPSROOM_STOPS";

    words! {
        /// The faults.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fault {
            /// A write to a run's log does not check the fencing token.
            UnfencedWrites = "unfenced_writes",
            /// A run that ends keeps its locks.
            LocksKept = "locks_kept",
            /// Locks are released with the first step that succeeds, not with the run.
            LocksReleasedEarly = "locks_released_early",
            /// A run is claimed without locking its targets.
            ClaimWithoutLocks = "claim_without_locks",
            /// A run is claimed although a person locked its target or runbook.
            LockoutIgnored = "lockout_ignored",
            /// The group of a runbook is not locked.
            GroupNotLocked = "group_not_locked",
            /// A write takes one number more than it has entries.
            NumberingGap = "numbering_gap",
            /// The first line of output gets the number of the entry before it.
            NumberTwice = "number_twice",
            /// One person's vote counts as two.
            VoteCountedTwice = "vote_counted_twice",
            /// An interrupted run resumes by itself and repeats a step whose outcome is unknown.
            UnknownRepeated = "unknown_repeated",
            /// A failed step is retried although it may have taken effect.
            UnsafeRetry = "unsafe_retry",
            /// A step's outcome is written after the next step has begun.
            LateOutcome = "late_outcome",
            /// A step begins before its start is written.
            StartNotRecorded = "start_not_recorded",
            /// The process group of a command is not recorded.
            CommandNotRecorded = "command_not_recorded",
            /// Commands started by a dead engine keep running.
            OrphanLeft = "orphan_left",
            /// An engine that lost its lease keeps driving the run.
            LostLeaseIgnored = "lost_lease_ignored",
            /// A live engine is declared dead.
            LivingDeclaredDead = "living_declared_dead",
            /// A dead engine is not detected.
            DeadNotMissed = "dead_not_missed",
            /// A resumed run has lost the values its steps saved.
            SavedValuesLost = "saved_values_lost",
            /// A resumed run skips its `finally` steps.
            FinallySkipped = "finally_skipped",
            /// No engine notices a requested cancel.
            CancelIgnored = "cancel_ignored",
            /// The last output of a command is written unredacted.
            LastChunkUnredacted = "last_chunk_unredacted",
        }
    }

    words! {
        /// Where a process stops relative to a write to the store.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Point {
            Before = "before",
            During = "during",
            After = "after",
        }
    }

    static ACTIVE: LazyLock<Option<Fault>> = LazyLock::new(|| {
        let wanted = std::env::var(FAULT).ok()?;
        Fault::from_name(&wanted)
    });

    /// Whether that fault is active in this process.
    pub fn is(fault: Fault) -> bool {
        *ACTIVE == Some(fault)
    }

    /// Stops this process here if that was requested. It continues when another process sends CONT.
    pub fn stop_at(point: Point) {
        static FOLDER: LazyLock<Option<std::path::PathBuf>> =
            LazyLock::new(|| std::env::var_os(STOPS).map(Into::into));
        let Some(folder) = &*FOLDER else { return };
        let order = folder.join(std::process::id().to_string());
        let requested = std::fs::read_to_string(&order).is_ok_and(|text| text == point.name());
        // Several threads may reach this at once; the one that removes the file stops the process.
        if requested && std::fs::remove_file(&order).is_ok() {
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::STOP,
            );
        }
    }
}
