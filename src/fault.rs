//! Faults planted on purpose: `cargo test --features faults --test faults` proves that the chaos test finds every one of them.
//! Without the feature nothing of this is compiled, and a build that optimises for release refuses the feature.
//!
//! `planted!(Name => statement)` does something more when that fault is active, `planted!(Name, faulty, sound)` something else.

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
        if $crate::fault::is($crate::fault::Fault::$name) { $faulty } else { $sound }
    };
}

#[cfg(not(feature = "faults"))]
macro_rules! planted {
    ($name:ident => $do:stmt) => {};
    ($name:ident, $faulty:expr, $sound:expr) => {
        $sound
    };
}

/// A place where a process can be made to stop.
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

    /// Variable: the name of the fault that is active in this process.
    pub const FAULT: &str = "OPSROOM_FAULT";
    /// Variable: a folder. A file named after this process there says at which [`Point`] it is to stop next.
    pub const STOPS: &str = "OPSROOM_STOPS";

    macro_rules! names {
        ($(#[$attr:meta])* $vis:vis enum $kind:ident { $($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
            $(#[$attr])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            $vis enum $kind { $($(#[$doc])* $variant),+ }

            impl $kind {
                pub const ALL: &[Self] = &[$(Self::$variant),+];

                #[must_use]
                pub const fn name(self) -> &'static str {
                    match self { $(Self::$variant => $name),+ }
                }
            }
        };
    }

    names! {
        /// What can be broken.
        pub enum Fault {
            /// A write to a run's log does not ask for the fencing token.
            UnfencedWrites = "unfenced_writes",
            /// A run that ends keeps its locks.
            LocksKept = "locks_kept",
            /// Locks go with the first step that succeeds, not with the run.
            LocksReleasedEarly = "locks_released_early",
            /// A run is claimed, and its targets are not locked.
            ClaimWithoutLocks = "claim_without_locks",
            /// The group of a runbook is not locked.
            GroupNotLocked = "group_not_locked",
            /// A write takes one number more than it has entries.
            NumberingGap = "numbering_gap",
            /// The first line of output gets the number of the entry before it.
            NumberTwice = "number_twice",
            /// One person's vote counts as two.
            VoteCountedTwice = "vote_counted_twice",
            /// An interrupted run goes on by itself and repeats a step whose outcome is unknown.
            UnknownRepeated = "unknown_repeated",
            /// A step that failed is tried again, although it may have had its effect.
            UnsafeRetry = "unsafe_retry",
            /// A step's outcome is written after the next step has begun.
            LateOutcome = "late_outcome",
            /// A step begins before its beginning is written.
            StartNotRecorded = "start_not_recorded",
            /// The process group of a command is not written down.
            CommandNotRecorded = "command_not_recorded",
            /// What a dead engine has started goes on running.
            OrphanLeft = "orphan_left",
            /// An engine whose lease was lost drives on.
            LostLeaseIgnored = "lost_lease_ignored",
            /// An engine that lives is declared dead.
            LivingDeclaredDead = "living_declared_dead",
            /// An engine that died is not missed.
            DeadNotMissed = "dead_not_missed",
            /// A resumed run has forgotten what its steps saved.
            SavedValuesLost = "saved_values_lost",
            /// A resumed run passes over its `finally` steps.
            FinallySkipped = "finally_skipped",
            /// No engine notices that a run is to be cancelled.
            CancelIgnored = "cancel_ignored",
            /// The last output of a command is written as it came.
            LastChunkUnredacted = "last_chunk_unredacted",
        }
    }

    names! {
        /// Where a process stops, seen from one write to the store.
        pub enum Point {
            Before = "before",
            During = "during",
            After = "after",
        }
    }

    static ACTIVE: LazyLock<Option<Fault>> = LazyLock::new(|| {
        let wanted = std::env::var(FAULT).ok()?;
        Fault::ALL.iter().copied().find(|fault| fault.name() == wanted)
    });

    /// Whether that fault is active in this process.
    pub fn is(fault: Fault) -> bool {
        *ACTIVE == Some(fault)
    }

    /// Stops this process here, if that was asked for: it goes on when somebody sends it CONT.
    pub fn stop_at(point: Point) {
        static FOLDER: LazyLock<Option<std::path::PathBuf>> = LazyLock::new(|| std::env::var_os(STOPS).map(Into::into));
        let Some(folder) = &*FOLDER else { return };
        let order = folder.join(std::process::id().to_string());
        let asked = std::fs::read_to_string(&order).is_ok_and(|asked| asked == point.name());
        // Several threads may come by at once; the one that removes the order follows it.
        if asked && std::fs::remove_file(&order).is_ok() {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
        }
    }
}
