//! How far the thread has come that writes a spool or a run's log: one atomic byte.

pub(super) const RUNNING: u8 = 0;
pub(super) const ENDED: u8 = 1;
/// Nothing more can be kept, because of a limit or the disk: the log is incomplete.
pub(super) const FULL: u8 = 2;
/// Everything there was is written; more may come.
pub(super) const CAUGHT_UP: u8 = 3;
