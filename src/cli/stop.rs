//! Exit codes, and the errors of subcommands with their messages for stderr.

use std::io::Write as _;

use crate::config;
use crate::control::Refusal;
use crate::core::base::problem::Problem;
use crate::core::base::text;

/// The exit codes, the same for every subcommand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    Succeeded,
    Failed,
    /// Wrong usage, or refused with a reason.
    Refused,
    /// The store could not be reached.
    NoStore,
    Cancelled,
    /// The console was ended by this signal.
    Signal(i32),
}

impl From<Code> for std::process::ExitCode {
    fn from(code: Code) -> Self {
        Self::from(match code {
            Code::Succeeded => 0,
            Code::Failed => 1,
            Code::Refused => 2,
            Code::NoStore => 3,
            Code::Cancelled => 130,
            Code::Signal(number) => u8::try_from(128 + number).unwrap_or(1),
        })
    }
}

/// Why a subcommand stopped early.
#[derive(Debug)]
pub enum Stop {
    /// Wrong usage, or a refusal by the subcommand itself; one sentence.
    Usage(String),
    Refused(Refusal),
    /// Problems in files, all of them.
    Problems(Vec<Problem>),
    /// The reader of the output has closed it; nothing is printed.
    Pipe,
    Output(std::io::Error),
    /// The system refuses a thread, a signal handler or the terminal.
    System(std::io::Error),
    /// Interrupted by the operator.
    Cancelled,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::Pipe,
            _ => Self::Output(error),
        }
    }
}

impl Stop {
    /// A refusal of what a file says; with the lines that it is about.
    pub(super) fn of_file(refusal: Refusal, file: &str, text: &str) -> Self {
        match refusal {
            Refusal::Routines(problems) => {
                Self::Problems(config::stack::located(file, text, &problems))
            }
            other => Self::Refused(other),
        }
    }

    /// Prints the reason to stderr and returns the exit code.
    #[must_use]
    pub fn report(&self) -> Code {
        match self {
            Self::Pipe => return Code::Succeeded,
            Self::Cancelled => return Code::Cancelled,
            Self::Usage(message) => error_line(message),
            Self::Refused(refusal) => error_line(&refusal.to_string()),
            Self::Problems(problems) => problems.iter().for_each(|p| print_message(&p.to_string())),
            Self::Output(error) => error_line(&format!("cannot write the output: {error}")),
            Self::System(error) => error_line(&format!("cannot go on: {error}")),
        }
        self.code()
    }

    const fn code(&self) -> Code {
        match self {
            Self::Pipe => Code::Succeeded,
            Self::Cancelled => Code::Cancelled,
            Self::Output(_) | Self::System(_) => Code::Failed,
            Self::Refused(refusal) if refusal.is_unreachable() => Code::NoStore,
            Self::Usage(_) | Self::Refused(_) | Self::Problems(_) => Code::Refused,
        }
    }
}

/// Prints a message to stderr, made safe to show; a closed stderr is ignored.
pub(super) fn print_message(message: &str) {
    let mut stderr = std::io::stderr().lock();
    for line in message.lines() {
        let _ = writeln!(stderr, "{}", text::show(line));
    }
}

fn error_line(message: &str) {
    print_message(&format!("opsroom: {message}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::run::{RunId, RunStatus};
    use crate::store::StoreError;

    #[test]
    fn only_a_store_that_cannot_be_reached_is_exit_code_three() {
        let refused = StoreError::Refused {
            run: RunId(1),
            status: RunStatus::Failed,
            what: "cancel",
        };
        let unreachable = StoreError::Open {
            url: "sqlite:/nowhere".to_owned(),
            why: "no such folder".to_owned(),
        };
        for (stop, code) in [
            (Stop::Refused(Refusal::Store(unreachable)), Code::NoStore),
            (Stop::Refused(Refusal::Store(refused)), Code::Refused),
            (
                Stop::Refused(Refusal::Store(StoreError::NotFound("run #9".to_owned()))),
                Code::Refused,
            ),
            (Stop::Refused(Refusal::ReadOnly), Code::Refused),
            (
                Stop::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe)),
                Code::Succeeded,
            ),
            (
                Stop::from(std::io::Error::from(std::io::ErrorKind::StorageFull)),
                Code::Failed,
            ),
        ] {
            assert_eq!(stop.code(), code, "{stop:?}");
        }
    }
}
