//! Who did what: rows of the audit log.

pub mod audit_line;
