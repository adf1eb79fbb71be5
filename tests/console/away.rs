//! For a person who is elsewhere: the title of the terminal, and notifications.

use opsroom::core::health::observation::TargetStates;
use opsroom::core::run::need::{NeedReason, RunNeed};
use opsroom::core::run::{RunId, RunStatus};
use opsroom::tui::facts::Facts;
use opsroom::tui::msg::{Effect, Msg};

use super::screen::Console;
use super::world::{NOW, World};

fn console() -> Console {
    let facts = Facts {
        actor: "ana".to_owned(),
        notifies: true,
        ..Facts::default()
    };
    Console::with(World::default(), facts, true, (80, 24))
}

/// Takes over what has changed in the world, so many milliseconds after the start.
fn changed(console: &mut Console, ms: i64) {
    console.world.overview.at = NOW.plus_ms(ms);
    let overview = console.world.overview.clone();
    console
        .send(Msg::Tick(NOW.plus_ms(ms)))
        .send(Msg::Overview(Ok(Box::new(overview))));
}

fn sent(console: &Console) -> Vec<String> {
    let notified = |effect: &Effect| match effect {
        Effect::Notify(text) => Some(text.clone()),
        _ => None,
    };
    console.wanted.iter().filter_map(notified).collect()
}

fn end(console: &mut Console, status: RunStatus) {
    console.world.overview.runs[0].status = status;
}

#[test]
fn the_title_counts_what_fails_and_runs() {
    let mut console = console();
    let title = |console: &Console| console.app.title().unwrap();
    assert_eq!(title(&console), "opsroom acme: 1 failing, 1 running");
    console.world.overview.needs = vec![need(41, NeedReason::Question)];
    changed(&mut console, 0);
    assert_eq!(
        title(&console),
        "opsroom acme: 1 failing, 1 for you, 1 running"
    );
    console.world.overview.needs.clear();
    console.world.overview.states = TargetStates::default();
    end(&mut console, RunStatus::Succeeded);
    changed(&mut console, 0);
    assert_eq!(title(&console), "opsroom acme");
}

#[test]
fn simulated_data_is_named_as_such_outside_of_the_screen_too() {
    let facts = Facts {
        notifies: true,
        simulated: true,
        ..Facts::default()
    };
    let mut console = Console::with(World::default(), facts, true, (80, 24));
    let title = console.app.title().unwrap_or_default();
    assert_eq!(title, "opsroom acme SIMULATED: 1 failing, 1 running");
    end(&mut console, RunStatus::Failed);
    changed(&mut console, 0);
    assert_eq!(
        sent(&console),
        ["SIMULATED run #41 failed deploy web → staging"]
    );
}

fn need(run: i64, reason: NeedReason) -> RunNeed {
    RunNeed {
        reason,
        since: NOW,
        run: RunId(run),
        step: None,
        title: Some("deploy web → staging".to_owned()),
    }
}

#[test]
fn a_person_elsewhere_is_notified_when_a_run_ends() {
    let mut console = console();
    assert_eq!(sent(&console), [""; 0], "nothing has happened");
    end(&mut console, RunStatus::Failed);
    changed(&mut console, 0);
    assert_eq!(sent(&console), ["run #41 failed deploy web → staging"]);
    changed(&mut console, 5000);
    assert_eq!(sent(&console).len(), 1, "once");
}

#[test]
fn a_person_elsewhere_is_notified_when_a_run_asks() {
    let mut console = console();
    console.send(Msg::Focus(false));
    console.world.overview.needs = vec![need(41, NeedReason::Approval)];
    changed(&mut console, 0);
    changed(&mut console, 5000);
    assert_eq!(
        sent(&console),
        ["run #41 deploy web → staging waits for approval, under 1 min"]
    );
}

#[test]
fn the_next_question_of_a_run_is_notified_of_too() {
    let mut console = console();
    console.send(Msg::Focus(false));
    let question = |step| RunNeed {
        step: Some(step),
        ..need(41, NeedReason::Question)
    };
    for (ms, step) in [(0, 1), (5000, 1), (10_000, 2)] {
        console.world.overview.needs = vec![question(step)];
        changed(&mut console, ms);
    }
    let asks = "run #41 deploy web → staging waits for an answer, under 1 min";
    assert_eq!(sent(&console), [asks, asks], "once for each step");
}

#[test]
fn nobody_is_notified_who_looks_or_does_not_want_it() {
    let mut console = console();
    console.send(Msg::Focus(true));
    end(&mut console, RunStatus::Failed);
    changed(&mut console, 0);
    console.send(Msg::Focus(false));
    changed(&mut console, 5000);
    assert_eq!(sent(&console), [""; 0]);

    let mut console = Console::new(World::default());
    end(&mut console, RunStatus::Failed);
    changed(&mut console, 0);
    assert_eq!(sent(&console), [""; 0], "off by default");

    let mut console = self::console();
    console.world.overview.runs[0].trigger = "pulse".to_owned();
    changed(&mut console, 0);
    end(&mut console, RunStatus::Succeeded);
    changed(&mut console, 5000);
    assert_eq!(sent(&console), [""; 0], "the pulse is no news");
}

#[test]
fn notifications_are_at_least_a_second_apart() {
    let mut console = console();
    end(&mut console, RunStatus::Failed);
    changed(&mut console, 0);
    for (reason, run) in [(NeedReason::Question, 43), (NeedReason::Approval, 44)] {
        console.world.overview.needs.push(need(run, reason));
        changed(&mut console, 100);
    }
    assert_eq!(sent(&console).len(), 1);
    assert!(
        console
            .app
            .wants_tick()
            .is_some_and(|tick| tick.as_secs() == 1)
    );
    console.send(Msg::Tick(NOW.plus_ms(1000)));
    assert_eq!(sent(&console).len(), 2, "all that came in between, in one");
    assert!(sent(&console)[1].ends_with("(+1 more)"));
}
