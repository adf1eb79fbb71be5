//! Each rule by itself.

use super::*;
use crate::base::time::human_ms;
use crate::run::Transition;
use crate::run::orders::Pace;

fn cancelled() -> StopReason {
    StopReason::Cancelled {
        by: "ana".to_owned(),
    }
}

/// A step in each phase (0 to 4), a `finally` step (5), an undo of verify (6) and of action (7).
fn plan() -> Plan {
    Plan {
        steps: Phase::ALL.map(|phase| step(phase.name(), phase)).into(),
        finally: vec![step("tidy", Phase::Summarize)],
        undo: vec![undo(3), undo(2)],
        timeout_ms: 5000,
        ..Plan::default()
    }
}

fn of(steps: Vec<PlanStep>) -> Plan {
    Plan {
        steps,
        ..Plan::default()
    }
}

fn steps_of(trace: &Trace) -> Vec<&str> {
    let of_steps = |act: &&str| {
        let starts = ["run ", "skip ", "hold ", "ask "];
        starts.iter().any(|start| act.starts_with(start))
    };
    let acts = trace.acts.iter().map(String::as_str);
    acts.filter(of_steps).collect()
}

fn message(trace: &Trace) -> &str {
    &trace.end.note.message
}

#[test]
fn a_plan_runs_its_phases_then_finally() {
    let plan = Plan {
        undo: Vec::new(),
        steps: vec![step("check", Phase::Verify), step("do", Phase::Action)],
        ..plan()
    };
    let trace = drive(&plan, &[], &Script::default());
    let wanted = [
        "debug validate: validate reached / debug validate: validate skipped: nothing to do",
        "debug preflight: preflight reached / debug preflight: preflight skipped: nothing to do",
        "info action: action started",
        "run 1",
        "info action: action finished in 7 ms",
        "info verify: verify started",
        "run 0",
        "info verify: verify finished in 7 ms",
        "debug summarize: summarize reached / debug summarize: summarize skipped: nothing to do",
        "info -: finally started",
        "run 2",
        "info -: finally finished",
    ];
    assert_eq!(trace.acts, wanted);
    let succeeded = RunEnd {
        what: Transition::Succeed,
        status: RunStatus::Succeeded,
        note: Note::new(Level::Success, "succeeded in 7 ms"),
        why: None,
    };
    assert_eq!((trace.end, trace.loose_ends), (succeeded, Vec::new()));
}

#[test]
fn a_failure_in_any_phase_stops_the_later_ones() {
    for (failed, phase) in (0..).zip(Phase::ALL) {
        let name = phase.name();
        let trace = drive(
            &plan(),
            &[],
            &Script::ending(&[(failed, StepStatus::Failed)]),
        );
        let (undo, undone): (&[&str], _) = match phase {
            Phase::Action => (
                &[
                    "skip 6: skipped: verify did not complete",
                    "skip 7: skipped: action did not complete",
                ],
                "",
            ),
            Phase::Verify => (
                &["run 7", "skip 6: skipped: verify did not complete"],
                "; 1 step undone",
            ),
            _ => (
                &[
                    "skip 6: skipped: nothing is to be undone",
                    "skip 7: skipped: nothing is to be undone",
                ],
                "",
            ),
        };
        let ran = (0..=failed).map(|n| format!("run {n}"));
        let skipped = (failed + 1..5).map(|n| format!("skip {n}: skipped: {name} failed"));
        let undo = undo.iter().map(ToString::to_string);
        let wanted: Vec<_> = ran
            .chain(skipped)
            .chain(undo)
            .chain(["run 5".to_owned()])
            .collect();
        assert_eq!(steps_of(&trace), wanted);
        let phase_end = format!("error {name}: {name} failed after 7 ms");
        assert!(trace.acts.contains(&phase_end), "{:#?}", trace.acts);
        let why = format!("step {name}: it failed{undone}");
        assert_eq!(trace.end, RunEnd::new(RunStatus::Failed, why));
    }
}

#[test]
fn a_stop_in_any_phase_cuts_its_step_short_and_leaves_out_the_rest() {
    let deadline = format!("timed out: the run's deadline of {} passed", human_ms(5000));
    for (reason, status, final_message) in [
        (cancelled(), RunStatus::Cancelled, "cancelled: by ana"),
        (StopReason::Deadline, RunStatus::TimedOut, deadline.as_str()),
    ] {
        for (at, phase) in (0..).zip(Phase::ALL) {
            // Each phase before takes three acts; in this one, the step has begun.
            let script = Script::stopped(at * 3 + 2, reason.clone());
            let (trace, name, why) = (
                drive(&plan(), &[], &script),
                phase.name(),
                reason.describe(),
            );
            let ran = (0..=at).map(|n| format!("run {n}"));
            let skipped = (at + 1..5).map(|n| format!("skip {n}: skipped: {why}"));
            let undo = [6, 7].map(|n| format!("skip {n}: skipped: {why}, which undoes nothing"));
            let wanted: Vec<_> = ran.chain(skipped).chain(undo).collect();
            assert_eq!(steps_of(&trace)[..7], wanted);
            assert_eq!(steps_of(&trace)[7..], ["run 5"], "finally");
            let phase_end = format!("warn {name}: {name} stopped after 7 ms: {why}");
            assert!(trace.acts.contains(&phase_end), "{:#?}", trace.acts);
            assert_eq!(
                message(&trace),
                format!("{final_message} during step {name}")
            );
            assert_eq!(trace.end.status, status);
            let not_undone = match at {
                0..=2 => Vec::new(),
                3 => vec!["warn -: not undone, because only a failure is: action"],
                _ => vec!["warn -: not undone, because only a failure is: verify, action"],
            };
            assert_eq!(trace.loose_ends, not_undone);
        }
    }
}

#[test]
fn an_engine_that_leaves_ends_the_run_where_it_is() {
    for at in 0..5 {
        let trace = drive(
            &plan(),
            &[],
            &Script::stopped(at * 3 + 2, StopReason::Leaving),
        );
        assert_eq!(trace.acts.len(), at * 3 + 2, "{:#?}", trace.acts);
        let why = format!(
            "the engine was stopped during step {}",
            Phase::ALL[at].name()
        );
        assert_eq!(trace.end, RunEnd::new(RunStatus::Interrupted, why));
        let check = "warn -: the engine left before all finally steps had run; check: tidy";
        assert_eq!(trace.loose_ends.last().map(String::as_str), Some(check));
    }
    // In undo and in `finally`.
    let failed = Script::ending(&[(3, StepStatus::Failed)]);
    let all = drive(&plan(), &[], &failed).acts;
    for step in [7, 5] {
        let at = all.iter().position(|act| *act == format!("run {step}"));
        let stop = at.map(|at| (at + 1, StopReason::Leaving));
        let script = Script {
            stop,
            ..failed.clone()
        };
        // Verify had failed before.
        let trace = drive(&plan(), &[], &script);
        assert_eq!(trace.acts.last(), Some(&format!("run {step}")));
        let (name, _) = plan()
            .numbered_step(step)
            .map(|(s, p)| (s.name.clone(), p))
            .unwrap();
        let why = format!("the engine was stopped during step {name}");
        assert_eq!(trace.end, RunEnd::new(RunStatus::Interrupted, why));
    }
}

#[test]
fn a_stop_after_the_step_lets_it_end() {
    let reason = StopReason::Stopped {
        by: "ana".to_owned(),
    };
    for at in 0..4 {
        let trace = drive(&plan(), &[], &Script::stopped(at * 3 + 2, reason.clone()));
        let name = Phase::ALL[at].name();
        let finished = format!("info {name}: {name} finished in 7 ms");
        assert_eq!(trace.acts[at * 3 + 2], finished);
        let next = format!("skip {}: skipped: the run was to stop here", at + 1);
        assert!(trace.acts.contains(&next), "{:#?}", trace.acts);
        let why = "stopped after its step, as ana asked".to_owned();
        assert_eq!(trace.end, RunEnd::new(RunStatus::Cancelled, why));
    }
    // Nothing is cut short any more.
    for reason in [reason, cancelled()] {
        let trace = drive(&plan(), &[], &Script::stopped(15, reason));
        assert_eq!(trace.end.status, RunStatus::Succeeded);
        let late = "warn -: the cancellation by ana came too late: nothing was left to cancel";
        assert_eq!(trace.loose_ends, [late]);
    }
}

#[test]
fn jumps_skip_the_steps_between() {
    let (action, verify) = (Phase::Action, Phase::Verify);
    let jumping = |to, last: PlanStep| {
        let first = failing(OnFailure::Jump(to), step("a", action));
        Plan {
            finally: vec![step("tidy", Phase::Summarize)],
            ..of(vec![first, step("b", action), last])
        }
    };
    for (to, phase, wanted) in [
        (1, action, ["run 0", "run 1", "run 2", "run 3"]),
        (
            2,
            action,
            [
                "run 0",
                "skip 1: skipped: a failed, going on at c",
                "run 2",
                "run 3",
            ],
        ),
        (
            2,
            verify,
            [
                "run 0",
                "skip 1: skipped: a failed, going on at c",
                "run 2",
                "run 3",
            ],
        ),
        (
            3,
            verify,
            [
                "run 0",
                "skip 1: skipped: a failed, nothing is left to do",
                "skip 2: skipped: a failed, nothing is left to do",
                "run 3",
            ],
        ),
    ] {
        let plan = jumping(to, step("c", phase));
        let trace = drive(&plan, &[], &Script::ending(&[(0, StepStatus::TimedOut)]));
        assert_eq!(steps_of(&trace), wanted, "{to} {phase:?}");
        let going_on = "warn action: action finished in 7 ms, 1 failed, going on";
        assert!(trace.acts.iter().any(|act| act == going_on));
        assert_eq!(message(&trace), "failed: step a: it timed_out");
    }
    // Without a failure there is no jump.
    let trace = drive(&jumping(2, step("c", verify)), &[], &Script::default());
    assert_eq!(steps_of(&trace), ["run 0", "run 1", "run 2", "run 3"]);
    // A failure stops the run where it jumped to, as everywhere.
    let plan = Plan {
        undo: vec![undo(1)],
        ..jumping(2, step("c", verify))
    };
    let failed = [(0, StepStatus::Failed), (2, StepStatus::Failed)];
    let trace = drive(&plan, &[], &Script::ending(&failed));
    let undo = "skip 4: skipped: b did not complete";
    assert!(steps_of(&trace).contains(&undo), "{trace:#?}");
}

#[test]
fn a_condition_decides_whether_anything_runs() {
    use StepStatus::{Failed, Skipped, Succeeded};
    let fails = |why: &str| Err(format!("warn validate: condition not met: {why}"));
    let holds = |label: &str| Ok(format!("success validate: {label} it is time: holds"));
    let table = [
        (false, vec![Ok(Succeeded), Ok(Succeeded)], holds("only if")),
        (
            false,
            vec![Ok(Succeeded), Ok(Failed)],
            fails("only if it is time, but b: answer"),
        ),
        (
            false,
            vec![Ok(Failed), Ok(Skipped)],
            fails("only if it is time, but a: answer"),
        ),
        (
            true,
            vec![Ok(Succeeded), Ok(Succeeded)],
            fails("unless it is time, and it is"),
        ),
        (true, vec![Ok(Failed), Ok(Succeeded)], holds("unless")),
        (
            false,
            Vec::new(),
            fails("only if it is time: nothing is configured that could check it"),
        ),
        (
            true,
            Vec::new(),
            fails("unless it is time: nothing is configured that could check it"),
        ),
        (
            true,
            vec![Ok(Failed), Err("no shell".to_owned())],
            fails("unless it is time: cannot be checked: no shell"),
        ),
    ];
    for (negated, answers, wanted) in table {
        let steps = ["a", "b"].map(|name| step(name, Phase::Validate));
        let plan = Plan {
            only_if: Some(RunCondition {
                text: "it is time".to_owned(),
                steps: steps[..answers.len()].to_vec(),
                negated,
            }),
            ..plan()
        };
        let asked = answers.len();
        let script = Script {
            answers,
            ..Script::default()
        };
        let trace = drive(&plan, &[], &script);
        assert_eq!(trace.acts[0], "info validate: validate started");
        let (line, status) = match &wanted {
            Ok(line) => (line, RunStatus::Succeeded),
            Err(line) => (line, RunStatus::Skipped),
        };
        assert_eq!((&trace.acts[asked + 1], trace.end.status), (line, status));
        if wanted.is_err() {
            let runs = trace.acts.iter().any(|act| act.starts_with("run "));
            let phase_end = "info validate: validate finished in 7 ms: the condition is not met";
            assert!(
                !runs && trace.acts.iter().any(|act| act == phase_end),
                "{trace:#?}"
            );
            let finally = "skip 5: skipped: the condition is not met".to_owned();
            assert_eq!(trace.acts.last(), Some(&finally));
        }
        // An earlier engine got past it.
        let trace = drive(&plan, &[record(0, Succeeded)], &script);
        assert_eq!(steps_of(&trace)[0], "run 1");
    }
}

#[test]
fn a_condition_that_was_stopped_stays_undecided() {
    let plan = Plan {
        only_if: Some(RunCondition {
            text: "it is time".to_owned(),
            steps: vec![step("a", Phase::Validate)],
            negated: false,
        }),
        ..plan()
    };
    let stopped = StopReason::Stopped {
        by: "ana".to_owned(),
    };
    for reason in [stopped, cancelled()] {
        let trace = drive(&plan, &[], &Script::stopped(2, reason.clone()));
        let why = reason.describe();
        let wanted = [
            "info validate: validate started".to_owned(),
            "ask a".to_owned(),
            format!("skip 0: skipped: {why}"),
            format!("warn validate: validate stopped after 7 ms: {why}"),
        ];
        assert_eq!(trace.acts[..4], wanted);
        assert_eq!(trace.end.status, RunStatus::Cancelled);
    }
}

#[test]
fn steps_of_earlier_engines_count_and_are_not_done_again() {
    let (stop, go_on) = (OnFailure::Stop, OnFailure::Continue);
    for status in StepStatus::ALL {
        let fine = matches!(status, StepStatus::Succeeded | StepStatus::Skipped);
        for on_failure in [stop, go_on, OnFailure::Jump(1)] {
            for first in [
                step("first", Phase::Action),
                approval("first", Phase::Action),
            ] {
                let asks = matches!(first.spec, StepSpec::Approve(_));
                let second = step("second", Phase::Verify);
                let plan = of(vec![failing(on_failure, first), second]);
                let trace = drive(&plan, &[record(0, status)], &Script::default());
                let why = format!("step first: {}", status.name());
                let (wanted, end): (&[&str], _) = match (asks, on_failure) {
                    _ if status == StepStatus::Pending => (&["run 0", "run 1"], None),
                    _ if fine => (&["run 1"], None),
                    (true, _) => {
                        let why = format!("first: {}", status.name());
                        let end = RunEnd::new(RunStatus::Cancelled, why);
                        (&["skip 1: skipped: the run was not approved"], Some(end))
                    }
                    (false, OnFailure::Stop) => {
                        let end = RunEnd::new(RunStatus::Failed, why);
                        (&["skip 1: skipped: action failed"], Some(end))
                    }
                    (false, _) => (&["run 1"], Some(RunEnd::new(RunStatus::Failed, why))),
                };
                assert_eq!(steps_of(&trace), wanted, "{status:?} {on_failure:?} {asks}");
                match end {
                    Some(end) => assert_eq!(trace.end, end),
                    None => assert_eq!(trace.end.status, RunStatus::Succeeded),
                }
            }
        }
    }
}

#[test]
fn a_phase_that_an_earlier_engine_finished_logs_nothing() {
    let past = [0, 1, 2].map(|n| record(n, StepStatus::Succeeded));
    let trace = drive(&plan(), &past, &Script::default());
    assert_eq!(trace.acts[0], "info verify: verify started");
    // What it did is undone and reported like the rest.
    let trace = drive(&plan(), &past, &Script::ending(&[(3, StepStatus::Failed)]));
    assert!(steps_of(&trace).contains(&"run 7"), "{trace:#?}");
    let trace = drive(&plan(), &past, &Script::stopped(0, cancelled()));
    let not_undone = "warn -: not undone, because only a failure is: action";
    assert_eq!(trace.loose_ends, [not_undone]);
}

#[test]
fn an_undo_goes_on_where_it_was_interrupted() {
    use StepStatus::{Failed, Pending, Skipped, Succeeded};
    let all = [Succeeded, Succeeded, Succeeded, Succeeded, Failed];
    // Verify failed after its step had succeeded: both are undone.
    let plan = Plan {
        steps: Phase::ALL
            .map(|phase| {
                if phase == Phase::Summarize {
                    Phase::Verify
                } else {
                    phase
                }
            })
            .map(|phase| step(phase.name(), phase))
            .into(),
        ..plan()
    };
    for (of_6, of_7, wanted, result) in [
        (
            Pending,
            Pending,
            vec!["run 6", "run 7", "run 5"],
            "2 steps undone",
        ),
        (Succeeded, Pending, vec!["run 7", "run 5"], "2 steps undone"),
        (
            Failed,
            Pending,
            vec!["run 7", "run 5"],
            "undo failed, look at it by hand: undo 3",
        ),
        (
            Skipped,
            Failed,
            vec!["run 5"],
            "undo failed, look at it by hand: undo 3, undo 2",
        ),
    ] {
        let mut past: Vec<_> = (0..)
            .zip(all)
            .map(|(n, status)| record(n, status))
            .collect();
        past.extend([record(6, of_6), record(7, of_7)]);
        let trace = drive(&plan, &past, &Script::default());
        assert_eq!(steps_of(&trace), wanted);
        let started = "warn -: undo started: 2 steps completed to take back";
        assert!(trace.acts.iter().any(|act| act == started), "{trace:#?}");
        assert_eq!(
            message(&trace),
            format!("failed: step verify: failed; {result}")
        );
    }
    let script = Script::ending(&[(6, Failed), (7, Skipped), (4, Failed)]);
    let trace = drive(&plan, &[], &script);
    let finished = "error -: undo finished: undo failed, look at it by hand: undo 3";
    assert!(trace.acts.iter().any(|act| act == finished), "{trace:#?}");
}

#[test]
fn finally_steps_fail_the_run_and_keep_no_other_from_running() {
    let plan = Plan {
        finally: vec![
            step("one", Phase::Summarize),
            approval("two", Phase::Summarize),
        ],
        ..of(Vec::new())
    };
    let one = drive(&plan, &[], &Script::ending(&[(0, StepStatus::Failed)]));
    assert_eq!(steps_of(&one), ["run 0", "run 1"]);
    assert_eq!(message(&one), "failed: step one: it failed");
    let two = drive(&plan, &[], &Script::ending(&[(1, StepStatus::TimedOut)]));
    assert_eq!(message(&two), "cancelled: two: it timed_out");
    let past = [record(0, StepStatus::Failed)];
    let again = drive(&plan, &past, &Script::default());
    assert_eq!(steps_of(&again), ["run 1"]);
    assert_eq!(message(&again), "failed: step one: failed");
}

#[test]
fn clean_up_has_a_timeout_and_no_phase() {
    for (timeout_ms, wanted) in [(0, FINALLY_TIMEOUT_MS), (-1, FINALLY_TIMEOUT_MS), (9, 9)] {
        let tidy = PlanStep {
            timeout_ms,
            ..step("tidy", Phase::Summarize)
        };
        let plan = Plan {
            finally: vec![tidy],
            ..Plan::default()
        };
        let (mut progress, orders) = (Progress::new(&plan, &[]), Orders::default());
        let requests = Requests {
            stop: None,
            last: None,
            orders: &orders,
        };
        let task = loop {
            match progress.next(requests) {
                Next::Run(task) => break task,
                _ => progress.on(Performed::Done),
            }
        };
        let found = (task.index, task.phase, task.timeout_ms);
        assert_eq!(found, (0, None, wanted));
    }
}

#[test]
fn people_hold_back_the_steps_of_phases_only() {
    let orders = Orders {
        pace: Pace::Paused,
        by: Some("ana".to_owned()),
        ..Orders::default()
    };
    let script = Script {
        orders: orders.clone(),
        ..Script::ending(&[(3, StepStatus::Failed)])
    };
    let trace = drive(&plan(), &[], &script);
    let holds: Vec<_> = trace
        .acts
        .iter()
        .filter(|act| act.starts_with("hold"))
        .collect();
    assert_eq!(holds, ["hold 0", "hold 1", "hold 2", "hold 3"]);
    let plan = of(vec![step("do", Phase::Action)]);
    let mut progress = Progress::new(&plan, &[]);
    let requests = Requests {
        stop: None,
        last: None,
        orders: &orders,
    };
    let hold = loop {
        match progress.next(requests) {
            Next::Hold(hold) => break hold,
            _ => progress.on(Performed::Done),
        }
    };
    let wanted = Hold {
        step: 0,
        phase: Phase::Action,
        waits: "paused by ana; waits before step do".to_owned(),
        goes_on: "goes on before step do".to_owned(),
    };
    assert_eq!(hold, wanted);
    // A stop ends the wait, and the step does not begin.
    progress.on(Performed::Done);
    let reason = cancelled();
    let stopped = Requests {
        stop: Some(&reason),
        ..requests
    };
    let skip = Next::Skip {
        step: 0,
        message: "skipped: the run was cancelled".to_owned(),
    };
    assert_eq!(progress.next(stopped), skip);
    let run = progress.next(requests);
    assert_eq!(run, skip, "a stop is not taken back");
}

#[test]
fn a_refused_approval_cancels_the_run() {
    let plan = Plan {
        steps: vec![approval("ask", Phase::Preflight), step("do", Phase::Action)],
        undo: Vec::new(),
        ..plan()
    };
    for status in [StepStatus::Failed, StepStatus::TimedOut] {
        let trace = drive(&plan, &[], &Script::ending(&[(0, status)]));
        let skip = |n| format!("skip {n}: skipped: the run was not approved");
        assert_eq!(steps_of(&trace), ["run 0", &skip(1), &skip(2)]);
        let why = format!("ask: it {}", status.name());
        assert_eq!(trace.end, RunEnd::new(RunStatus::Cancelled, why));
        // Resumed by another engine, also in the middle of this.
        let past = [record(0, status), record(2, StepStatus::Skipped)];
        for known in [1, 2] {
            let trace = drive(&plan, &past[..known], &Script::default());
            let left = [skip(1), skip(2)];
            assert_eq!(steps_of(&trace), left[..3 - known]);
        }
    }
}

#[test]
fn after_a_refused_approval_finally_tidies_up_what_was_begun() {
    let plan = Plan {
        steps: vec![
            step("look", Phase::Validate),
            approval("ask", Phase::Preflight),
        ],
        undo: Vec::new(),
        ..plan()
    };
    let refused = Script::ending(&[(1, StepStatus::Failed)]);
    let trace = drive(&plan, &[], &refused);
    assert_eq!(steps_of(&trace), ["run 0", "run 1", "run 2"]);
    let trace = drive(&plan, &[record(0, StepStatus::Failed)], &refused);
    assert_eq!(steps_of(&trace).last(), Some(&"run 2"));
}

#[test]
fn every_end_has_its_transition_and_its_words() {
    use {RunStatus as S, Transition as T};
    for (status, what, level, text) in [
        (S::Interrupted, T::Interrupt, Level::Warn, "interrupted: x"),
        (S::Cancelled, T::Cancel, Level::Warn, "cancelled: x"),
        (S::TimedOut, T::TimeOut, Level::Error, "timed out: x"),
        (S::Skipped, T::Skip, Level::Warn, "skipped: x"),
        (S::Failed, T::Fail, Level::Error, "failed: x"),
    ] {
        let end = RunEnd::new(status, "x".to_owned());
        let found = (end.what, end.note.level, end.note.message.as_str());
        assert_eq!(found, (what, level, text));
        assert_eq!(crate::run::next(S::Running, what), Some(status));
    }
}

#[test]
fn links_of_the_chain_that_do_not_start_are_named() {
    let link = |title: &str| Plan {
        title: title.to_owned(),
        ..Plan::default()
    };
    let plan = Plan {
        then: vec![link("two"), link("three")],
        ..of(vec![step("do", Phase::Action)])
    };
    let trace = drive(&plan, &[], &Script::default());
    assert_eq!(trace.loose_ends, Vec::<String>::new());
    let trace = drive(&plan, &[], &Script::ending(&[(0, StepStatus::Failed)]));
    let named = "warn -: not started, because this run did not succeed: two; three";
    assert_eq!(trace.loose_ends, [named]);
}

#[test]
fn a_run_that_opsroom_itself_broke_has_failed() {
    let plan = plan();
    let mut progress = Progress::broken(&plan, "opsroom itself failed: oh".to_owned());
    let orders = Orders::default();
    let requests = Requests {
        stop: None,
        last: None,
        orders: &orders,
    };
    assert_eq!(progress.next(requests), Next::End);
    let why = "opsroom itself failed: oh".to_owned();
    assert_eq!(progress.end(1), RunEnd::new(RunStatus::Failed, why));
}

#[test]
fn the_status_of_a_step_that_was_cut_short() {
    use StepStatus::{Cancelled, Pending, TimedOut, Unknown};
    let (by, message) = (|| "ana".to_owned(), "ask: no".to_owned());
    let command = crate::stack::shell::ShellCommand::Script("x".to_owned());
    let shell = PlanStep {
        spec: StepSpec::Shell(crate::run::step::shell::Shell::new(command)),
        ..step("do", Phase::Action)
    };
    for (reason, of_wait, of_shell) in [
        (StopReason::Cancelled { by: by() }, Cancelled, Cancelled),
        (StopReason::Stopped { by: by() }, Cancelled, Cancelled),
        (StopReason::Unapproved { message }, Cancelled, Cancelled),
        (StopReason::Deadline, TimedOut, TimedOut),
        (StopReason::Leaving, Pending, Unknown),
    ] {
        let found = (
            reason.cut_status(&step("wait", Phase::Action)),
            reason.cut_status(&shell),
        );
        assert_eq!(found, (of_wait, of_shell), "{reason:?}");
    }
}

/// Four items, then a step in verify.
fn group(at_once: u32, may_fail: u32, on_failure: OnFailure) -> Plan {
    let each = Each {
        group: 1,
        max_concurrency: at_once,
        max_errors: may_fail,
    };
    let items = ["a", "b", "c", "d"].map(|n| item(each, step(n, Phase::Action)));
    let items = items.map(|step| failing(on_failure, step));
    let last = step("last", Phase::Verify);
    of(items.into_iter().chain([last]).collect())
}

#[test]
fn a_group_counts_its_failures_once_they_are_too_many() {
    use StepStatus::{Failed, Skipped, Succeeded};
    let (stop, go_on) = (OnFailure::Stop, OnFailure::Continue);
    let one = vec![(1, Failed)];
    let all = vec!["run 0", "run 1", "run 2", "run 3", "run 4"];
    let skipped = "skip 4: skipped: action failed";
    let table = [
        (group(1, 0, stop), Vec::new(), None, all.clone(), None),
        (
            group(1, 0, stop),
            vec![(1, Skipped), (2, Succeeded)],
            None,
            all.clone(),
            None,
        ),
        (
            group(1, 1, stop),
            one.clone(),
            Some("warn action: for each: 1 of 4 failed, 1 allowed"),
            all.clone(),
            None,
        ),
        (
            group(1, 0, stop),
            one.clone(),
            Some("error action: for each: 1 of 4 failed, 0 allowed"),
            vec![
                "run 0",
                "run 1",
                "skip 2: skipped: action failed",
                "skip 3: skipped: action failed",
                skipped,
            ],
            Some("step b: it failed (1 of 4 failed, 0 allowed)"),
        ),
        (
            group(1, 0, go_on),
            one,
            Some("error action: for each: 1 of 4 failed, 0 allowed"),
            vec![
                "run 0",
                "run 1",
                "skip 2: skipped: 1 of 4 failed",
                "skip 3: skipped: 1 of 4 failed",
                "run 4",
            ],
            Some("step b: it failed (1 of 4 failed, 0 allowed)"),
        ),
        (
            group(2, 1, stop),
            vec![(0, Failed), (1, Failed)],
            Some("error action: for each: 2 of 4 failed, 1 allowed"),
            vec![
                "run 0",
                "run 1",
                "run 2",
                "skip 3: skipped: action failed",
                skipped,
            ],
            Some("step a: it failed (2 of 4 failed, 1 allowed)"),
        ),
    ];
    for (plan, ends, note, wanted, failure) in table {
        let trace = drive(&plan, &[], &Script::ending(&ends));
        assert_eq!(steps_of(&trace), wanted, "{ends:?}");
        let found = trace.acts.iter().find(|act| act.contains("for each"));
        assert_eq!(found.map(String::as_str), note);
        assert_eq!(trace.end.why.as_deref(), failure);
    }
    let trace = drive(&group(1, 0, go_on), &[], &Script::ending(&[(1, Failed)]));
    let phase_end = "warn action: action finished in 7 ms, 1 failed, going on";
    assert!(trace.acts.iter().any(|act| act == phase_end), "{trace:#?}");
}

#[test]
fn a_resumed_group_leaves_out_what_was_done() {
    let (failed, done) = (StepStatus::Failed, StepStatus::Succeeded);
    let plan = group(2, 0, OnFailure::Stop);
    let trace = drive(&plan, &[record(1, done)], &Script::ending(&[(0, failed)]));
    let wanted = [
        "run 0",
        "run 2",
        "skip 3: skipped: action failed",
        "skip 4: skipped: action failed",
    ];
    assert_eq!(steps_of(&trace), wanted);
    assert_eq!(
        message(&trace),
        "failed: step a: it failed (1 of 3 failed, 0 allowed)"
    );
    let trace = drive(&plan, &[record(1, failed)], &Script::default());
    let skips = [0, 2, 3, 4].map(|n| format!("skip {n}: skipped: action failed"));
    assert_eq!(steps_of(&trace), skips);
}

#[test]
fn a_group_that_is_stopped_begins_no_more_items() {
    // Two items are active.
    for (reason, phase_end) in [
        (
            cancelled(),
            "warn action: action stopped after 7 ms: the run was cancelled",
        ),
        (StopReason::Leaving, "run 1"),
    ] {
        let trace = drive(
            &group(2, 0, OnFailure::Stop),
            &[],
            &Script::stopped(5, reason.clone()),
        );
        assert!(trace.acts.iter().any(|act| act == phase_end), "{trace:#?}");
        let runs = trace.acts.iter().filter(|act| act.starts_with("run"));
        assert_eq!(runs.collect::<Vec<_>>(), ["run 0", "run 1"]);
        let skips = trace
            .acts
            .iter()
            .filter(|act| act.starts_with("skip"))
            .count();
        assert_eq!(skips, if reason == StopReason::Leaving { 0 } else { 3 });
        assert!(message(&trace).ends_with(" during step b"), "{trace:#?}");
    }
}
