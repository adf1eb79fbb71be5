//! Menus of keys, marks, orders, the search for things, and the way back and forth.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use opsroom::core::run::act::Act;
use opsroom::core::run::orders::{Ending, Order};
use opsroom::core::run::{RunId, RunStatus, StepStatus};
use opsroom::core::stack::service::{Action, ActionCall, HttpRequest, Verb};
use opsroom::logfile::source::LogUpdate;
use opsroom::tui::facts::Facts;
use opsroom::tui::msg::{Effect, Msg};
use std::sync::Arc;

use super::screen::Console;
use super::world::{World, listed, stack};

/// The scripted world, with a restart and a link for web and billing.
fn world() -> World {
    let mut stack = stack();
    for service in &mut stack.services {
        if !["web", "billing worker"].contains(&service.name.as_str()) {
            continue;
        }
        service.actions.push(Action {
            verb: Verb::Restart,
            environments: Vec::new(),
            call: ActionCall::Http(HttpRequest::default()),
            timeout_ms: 1000,
            idempotent: true,
            secrets: Vec::new(),
        });
        let link = (
            "dashboard".to_owned(),
            "https://grafana.example/d/1".to_owned(),
        );
        service.links.extend([link]);
    }
    let mut world = World::default();
    world.overview.stack = Arc::new(stack);
    world
}

/// The texts of the plans requested.
fn planned(console: &Console) -> Vec<&str> {
    let wanted = console.wanted.iter();
    wanted
        .filter_map(|effect| match effect {
            Effect::Plan { raw_text, .. } => Some(raw_text.as_str()),
            _ => None,
        })
        .collect()
}

/// Selects the row of a service at home.
fn select(console: &mut Console, service: &str) {
    console.press("/").type_text(service).press("Enter");
}

#[test]
fn a_verb_and_an_environment_lead_to_the_plan_card_and_start_nothing() {
    let mut console = Console::new(world());
    select(&mut console, "web");
    console.press(".").shows("r  restart").shows("c  check");
    console.press("r").shows("s  staging").shows("p  PROD");
    console.press("p").shows("▸ Cancel ◂");
    assert_eq!(planned(&console).last(), Some(&"restart web in prod"));
    console.press("Enter");
    assert_eq!(console.submitted(), 0);
}

#[test]
fn backspace_goes_up_and_esc_closes_a_menu() {
    let mut console = Console::new(world());
    select(&mut console, "web");
    console
        .press(". r Backspace")
        .shows("c  check")
        .shows("o  open");
    console.press("Esc").hides("o  open");
    console
        .press(". r Esc")
        .hides("p  PROD")
        .press(". Z")
        .shows("no entry has the key Z");
    assert_eq!(planned(&console), [""; 0]);
}

#[test]
fn arrows_and_enter_do_what_the_keys_do() {
    let mut console = Console::new(world());
    select(&mut console, "web");
    console.press(". Down Enter Down Enter");
    assert_eq!(planned(&console).last(), Some(&"restart web in prod"));
}

#[test]
fn what_one_of_the_marked_services_lacks_is_listed_with_the_reason() {
    let mut console = Console::new(world());
    console.press("*").shows("4 of 4 marked");
    console
        .press(".")
        .shows("4 services")
        .shows("2 of 4 have this");
    console.press("r").shows("2 of 4 have this");
    assert_eq!(planned(&console), [""; 0]);
}

#[test]
fn marked_services_are_acted_on_together() {
    let mut console = Console::new(world());
    console.press("o n g Space").shows("1 of 4 marked");
    select(&mut console, "web");
    console.press("Space Esc");
    console.shows("2 of 4 marked").press(". r");
    assert_eq!(
        planned(&console).last(),
        Some(&"restart billing worker and web in prod")
    );
    console.press("Esc").shows("2 of 4 marked");
    console.press("Esc").hides("marked");
}

#[test]
fn a_service_leads_to_its_log_runs_and_links() {
    for (keys, wanted) in [
        (". o", "Service web"),
        (". u", "Runs "),
        (". w", "https://grafana.example/d/1"),
        (". a", "Audit"),
    ] {
        let mut console = Console::new(world());
        select(&mut console, "web");
        console.press(keys).shows(wanted);
    }
    let mut console = Console::new(world());
    select(&mut console, "web");
    console.press(". w d");
    let copied = Effect::Copy("https://grafana.example/d/1".to_owned());
    assert!(console.wanted.contains(&copied));
}

#[test]
fn a_read_only_console_says_so_in_the_menu_and_on_the_card() {
    let facts = Facts {
        actor: "ana".to_owned(),
        read_only: true,
        ..Facts::default()
    };
    let mut console = Console::with(world(), facts, true, (80, 24));
    select(&mut console, "web");
    console.press(".").shows("restart").shows("read-only");
    console.press("r s").hides("Start");
    assert_eq!(console.submitted(), 0);
}

#[test]
fn marked_runs_are_cancelled_after_a_question_and_ended_ones_are_not() {
    let mut console = Console::new(World::default());
    console.press("r * .").shows("2 runs").shows("1 of 2");
    console
        .press("x")
        .shows("Cancel run #41?")
        .shows("▸ Let it run ◂")
        .press("Enter");
    assert_eq!(console.cancelled(), 0);
    console.press(". x y Enter");
    let wanted = Act::Order {
        run: RunId(41),
        order: Order::End(Ending::Cancel),
        reason: None,
    };
    assert_eq!(console.acts(), [wanted]);
    console.press(". t").shows("one at a time");
}

#[test]
fn a_run_offers_what_its_state_allows() {
    let mut console = Console::new(World::default());
    console
        .press("r .")
        .shows("p  pause")
        .shows("x  cancel")
        .hides("retry");
    console.press("Esc j .").shows("t  retry").hides("cancel");
    console.shows("g  go on from its failed step");
    console.press("o").shows("› run #40");
    let mut world = World::at_rest();
    world.overview.runs[0].status = RunStatus::Interrupted;
    let mut console = Console::new(world);
    console.press("r .").shows("g  resume").hides("retry");
    console.press("n").shows(" : note run 41");
}

#[test]
fn runs_are_sorted_and_the_title_says_how() {
    let mut world = World::default();
    let mut short = listed(39, RunStatus::Succeeded);
    short.title = "zebra".to_owned();
    world.overview.runs.push(short);
    let mut console = Console::new(world);
    console.press("r o").shows("n  newest first").shows("now");
    console.press("w").shows("by title");
    let first = |console: &Console| {
        let screen = console.text();
        ["#39", "#40", "#41"]
            .into_iter()
            .min_by_key(|id| screen.find(&format!("  {id}")).unwrap_or(usize::MAX))
    };
    assert_eq!(first(&console), Some("#40"));
    console.press("o w").shows("by title, reversed");
    assert_eq!(first(&console), Some("#39"));
}

#[test]
fn things_are_found_by_some_of_their_characters() {
    let mut console = Console::new(world());
    console.press(", s").shows("Find: services").shows("of 4");
    console
        .type_text("bllng")
        .shows("billing")
        .hides("search")
        .press("Enter")
        .shows("Service billing");
    console
        .press(", r")
        .type_text("40")
        .press("Enter")
        .shows("› run #40");
    console
        .press(", r")
        .type_text("999")
        .shows("Enter opens run #999");
    console.press("Esc , l").type_text("ngxerr");
    console
        .shows("/var/log/nginx/error.log")
        .shows("1200 bytes");
    console.press("Enter").press("q");
    let is_opened = |effect: &Effect| match effect {
        Effect::OpenFile { path, .. } => path.ends_with("nginx/error.log"),
        _ => false,
    };
    assert!(console.wanted.iter().any(is_opened));
    console.press(", c").type_text("rollb").press("Enter");
    console.shows(" : roll back").press("Esc");
    assert_eq!(planned(&console), [""; 0]);
}

#[test]
fn on_a_large_screen_the_search_is_as_tall_as_its_hits_and_its_top_stays() {
    let mut console = Console::with(world(), Facts::default(), true, (200, 50));
    let rows = |console: &Console| {
        let screen = console.text();
        let row = |text: &str| screen.lines().position(|line| line.contains(text));
        let (top, bottom) = (row("Find: commands"), row("┗━━"));
        (top.unwrap(), bottom.unwrap() - top.unwrap())
    };
    console.press(", c");
    let (top, all) = rows(&console);
    assert_eq!(all, 24 + 2, "no taller, whatever there is");
    console.type_text("rollback").shows("roll back");
    let (same, few) = rows(&console);
    assert_eq!(same, top);
    assert!(few < all, "{few}");
}

#[test]
fn an_earlier_line_is_found_and_not_run() {
    let mut console = Console::new(World::default());
    console
        .press(": Ctrl-R")
        .type_text("apistag")
        .press("Enter");
    console.shows(" : deploy api to staging");
    assert_eq!(console.submitted(), 0);
    console.hides("▸ Cancel ◂");
}

#[test]
fn what_follows_a_look_is_refused_not_dropped() {
    let mut console = Console::new(World::default());
    console
        .command("show web then restart web in staging")
        .shows("nothing can follow it")
        .hides("Service web");
    assert_eq!(console.submitted(), 0);
}

#[test]
fn views_are_left_and_returned_to() {
    let mut console = Console::new(World::default());
    console.press("r Enter").shows("› runs › run #41");
    console
        .press("<")
        .hides("› run #41")
        .press(">")
        .shows("› run #41");
    console
        .press("-")
        .hides("› run #41")
        .press("-")
        .shows("› run #41");
    console
        .press("Esc Esc")
        .hides("› runs")
        .press(">")
        .shows("› runs");
    console.press(">").shows("› run #41");
    console.press(">").shows("there is no view to return to");
    console.press("< < <").shows("this is the first view");
}

#[test]
fn a_view_that_was_left_shows_what_happened_in_between() {
    let mut console = Console::new(World::default());
    console.press("r <");
    let newer = listed(42, RunStatus::Queued);
    console.world.overview.runs.insert(0, newer);
    console.press(">").shows("#42");
}

#[test]
fn space_pages_in_a_text_and_marks_in_a_list() {
    let mut console = Console::new(world());
    select(&mut console, "web");
    console
        .press("Enter")
        .shows("Service web")
        .hides("Space mark");
    let before = console.text();
    console.press("Space");
    assert_ne!(console.text(), before, "a page further");
    console.press("q Space").shows("1 of 4 marked");
}

#[test]
fn a_failed_run_opens_at_its_first_failure() {
    let mut world = World::at_rest();
    world.detail.run.status = RunStatus::Failed;
    world.detail.steps[1].status = StepStatus::Failed;
    let mut console = Console::new(world);
    console.press("r Enter").shows("Steps: 1 failed of 3");
    let seeks = console.wanted.iter().any(|effect| {
        matches!(effect, Effect::File(_, request) if format!("{request:?}").contains("Step(1)"))
    });
    assert!(seeks, "the log goes to the failed step");
}

#[test]
fn a_burst_of_letters_in_a_menu_chooses_nothing() {
    let mut console = Console::new(world());
    select(&mut console, "web");
    console.press(".");
    console.send(Msg::Burst("rp".to_owned()));
    assert_eq!(planned(&console), [""; 0]);
    console.shows("c  check");
}

#[test]
fn a_log_file_is_opened_from_the_bar_and_one_that_is_missing_is_an_error() {
    let mut console = Console::new(World::default());
    console.press(":").type_text("tail -f /var/log/app.log");
    console.shows("→ show the file /var/log/app.log");
    console.press("Enter").shows("› app.log");
    let opened = console.wanted.iter().find_map(|effect| match effect {
        Effect::OpenFile { ticket, path } => Some((*ticket, path.display().to_string())),
        _ => None,
    });
    let (ticket, path) = opened.expect("the file is opened");
    assert_eq!(path, "/var/log/app.log");
    let why = "/var/log/app.log: No such file or directory (os error 2)";
    console
        .send(Msg::File(ticket, LogUpdate::Unopened(why.to_owned())))
        .shows("the log cannot be shown: /var/log/app.log: No such file")
        .hides("› app.log");
}

#[test]
fn a_runbook_is_typed_opened_and_leads_to_its_runs() {
    let mut console = Console::new(world());
    console.command("runbooks").press(".");
    console.shows("r  run").shows("u  runs").press("r");
    console.shows(" : run ");
    assert_eq!(console.submitted(), 0);
    console.press("Esc . u").shows("Runs ");
    let by_runbook = |effect: &Effect| match effect {
        Effect::Runs { filter, .. } => filter.runbook.is_some(),
        _ => false,
    };
    assert!(console.wanted.iter().any(by_runbook));
}

#[test]
fn another_order_reads_no_further_pages() {
    let mut world = World::default();
    world.overview.runs = (1..=900)
        .rev()
        .map(|id| listed(id, RunStatus::Succeeded))
        .collect();
    let mut console = Console::new(world);
    let pages = |console: &Console| {
        let is_page = |effect: &&Effect| matches!(effect, Effect::Runs { .. });
        console.wanted.iter().filter(is_page).count()
    };
    console.press("r");
    let before = pages(&console);
    console.press("o n").shows("newest first, reversed");
    assert_eq!(
        pages(&console),
        before,
        "the selection is on the newest run"
    );
}

#[test]
fn a_typed_number_is_that_of_a_run() {
    let mut world = World::default();
    world.overview.runs = [412, 41, 40]
        .map(|id| listed(id, RunStatus::Succeeded))
        .to_vec();
    // Another title holds the number too.
    world.overview.runs[0].title = "41".to_owned();
    let mut console = Console::new(world);
    console
        .press(", r")
        .type_text("41")
        .press("Enter")
        .shows("› run #41");
    console
        .press("Esc , r")
        .type_text("12")
        .shows("Enter opens run #12");
}

#[test]
fn a_failed_run_opens_at_its_failure_also_while_another_pane_has_focus() {
    let mut world = World::at_rest();
    world.detail.run.status = RunStatus::Failed;
    world.detail.steps[1].status = StepStatus::Failed;
    let detail = world.detail.clone();
    let mut console = Console::new(world);
    let key = |c| Msg::Key(KeyEvent::new(c, KeyModifiers::NONE));
    console.press("r");
    console.send_unanswered(key(KeyCode::Enter));
    console.send_unanswered(key(KeyCode::Tab));
    console.send(Msg::Detail(RunId(41), Ok(Box::new(detail))));
    let sought = |effect: &Effect| match effect {
        Effect::File(_, request) => format!("{request:?}").contains("Step(1)"),
        _ => false,
    };
    assert!(console.wanted.iter().any(sought));
}

#[test]
fn a_view_that_is_left_while_it_reads_takes_its_answer() {
    let mut console = Console::new(World::default());
    let key = |c| Msg::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
    let asked = console.send_unanswered(key('r'));
    console.send_unanswered(key('<'));
    console.settle(asked);
    console.press(">").shows("#41").hides("reading");
}
