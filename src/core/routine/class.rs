//! Why a check did not succeed, as one word to count and filter by.

use crate::run::step::RefusedBy;
use crate::{serde_by_word, stored_by_place, words};

words! {
    /// The class of a failure. Stored as a number: append only.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum FailureClass {
        /// The name does not resolve.
        Dns = "dns",
        /// The other side refuses the connection, or closes it before it answers.
        Refused = "refused",
        /// There is no way to the other side.
        Unreachable = "unreachable",
        /// No complete answer within the deadline.
        Timeout = "timeout",
        /// No valid certificate, or no TLS at all.
        Tls = "tls",
        /// The answer is larger than what is read, and a condition asks about all of it.
        TooLarge = "too_large",
        /// It sends the request elsewhere, and redirects are not followed.
        Redirect = "redirect",
        /// An HTTP status that is not accepted.
        Status = "status",
        /// The exit code of a command.
        Exit = "exit",
        /// A condition does not hold, or cannot be decided.
        Condition = "condition",
        /// The outbound policy does not allow the call.
        Blocked = "blocked",
        /// We could not make the check: a secret or program is missing, or this machine is too busy.
        Ours = "ours",
        /// A program or person reported a failure.
        Reported = "reported",
        /// There was no report in time.
        Missing = "missing",
        /// The answer is not what the protocol allows.
        Protocol = "protocol",
        /// The run of its runbook failed.
        Run = "run",
    }
}

serde_by_word!(FailureClass);
stored_by_place!(FailureClass);

impl FailureClass {
    /// The class of a check whose call was refused.
    #[must_use]
    pub const fn refused(by: RefusedBy) -> Self {
        match by {
            RefusedBy::Policy => Self::Blocked,
            RefusedBy::Ours => Self::Ours,
        }
    }

    /// Whether the failure says nothing about the other side: the state is unknown.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Blocked | Self::Ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_found_by_its_number() {
        assert_eq!(FailureClass::from_number(0), None);
        for class in FailureClass::ALL {
            assert!(class.number() > 0);
            assert_eq!(FailureClass::from_number(class.number()), Some(class));
        }
        assert_eq!(FailureClass::Dns.number(), 1, "stored: append only");
        assert_eq!(FailureClass::from_number(200), None);
    }
}
