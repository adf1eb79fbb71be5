//! The console driven by keys against a scripted world: which keys start runs, how layers close,
//! how a log follows, and the screen at every size.

mod activity;
mod away;
mod chart;
mod early;
mod features;
mod home;
mod links;
mod menus;
mod mouse;
mod picture;
mod routines;
mod screen;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use opsroom::bus::Notice;
use opsroom::core::base::time::Timestamp;
use opsroom::core::command::run_ref::{Newest, RunRef};
use opsroom::core::health::matrix::RowOrder;
use opsroom::core::health::observation::TargetStates;
use opsroom::core::run::act::Act;
use opsroom::core::run::again::Again;
use opsroom::core::run::approval::Vote;
use opsroom::core::run::breaker::{Breaker, BreakerKey, State};
use opsroom::core::run::concurrency::{Concurrency, Policy};
use opsroom::core::run::event::{Entry, EntryBody, Level};
use opsroom::core::run::lockout::{LockEnd, Lockable, Lockout};
use opsroom::core::run::need::{NeedReason, RunNeed};
use opsroom::core::run::note::RunNote;
use opsroom::core::run::orders::{Order, Orders, Pace};
use opsroom::core::run::plan::{Plan, Risk, RiskLevel, Target, plan_hash};
use opsroom::core::run::priority::Priority;
use opsroom::core::run::queue::{Blocked, Lane, Lock, Queued};
use opsroom::core::run::resume::Decision;
use opsroom::core::run::step::StepSpec;
use opsroom::core::run::step::approve::Approve;
use opsroom::core::run::{RunId, RunStatus, StepStatus};
use opsroom::core::stack::service::Contact;
use opsroom::logfile::source::LogUpdate;
use opsroom::tui::facts::Facts;
use opsroom::tui::msg::{Approval, Effect, EnginePlace, HomeView, LeftOver, Msg};

use self::screen::{Console, text, with_styles};
use self::world::{NOW, World, check, entry, log, plan};

// --- keys that start a run, and keys that never do

#[test]
fn enter_enter_never_starts_a_change() {
    let mut console = Console::new(World::default());
    console
        .command("deploy web to staging")
        .shows("Plan: deploy web → staging")
        .shows("▸ Cancel ◂");
    console
        .press("Enter")
        .hides("Plan: deploy")
        .shows("nothing was started");
    assert_eq!(console.submitted(), 0);
}

#[test]
fn a_change_starts_when_its_button_is_chosen() {
    let mut console = Console::new(World::default());
    console
        .command("deploy web to staging")
        .press("y")
        .shows("▸ Start ◂");
    assert_eq!(console.submitted(), 0, "no single key starts anything");
    console.press("Enter");
    assert_eq!(console.submitted(), 1);
    console.hides("Plan: deploy").shows("run #42 was queued");
}

#[test]
fn tab_leads_from_cancel_to_start_also_where_there_are_inputs() {
    let mut console = Console::new(World::default());
    console
        .command("deploy web to staging")
        .shows("version =")
        .press("Tab")
        .shows("▸ Start ◂");
    console
        .press("Tab")
        .hides("▸ Start ◂")
        .press("Shift-Tab Shift-Tab")
        .shows("▸ Cancel ◂");
}

#[test]
fn an_artifact_is_fetched_when_it_is_opened_and_only_text_is_shown() {
    let mut console = Console::new(World::default());
    console
        .press("3 Enter 3")
        .shows("Artifacts 1")
        .hides("web 1.4.1");
    console
        .press("Enter")
        .shows("web 1.4.1")
        .shows("evil")
        .hides("\x1b[31m")
        .press("Esc")
        .hides("web 1.4.1");
    let mut console = Console::new(World {
        contents: b"PK\0\x01".to_vec(),
        ..World::default()
    });
    console
        .press("3 Enter 3 Enter")
        .shows("no text: `opsroom artifacts 41 1 > FILE` writes it to a file");
    let mut console = Console::new(World {
        contents: vec![b'x'; (1 << 20) + 1],
        ..World::default()
    });
    console.world.detail.artifacts[0].bytes = (1 << 20) + 1;
    console
        .press("3 Enter 3 Enter")
        .shows("too much for a screen: `opsroom artifacts 41 1 > FILE` writes");
}

#[test]
fn an_artifact_that_arrives_late_opens_over_no_other_view() {
    let enter = || Msg::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    for (away, back) in [("r", "q"), ("Esc", "3 Enter"), (":", "Esc")] {
        let mut console = Console::new(World::default());
        console.press("3 Enter 3");
        let requested = console.send_unanswered(enter());
        console.press(away);
        console.settle(requested);
        console
            .hides("web 1.4.1")
            .press(back)
            .hides("web 1.4.1")
            .press("3 Enter")
            .shows("web 1.4.1");
    }
}

#[test]
fn a_plan_that_changes_nothing_starts_with_enter() {
    let mut console = Console::new(World::with_plan(check()));
    console
        .command("check web in prod")
        .shows("only looks")
        .press("Enter");
    assert_eq!(console.submitted(), 1);
}

#[test]
fn a_protected_environment_requires_its_word() {
    let mut console = Console::new(World::with_plan(plan("prod", true)));
    console
        .command("deploy web to prod")
        .shows("type `prod web` to confirm:");
    console
        .press("Enter")
        .press("Enter")
        .shows("nothing was started: type `prod web`");
    console
        .type_text("web")
        .press("Enter")
        .shows("nothing was started: type `prod web`");
    console
        .press("Tab Enter")
        .shows("nothing was started: type `prod web`");
    assert_eq!(console.submitted(), 0);
    console
        .press("Ctrl-U")
        .type_text("Prod  WEB")
        .press("Enter");
    let typed = console.wanted.iter().find_map(|e| match e {
        Effect::Submit { typed, .. } => Some(typed.clone()),
        _ => None,
    });
    assert_eq!(typed, Some(Some("Prod  WEB".to_owned())));
}

/// Such as those which only a called runbook changes.
#[test]
fn a_card_names_protected_environments_beyond_its_own() {
    let reaching = Plan {
        protected_envs: vec!["prod".to_owned()],
        ..plan("staging", true)
    };
    let mut console = Console::new(World::with_plan(reaching));
    console
        .command("deploy web to staging")
        .shows(" PROD  Plan: deploy web")
        .shows("staging, reaches prod (protected)")
        .shows("type `prod web` to confirm:");
}

#[test]
fn a_paste_confirms_nothing() {
    let mut console = Console::new(World::with_plan(plan("prod", true)));
    console.command("deploy web to prod");
    console
        .send(Msg::Paste("web\n".to_owned()))
        .shows("a paste does not confirm");
    console.press("Enter");
    assert_eq!(console.submitted(), 0);
}

#[test]
fn a_blocked_plan_offers_no_start() {
    let block = Risk {
        level: RiskLevel::Block,
        code: "NOT_CONFIGURED".to_owned(),
        message: "no deploy action".to_owned(),
    };
    let blocked = Plan {
        risks: vec![block],
        ..plan("staging", false)
    };
    let mut console = Console::new(World::with_plan(blocked));
    console
        .command("deploy web to staging")
        .shows("✗ block")
        .shows("NOT_CONFIGURED")
        .hides("Start");
    console
        .press("y")
        .shows("cannot be started: NOT_CONFIGURED");
    console.press("Enter");
    assert_eq!(console.submitted(), 0);
}

#[test]
fn a_read_only_console_starts_nothing_and_says_so() {
    let facts = Facts {
        read_only: true,
        ..Facts::default()
    };
    let mut console = Console::with(World::default(), facts, true, (80, 24));
    console
        .shows("READ-ONLY")
        .command("deploy web to staging")
        .hides("Start")
        .shows("read-only: nothing can be started from this console")
        .press("y")
        .shows("read-only: nothing can be started");
    console.press("Enter");
    assert_eq!(console.submitted(), 0);
}

#[test]
fn a_read_only_console_starts_not_even_a_plan_that_changes_nothing() {
    let facts = Facts {
        read_only: true,
        ..Facts::default()
    };
    let mut console = Console::with(World::with_plan(check()), facts.clone(), true, (80, 24));
    console
        .command("check web in prod")
        .press("y Enter")
        .shows("read-only: nothing can be started");
    assert_eq!(console.submitted(), 0);
    let chained = Plan {
        then: vec![plan("staging", false)],
        ..check()
    };
    let mut console = Console::with(World::with_plan(chained), facts, true, (80, 24));
    console
        .command("check web in prod")
        .press("y")
        .shows("read-only: nothing can be started");
    assert_eq!(console.submitted(), 0);
}

#[test]
fn cancelling_other_peoples_runs_is_a_change() {
    let cancels = Plan {
        concurrency: Some(Concurrency {
            group: "carts".to_owned(),
            policy: Policy::CancelRunning,
        }),
        ..check()
    };
    let facts = Facts {
        read_only: true,
        ..Facts::default()
    };
    let mut console = Console::with(World::with_plan(cancels.clone()), facts, true, (80, 24));
    console
        .command("check web in prod")
        .press("y")
        .shows("read-only: nothing can be started");
    let mut console = Console::new(World::with_plan(cancels));
    console
        .command("check web in prod")
        .shows("▸ Cancel ◂")
        .press("Enter");
    assert_eq!(console.submitted(), 0);
}

// --- runs left over in the queue

fn waiting(run: i64, word: Option<&str>) -> LeftOver {
    LeftOver {
        run: RunId(run),
        title: Some(format!("restart {run}")),
        actor: Some("ana".to_owned()),
        // 15:55 of the same day.
        queued_at: Timestamp(NOW.0 - (NOW.0 % 86_400_000) + 955 * 60_000),
        process: Some("ops1:4242".to_owned()),
        free: false,
        word: word.map(str::to_owned),
    }
}

fn with_left_over(waiting: Vec<LeftOver>, read_only: bool) -> Console {
    let mut world = World::at_rest();
    world.overview.left_over = waiting;
    Console::with(
        world,
        Facts {
            read_only,
            ..Facts::default()
        },
        true,
        (80, 24),
    )
}

fn start(run: i64, typed: Option<&str>) -> Act {
    Act::Start {
        run: RunId(run),
        typed: typed.map(str::to_owned),
        reason: None,
    }
}

#[test]
fn runs_queued_by_a_dead_process_are_offered_and_started_only_on_purpose() {
    let mut console = with_left_over(vec![waiting(41, None), waiting(42, None)], false);
    console.shows("Q: 2 runs wait since 15:55, queued by a process that is gone: start, drop?");
    console
        .press("Q")
        .shows("#41 restart 41, requested by ana at 15:55 on ops1:4242")
        .shows("All 2");
    console.press("Enter").hides("All 2");
    console
        .press("Q j Enter Enter")
        .shows("Leave them as they are");
    assert_eq!(console.acts(), []);
    console
        .press("j Enter Tab Enter")
        .hides("All 2")
        .shows("2 runs were started");
    assert_eq!(console.acts(), [start(41, None), start(42, None)]);
    console
        .press("Q j j j Enter Tab Tab Enter")
        .shows("1 run was dropped");
    let (run, reason) = (RunId(42), None);
    assert_eq!(console.acts()[2..], [Act::Drop { run, reason }]);
}

#[test]
fn leftover_runs_of_a_protected_environment_require_its_word_too() {
    let mut console = with_left_over(
        vec![
            waiting(41, Some("prod web")),
            waiting(42, Some("prod mail")),
        ],
        false,
    );
    console
        .command("start run 41")
        .shows("type `prod web`:")
        .press("Tab Enter")
        .shows("not started: type `prod web` to confirm");
    console
        .press("Shift-Tab")
        .type_text("Prod web")
        .press("Tab Tab Enter")
        .shows("1 run was started");
    assert_eq!(console.acts(), [start(41, Some("Prod web"))]);
    console
        .press("Q j Enter Tab Enter")
        .shows("start each by itself")
        .hides("to start it, type");
    console
        .press("Esc")
        .command("start run 7")
        .shows("run #7 is none that waits in the queue");
}

#[test]
fn a_read_only_console_starts_and_drops_no_leftover_run() {
    let mut console = with_left_over(vec![waiting(41, None)], true);
    console
        .press("Q j Enter")
        .shows("read-only: this console starts and drops nothing");
    console
        .press("Esc")
        .command("start run 41")
        .press("Tab Enter")
        .shows("read-only: nothing was done");
    assert_eq!(console.acts(), []);
}

#[test]
fn a_missing_engine_is_shown_with_every_state() {
    let mut world = World::at_rest();
    world.overview.engine = EnginePlace::Nowhere;
    world.overview.problems = vec![EnginePlace::NONE.to_owned()];
    let mut console = Console::new(world);
    console
        .shows("NO ENGINE")
        .shows("! 1 (p)")
        .shows("no engine is running");
    console
        .press("Enter")
        .shows("no engine is running: nothing is probed");
}

#[test]
fn stale_green_becomes_unknown_without_a_read() {
    let mut world = World::at_rest();
    world.overview.stale_ms = 180_000;
    let mut console = Console::new(world);
    console.shows("● web").shows("3 of 4 seen");
    console.send_unanswered(Msg::Tick(NOW.plus_ms(200_000)));
    console.hides("● web").shows("? web").shows("0 of 4 seen");
}

#[test]
fn a_refusal_stays_on_the_card() {
    let mut console = Console::new(World {
        refusal: Some("run #7 holds web".to_owned()),
        ..World::default()
    });
    console
        .command("deploy web to staging")
        .press("y Enter")
        .shows("nothing was started: run #7 holds web");
    console.shows("Plan: deploy");
}

#[test]
fn changed_inputs_are_planned_again_before_anything_starts() {
    let mut console = Console::new(World::default());
    console
        .command("deploy web to staging")
        .press("Shift-Tab")
        .press("Backspace")
        .type_text("9");
    console
        .press("Tab")
        .press("y")
        .press("Enter")
        .shows("planned again");
    assert_eq!(console.submitted(), 0);
    let inputs = console.wanted.iter().rev().find_map(|e| match e {
        Effect::Plan { inputs, .. } => Some(inputs.clone()),
        _ => None,
    });
    assert_eq!(
        inputs,
        Some(vec![("version".to_owned(), "1.4.9".to_owned())])
    );
}

#[test]
fn a_value_that_is_refused_stays_on_the_card_to_be_corrected() {
    let mut console = Console::new(World::default());
    let message = "version: \"!\" is not a version".to_owned();
    let risks = vec![Risk {
        level: RiskLevel::Block,
        code: "INPUT_INVALID".to_owned(),
        message,
    }];
    console.world.again = Some(Plan {
        risks,
        inputs: BTreeMap::new(),
        ..plan("staging", false)
    });
    console
        .command("deploy web to staging")
        .press("Shift-Tab Ctrl-U")
        .type_text("!")
        .press("Enter");
    console
        .shows("version = !")
        .shows("cannot be started: INPUT_INVALID: version: \"!\" is not a version");
    console.hides("planned again").hides("Start");
    console.world.again = None;
    console
        .press("Ctrl-U")
        .type_text("1.4.3")
        .press("Enter")
        .shows("planned again with the new inputs");
    let inputs = console.wanted.iter().rev().find_map(|e| match e {
        Effect::Plan { inputs, .. } => Some(inputs.clone()),
        _ => None,
    });
    assert_eq!(
        inputs,
        Some(vec![("version".to_owned(), "1.4.3".to_owned())])
    );
}

#[test]
fn a_command_with_two_readings_lists_them_and_runs_none() {
    let mut console = Console::new(World::default());
    console
        .press(":")
        .type_text("deploy web staging prod")
        .press("Enter")
        .shows("nothing was started");
    console
        .shows("▸ deploy web to staging")
        .shows("  deploy web to staging then deploy web to prod");
    console
        .press("Down Down Enter")
        .shows(": deploy web to staging then deploy web to prod");
    console
        .press("Ctrl-U")
        .type_text("deploy web to prod")
        .hides("production");
}

#[test]
fn a_typo_suggests_and_starts_nothing() {
    let mut console = Console::new(World::default());
    console
        .press(":")
        .type_text("deplyo web to prod")
        .shows("not understood")
        .press("Enter");
    console.shows("nothing was started").press("Enter");
    assert_eq!(console.submitted(), 0);
    assert!(
        !console
            .wanted
            .iter()
            .any(|e| matches!(e, Effect::Plan { raw_text, .. } if raw_text.contains("deplyo")))
    );
    console.shows(": deploy web to prod").hides("Plan: deploy");
}

#[test]
fn a_question_is_asked_and_its_answer_only_fills_the_line() {
    let mut console = Console::new(World::default());
    console
        .command("deploy web")
        .shows("which environment?")
        .shows("▸ staging")
        .press("Down")
        .shows("▸ prod  protected");
    console
        .press("Enter")
        .shows("deploy web in prod")
        .hides("Plan: deploy");
    assert_eq!(console.submitted(), 0);
}

#[test]
fn a_typed_answer_to_a_question_is_a_word_of_its_own() {
    let mut console = Console::new(World::default());
    console
        .command("deploy web")
        .shows("which environment?")
        .type_text("staging")
        .shows(": deploy web staging");
    console
        .press("Ctrl-U")
        .type_text("deploy web")
        .shows(": deploy web");
    console
        .press("Enter")
        .type_text(" s")
        .shows(": deploy web s")
        .hides("web  s");
}

#[test]
fn a_paste_runs_nothing_anywhere() {
    let mut console = Console::new(World::default());
    console
        .send(Msg::Paste("deploy web to staging\n".to_owned()))
        .shows("a paste does nothing here");
    console
        .press(":")
        .send(Msg::Paste("deploy web\nto staging\n".to_owned()))
        .shows("deploy web to staging");
    console.hides("Plan: deploy");
    assert_eq!(console.submitted(), 0);
}

#[test]
fn a_burst_opens_the_line_it_begins_with_and_enter_in_it_submits_nothing() {
    let mut console = Console::new(World::default());
    let burst = |text: &str| Msg::Burst(text.to_owned());
    console
        .send(burst(":deploy web to staging\ny\n"))
        .shows(": deploy web to staging")
        .shows("press it again");
    console.hides("Plan: deploy").press("Esc").press("Esc");
    console
        .send(burst("deploy web to staging\ny\n"))
        .shows("ignored 24 characters")
        .hides(": deploy");
    console
        .press(":")
        .send(burst("deploy web to staging\n"))
        .shows(": deploy web to staging")
        .shows("press it again");
    console
        .press("Esc")
        .press("Esc")
        .send(burst("qqqyyynnnaaa"))
        .shows("ignored 12 characters");
    assert_eq!(console.submitted(), 0);
}

#[test]
fn the_message_of_a_view_closes_with_it() {
    let mut console = Console::new(World::default());
    console
        .press("r")
        .send(Msg::Paste("nothing\n".to_owned()))
        .shows("a paste does nothing here");
    console.press("q").hides("a paste does nothing here");
}

#[test]
fn the_runs_filter_searches_beyond_the_list_and_ends() {
    let mut world = World::default();
    world.overview.runs = (1..=3000)
        .rev()
        .map(|id| world::listed(id, RunStatus::Succeeded))
        .collect();
    world.overview.runs[2990].title = "restore the tape".to_owned();
    let mut console = Console::new(world);
    console
        .press("r /")
        .type_text("restore")
        .shows("#10 ")
        .shows("restore the tape")
        .shows("Runs 1 ");
    console.hides("looked at").hides("reading");
    console
        .press("Ctrl-U")
        .type_text("no such run")
        .shows("no run holds `no such run`")
        .hides("reading");
    console.press("Ctrl-U").shows("#3000");
    let page =
        |effect: &Effect| matches!(effect, Effect::Runs { filter, .. } if filter.holds.is_none());
    assert_eq!(
        console.wanted.iter().filter(|effect| page(effect)).count(),
        1,
        "the list itself was read once"
    );
}

#[test]
fn an_unavailable_intent_is_shown_before_enter() {
    let mut console = Console::new(World::default());
    console
        .press(":")
        .type_text("freeze prod")
        .shows("freeze is not available in this version")
        .hides("do freeze");
    console
        .press("Enter")
        .shows("nothing was started")
        .press("Ctrl-U");
    console
        .type_text("fre")
        .hides("freeze")
        .press("Ctrl-U")
        .type_text("alerts");
    console
        .shows("alerts is not available in this version")
        .hides("show alerts");
}

#[test]
fn half_an_arrow_key_does_nothing() {
    let mut console = Console::new(World::default());
    let before = console.text();
    console.press("Esc [ A").press("Esc O B");
    assert_eq!(console.text(), before);
    assert!(!console.quits());
}

// --- the command bar

#[test]
fn the_bar_says_what_will_happen_before_enter() {
    let mut console = Console::new(World::default());
    console.press(":").type_text("deploy web to staging");
    console
        .shows("plan deploy · web · staging")
        .shows("▲ PROD_CHANGE · 3 steps");
    assert_eq!(console.submitted(), 0);
}

#[test]
fn completion_and_history() {
    let mut console = Console::new(World::default());
    console
        .press(":")
        .type_text("dep")
        .press("Tab")
        .shows(": deploy");
    console
        .press("Ctrl-U")
        .type_text("deploy")
        .press("Up")
        .shows(": deploy web to staging");
    console
        .press("Up")
        .shows(": deploy api to staging")
        .press("Up")
        .shows(": deploy api to staging");
    console
        .press("Down Down")
        .shows(": deploy ")
        .hides("to staging");
}

#[test]
fn previews_are_requested_one_at_a_time_and_only_for_the_newest_line() {
    let mut console = Console::new(World::default());
    console.press(":").type_text("check web");
    let count = |effects: &[Effect]| {
        effects
            .iter()
            .filter(|e| matches!(e, Effect::Plan { .. }))
            .count()
    };
    let mut pending = console.send_unanswered(Msg::Paste(" prod".to_owned()));
    assert_eq!(count(&pending), 1);
    for _ in 0..20 {
        let more = console.send_unanswered(Msg::Paste(" ".to_owned()));
        assert_eq!(count(&more), 0, "one request at a time");
    }
    let answer = console.world.answer(&pending.remove(0)).expect("an answer");
    assert_eq!(
        count(&console.send_unanswered(answer)),
        1,
        "then one for the line as it is now"
    );
}

// --- breakers

#[test]
fn a_service_shows_its_open_breaker_and_the_bar_resets_it() {
    let mut world = World::default();
    let target = Some(Target {
        service: "web".to_owned(),
        env: Some("staging".to_owned()),
    });
    let way = BreakerKey {
        target,
        host: "deploy.acme.test".to_owned(),
    };
    let state = State::Open { since: NOW };
    world.overview.breakers = vec![Breaker {
        way,
        state,
        message: "HTTP 503 in 12 ms".to_owned(),
    }];
    let mut console = Console::new(world);
    console
        .press("j j Enter")
        .shows("breaker of web in staging (deploy.acme.test): open since");
    console.command("reset breaker of web in staging");
    let wanted = Act::ResetBreaker {
        target: "web".to_owned(),
        env: Some("staging".to_owned()),
        reason: None,
    };
    assert_eq!(console.acts(), [wanted]);
    console.shows("closed: the breaker of web");
}

// --- layers

#[test]
fn esc_closes_exactly_one_layer() {
    let mut console = Console::new(World::default());
    console
        .press("j j Enter")
        .shows("Service web")
        .press(":")
        .type_text("deploy web")
        .press("Enter")
        .shows("▸ staging");
    console.press("?").shows(": deploy web?");
    console.press("Backspace").press("Enter").shows("▸ staging");
    console
        .press("Esc")
        .hides("▸ staging")
        .shows(": deploy web");
    console
        .press("Esc")
        .hides(": deploy web")
        .shows("Service web");
    console
        .press("Esc")
        .hides("Service web")
        .shows("4 services");
    console.press("Esc").shows("4 services");
    assert!(!console.quits());
}

#[test]
fn esc_ladder_in_a_log() {
    let mut console = Console::new(World::default());
    console
        .press("3 f / c o l d Enter")
        .shows("/cold")
        .hides("4 services");
    console
        .press("?")
        .shows("Keys that work here")
        .press("Esc")
        .hides("Keys that work here")
        .shows("/cold");
    console
        .press("/")
        .press("Esc")
        .shows("/cold")
        .press("Esc")
        .hides("/cold")
        .hides("4 services");
    console.press("Esc").shows("4 services");
}

#[test]
fn q_leaves_views_and_asks_before_leaving_live_runs() {
    let mut console = Console::new(World::default());
    console
        .press("r")
        .shows("Runs 2")
        .press("q")
        .hides("Runs 2");
    assert!(!console.quits());
    console
        .press("q")
        .shows("1 run is under way")
        .shows("▸ Stay ◂")
        .press("Enter");
    assert!(!console.quits());
    console.press("q").press("Tab").press("Enter");
    assert!(console.quits());
    let mut idle = Console::new(World::at_rest());
    idle.press("q");
    assert!(idle.quits());
}

#[test]
fn ctrl_c_only_says_how_to_quit() {
    let mut console = Console::new(World::at_rest());
    console.press("Ctrl-C").shows("press q to quit");
    console
        .press(":")
        .type_text("check")
        .press("Ctrl-C")
        .hides(": check");
    assert!(!console.quits());
}

#[test]
fn a_run_without_number_is_searched_and_the_choice_is_shown() {
    for (text, services, env, failed) in [
        ("logs of web", &["web"][..], None, false),
        ("tail web in prod", &["web"], Some("prod"), false),
        ("last failed", &[], None, true),
        (
            "show the last failed run of web in staging",
            &["web"],
            Some("staging"),
            true,
        ),
        ("cancel the last run of search", &["search"], None, false),
        ("retry the last failed run in prod", &[], Some("prod"), true),
        ("approve last run of web", &["web"], None, false),
    ] {
        let mut console = Console::new(World::default());
        console.press(":").type_text(text);
        let requested =
            console.send_unanswered(Msg::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)));
        let reference = requested.iter().find_map(|effect| match effect {
            Effect::FindRun {
                reference: RunRef::Newest(newest),
                ..
            } => Some(newest.clone()),
            _ => None,
        });
        let services = services.iter().map(|name| (*name).to_owned()).collect();
        let wanted = Newest {
            failed,
            runbook: None,
            services,
            env: env.map(str::to_owned),
            since: None,
        };
        assert_eq!(reference, Some(wanted), "{text}: {requested:?}");
    }
    let mut console = Console::new(World::default());
    console
        .command("last failed")
        .shows("#40 check staging, failed")
        .shows("› run #40");
    console
        .command("cancel last failed run of search")
        .shows("there is no failed run of search")
        .shows("› run #40");
    let mut console = Console::new(World::default());
    console
        .command("logs of web since yesterday")
        .shows("› run #41");
}

#[test]
fn a_run_that_is_found_late_opens_over_no_other_view() {
    let enter = || Msg::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    let mut console = Console::new(World::default());
    console.press(":").type_text("last failed");
    let requested = console.send_unanswered(enter());
    console.press("?");
    console.settle(requested);
    console.press("Esc").hides("› run #40");
}

#[test]
fn a_request_about_one_run_is_never_asked_about_another() {
    let enter = || Msg::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    let mut console = Console::new(World::default());
    console.press(":").type_text("cancel run 40");
    let requested = console.send_unanswered(enter());
    console.command("show run 41").shows("› run #40 › run #41");
    console.settle(requested);
    assert!(console.app.popups.is_empty(), "{}", console.text());
    console.press("Esc").hides("› run #41");
    assert!(console.app.popups.is_empty(), "{}", console.text());
}

#[test]
fn the_audit_log_opens_as_a_list() {
    let mut console = Console::new(World::default());
    console
        .press(":")
        .type_text("what changed on web since yesterday");
    let requested =
        console.send_unanswered(Msg::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)));
    let filter = requested.iter().find_map(|effect| match effect {
        Effect::Audit { filter, .. } => Some(filter.clone()),
        _ => None,
    });
    let filter = filter.expect("an audit request");
    assert_eq!(
        (filter.service.as_deref(), filter.since),
        (Some("web"), Some(Timestamp(1_795_132_800_000)))
    );
    console.settle(requested);
    console.shows("deploy.cancel").shows("wrong branch");
}

#[test]
fn runs_since_a_day_are_requested_from_its_start() {
    let mut console = Console::new(World::default());
    console.press(":").type_text("runs since yesterday");
    let requested =
        console.send_unanswered(Msg::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)));
    let since = requested.iter().find_map(|effect| match effect {
        Effect::Runs { filter, .. } => Some(filter.since),
        _ => None,
    });
    assert_eq!(
        since,
        Some(Some(Timestamp(1_795_132_800_000))),
        "{requested:?}"
    );
}

#[test]
fn cancelling_a_run_asks_first() {
    let mut console = Console::new(World::default());
    console
        .press("3 Enter")
        .shows("Run #41 deploy web → staging")
        .press("x")
        .shows("Cancel run #41?")
        .press("Enter");
    assert_eq!(console.cancelled(), 0);
    console
        .press("x")
        .press("y")
        .press("Enter")
        .shows("run #41 was asked to stop");
    assert_eq!(console.cancelled(), 1);
}

#[test]
fn a_manual_step_is_answered_with_a_note() {
    let mut console = Console::new(World::default());
    console
        .press("3 Enter a")
        .shows("Is the change window open?")
        .press("Enter");
    assert_eq!(console.acts(), [], "Enter alone answers nothing");
    console
        .press("a Shift-Tab")
        .type_text("till ten")
        .press("Tab")
        .press("n Enter");
    let answer = Act::Answer {
        run: RunId(41),
        step: 1,
        done: false,
        note: Some("till ten".to_owned()),
    };
    assert_eq!(console.acts(), [answer]);
}

#[test]
fn a_step_that_requires_a_word_is_not_done_without_it() {
    let mut world = World::default();
    world.detail.run.plan.steps[1].rules.word = Some("guided".to_owned());
    let mut console = Console::new(world);
    console
        .press("3 Enter a y Enter")
        .shows("not confirmed: type `guided` as the note");
    assert_eq!(console.acts(), []);
    console.type_text("guided").press("Tab y Enter");
    let answer = Act::Answer {
        run: RunId(41),
        step: 1,
        done: true,
        note: Some("guided".to_owned()),
    };
    assert_eq!(console.acts(), [answer]);
}

fn count_requests(console: &Console, matches: impl Fn(&Effect) -> bool) -> usize {
    console.wanted.iter().filter(|e| matches(e)).count()
}

#[test]
fn the_orders_of_a_run_are_offered_and_enter_alone_does_nothing() {
    let mut console = Console::new(World::default());
    console
        .press("3 Enter c")
        .shows("Leave it as it is")
        .shows("Stop after this step")
        .shows("Kill now");
    console.press("Enter").hides("Kill now");
    console
        .press("c j")
        .shows("it waits. What it waits does not count")
        .press("Enter")
        .shows("▸ Back ◂");
    console.press("Enter").shows("Kill now").press("Esc");
    console.press("c j Enter");
    console.send(Msg::Paste("y\n".to_owned()));
    assert_eq!(console.acts(), []);
    console
        .press("y Enter")
        .shows("run #41: asked to pause before its next step");
    let pause = Act::Order {
        run: RunId(41),
        order: Order::Pause,
        reason: None,
    };
    assert_eq!(console.acts(), [pause]);
}

#[test]
fn skipping_a_step_requires_a_reason() {
    let mut console = Console::new(World::default());
    console
        .press("3 Enter c j j j")
        .shows("Skip step answers")
        .press("Enter y Enter")
        .shows("this needs a reason");
    assert_eq!(console.acts(), []);
    console.type_text("not today").press("Tab y Enter");
    let skip = Act::Order {
        run: RunId(41),
        order: Order::Skip(2),
        reason: Some("not today".to_owned()),
    };
    assert_eq!(console.acts(), [skip]);
}

#[test]
fn one_key_releases_a_step_and_only_in_a_stepped_run() {
    let mut console = Console::new(World::default());
    console
        .press("3 Enter s")
        .shows("only a run that is gone through step by step");
    console.world.detail.run.orders = Orders {
        pace: Pace::Stepping,
        by: Some("ben".to_owned()),
        ..Orders::default()
    };
    console
        .send(Msg::Notice(Notice::Steps(RunId(41))))
        .shows("step by step, requested by ben");
    console.press("s").shows("let the step in flight end first");
    console.world.detail.steps[1].status = StepStatus::Succeeded;
    console.world.detail.run.status = RunStatus::Waiting;
    console
        .send(Msg::Notice(Notice::Steps(RunId(41))))
        .press("s");
    let go = Act::Order {
        run: RunId(41),
        order: Order::LetGo(2),
        reason: None,
    };
    assert_eq!(console.acts(), [go]);
}

#[test]
fn a_queued_run_says_what_it_waits_for() {
    let mut world = World::default();
    world.detail.run.status = RunStatus::Queued;
    let target = Target {
        service: "web".to_owned(),
        env: Some("staging".to_owned()),
    };
    let blocked = Blocked {
        wanted: Lock::Target(target),
        holder: Some(RunId(39)),
        ahead: 0,
    };
    world.detail.queued = Some(Queued {
        run: RunId(41),
        lane: Lane::Interactive,
        ahead: 3,
        waits_for: vec![blocked],
        locked: Vec::new(),
        untaken: None,
    });
    let mut console = Console::new(world);
    console
        .press("3 Enter")
        .shows("waits for web in staging, held by run #39, next in line");
    console
        .world
        .detail
        .queued
        .as_mut()
        .unwrap()
        .waits_for
        .clear();
    console
        .send(Msg::Notice(Notice::Run(RunId(39), RunStatus::Succeeded)))
        .hides("held by run #39")
        .shows("3 before it in the interactive lane");
}

#[test]
fn the_run_list_shows_what_the_selected_run_waits_for_and_the_card_its_conflicts() {
    let mut world = World::default();
    let queued = &mut world.overview.runs[0];
    (queued.status, queued.priority) = (RunStatus::Queued, Priority::High);
    queued.orders = Orders {
        pace: Pace::Paused,
        by: Some("ben".to_owned()),
        ..Orders::default()
    };
    let blocked = Blocked {
        wanted: Lock::Group("notes".to_owned()),
        holder: Some(RunId(39)),
        ahead: 2,
    };
    world.detail.queued = Some(Queued {
        run: queued.id,
        lane: Lane::Routine,
        ahead: 5,
        waits_for: vec![blocked],
        locked: Vec::new(),
        untaken: None,
    });
    let concurrency = Concurrency {
        group: "notes".to_owned(),
        policy: Policy::CancelRunning,
    };
    world.card.plan.concurrency = Some(concurrency);
    world.card.queue = vec!["cancels run #39 (running), of group notes".to_owned()];
    let mut console = Console::new(world);
    console
        .press("r")
        .shows("[high]")
        .shows("paused by ben; waits for group notes, held by run #39, 2 before it");
    console.press("j").hides("waits for group notes");
    console.press("q").command("deploy web to staging");
    console.shows("notes: one run at a time, a new one cancels the others");
    console.shows("cancels run #39 (running), of group notes");
}

#[test]
fn the_wait_of_an_old_queued_run_is_read_again_with_the_newest_page() {
    let mut world = World::default();
    world.overview.runs = (1..=250)
        .rev()
        .map(|id| world::listed(id, RunStatus::Succeeded))
        .collect();
    world.overview.runs[240].status = RunStatus::Queued;
    let waits = |name: &str| {
        let blocked = Blocked {
            wanted: Lock::Group(name.to_owned()),
            holder: Some(RunId(39)),
            ahead: 2,
        };
        Some(Queued {
            run: RunId(10),
            lane: Lane::Routine,
            ahead: 5,
            waits_for: vec![blocked],
            locked: Vec::new(),
            untaken: None,
        })
    };
    world.detail.queued = waits("notes");
    let mut console = Console::new(world);
    console.press("r G G G").shows("Runs 250");
    for _ in 0..9 {
        console.press("k");
    }
    console.shows("#10 waits for group notes");
    console.world.detail.queued = waits("carts");
    let news = || Msg::Notice(Notice::Run(RunId(250), RunStatus::Succeeded));
    console
        .send(news())
        .shows("waits for group carts")
        .hides("notes")
        .shows("Runs 250");
    console.world.overview.runs[240].status = RunStatus::Running;
    console
        .send(news())
        .hides("waits for group")
        .shows("running");
}

/// Run 41, requested by ana, needs two approvals and has one.
fn awaiting_approval() -> World {
    let mut world = World::default();
    let detail = &mut world.detail;
    let ask = Approve {
        prompt: "Ship 1.4.2?".to_owned(),
        need: 2,
        ..Approve::default()
    };
    detail.run.plan.steps[1].spec = StepSpec::Approve(ask);
    detail.run.status = RunStatus::Waiting;
    let plan_hash = plan_hash(&detail.run.plan);
    let (actor, note) = ("ben".to_owned(), None);
    let vote = Vote {
        step: 1,
        actor,
        approved: true,
        note,
        plan_hash: plan_hash.clone(),
        at: NOW.plus_ms(-60_000),
    };
    let (requesters, votes) = (vec!["ana".to_owned()], vec![vote]);
    detail.approval = Some(Approval {
        step: 1,
        plan_hash,
        requesters,
        votes,
        until: NOW.plus_ms(7_200_000),
    });
    world
}

fn as_actor(actor: &str, world: World) -> Console {
    Console::with(
        world,
        Facts {
            actor: actor.to_owned(),
            ..Facts::default()
        },
        true,
        (80, 24),
    )
}

#[test]
fn an_approval_shows_its_state_and_takes_an_answer_with_its_plan() {
    let mut console = as_actor("cleo", awaiting_approval());
    console
        .press("3 Enter")
        .shows("waits for 1 of 2 approvals: ben approved 21:03; until 11-21 23:04Z");
    console
        .press("a")
        .shows("Ship 1.4.2?")
        .shows("deploy web → staging (ana asked for it")
        .press("Enter");
    assert_eq!(console.acts(), [], "Enter alone approves nothing");
    console
        .press("a n Enter")
        .shows("this needs a reason: say why");
    assert_eq!(console.acts(), []);
    console
        .press("Esc")
        .press("a y Enter")
        .shows("your approval counts; more are needed");
    let hash = plan_hash(&console.world.detail.run.plan);
    let vote = Act::Vote {
        run: RunId(41),
        approved: true,
        note: None,
        plan_hash: hash,
    };
    assert_eq!(console.acts(), [vote]);
}

#[test]
fn the_requester_cannot_approve_and_sees_why() {
    let mut console = as_actor("ana", awaiting_approval());
    console
        .press("3 Enter")
        .shows("until 11-21 23:04Z; you asked")
        .shows("for it, so you cannot");
    console
        .press("a")
        .shows("ana requested it, and requesters cannot approve their own run");
    assert!(console.app.popups.is_empty());
}

#[test]
fn home_does_not_ask_the_requester_for_approval() {
    for (actor, shown) in [
        ("ana", "waiting Enter opens it"),
        ("cleo", "waiting for you: Enter opens it"),
    ] {
        let mut world = awaiting_approval();
        world.overview.runs[0] = (&world.detail.run).into();
        let facts = Facts {
            actor: actor.to_owned(),
            ..Facts::default()
        };
        Console::with(world, facts, true, (140, 40))
            .press("3")
            .shows(shown);
    }
}

#[test]
fn the_command_line_leads_to_the_same_questions() {
    let mut console = as_actor("cleo", awaiting_approval());
    console
        .command("approve run 41")
        .shows("Run #41 wants approval")
        .press("Enter");
    console
        .command("pause run 41")
        .shows("The step in flight ends, then it waits")
        .shows("▸ Back ◂")
        .press("Esc");
    console
        .command("stop run 41 after this step")
        .shows("Stop after this step")
        .shows("▸ Back ◂")
        .press("Esc");
    console.world.detail.run.status = RunStatus::Failed;
    console.world.detail.approval = None;
    console.world.card.queue = vec!["cancels run #3 (running), of group carts".to_owned()];
    console
        .command("retry run 41")
        .shows("Do it again")
        .press("y Enter")
        .shows("the plan of run #41 again, as it was");
    console.shows("cancels run #3 (running), of group carts");
    console.press("y Enter");
    let retry = Act::Retry {
        run: RunId(41),
        again: Again::All,
        typed: None,
        reason: None,
    };
    assert_eq!(console.acts(), [retry]);
}

#[test]
fn a_failed_run_is_gone_on_with_through_its_card() {
    let mut world = World::at_rest();
    world.detail.run.status = RunStatus::Failed;
    world.detail.steps[1].status = StepStatus::Failed;
    let mut console = Console::with(world, Facts::default(), true, (140, 40));
    console
        .command("resume run 41")
        .shows("`continue failed run 41` goes on with it")
        .command("continue failed run 41")
        .shows("A new run goes on with run #41 at step go ahead?; not run again:")
        .shows("▸ Back ◂")
        .press("y Enter")
        .shows("Plan: ")
        .shows("goes on with run #41 at step go ahead?")
        .press("y Enter");
    let go_on = Act::Retry {
        run: RunId(41),
        again: Again::FromFailed,
        typed: None,
        reason: None,
    };
    assert_eq!(console.acts(), [go_on]);

    // Nothing succeeded: it can only be done again as a whole.
    let mut world = World::at_rest();
    world.detail.run.status = RunStatus::Failed;
    world.detail.steps[0].status = StepStatus::Failed;
    let mut console = Console::new(world);
    console
        .command("continue failed run 41")
        .shows("Do it again")
        .hides("Go on from the failed step");
    assert!(console.acts().is_empty());
}

#[test]
fn a_target_is_locked_and_the_locks_are_listed() {
    let mut world = World::default();
    let web = Lockable::Target(Target {
        service: "web".to_owned(),
        env: Some("staging".to_owned()),
    });
    let lock = Lockout {
        of: web.clone(),
        actor: "ben".to_owned(),
        reason: "migration".to_owned(),
        at: NOW,
        until: NOW.plus_ms(3_600_000),
    };
    world.detail.run.status = RunStatus::Queued;
    world.detail.queued = Some(Queued {
        run: RunId(41),
        lane: Lane::Interactive,
        ahead: 0,
        waits_for: Vec::new(),
        locked: vec![lock.clone()],
        untaken: None,
    });
    world.locks.push(lock);
    let mut console = Console::with(world, Facts::default(), true, (140, 40));
    console
        .command("lock web in staging for 2h because \"migration\"")
        .shows("web in staging")
        .command("unlock web in staging");
    let of = vec![web];
    let locked = Act::Lock {
        of: of.clone(),
        end: LockEnd::For(7_200_000),
        reason: Some("migration".to_owned()),
    };
    assert_eq!(console.acts(), [locked, Act::Unlock { of, reason: None }]);
    console
        .command("show run 41")
        .shows("waits for web in staging, locked by ben until");
    console
        .command("locks")
        .shows("Locks, 1")
        .shows("web in staging, locked by ben until");
}

fn lock_of_web(until: Timestamp) -> Lockout {
    Lockout {
        of: Lockable::Target(Target {
            service: "web".to_owned(),
            env: Some("staging".to_owned()),
        }),
        actor: "ben".to_owned(),
        reason: "migration".to_owned(),
        at: NOW,
        until,
    }
}

/// Such as one that another process set or ended: the overview is read again.
fn now_locked(console: &mut Console, locks: Vec<Lockout>) -> &mut Console {
    console.world.overview.locks = locks;
    console.send(Msg::Notice(Notice::Observations))
}

#[test]
fn a_card_is_refused_while_a_lock_holds_and_only_then() {
    let until = NOW.plus_ms(60_000);
    let mut console = Console::new(World::default());
    console
        .command("deploy web to staging")
        .shows("Start")
        .press("y");
    now_locked(&mut console, vec![lock_of_web(until)])
        .shows("cannot be started: LOCKED: web in staging, locked by ben until")
        .hides("Start")
        .press("y")
        .hides("Start");
    now_locked(&mut console, Vec::new())
        .shows("the lock has ended; look, then start")
        .hides("LOCKED");
    // It ends by its time, too, without a notice.
    now_locked(&mut console, vec![lock_of_web(until)]).hides("Start");
    console.world.overview.locks.clear();
    assert_eq!(console.app.wants_tick(), Some(Duration::from_secs(1)));
    console
        .send(Msg::Tick(NOW.plus_ms(59_999)))
        .hides("Start")
        .send_unanswered(Msg::Tick(until));
    console
        .shows("the lock has ended; look, then start")
        .press("Enter");
    assert_eq!(console.submitted(), 0, "Enter alone starts no change");
    console.command("deploy web to staging").press("y Enter");
    assert_eq!(console.submitted(), 1);
    let stored = console.wanted.iter().find_map(|effect| match effect {
        Effect::Submit { plan, .. } => Some(plan.blocks().count()),
        _ => None,
    });
    assert_eq!(stored, Some(0));
}

#[test]
fn a_run_is_not_done_again_under_a_lock() {
    let mut world = World::at_rest();
    world.detail.run.status = RunStatus::Failed;
    world.overview.locks = vec![lock_of_web(NOW.plus_ms(60_000))];
    let mut console = Console::new(world);
    console
        .command("retry run 41")
        .press("y Enter")
        .shows("cannot be started: LOCKED: web in staging, locked by ben until")
        .hides("Start");
    assert!(console.acts().is_empty());
    now_locked(&mut console, Vec::new())
        .shows("the lock has ended")
        .press("y Enter");
    assert_eq!(console.acts().len(), 1);
}

#[test]
fn a_run_gets_notes_and_links_and_shows_them() {
    let mut world = World::at_rest();
    world.detail.run.status = RunStatus::Failed;
    world.detail.notes.push(RunNote {
        seq: 9,
        actor: "ben".to_owned(),
        text: "the disk was full".to_owned(),
        at: NOW,
    });
    let mut console = Console::with(world, Facts::default(), true, (140, 40));
    console
        .command("note run 41 \"cleaned it\"")
        .shows("Add a note")
        .shows("note: cleaned it")
        .press("y Enter");
    console
        .command("link run 41 https://acme.test/7 \"pull request\"")
        .shows("notes 1")
        .shows("ben: the disk was full");
    let note = Act::Note {
        run: RunId(41),
        note: Some("cleaned it".to_owned()),
    };
    let link = Act::Link {
        run: RunId(41),
        url: "https://acme.test/7".to_owned(),
        title: Some("pull request".to_owned()),
    };
    assert_eq!(console.acts(), [note, link]);
}

#[test]
fn a_step_of_an_earlier_run_says_so() {
    let mut world = World::default();
    world.detail.steps[0].taken_from = Some(RunId(38));
    Console::with(world, Facts::default(), true, (140, 40))
        .command("show run 41")
        .shows("in run #38: HTTP");
}

#[test]
fn impossible_orders_to_an_ended_or_unknown_run_are_reported() {
    let mut console = Console::new(World::at_rest());
    console.world.detail.run.status = RunStatus::Failed;
    for command in [
        "pause run 41",
        "resume run 41",
        "stop run 41 after this step",
    ] {
        console
            .command(command)
            .shows("run #41 has ended (failed): nothing was done");
        assert!(console.app.popups.is_empty(), "{command}");
    }
    console
        .command("cancel run 999")
        .shows("there is no run #999; nothing was done");
    assert!(console.app.popups.is_empty());
    console
        .command("cancel run 41 then check web")
        .shows("`cancel run` takes no condition, and nothing can follow it");
    assert!(console.app.popups.is_empty());
}

#[test]
fn an_interrupted_run_is_resolved_with_a_reason() {
    let mut world = World::default();
    let detail = &mut world.detail;
    detail.run.status = RunStatus::Interrupted;
    let unknown = opsroom::core::run::step::shell::Shell::new(
        opsroom::core::stack::shell::ShellCommand::Script("deploy".to_owned()),
    );
    detail.run.plan.steps[1].spec = StepSpec::Shell(unknown);
    detail.steps[1].status = StepStatus::Unknown;
    let mut console = Console::new(world);
    console
        .command("resume run 41")
        .shows("It happened: go ahead?")
        .shows("Repeat go ahead?")
        .shows("Give up");
    console
        .press("j Enter y Enter")
        .shows("this needs a reason");
    console.type_text("seen in the log").press("Tab y Enter");
    let (decision, reason) = (Some(Decision::Done), Some("seen in the log".to_owned()));
    let done = Act::Resume {
        run: RunId(41),
        decision,
        reason,
    };
    assert_eq!(console.acts(), [done]);
}

#[test]
fn the_notes_of_a_runbook_are_shown_beside_the_step() {
    let mut world = World::default();
    world.detail.run.plan.steps[1].rules.notes = Some("Ask in #ops first.".to_owned());
    let mut console = Console::new(world);
    console
        .press("3 Enter")
        .shows("│ Ask in #ops first.")
        .press("a")
        .shows(" Ask in #ops first.");
}

#[test]
fn a_read_only_console_gives_no_orders() {
    let facts = Facts {
        actor: "cleo".to_owned(),
        read_only: true,
        ..Facts::default()
    };
    let mut console = Console::with(World::default(), facts, true, (80, 24));
    console
        .press("3 Enter c j Enter")
        .shows("read-only: nothing can be done to a run")
        .press("Esc");
    console.command("pause run 41").shows("read-only");
    assert_eq!(console.acts(), []);
}

// --- lists

#[test]
fn the_selection_stays_on_its_object() {
    let mut console = Console::new(World::default());
    console.press("j").shows("▸ ? billing");
    let mut stack = (*console.world.overview.stack).clone();
    stack.services.reverse();
    console.world.overview.stack = std::sync::Arc::new(stack);
    console
        .send(Msg::Notice(Notice::Stack))
        .shows("▸ ? billing");
    console
        .press("/")
        .type_text("web")
        .hides("? billing")
        .press("Esc")
        .shows("? billing");
}

#[test]
fn unknown_is_shown_and_never_counted_as_good() {
    let mut console = Console::new(World::default());
    console.shows("? crm").shows("never").shows("7 h");
    console.world.overview.score = None;
    console
        .send(Msg::Notice(Notice::Observations))
        .shows("– ? unknown")
        .shows("nothing has been observed yet");
}

/// A world without services, states and runs.
fn empty_world() -> World {
    let mut world = World::at_rest();
    world.overview.stack = std::sync::Arc::default();
    (
        world.overview.runs,
        world.overview.states,
        world.overview.score,
    ) = (Vec::new(), TargetStates::default(), None);
    world
}

#[test]
fn an_empty_console_says_what_it_is_and_what_to_type_at_every_size() {
    let mut console = Console::new(empty_world());
    for size in [(60, 15), (80, 24), (200, 50)] {
        console.send(Msg::Resize(size.0, size.1));
        for text in [
            "opsroom shows services",
            "Workspace acme has no services yet",
            "opsroom demo ",
            "opsroom init ",
            "opsroom apply FILE ",
            "opsroom log FILE ",
            "opsroom help ",
            "shown at once",
            "type a command",
        ] {
            console.shows(text);
        }
        console.hides("no run yet");
    }
    console
        .press("Tab f Enter j ? Esc")
        .press(":")
        .shows("Tab complete")
        .press("Esc");
    console.world.overview.workspace.clear();
    console
        .send(Msg::Notice(Notice::Observations))
        .shows("There is no workspace yet.");
}

#[test]
fn the_page_of_an_empty_console_gives_way_to_a_stack_and_to_runs() {
    let mut console = Console::new(empty_world());
    console.shows("Welcome");
    console.world.overview.runs = World::at_rest().overview.runs;
    console
        .send(Msg::Notice(Notice::Observations))
        .hides("Welcome")
        .shows("has no services.")
        .shows("opsroom apply FILE");
    console.world.overview = World::at_rest().overview;
    console
        .send(Msg::Notice(Notice::Observations))
        .hides("opsroom apply FILE")
        .shows("billing");
}

#[test]
fn an_unreadable_overview_is_reported() {
    let mut console = Console::new(World::default());
    console
        .send(Msg::Overview(Err("the store is locked".to_owned())))
        .shows("the store is locked")
        .shows("! 1 (p)");
    console
        .press("p")
        .shows("Problems 1")
        .shows("the overview could not be read: the store is locked");
}

// --- home

fn rows(console: &Console) -> Vec<String> {
    let text = console.text();
    let names = ["search", "billing", "web", "crm"];
    let row = |line: &str| {
        names
            .iter()
            .find(|name| line[..].contains(&format!(" {name} ")))
            .copied()
    };
    text.lines()
        .skip(2)
        .take(4)
        .filter_map(row)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_order_of_the_services_is_changed_by_a_key_and_kept() {
    let mut console = Console::new(World::default());
    assert_eq!(rows(&console), ["search", "billing", "web", "crm"]);
    console
        .press("o")
        .shows("w  worst first")
        .press("n")
        .shows("services: by name");
    assert_eq!(rows(&console), ["billing", "crm", "search", "web"]);
    console.press("o c").shows("services: last changed first");
    assert_eq!(rows(&console), ["web", "crm", "billing", "search"]);
    let kept: Vec<HomeView> = console
        .wanted
        .iter()
        .filter_map(|effect| match effect {
            Effect::KeepHomeView(view) => Some(*view),
            _ => None,
        })
        .collect();
    assert_eq!(
        kept.iter().map(|view| view.sort.order).collect::<Vec<_>>(),
        [RowOrder::Name, RowOrder::Changed]
    );
    let again = Console::new(World {
        home_view: kept[1],
        ..World::default()
    });
    assert_eq!(rows(&again), ["web", "crm", "billing", "search"]);
}

fn need(run: i64, reason: NeedReason, minutes: i64) -> RunNeed {
    RunNeed {
        reason,
        since: NOW.plus_ms(-minutes * 60_000),
        run: RunId(run),
        step: None,
        title: Some(format!("deploy {run}")),
    }
}

#[test]
fn one_key_opens_what_needs_the_person_and_a_failed_run_needs_to_be_looked_at_once() {
    let mut world = World::at_rest();
    world.overview.needs = vec![
        need(40, NeedReason::Failed, 5),
        need(41, NeedReason::Approval, 12),
        need(39, NeedReason::Failed, 7),
    ];
    let mut console = Console::new(world);
    console
        .shows("needs you  #41 deploy 41 waits for approval, 12 min")
        .shows("+2 more  A opens it");
    console.press("A").shows("› run #41");
    console
        .press("A")
        .shows("› run #39")
        .press("A")
        .shows("› run #41")
        .press("Esc Esc Esc");
    console.shows("+1 more");
    console
        .press("r Esc")
        .shows("waits for approval")
        .hides("more");
    console.world.overview.needs.remove(1);
    console
        .send(Msg::Notice(Notice::Observations))
        .hides("needs you");
    console.press("A").shows("nothing else needs you");
    console
        .world
        .overview
        .needs
        .push(need(42, NeedReason::Failed, -1));
    console.send(Msg::Tick(NOW.plus_ms(120_000)));
    console
        .send(Msg::Notice(Notice::Observations))
        .shows("#42 deploy 42 failed 1 min ago");
}

#[test]
fn the_score_opens_with_a_key_and_its_rows_open_their_service() {
    let mut console = Console::new(World::default());
    console
        .shows("62 ▲ warning ── search staging failing −25")
        .press("h")
        .shows("−13 billing worker in prod")
        .hides("4 services");
    console
        .press("j Enter")
        .shows("Service billing worker")
        .press("Esc");
    console.press("Esc").shows("4 services");
    console
        .press("Tab")
        .shows("40 of 40")
        .press("Tab")
        .hides("40 of 40")
        .shows("4 services");
}

#[test]
fn a_service_answers_since_when_why_who_and_what_changed_before() {
    let mut world = World::default();
    let mut stack = (*world.overview.stack).clone();
    stack.services[2].depends_on = vec!["crm".to_owned()];
    stack.services[0].depends_on = vec!["search".to_owned()];
    stack.contacts = vec![Contact {
        name: "Bea".to_owned(),
        phone: Some("+49 30 1234".to_owned()),
        email: None,
    }];
    world.overview.stack = std::sync::Arc::new(stack);
    let mut console = Console::with(world, Facts::default(), true, (100, 50));
    console
        .press("Enter")
        .shows("✗ failing  since 2026-11-21 20:51Z")
        .shows("HTTP 500 in 12 ms")
        .shows("Changed before 2026-11-21 20:51Z (search in staging)")
        .shows("nothing is recorded")
        .shows("Bea · +49 30 1234")
        .shows("? crm")
        .shows("needed by")
        .press("Enter")
        .shows("none of the newest runs worked on it");
    console
        .press("Esc j j Enter")
        .shows("Changed last")
        .shows("deploy.cancel run #41 by ana");
    console.press("Enter").shows("› log");
}

// --- the log

fn in_log(lines: i64) -> Console {
    in_log_of(lines, "3")
}

fn in_log_of(lines: i64, keys: &str) -> Console {
    let mut world = World {
        log: log(lines),
        ..World::default()
    };
    world.overview.runs[0].last_seq = lines;
    let mut console = Console::new(world);
    go(&mut console, keys);
    console
}

/// Writes one more line to the log.
fn write_line(console: &mut Console) {
    let seq = console.world.log.last().map_or(0, |e| e.seq) + 1;
    console.world.log.push(entry(seq));
    for message in console.world.written() {
        console.send(message);
    }
}

#[test]
fn a_log_follows_until_it_is_scrolled() {
    let mut console = in_log(99);
    console.shows("line 99").shows("following");
    write_line(&mut console);
    write_line(&mut console);
    console.shows("line 101");
    console.press("k").shows("paused");
    let before = console.text();
    write_line(&mut console);
    write_line(&mut console);
    console.shows("paused, 2 new").hides("line 103");
    let same = |t: &str| {
        t.lines()
            .skip(9)
            .take(12)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        same(&before),
        same(&console.text()),
        "what is being read does not move"
    );
    console.press("G").shows("line 103").shows("following");
}

#[test]
fn an_unfocused_log_reads_its_end_and_a_focused_one_all() {
    let read = |console: &Console| {
        console
            .world
            .reading
            .borrow()
            .values()
            .map(|(view, ..)| view.lines())
            .collect::<Vec<_>>()
    };
    let mut console = in_log_of(20_000, "");
    console.shows("compiled 20000").shows("following");
    assert_eq!(read(&console), [2000], "it has no focus");
    console
        .press("3")
        .shows("compiled 20000")
        .shows("following")
        .shows("20000 of 20000");
    assert_eq!(read(&console), [20_000]);
    console
        .press("g")
        .shows("compiled 5^G")
        .shows("    1 of 20000")
        .press("1 3 Enter");
    console
        .shows("Run #41")
        .shows("line 1\n")
        .shows("    1 of 20000");
    let mut short = in_log_of(2000, "");
    assert_eq!(read(&short), [2000]);
    short.press("3");
    assert_eq!(
        count_requests(&short, |e| matches!(e, Effect::OpenLog { .. })),
        1,
        "it was read whole"
    );
}

#[test]
fn a_pane_has_the_whole_grammar_and_is_the_same_log_on_the_whole_screen() {
    let mut console = in_log(60);
    console
        .press("g e")
        .shows("the build cache is gone")
        .shows("20 of 60")
        .shows("paused");
    console
        .press("e")
        .shows("no other error")
        .press("W")
        .shows("13 of 60");
    console.press("y");
    assert!(
        console
            .wanted
            .contains(&Effect::Copy("build cache cold, line 13".to_owned()))
    );
    console
        .press("l l")
        .shows("warn and worse")
        .shows("55 hidden")
        .hides("reachable")
        .press("l l")
        .shows("reachable");
    console
        .press("&")
        .type_text("line 2")
        .press("Enter")
        .shows("51 hidden")
        .hides("line 19");
    console
        .press("/")
        .type_text("(")
        .press("Enter")
        .shows("unclosed")
        .press("Esc");
    console
        .press("g /")
        .type_text("line 2[13]")
        .press("Enter")
        .shows("1 of 2")
        .press("n")
        .shows("2 of 2");
    console
        .press("m")
        .type_text("look")
        .press("Enter")
        .shows("Mline 23".trim_start_matches('M'));
    console
        .press("1")
        .shows("51 hidden")
        .shows("2 of 2")
        .press("3");
    let before = console.text();
    console
        .press("f")
        .shows("log of run #41")
        .shows("2 of 2 ·")
        .shows("51 hidden")
        .shows("1 of 1 filters")
        .shows("M21:");
    console
        .press("Enter")
        .shows("Record at line 23")
        .press("Esc q");
    assert_eq!(console.text(), before, "the pane is as it was");
    console
        .press("Enter")
        .shows("Run #41 deploy web")
        .shows("2 of 2")
        .press("Enter")
        .shows("Record at line 23");
    console
        .press("q")
        .hides("Record at")
        .press("v")
        .shows("only line 2")
        .press("x")
        .hides("51 hidden")
        .shows("60");
    assert_eq!(console.cancelled(), 0);
    console
        .press("x")
        .shows("Cancel run #41?")
        .press("Esc")
        .press("Esc")
        .hides("2 of 2")
        .press("Esc")
        .shows("4 services");
}

#[test]
fn a_step_leads_to_its_first_line() {
    let mut console = Console::new(World::default());
    console
        .press("3 Enter 1 Enter")
        .shows(" 1 of 40")
        .shows("paused");
    console
        .press("1 j j Enter")
        .shows("this step has written nothing yet")
        .shows(" 1 of 40");
}

#[test]
fn the_command_line_searches_the_log_at_home() {
    let mut console = Console::new(World::default());
    console
        .press("r")
        .command("filter line 13")
        .hides("Runs 2")
        .shows("/line 13: 1 of 1")
        .shows("13 of 40");
}

#[test]
fn a_search_from_the_command_line_goes_to_all_of_a_long_log() {
    let mut console = in_log_of(20_000, "");
    console
        .command("filter cache is gone")
        .shows("1 of 1")
        .shows("   20 of 20000")
        .shows("the build cache is gone");
}

#[test]
fn a_copy_that_arrives_after_its_log_was_closed_is_dropped() {
    let mut console = in_log(60);
    let requested = console.send_unanswered(Msg::Key(KeyEvent::new(
        KeyCode::Char('y'),
        KeyModifiers::NONE,
    )));
    console.press("r");
    console.settle(requested);
    console.press("q").shows("following");
    assert_eq!(
        count_requests(&console, |e| matches!(e, Effect::Copy(_))),
        0
    );
}

#[test]
fn a_reader_is_not_moved_to_another_run() {
    let mut console = in_log(60);
    console.press("k");
    let new = world::listed(50, RunStatus::Running);
    console.world.overview.runs.insert(0, new);
    console
        .send(Msg::Notice(Notice::Run(RunId(50), RunStatus::Running)))
        .shows("Run #41");
    console
        .press("G")
        .send(Msg::Notice(Notice::Observations))
        .shows("Run #50");
}

#[test]
fn a_runs_log_on_the_whole_screen_has_the_whole_grammar() {
    let mut console = in_log(60);
    console
        .press("f")
        .shows("following")
        .shows("60 of 60")
        .shows("log of run #41")
        .shows("api reachable, line 59");
    console.press("g e").shows("the build cache is gone");
    console
        .press("/")
        .type_text("line 2[13]")
        .press("Enter")
        .shows("1 of 2")
        .press("n")
        .shows("2 of 2");
    console
        .press("&")
        .type_text("line 2")
        .press("Enter")
        .shows("1 of 1 filters")
        .shows("hidden");
    console
        .hides("line 19")
        .press("m")
        .type_text("look")
        .press("Enter")
        .press("Enter")
        .shows("Record at line 23");
    console
        .shows("entry")
        .shows("23")
        .press("Esc")
        .hides("Record at")
        .press("y");
    assert!(
        console
            .wanted
            .iter()
            .any(|e| matches!(e, Effect::Copy(text) if text.contains("line 23")))
    );
    let before = console.text();
    console.press("q").shows("4 services").press("f");
    assert_eq!(console.text(), before, "reopening shows the same view");
    console
        .press("L")
        .hides("info  ")
        .press("L")
        .shows("info  ")
        .press("Esc")
        .hides("2 of 2")
        .press("Esc")
        .shows("4 services");
}

#[test]
fn a_run_being_written_is_followed_on_the_whole_screen_and_old_logs_are_closed() {
    let mut console = in_log(60);
    console.press("f").shows("60 of 60");
    write_line(&mut console);
    console.shows("61 of 61").shows("following").press("k");
    write_line(&mut console);
    console.shows("1 new").press(": Esc q");
    for run in 1..=6 {
        console.app.home.log = None;
        let mut new = world::listed(100 + run, RunStatus::Succeeded);
        new.last_seq = 60;
        console.world.overview.runs.insert(0, new);
        console
            .send(Msg::Notice(Notice::Observations))
            .press("3 f q");
    }
    assert_eq!(console.world.reading.borrow().len(), 5);
    let watched = console
        .world
        .reading
        .borrow()
        .values()
        .filter(|(view, ..)| view.is_watched())
        .count();
    assert_eq!(watched, 1, "only what is on screen");
    console.press("r");
    assert!(
        console
            .world
            .reading
            .borrow()
            .values()
            .all(|(view, ..)| !view.is_watched())
    );
}

#[test]
fn a_log_that_could_not_be_opened_is_requested_again() {
    let opens =
        |console: &Console| count_requests(console, |e| matches!(e, Effect::OpenLog { .. }));
    let mut console = in_log(60);
    let Some(Effect::OpenLog { ticket, .. }) = console
        .wanted
        .iter()
        .find(|e| matches!(e, Effect::OpenLog { .. }))
        .cloned()
    else {
        panic!("{:?}", console.wanted)
    };
    console
        .send(Msg::File(
            ticket,
            LogUpdate::Unopened("no room for it".to_owned()),
        ))
        .shows("no room for it")
        .press("k G");
    assert_eq!(opens(&console), 1, "not requested forever");
    assert!(
        console.wanted.contains(&Effect::CloseLog(ticket)),
        "its half-opened log is closed"
    );
    console.press("r q").shows("60 of 60");
    assert_eq!(opens(&console), 2);
    console
        .press("f")
        .shows("60 of 60")
        .press("q f")
        .shows("60 of 60");
    assert_eq!(opens(&console), 2, "one that was opened is kept");
}

// --- untrusted text

#[test]
fn no_escape_sequence_reaches_the_screen() {
    let mut world = World::default();
    let evil = "\x1b[31mred\u{202e}\u{9b}2J\x07\ttab\u{e0041}";
    evil.clone_into(&mut world.overview.workspace);
    world.overview.problems = vec![evil.to_owned()];
    evil.clone_into(&mut world.overview.runs[0].title);
    evil.clone_into(&mut world.detail.run.plan.steps[0].name);
    evil.clone_into(&mut world.detail.run.actor);
    evil.clone_into(&mut world.card.plan.title);
    evil.clone_into(&mut world.card.plan.restatement);
    let mut stack = (*world.overview.stack).clone();
    evil.clone_into(&mut stack.services[0].name);
    stack.services[0].notes = Some(evil.to_owned());
    world.overview.stack = std::sync::Arc::new(stack);
    let mut console = Console::new(world);
    let mut seen = vec![console.text()];
    for keys in [
        "Enter", "Esc", "3", "Enter", "3", "Enter", "Esc", "Esc", "p", "Esc", "r",
    ] {
        seen.push(console.press(keys).text());
    }
    console.press("Esc").command("deploy web to staging");
    seen.push(console.text());
    console.press("Esc").send(Msg::Trouble(evil.to_owned()));
    seen.push(console.text());
    for screen in seen {
        let bad = screen
            .chars()
            .find(|c| (c.is_control() && *c != '\n') || "\u{202e}\u{e0041}".contains(*c));
        assert_eq!(bad, None, "{screen}");
    }
}

// --- what the screen costs

#[test]
fn an_idle_console_requests_nothing_and_ticks_by_the_minute() {
    let mut console = Console::new(World::at_rest());
    assert_eq!(console.app.wants_tick(), None);
    console.shows("21:04Z");
    let before = console.text();
    assert_eq!(console.send_unanswered(Msg::Tick(NOW.plus_ms(20_000))), []);
    assert_eq!(console.text(), before, "nothing changes within a minute");
    let mut live = Console::new(World::default());
    assert_eq!(live.app.wants_tick(), Some(Duration::from_secs(1)));
    live.shows("21:04:11Z");
}

#[test]
fn ctrl_r_reads_the_runbooks_again() {
    let mut console = Console::new(World::at_rest());
    console
        .press("Ctrl-R")
        .shows("read again, with 12 runbooks");
    assert_eq!(count_requests(&console, |e| *e == Effect::Reload), 1);
}

#[test]
fn notices_are_coalesced_into_one_request() {
    let mut console = Console::new(World::default());
    let mut requested = console.send_unanswered(Msg::Notice(Notice::Observations));
    for _ in 0..100 {
        requested.extend(console.send_unanswered(Msg::Notice(Notice::Observations)));
    }
    assert_eq!(requested, [Effect::Overview]);
    let answer = console.world.answer(&Effect::Overview).expect("an answer");
    assert_eq!(
        console.send_unanswered(answer),
        [Effect::Overview],
        "what changed meanwhile is read once more"
    );
}

#[test]
fn a_lagging_console_reads_everything_again() {
    let mut console = Console::new(World::default());
    console.press("3 Enter");
    let requested = console.send_unanswered(Msg::Lagged);
    for effect in [
        Effect::Overview,
        Effect::Catalogue,
        Effect::Detail(RunId(41)),
    ] {
        assert!(
            requested.contains(&effect),
            "{effect:?} is not among {requested:?}"
        );
    }
}

// --- every screen

/// The keys that open each screen.
const SCREENS: [&str; 32] = [
    "",
    "f",
    "2 f",
    "h",
    "s s",
    "3 f",
    "3 f z",
    "3 /",
    "/ w e b",
    "Enter",
    "r",
    "r / 4",
    "3 Enter",
    "3 Enter 1 f",
    "3 Enter 3",
    "3 Enter 3 Enter",
    "3 Enter x",
    "3 Enter a",
    "3 Enter c",
    "3 Enter c j Enter",
    "?",
    "p",
    ": r o u t i n e s Enter Enter",
    ": r o u t i n e s Enter . v",
    ": r o u t i n e s Enter . v c Left",
    ": d e p l o y",
    ": d e p l y o Enter",
    ": d e p l o y Space w e b Space p r o d F2",
    ": d e p l o y Space w e b Space p r o d Enter",
    ": r o u t i n e s Enter n",
    ": r o u t i n e s Enter n h",
    ": r o u t i n e s Enter n h x Esc",
];

fn go(console: &mut Console, keys: &str) {
    for key in keys.split(' ').filter(|k| !k.is_empty()) {
        if key == "Space" {
            console.type_text(" ")
        } else {
            console.press(key)
        };
    }
}

/// Every height up to two pages, then some; widths in steps of 7 and those where the layout
/// changes. All of them with `OPSROOM_EVERY_SIZE` set (takes minutes).
fn sizes(
    widths: std::ops::RangeInclusive<u16>,
    heights: std::ops::RangeInclusive<u16>,
) -> Vec<(u16, u16)> {
    if std::env::var_os("OPSROOM_EVERY_SIZE").is_some() {
        return widths
            .flat_map(|w| heights.clone().map(move |h| (w, h)))
            .collect();
    }
    let widths = widths.filter(|w| {
        *w <= 12 || w % 7 == 0 || [59, 60, 61, 80, 119, 120, 159, 160, 200].contains(w)
    });
    let heights = heights.filter(|h| *h <= 26 || h % 4 == 2);
    let heights: Vec<u16> = heights.collect();
    widths
        .flat_map(|w| heights.iter().map(move |h| (w, *h)).collect::<Vec<_>>())
        .collect()
}

#[test]
fn every_screen_is_painted_at_every_size_it_works_at() {
    for keys in SCREENS {
        let mut console = Console::new(World::with_plan(plan("prod", true)));
        go(&mut console, keys);
        for size in sizes(60..=200, 15..=50) {
            console.app.size = size;
            console.paint();
        }
    }
}

#[test]
fn below_its_size_every_screen_says_what_it_needs() {
    for keys in SCREENS {
        let mut console = Console::new(World::with_plan(plan("prod", true)));
        go(&mut console, keys);
        let small = sizes(1..=59, 1..=50)
            .into_iter()
            .chain(sizes(60..=200, 1..=14));
        // The message does not depend on the screen below: only one is tried at all sizes.
        for (width, height) in small.step_by(if keys.is_empty() { 1 } else { 29 }) {
            console.app.size = (width, height);
            let screen = text(&console.paint());
            let message = format!("needs 60×15, has {width}×{height}");
            assert!(width < 24 || screen.contains(&message), "{screen}");
        }
    }
}

#[test]
fn keys_at_any_size_do_no_harm() {
    for keys in SCREENS {
        let mut console = Console::new(World::with_plan(plan("prod", true)));
        go(&mut console, keys);
        for (width, height) in [(60, 15), (40, 10), (200, 50), (1, 1), (80, 24), (120, 15)] {
            console
                .send(Msg::Resize(width, height))
                .press("j k PgDn PgUp");
            console.paint();
        }
        assert_eq!((console.submitted(), console.cancelled()), (0, 0), "{keys}");
    }
}

#[test]
fn a_screen_too_small_swallows_everything_but_quit() {
    let mut console = Console::with(World::default(), Facts::default(), true, (40, 10));
    console.shows("runs are under way").press("q");
    assert!(
        !console.quits(),
        "that asks first, and the question cannot be seen here"
    );
    let mut console = Console::with(World::at_rest(), Facts::default(), true, (40, 10));
    console
        .press(": x Enter 3 f")
        .send(Msg::Paste("x".to_owned()))
        .shows("needs 60×15, has 40×10");
    assert!(console.app.bar.is_none());
    console.press("q");
    assert!(console.quits());
}

#[test]
fn without_colour_no_cell_has_one() {
    for keys in SCREENS {
        let mut console = Console::with(World::default(), Facts::default(), false, (80, 24));
        go(&mut console, keys);
        for cell in console.paint().content {
            let plain = ratatui::style::Color::Reset;
            assert_eq!((cell.fg, cell.bg), (plain, plain), "{keys}: {cell:?}");
        }
    }
}

#[test]
fn snapshots() {
    for (name, keys, colour, size) in [
        ("home_80x24", "", true, (80, 24)),
        ("home_120x32", "3", true, (120, 32)),
        ("home_160x40", "2", true, (160, 40)),
        ("home_200x50", "j", true, (200, 50)),
        ("home_score_80x24", "h", true, (80, 24)),
        ("home_mono", "j", false, (80, 24)),
        (
            "card_80x24",
            ": d e p l o y Space w e b Space p r o d Enter",
            true,
            (80, 24),
        ),
        ("run_80x24", "3 Enter 1", true, (80, 24)),
        ("run_140x40", "3 Enter", true, (140, 40)),
        (
            "bar_80x24",
            ": d e p l o y Space w e b Space p r o d F2",
            true,
            (80, 24),
        ),
        ("help_80x24", "?", true, (80, 24)),
        ("find_80x24", ", s", true, (80, 24)),
        ("find_200x50", ", s", true, (200, 50)),
    ] {
        let facts = Facts {
            simulated: true,
            ..Facts::default()
        };
        let mut console = Console::with(World::with_plan(plan("prod", true)), facts, colour, size);
        go(&mut console, keys);
        insta::assert_snapshot!(name, with_styles(&console.paint()));
    }
}

#[test]
fn the_time_comes_from_ticks() {
    let mut console = Console::new(World::at_rest());
    console.send(Msg::Tick(Timestamp(0))).shows("00:00Z");
}

#[test]
fn the_screen_ages_by_itself_and_is_read_again_from_time_to_time() {
    let mut console = Console::new(World::at_rest());
    assert_eq!(console.send_unanswered(Msg::Tick(NOW)), []);
    console.hides("✗ critical");
    assert_eq!(console.send_unanswered(Msg::Tick(NOW.plus_ms(50_000))), []);
    assert_eq!(
        console.send_unanswered(Msg::Tick(NOW.plus_ms(16 * 60_000))),
        [Effect::Overview, Effect::Days]
    );
    console.shows("0 ✗ critical").shows("0 of 4 seen");
}

#[test]
fn a_runbook_is_opened_from_the_list_and_its_phrase_is_put_into_the_bar() {
    let mut console = Console::new(World::default());
    console
        .command("runbooks")
        .shows("› runbooks")
        .shows("deploy")
        .shows("#40")
        .press("Enter")
        .shows("› runbook deploy")
        .shows("Inputs")
        .shows("version: version");
    console.press("G").shows("phase = ");
    console.press("Enter").shows("run deploy");
    assert_eq!(console.submitted(), 0, "nothing is run by that");
    console.press("Esc Esc").shows("› runbooks");
    console
        .press("/")
        .type_text("backup")
        .press("Enter Enter")
        .shows("› runbook backup");
    console.command("show runbook scale").shows("replicas: int");
}

#[test]
fn looks_of_tired_people_open_what_they_ask_for() {
    for (text, shown) in [
        ("what depends on web", "web"),
        ("help deploy", "deploy web to staging"),
        ("man restart", "restart web in staging"),
        ("prod?", "prod: "),
        ("web?", "› web"),
        ("kubectl get pods", "services"),
        ("systemctl status web", "› web"),
        ("runs by me", "by "),
        ("compare run 40 and 41", "Runs #40 and #41"),
        ("who am i", "you are "),
    ] {
        let mut console = Console::new(World::default());
        console.command(text).shows(shown);
        assert_eq!(console.submitted(), 0, "{text}");
    }
}

#[test]
fn runs_of_a_person_and_of_a_kind_are_requested_as_such() {
    for (text, actor, runbook, status) in [
        ("runs by Bo", Some("Bo"), None, vec![]),
        (
            "who is deploying",
            None,
            Some("deploy"),
            vec![RunStatus::Running],
        ),
    ] {
        let mut console = Console::new(World::default());
        console.press(":").type_text(text);
        let requested =
            console.send_unanswered(Msg::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)));
        let filter = requested.iter().find_map(|effect| match effect {
            Effect::Runs { filter, .. } => Some(filter.clone()),
            _ => None,
        });
        let filter = filter.expect("a request for runs");
        assert_eq!(
            (
                filter.actor.as_deref(),
                filter.runbook.as_deref(),
                filter.status
            ),
            (actor, runbook, status),
            "{text}"
        );
    }
}

#[test]
fn the_count_of_a_list_is_kept() {
    let mut console = Console::new(World::default());
    console
        .command("last 1 runs")
        .shows("Runs 1 last 1")
        .hides("#40");
    console
        .send(Msg::Lagged)
        .shows("Runs 1 last 1")
        .hides("#40");
    console.command("runs").shows("#40");
    console.command("last 7 changes");
    let asked = console.wanted.iter().find_map(|effect| match effect {
        Effect::Audit { filter, .. } => Some(filter.limit),
        _ => None,
    });
    assert_eq!(asked, Some(7));
}

#[test]
fn a_shell_command_that_changes_something_runs_nothing() {
    for text in [
        "kubectl delete pod web",
        "systemctl restart web",
        "rm -rf /",
    ] {
        let mut console = Console::new(World::default());
        console
            .command(text)
            .shows("is a command of the shell")
            .press("Esc");
        assert_eq!(console.submitted(), 0, "{text}");
    }
}

#[test]
fn a_name_that_the_column_of_steps_shows_is_taken_out_of_the_text_and_nothing_is_called_cut() {
    let mut world = World::default();
    let step = world.detail.run.plan.steps[0].name.clone();
    world.log = vec![Entry {
        step: Some(0),
        body: EntryBody::Event {
            level: Level::Info,
            phase: None,
            source: "http".to_owned(),
            message: format!("{step}: HTTP 200 in 7 ms"),
            data: None,
        },
        ..entry(1)
    }];
    let mut console = Console::new(world);
    console.press("3 Enter").shows("HTTP 200 in 7 ms");
    console.hides(&format!("{step}: HTTP")).hides("KiB");
}
