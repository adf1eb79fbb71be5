//! The list of routines and one of them: what they show, and the keys that act on them.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use opsroom::bus::Notice;
use opsroom::control::routine::{
    LastRunOfRoutine, Numbers, RoutineResult, RoutineRow, RoutineSheet, StateChange, WindowRow,
};
use opsroom::core::routine::check::KeptAnswer;
use opsroom::core::routine::window::{InMaintenance, Occurrence};
use opsroom::core::run::act::Act;
use opsroom::core::run::lockout::LockEnd;
use opsroom::core::run::timing::{Phases, Timing};
use opsroom::core::run::{RunId, RunStatus};
use opsroom::core::stack::maintenance::MaintenanceMode;
use opsroom::core::stack::routine::{Check, Routine};
use opsroom::core::stack::routine_edit::RoutineEdit;
use opsroom::core::stack::state::State;
use opsroom::store::RoutinePause;
use opsroom::tui::facts::Facts;
use opsroom::tui::msg::{Effect, Msg};

use crate::screen::{Console, with_styles};
use crate::world::{NOW, World};

const HOUR_MS: i64 = 3_600_000;

/// One routine in each state.
pub fn rows() -> Vec<RoutineRow> {
    let row = |name: &str, state: State, message: &str| RoutineRow {
        name: name.to_owned(),
        kind: "http",
        service: Some("web".to_owned()),
        env: Some("prod".to_owned()),
        when: "every 30s".to_owned(),
        state,
        hard: true,
        flapping: false,
        since: Some(NOW.plus_ms(-2 * HOUR_MS)),
        message: message.to_owned(),
        last_slot: Some(NOW.plus_ms(-10_000)),
        next: Some(NOW.plus_ms(20_000)),
        overdue_since: None,
        pause: None,
        maintenance: None,
        numbers: Numbers {
            samples: 2880,
            uptime_pct: Some(99.95),
            p50_ms: Some(11.0),
            p95_ms: Some(41.4),
            p99_ms: Some(60.0),
            ..Numbers::default()
        },
        hours: (0..24)
            .map(|hour| match hour {
                0..6 => None,
                20 => Some(State::Failing),
                21 => Some(State::Degraded),
                _ => Some(State::Ok),
            })
            .collect(),
        last_run: None,
        problem: None,
    };
    let never = RoutineRow {
        numbers: Numbers::default(),
        hours: Vec::new(),
        last_slot: None,
        next: None,
        since: None,
        ..row("thirtieth of february", State::Unknown, "")
    };
    vec![
        row("web ping", State::Ok, "HTTP 200 in 12 ms"),
        RoutineRow {
            hard: false,
            ..row("mail queue", State::Failing, "HTTP 500 in 196 ms")
        },
        row("certificate", State::Degraded, "ends in 3 days"),
        never,
        RoutineRow {
            overdue_since: Some(NOW.plus_ms(-5 * 60_000)),
            ..row("disk", State::Ok, "exit code 0 in 3 ms")
        },
        RoutineRow {
            pause: Some(RoutinePause {
                until: NOW.plus_ms(HOUR_MS),
                by: "bo".to_owned(),
                reason: "the host moves".to_owned(),
            }),
            ..row("backup", State::Failing, "exit code 1 in 3 ms")
        },
        RoutineRow {
            maintenance: Some(in_maintenance(MaintenanceMode::Skip)),
            ..row("replica", State::Ok, "1 row in 2 ms")
        },
        RoutineRow {
            maintenance: Some(in_maintenance(MaintenanceMode::Mute)),
            ..row("proxy", State::Failing, "HTTP 503 in 4 ms")
        },
        RoutineRow {
            kind: "runbook",
            last_run: Some(LastRunOfRoutine {
                run: RunId(40),
                status: RunStatus::Failed,
                at: NOW.plus_ms(-240_000),
            }),
            ..row(
                "nightly",
                State::Failing,
                "run #40 failed after 3.0 s: HTTP 500",
            )
        },
    ]
}

fn in_maintenance(mode: MaintenanceMode) -> InMaintenance {
    InMaintenance {
        window: "patches".to_owned(),
        mode,
        until: NOW.plus_ms(2 * HOUR_MS),
        reason: Some("kernel updates".to_owned()),
    }
}

/// One of them with a history.
pub fn sheet(name: &str) -> Result<RoutineSheet, String> {
    let found = rows().into_iter().find(|row| row.name == name);
    let row = found.ok_or_else(|| format!("there is no routine `{name}`"))?;
    Ok(RoutineSheet {
        row,
        call: "GET https://web.test/health".to_owned(),
        expect: vec!["response.status == 200".to_owned()],
        failure_threshold: 3,
        success_threshold: 2,
        next_slots: vec![NOW.plus_ms(20_000), NOW.plus_ms(50_000)],
        windows: vec![WindowRow {
            name: "patches".to_owned(),
            when: "tue 22:00 to 04:00 UTC".to_owned(),
            mode: MaintenanceMode::Mute,
            scope: "web".to_owned(),
            reason: None,
            now: None,
            next: None,
            stands: "from 2026-12-08T22:00:00Z".to_owned(),
        }],
        results: vec![RoutineResult {
            slot: NOW.plus_ms(-10_000),
            outcome: "failing",
            class: Some("status"),
            code: 500,
            lag_ms: 1200,
            latency_us: Some(196_000),
            trigger: "schedule",
        }],
        manual: 0,
        changes: vec![StateChange {
            at: NOW.plus_ms(-HOUR_MS),
            from: State::Ok,
            to: State::Failing,
            message: "HTTP 500 in 196 ms".to_owned(),
            muted_by: Some("patches".to_owned()),
        }],
        last: None,
        good: Some(kept(-2 * HOUR_MS, "HTTP 200\n\nfine", 41.26)),
        bad: Some(kept(-10_000, "HTTP 500\n\nqueue full", 196.0)),
    })
}

/// An answer that came over a connection that was open already.
fn kept(ago_ms: i64, text: &str, first_byte_ms: f64) -> KeptAnswer {
    KeptAnswer {
        at: NOW.plus_ms(ago_ms),
        timing: Timing {
            address: Some("192.0.2.7:443".to_owned()),
            phases: Phases {
                first_byte_ms: Some(first_byte_ms),
                ..Phases::default()
            },
            ended_in: None,
        },
        text: text.to_owned(),
    }
}

#[test]
fn routines_are_listed_the_worst_first_and_open() {
    let mut console = Console::new(World::default());
    console
        .command("routines")
        .shows("Routines 9")
        .shows("✗ 3 failing")
        .shows("▲ 1 overdue")
        .shows("unconfirmed: H");
    console
        .press("Enter")
        .shows("━ mail queue ━")
        .shows("Last 24 hours");
    console
        .press("G")
        .shows("              last good      last bad")
        .shows("  first byte  41.3 ms        196 ms")
        .hides("  connect")
        .shows("  address     192.0.2.7:443  192.0.2.7:443")
        .shows("Last bad answer");
    console.press("Esc").shows("Routines 9");
    console
        .press("/")
        .type_text("disk")
        .shows("overdue 5 min")
        .hides("web ping");
    console.press("Esc").shows("web ping");
}

#[test]
fn the_last_run_of_a_runbook_opens_from_the_list_and_from_the_routine() {
    let mut console = Console::new(World::default());
    console
        .command("routines")
        .press("l")
        .shows("mail queue has begun no run of a runbook");
    console
        .press("j")
        .press("l")
        .shows("deploy web 1.4.2 to staging");
    console
        .press("Esc")
        .press("Enter")
        .shows("last run  #40 failed, 4 min ago");
    console.press("Enter").shows("deploy web 1.4.2 to staging");
    console
        .press("Esc")
        .press("l")
        .shows("deploy web 1.4.2 to staging");
}

#[test]
fn a_routine_is_run_paused_and_resumed_from_its_menu() {
    let mut console = Console::new(World::default());
    console.command("routines").press(".").shows("run now");
    console.press("r").shows("mail queue is run now");
    console
        .press(".")
        .press("p")
        .shows("pause mail queue")
        .press("h");
    console.press(".").press("c").shows("mail queue goes on");
    let acts = console.acts();
    let routine = || "mail queue".to_owned();
    let reason = None;
    assert_eq!(
        acts,
        [
            Act::RunRoutine {
                routine: routine(),
                reason: reason.clone()
            },
            Act::PauseRoutine {
                routine: routine(),
                end: LockEnd::For(HOUR_MS),
                reason: reason.clone()
            },
            Act::ResumeRoutine {
                routine: routine(),
                reason
            },
        ]
    );
}

#[test]
fn the_list_reads_again_what_other_processes_write_while_it_is_on_screen() {
    let mut console = Console::new(World::default());
    let reads = |console: &mut Console, ms: i64| {
        let effects = console.send_unanswered(Msg::Tick(NOW.plus_ms(ms)));
        let reads = |effect: &&Effect| matches!(effect, Effect::Routines(_));
        effects.iter().filter(reads).count()
    };
    assert_eq!(reads(&mut console, 60_000), 0, "it is not on screen");
    console.command("routines");
    assert_eq!(reads(&mut console, 61_000), 1);
    assert_eq!(reads(&mut console, 65_999), 0);
}

#[test]
fn phrases_about_routines_act() {
    let mut world = World::default();
    std::sync::Arc::make_mut(&mut world.overview.stack)
        .routines
        .push(Routine {
            name: "web ping".to_owned(),
            ..Routine::default()
        });
    let mut console = Console::new(world);
    console.command("pause web ping").shows("say when it ends");
    console
        .command("pause web ping for 2h")
        .shows("web ping is paused until");
    console.command("show web ping").shows("routine web ping");
    console.command("chart of web ping").shows("web ping");
    console
        .command("edit routine web ping")
        .shows("name = \"web ping\"");
    console
        .press("Esc")
        .command("new routine")
        .shows("New routine");
    assert_eq!(console.acts().len(), 1);
}

#[test]
fn home_says_which_maintenance_is_near_in_one_line() {
    let at = |minutes: i64| NOW.plus_ms(minutes * 60_000);
    let mut world = World::default();
    world.overview.maintenance = vec![WindowRow {
        name: "patches".to_owned(),
        when: "tue 22:00 to 04:00 UTC".to_owned(),
        mode: MaintenanceMode::Skip,
        scope: "web in prod".to_owned(),
        reason: None,
        now: None,
        next: Some(Occurrence {
            begin: at(30),
            end: at(120),
        }),
        stands: String::new(),
    }];
    let mut console = Console::new(world);
    console.shows("‖ maintenance  patches in 30 min, ");
    insta::assert_snapshot!("home_maintenance_80", with_styles(&console.paint()));
    console.send_unanswered(Msg::Tick(at(31)));
    console
        .shows("‖ maintenance  patches until ")
        .shows("skips web in prod");
    console.send_unanswered(Msg::Tick(at(121)));
    console.hides("maintenance");
}

#[test]
fn the_list_of_routines_with_styles() {
    for (width, height) in [(80, 24), (120, 32)] {
        let mut console = Console::with(World::default(), Facts::default(), true, (width, height));
        console.command("routines");
        insta::assert_snapshot!(format!("routines_{width}"), with_styles(&console.paint()));
    }
}

/// A world whose stack declares the routine that is listed first.
fn declared() -> World {
    let mut world = World::default();
    std::sync::Arc::make_mut(&mut world.overview.stack)
        .routines
        .push(Routine {
            name: "mail queue".to_owned(),
            check: Check::Tcp {
                address: "mail:25".to_owned(),
            },
            every_ms: Some(60_000),
            ..Routine::default()
        });
    world
}

/// The edits that were asked for.
fn edits(console: &Console) -> Vec<RoutineEdit> {
    let edit = |effect: &Effect| match effect {
        Effect::RoutineDifference { edit, .. } => Some((**edit).clone()),
        _ => None,
    };
    console.wanted.iter().filter_map(edit).collect()
}

/// The changes that were asked for, as lines.
fn saved(console: &Console) -> Vec<String> {
    let lines = |effect: &Effect| match effect {
        Effect::SaveRoutine { difference, .. } => difference.lines(),
        _ => Vec::new(),
    };
    console.wanted.iter().flat_map(lines).collect()
}

#[test]
fn a_routine_is_created_from_the_keyboard() {
    let mut console = Console::new(World::default());
    console
        .command("routines")
        .press("n")
        .shows("New routine")
        .shows("a port that takes connections")
        .hides("collect");
    console
        .press("t")
        .shows("━ new routine ━")
        .shows("kind = \"tcp\"")
        .shows("2 problems")
        .shows("line 2, routine \"\".name: ");
    console.press("Ctrl-S").shows("not saved: 2 problems");
    console.type_text("mail port");
    console
        .shows("1 problem")
        .shows("line 4, routine \"mail port\"");
    console.press("Down Down End Left").type_text("mail:2");
    console
        .type_text("5")
        .shows("─ valid ─")
        .shows("connect to mail:25");
    console
        .shows("next Sat 2026-11-21 ")
        .shows("comments are not kept")
        .shows(" changed ");
    console
        .press("Ctrl-S")
        .shows("Save?")
        .shows("+ routine mail port")
        .press("Enter");
    console.shows("kind = \"tcp\"");
    assert_eq!(saved(&console), [""; 0], "Enter alone saves nothing");
    console.press("Ctrl-S").press("y Enter");
    console.shows("saved").shows("Routines 9");
    assert_eq!(saved(&console), ["+ routine mail port"]);
    assert_eq!(console.acts(), []);
}

#[test]
fn a_refused_routine_stays_in_its_form_with_the_reason() {
    let mut world = declared();
    world.refusal = Some("the store is locked".to_owned());
    let mut console = Console::new(world);
    console
        .command("routines")
        .press("e")
        .shows("━ edit mail queue ━");
    console
        .press("Down Down Down Down End Left")
        .type_text("25");
    console
        .press("Ctrl-S")
        .shows("~ routine mail queue: address mail:25 → mail:2525");
    console.press("y Enter");
    console
        .shows("refused")
        .shows("not saved: the store is locked")
        .shows("address = \"mail:2525\"");
    console
        .type_text("0")
        .shows("address = \"mail:25250\"")
        .shows("─ valid ─");
    console.world.refusal = None;
    console.press("Ctrl-S").press("y Enter").shows("Routines 9");
}

#[test]
fn a_form_asks_before_what_was_written_is_dropped() {
    let mut console = Console::new(declared());
    console
        .command("routines")
        .press("e")
        .press("Esc")
        .shows("Routines 9");
    console.press("e").type_text("# why: ");
    console
        .press("Esc")
        .shows("Not saved")
        .press("Enter")
        .shows("# why: [[routine]]");
    console
        .press("Ctrl-C")
        .shows("Not saved")
        .press("Esc")
        .shows("# why: [[routine]]");
    console
        .press("Esc")
        .press("y Enter")
        .shows("Routines 9")
        .hides("# why");
    console.press(">").shows("# why: [[routine]]");
    assert_eq!(saved(&console), [""; 0]);
}

#[test]
fn a_routine_that_others_changed_is_not_overwritten_unseen() {
    let mut console = Console::new(declared());
    console
        .command("routines")
        .press("e")
        .press("Down Down Down Down End Left")
        .type_text("25");
    let stack = std::sync::Arc::make_mut(&mut console.world.overview.stack);
    stack.routines[0].every_ms = Some(120_000);
    console
        .press("Ctrl-S")
        .shows("was changed by somebody else");
    console.send(Msg::Notice(Notice::Stack)).press("Ctrl-S");
    console
        .shows("was changed by somebody else")
        .shows("mail:2525");
    console
        .press("Ctrl-S")
        .shows("every 2m → 1m")
        .press("y Enter");
    assert_eq!(saved(&console).len(), 2);
    assert_eq!(edits(&console).len(), 3);
}

#[test]
fn a_stack_that_is_read_before_the_answer_does_not_hold_the_form() {
    let mut console = Console::new(World::default());
    console
        .command("routines")
        .press("n t")
        .type_text("mail port");
    console
        .press("Down Down End Left")
        .type_text("mail:25")
        .press("Ctrl-S y");
    let enter = KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE);
    let asked = console.send_unanswered(Msg::Key(enter));
    let [
        Effect::SaveRoutine {
            ticket,
            number,
            difference,
        },
    ] = &asked[..]
    else {
        panic!("{asked:?}");
    };
    *std::sync::Arc::make_mut(&mut console.world.overview.stack) = difference.after(true);
    console
        .send(Msg::Notice(Notice::Stack))
        .shows("━ new routine ━");
    console
        .send(Msg::RoutineSaved(*ticket, *number, Ok(())))
        .shows("Routines 9");
    console
        .press(">")
        .shows("━ edit mail port ━")
        .shows("─ valid ─")
        .hides("changed");
}

#[test]
fn pasted_lines_are_lines_of_the_form() {
    let mut console = Console::new(World::default());
    console.command("routines").press("n h").press("Ctrl-U");
    console.send(Msg::Paste("a\n\tb\u{1b}[31m".to_owned()));
    console
        .shows("  2 a")
        .shows("  3   b^[[31m")
        .shows("not TOML");
}

#[test]
fn a_routine_is_edited_and_deleted_from_its_menu() {
    let mut console = Console::new(declared());
    console
        .command("routines")
        .press(".")
        .press("e")
        .shows("━ edit mail queue ━");
    console
        .press("Esc")
        .press(". d")
        .shows("Its results and changes of state are kept");
    console
        .shows("brings it back")
        .shows("tcp, every 1m: connect to mail:25")
        .press("Enter")
        .shows("Routines 9");
    let delete = Effect::DeleteRoutine("mail queue".to_owned());
    assert!(
        !console.wanted.contains(&delete),
        "Enter alone deletes nothing"
    );
    console
        .press(". d y Enter")
        .shows("mail queue is deleted; its results are kept");
    assert!(console.wanted.contains(&delete));
    console
        .press("Enter")
        .shows("━ mail queue ━")
        .press("e")
        .shows("━ edit mail queue ━");
}

#[test]
fn a_routine_that_the_stack_does_not_declare_is_neither_edited_nor_deleted() {
    let mut console = Console::new(World::default());
    console.command("routines").press("e");
    console.shows("there is no routine `mail queue` in the stack");
    console
        .press("Enter")
        .press(". d")
        .shows("there is no routine `mail queue` in the stack");
}

#[test]
fn a_read_only_console_edits_no_routine_and_says_so_at_once() {
    let facts = Facts {
        read_only: true,
        ..Facts::default()
    };
    let mut console = Console::with(declared(), facts, true, (80, 24));
    console.command("routines");
    for key in ["n", "e", "Delete"] {
        console
            .press(key)
            .shows("read-only: routines cannot be changed")
            .shows("Routines 9");
    }
    console
        .press(".")
        .press("e")
        .shows("read-only: routines cannot be changed");
    console.press(".").shows("read-only");
}

#[test]
fn the_form_of_a_routine_with_styles() {
    let mut console = Console::new(declared());
    console
        .command("routines")
        .press("n h")
        .type_text("web health");
    insta::assert_snapshot!("routine_form_80", with_styles(&console.paint()));
    let mut console = Console::new(declared());
    console
        .command("routines")
        .press("e")
        .press("Down Down Down Down End Left")
        .type_text("25");
    insta::assert_snapshot!("routine_edit_80", with_styles(&console.paint()));
}
