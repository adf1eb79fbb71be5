//! What a routine calls, and what it makes of the answer.

mod call;
mod evidence;
mod kept;
mod promql;
mod values;

pub use call::{call, timeout_ms};
pub use evidence::evidence;
pub use kept::{KeptAnswer, read_kept, write_kept};

use crate::base::text::cut;
use crate::base::time::{Timestamp, human_ms};
use crate::expr::Expr;
use crate::routine::class::FailureClass;
use crate::run::plan::PlanStep;
use crate::run::step::shell::Shell;
use crate::run::step::{Cause, Reply, StepSpec, Verdict};
use crate::run::timing::Timing;
use crate::stack::routine::{Check, Routine};
use crate::stack::shell::ShellCommand;
use crate::stack::state::State;

/// The deadline of a check without one of its own, milliseconds.
pub const TIMEOUT_MS: i64 = 10_000;
/// The longest message, characters.
const MAX_MESSAGE: usize = 500;

/// The answer to a check.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckAnswer {
    pub reply: Reply,
    /// Output of a command, the end of it where there was more.
    pub output: String,
    /// Of a call over the network.
    pub timing: Timing,
}

impl From<Reply> for CheckAnswer {
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            output: String::new(),
            timing: Timing::default(),
        }
    }
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckResult {
    pub state: State,
    /// Why it is not ok.
    pub class: Option<FailureClass>,
    /// One line for people: `HTTP 200 in 41 ms`.
    pub message: String,
    /// The time until the answer, milliseconds; none without an answer.
    pub latency_ms: Option<i64>,
    /// HTTP status or exit code; 0: neither.
    pub code: u16,
}

impl CheckResult {
    /// A check that could not be made, for a reason of ours.
    #[must_use]
    pub fn unknown(class: FailureClass, message: &str) -> Self {
        Self::reported(State::Unknown, Some(class), message)
    }

    /// A result without a call.
    #[must_use]
    pub fn reported(state: State, class: Option<FailureClass>, message: &str) -> Self {
        Self {
            state,
            class,
            message: cut(message, MAX_MESSAGE),
            latency_ms: None,
            code: 0,
        }
    }
}

/// Evaluates an answer: first the answer itself, then the conditions of the routine.
#[must_use]
pub fn result(routine: &Routine, answer: &CheckAnswer, now: Timestamp) -> CheckResult {
    if let Some(found) = without_answer(&routine.check, answer) {
        return found;
    }
    let mut found = match &routine.check {
        Check::Http(_) | Check::Webhook(_) | Check::Collect(_) => http(routine, &answer.reply),
        Check::Tls { min_days, .. } => tls(*min_days, &answer.reply, now),
        Check::Promql { .. } => promql::result(&answer.reply),
        Check::Unit { unit } => values::unit(unit, answer),
        _ => plain(routine, &answer.reply),
    };
    if found.state != State::Unknown && !routine.expect.is_empty() {
        conditions(routine, answer, now, &mut found);
    }
    found.message = cut(&found.message, MAX_MESSAGE);
    found
}

/// The result of a probe of a service: the outcome of its step.
#[must_use]
pub fn probe_result(step: &PlanStep, answer: &CheckAnswer) -> CheckResult {
    let local = matches!(step.spec, StepSpec::Shell(_));
    let outcome = step.outcome(&answer.reply);
    let (state, class) = match &answer.reply {
        Reply::Refused { by, .. } => (State::Unknown, Some(FailureClass::refused(*by))),
        Reply::Unreachable { .. } if local => (State::Unknown, Some(FailureClass::Ours)),
        Reply::Unreachable { cause, .. } => (outcome.state, Some(class_of(*cause))),
        Reply::TimedOut { .. } => (outcome.state, Some(FailureClass::Timeout)),
        Reply::Exited { .. } => (outcome.state, Some(FailureClass::Exit)),
        Reply::Http { status, .. } => {
            let accepted = matches!(&step.spec, StepSpec::Http(http) if http.accepts(*status));
            let class = if accepted {
                FailureClass::Condition
            } else {
                FailureClass::Status
            };
            (outcome.state, Some(class))
        }
        _ => (outcome.state, Some(FailureClass::Condition)),
    };
    CheckResult {
        state,
        class: class.filter(|_| state != State::Ok),
        message: cut(&with_phase(outcome.message, answer), MAX_MESSAGE),
        latency_ms: outcome.latency_ms,
        code: code_of(&answer.reply),
    }
}

/// HTTP status or exit code of an answer; 0: neither.
fn code_of(reply: &Reply) -> u16 {
    match reply {
        Reply::Http { status, .. } => *status,
        Reply::Exited { code, .. } => u16::try_from(code.unwrap_or(0)).unwrap_or(u16::MAX),
        _ => 0,
    }
}

/// The result when the call was not answered.
fn without_answer(check: &Check, answer: &CheckAnswer) -> Option<CheckResult> {
    let failing = |class, message: &str, latency_ms| CheckResult {
        state: State::Failing,
        class: Some(class),
        message: cut(message, MAX_MESSAGE),
        latency_ms,
        code: 0,
    };
    // A command that cannot be started says nothing about the other side.
    let local = matches!(check, Check::Shell { .. } | Check::Unit { .. });
    Some(match &answer.reply {
        Reply::Refused { message, by } => CheckResult::unknown(FailureClass::refused(*by), message),
        Reply::Unreachable { message, .. } if local => {
            CheckResult::unknown(FailureClass::Ours, message)
        }
        Reply::Unreachable { message, cause } => failing(class_of(*cause), message, None),
        Reply::TimedOut { after_ms } => {
            let message = format!("no answer within {}", human_ms(*after_ms));
            let message = with_phase(message, answer);
            failing(FailureClass::Timeout, &message, None)
        }
        Reply::Declined { message, .. } => failing(FailureClass::Condition, message, None),
        _ => return None,
    })
}

/// The message of a timeout with the phase in which the call ended.
fn with_phase(message: String, answer: &CheckAnswer) -> String {
    match (&answer.reply, answer.timing.ended_in) {
        (Reply::TimedOut { .. }, Some(phase)) => format!("{message}: {}", phase.doing()),
        _ => message,
    }
}

const fn class_of(cause: Cause) -> FailureClass {
    match cause {
        Cause::Dns => FailureClass::Dns,
        Cause::Refused => FailureClass::Refused,
        Cause::Protocol => FailureClass::Protocol,
        Cause::NoRoute | Cause::Other => FailureClass::Unreachable,
        Cause::Timeout => FailureClass::Timeout,
        Cause::Tls => FailureClass::Tls,
    }
}

/// Any 2xx is good, unless a condition asks about the status itself.
fn http(routine: &Routine, reply: &Reply) -> CheckResult {
    let Reply::Http {
        status,
        headers,
        ms,
        ..
    } = reply
    else {
        return unexpected(reply);
    };
    let asks = routine.expect.iter().any(|text| asks_about(text, "status"));
    let good = asks || (200..300).contains(status);
    let mut found = CheckResult {
        state: State::Ok,
        class: None,
        message: format!("HTTP {status} in {ms} ms"),
        latency_ms: Some(*ms),
        code: *status,
    };
    if !good {
        found.state = State::Failing;
        found.class = Some(FailureClass::Status);
        if let (300..400, Some(place)) = (*status, headers.get("location")) {
            found.class = Some(FailureClass::Redirect);
            found.message = format!(
                "HTTP {status} in {ms} ms, redirects to {} (not followed)",
                cut(place, 200)
            );
        }
    }
    found
}

fn asks_about(condition: &str, field: &str) -> bool {
    let place = ("response".to_owned(), Some(field.to_owned()));
    Expr::stored(condition).is_ok_and(|expr| expr.uses().contains(&place))
}

/// The earliest end of all certificates counts, and their trust.
fn tls(min_days: i64, reply: &Reply, now: Timestamp) -> CheckResult {
    let Reply::Connected {
        certificates,
        distrust,
        ms,
        ..
    } = reply
    else {
        return unexpected(reply);
    };
    let Some(first) = certificates.iter().min_by_key(|c| c.not_after) else {
        return unexpected(reply);
    };
    let days = values::days_left(first, now);
    let subject = &first.subject;
    let mut found = CheckResult {
        state: State::Ok,
        class: None,
        message: format!("certificate of {subject} is valid for {days} more days"),
        latency_ms: Some(*ms),
        code: 0,
    };
    if let Some(why) = distrust {
        found.state = State::Failing;
        found.class = Some(FailureClass::Tls);
        found.message = if first.not_after < now {
            let ended = values::date(first.not_after);
            format!("{why}: the certificate of {subject} ended on {ended}")
        } else {
            why.clone()
        };
    } else if days < min_days {
        found.state = State::Degraded;
        found.class = Some(FailureClass::Tls);
        found.message = format!(
            "certificate of {subject} ends in {days} days, on {}; fewer than {min_days}",
            values::date(first.not_after)
        );
    }
    found
}

/// Kinds whose answer needs no rules of its own: a connection, a name, a statement, a command.
fn plain(routine: &Routine, reply: &Reply) -> CheckResult {
    let ok = |message: String, ms: i64| CheckResult {
        state: State::Ok,
        class: None,
        message,
        latency_ms: Some(ms),
        code: 0,
    };
    match reply {
        Reply::Connected { address, ms, .. } => {
            ok(format!("connected to {address} in {ms} ms"), *ms)
        }
        Reply::Echoed { address, ms } => ok(format!("echo from {address} in {ms} ms"), *ms),
        Reply::Resolved { addresses, ms } => {
            ok(format!("{} in {ms} ms", addresses.join(", ")), *ms)
        }
        Reply::Rows(rows) => ok(
            match rows.rows.len() {
                1 => format!("1 row in {} ms", rows.ms),
                n => format!("{n} rows in {} ms", rows.ms),
            },
            rows.ms,
        ),
        Reply::Exited { code, ms, .. } => {
            let any = routine
                .expect
                .iter()
                .any(|text| asks_about(text, "exit_code"));
            let outcome =
                StepSpec::Shell(Shell::new(ShellCommand::Argv(Vec::new()))).outcome(reply);
            let failed = outcome.verdict != Verdict::Succeeded;
            let good = !failed || (any && code.is_some());
            CheckResult {
                state: if good { State::Ok } else { State::Failing },
                class: (!good).then_some(FailureClass::Exit),
                message: outcome.message,
                latency_ms: Some(*ms),
                code: code_of(reply),
            }
        }
        other => unexpected(other),
    }
}

/// An answer that does not fit the call: a bug in opsroom, reported as such.
fn unexpected(reply: &Reply) -> CheckResult {
    CheckResult::unknown(
        FailureClass::Ours,
        &format!("the answer does not fit the check: {reply:?}"),
    )
}

/// The first condition that does not hold decides; one that cannot be decided does not hold.
fn conditions(routine: &Routine, answer: &CheckAnswer, now: Timestamp, found: &mut CheckResult) {
    if found.state == State::Failing {
        return;
    }
    let scope = values::scope(routine, answer, now);
    for text in &routine.expect {
        let why = match Expr::stored(text)
            .and_then(|expr| expr.holds(&scope).map(|holds| (holds, expr)))
        {
            Ok((true, _)) => continue,
            Ok((false, expr)) => format!("not as expected: {}", expr.explain(&scope).join("; ")),
            Err(why) => format!("`{text}` cannot be decided: {why}"),
        };
        let cut_short = matches!(
            answer.reply,
            Reply::Http {
                truncated: true,
                ..
            }
        );
        let (class, why) = if cut_short && asks_about(text, "body") {
            let why = format!("the body is larger than what is read, so {why}");
            (FailureClass::TooLarge, why)
        } else {
            (FailureClass::Condition, why)
        };
        found.state = State::Failing;
        found.class = Some(class);
        found.message = format!("{}, but {why}", found.message);
        return;
    }
}

#[cfg(test)]
mod tests;
