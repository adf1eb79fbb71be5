//! Home and what it leads to: what dismisses a need, where its key leads, what the header drops, and
//! when a service is read again.

use opsroom::bus::Notice;
use opsroom::core::run::need::{NeedReason, RunNeed};
use opsroom::core::run::{AuditRow, RunId, RunStatus};
use opsroom::core::stack::service::{Contact, Environment};
use opsroom::core::stack::state::State;
use opsroom::tui::facts::Facts;
use opsroom::tui::keys::{Action, Keymap};
use opsroom::tui::msg::{Effect, Msg};

use super::empty_world;
use super::screen::Console;
use super::world::{NOW, World};

fn need(run: i64, reason: NeedReason) -> RunNeed {
    RunNeed {
        reason,
        since: NOW.plus_ms(-60_000),
        run: RunId(run),
        step: None,
        title: Some(format!("deploy {run}")),
    }
}

fn with_needs(needs: Vec<RunNeed>) -> Console {
    let mut world = World::at_rest();
    world.overview.needs = needs;
    Console::new(world)
}

#[test]
fn a_filtered_list_of_runs_dismisses_no_failure() {
    let mut console = with_needs(vec![need(38, NeedReason::Failed)]);
    for filtered in ["list failed runs", "list runs of web", "list runs in prod"] {
        console
            .command(filtered)
            .shows("› runs")
            .press("Esc")
            .shows("needs you  #38");
    }
    console.press("r").shows("› runs").press("Esc");
    console.hides("needs you");
}

#[test]
fn the_key_goes_through_all_that_needs_the_person_and_begins_again() {
    let runs = [41, 40, 39];
    let needs = runs.map(|run| need(run, NeedReason::Approval));
    let mut console = with_needs(needs.to_vec());
    let key = Keymap::built_in().name(Action::NeedsYou);
    let mut opened = Vec::new();
    for _ in 0..2 * runs.len() {
        console.press(&key);
        let shown = runs
            .into_iter()
            .find(|run| console.text().contains(&format!("› run #{run}")));
        opened.push(shown.unwrap_or_default());
    }
    let (first, second) = opened.split_at(runs.len());
    assert_eq!(first, second);
    let mut sorted = first.to_vec();
    sorted.sort_unstable();
    assert_eq!(sorted, [39, 40, 41]);
    // Each took the place of the one before.
    console.press("Esc").hides("›").shows("4 services");
}

#[test]
fn q_leaves_the_score_that_fills_a_narrow_screen() {
    let mut console = Console::new(World::at_rest());
    console
        .press("h")
        .shows("−13 billing worker in prod")
        .hides("4 services");
    console.press("q").shows("4 services");
    assert!(!console.quits());
    console.press("q");
    assert!(console.quits());
}

#[test]
fn the_header_drops_its_last_fact_first() {
    let mut world = World::at_rest();
    world.overview.workspace = "acme-production-europe-west".to_owned();
    let mut stack = (*world.overview.stack).clone();
    stack.contacts = vec![Contact {
        name: "B".to_owned(),
        ..Contact::default()
    }];
    world.overview.stack = std::sync::Arc::new(stack);
    for (target, summary) in world.overview.states.iter_mut() {
        if target.env.as_deref() == Some("prod") {
            summary.latest.state = State::Failing;
            summary.latest.at = NOW;
        }
    }
    let mut console = Console::new(world);
    let mut seen = std::collections::BTreeSet::new();
    for width in 60..=140 {
        console.send(Msg::Resize(width, 24));
        let text = console.text();
        let header = text.lines().next().unwrap_or_default();
        let shown = ["✗ 2 failing", "failing, protected", "contact B"].map(|f| header.contains(f));
        assert!(shown[0] || !shown[2], "{width}: {header}");
        seen.insert(shown);
    }
    let [none, short, long, all] = [
        [false, false, false],
        [true, false, false],
        [true, true, false],
        [true, true, true],
    ];
    for state in [none, short, long, all] {
        assert!(seen.contains(&state), "{state:?} of {seen:?}");
    }
}

fn reads(console: &Console) -> usize {
    let audit = |effect: &&Effect| matches!(effect, Effect::Audit { .. });
    console.wanted.iter().filter(audit).count()
}

#[test]
fn a_service_is_read_again_after_a_run_and_after_another_stack() {
    let mut console = Console::new(World::at_rest());
    console.press("Enter").shows("Service search");
    assert_eq!(reads(&console), 1);
    for (notice, wanted) in [
        (Notice::Observations, 1),
        (Notice::Run(RunId(41), RunStatus::Succeeded), 2),
        (Notice::Stack, 3),
        (Notice::Steps(RunId(41)), 3),
    ] {
        console.send(Msg::Notice(notice));
        assert_eq!(reads(&console), wanted, "{notice:?}");
    }
}

#[test]
fn a_service_says_how_many_of_its_changes_are_shown() {
    let mut console = Console::with(World::at_rest(), Facts::default(), true, (100, 50));
    // It fails since 13 minutes.
    console.press("Enter").shows("Changed before");
    let ticket = console.wanted.iter().find_map(|effect| match effect {
        Effect::Audit { ticket, .. } => Some(*ticket),
        _ => None,
    });
    let Some(ticket) = ticket else {
        panic!("its changes were not requested")
    };
    let rows = |n: i64, minutes_ago: i64| -> Vec<AuditRow> {
        let row = |id| AuditRow {
            id,
            at: NOW.plus_ms(-minutes_ago * 60_000),
            actor: "ana".to_owned(),
            action: "stack.apply".to_owned(),
            object: "service search".to_owned(),
            before: None,
            after: None,
            reason: None,
        };
        (0..n).map(row).collect()
    };
    for (rows, says) in [
        (rows(0, 30), "nothing is recorded"),
        (rows(9, 30), "8 of 9 are shown"),
        (rows(100, 30), "8 of at least 100 are shown"),
        (
            [rows(97, 1), rows(3, 30)].concat(),
            "3 of at least 3 are shown",
        ),
        (
            rows(100, 1),
            "the newest 100 changes came later; older ones are not read",
        ),
    ] {
        console.send(Msg::Audit(ticket, Ok(rows))).shows(says);
    }
    console.send(Msg::Audit(ticket, Ok(rows(8, 30))));
    console.hides("are shown").hides("nothing is recorded");
}

#[test]
fn a_wide_name_of_an_environment_keeps_the_columns_in_line() {
    let mut world = World::at_rest();
    let mut stack = (*world.overview.stack).clone();
    let wide = Environment {
        name: "日本語".to_owned(),
        ..Environment::default()
    };
    stack.environments.insert(0, wide);
    world.overview.stack = std::sync::Arc::new(stack);
    let screen = Console::new(world).paint();
    let symbol = |x, y| screen[(x, y)].symbol().to_owned();
    let head = (0..74)
        .find(|x| (*x..x + 4).map(|x| symbol(x, 1)).collect::<String>() == "PROD")
        .unwrap_or_else(|| panic!("{screen:?}"));
    // Of `billing worker` and `web`.
    for y in [3, 4] {
        assert!("▲?●✗".contains(&symbol(head, y)), "{y}: {screen:?}");
    }
}

#[test]
fn the_page_of_an_empty_console_breaks_its_lines_between_words() {
    for workspace in ["acme", "acme-production-europe-west-and-north"] {
        for size in [(60, 15), (80, 24), (200, 50)] {
            let mut world = empty_world();
            world.overview.workspace = workspace.to_owned();
            let console = Console::with(world, Facts::default(), true, size);
            let text = console.text();
            let blank = |c: char| c.is_whitespace() || c == '┃';
            let words: Vec<&str> = text.split(blank).filter(|word| !word.is_empty()).collect();
            let sentences = format!(
                "opsroom shows services, their state, and acts on them. \
                 Workspace {workspace} has no services yet. In a shell: opsroom demo"
            );
            assert!(words.join(" ").contains(&sentences), "{text}");
            assert!(text.contains("opsroom help"), "{text}");
        }
    }
}
