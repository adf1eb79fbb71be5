//! The list of routines and one of them: what they show, and the keys that act on them.

use opsroom::control::routine::{
    Numbers, RoutineResult, RoutineRow, RoutineSheet, StateChange, WindowRow,
};
use opsroom::core::routine::window::InMaintenance;
use opsroom::core::run::act::Act;
use opsroom::core::run::lockout::LockEnd;
use opsroom::core::stack::maintenance::MaintenanceMode;
use opsroom::core::stack::routine::Routine;
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
        good: Some((NOW.plus_ms(-2 * HOUR_MS), "HTTP 200\n\nfine".to_owned())),
        bad: Some((NOW.plus_ms(-10_000), "HTTP 500\n\nqueue full".to_owned())),
    })
}

#[test]
fn routines_are_listed_the_worst_first_and_open() {
    let mut console = Console::new(World::default());
    console
        .command("routines")
        .shows("Routines 8")
        .shows("✗ 2 failing")
        .shows("▲ 1 overdue")
        .shows("unconfirmed: H");
    console
        .press("Enter")
        .shows("━ mail queue ━")
        .shows("Last 24 hours");
    console.press("G").shows("Last bad answer");
    console.press("Esc").shows("Routines 8");
    console
        .press("/")
        .type_text("disk")
        .shows("overdue 5 min")
        .hides("web ping");
    console.press("Esc").shows("web ping");
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
    assert_eq!(console.acts().len(), 1);
}

#[test]
fn the_list_of_routines_with_styles() {
    for (width, height) in [(80, 24), (120, 32)] {
        let mut console = Console::with(World::default(), Facts::default(), true, (width, height));
        console.command("routines");
        insta::assert_snapshot!(format!("routines_{width}"), with_styles(&console.paint()));
    }
}
