//! The mouse: off until it is turned on; wheel, click and double click.

use opsroom::core::run::RunStatus;
use opsroom::core::run::note::RunNote;
use opsroom::tui::facts::Facts;
use opsroom::tui::msg::{Effect, Mouse, MouseKind, Msg};

use super::screen::Console;
use super::world::{NOW, World, listed};

fn point(console: &mut Console, kind: MouseKind, column: u16, row: u16) {
    console.send(Msg::Mouse(Mouse { kind, column, row }));
}

/// The row of the screen that holds the text.
#[track_caller]
fn row_of(console: &Console, text: &str) -> u16 {
    let screen = console.text();
    let mut rows = (0..).zip(screen.lines());
    let row = rows.find(|(_, line)| line.contains(text));
    row.unwrap_or_else(|| panic!("`{text}` is not on screen:\n{screen}"))
        .0
}

fn click(console: &mut Console, text: &str) {
    let row = row_of(console, text);
    point(console, MouseKind::Press, 8, row);
}

fn switches(console: &Console) -> Vec<bool> {
    let switch = |effect: &Effect| match effect {
        Effect::Mouse(on) => Some(*on),
        _ => None,
    };
    console.wanted.iter().filter_map(switch).collect()
}

#[test]
fn a_key_turns_it_on_and_off() {
    let mut console = Console::new(World::default());
    assert_eq!(switches(&console), [false; 0], "off by default");
    click(&mut console, "crm");
    console.hides("▸ ? crm");
    console.press("F8").shows("mouse on");
    click(&mut console, "crm");
    console.shows("▸ ? crm").press("F8").shows("mouse off");
    assert_eq!(switches(&console), [true, false]);
    let facts = Facts {
        mouse: true,
        ..Facts::default()
    };
    let console = Console::with(World::default(), facts, true, (80, 24));
    assert_eq!(switches(&console), [true]);
}

#[test]
fn a_click_selects_and_a_double_click_opens() {
    let mut console = Console::new(World::default());
    console.press("F8");
    click(&mut console, "billing worker");
    console.shows("▸ ? billing").hides("Service");
    click(&mut console, "billing worker");
    console.shows(" Service billing worker ").press("Esc r");
    click(&mut console, "check staging");
    console.send(Msg::Tick(NOW.plus_ms(501)));
    click(&mut console, "check staging");
    console.hides("Steps");
    click(&mut console, "check staging");
    console.shows("Steps");
}

#[test]
fn steps_and_artifacts_take_clicks() {
    let mut console = Console::new(World::default());
    console.press("F8 3 Enter");
    click(&mut console, "answers");
    let row = row_of(&console, "answers");
    let selected = |console: &Console| console.paint()[(2, row)].modifier;
    assert!(!selected(&console).is_empty(), "the step is selected");
    let row = row_of(&console, "versions");
    for _ in 0..2 {
        point(&mut console, MouseKind::Press, 65, row);
    }
    console.shows("web 1.4.1");
}

#[test]
fn the_wheel_scrolls_the_pane_under_it() {
    let mut console = Console::new(World::default());
    console.press("F8").shows("following");
    let log = row_of(&console, "Run #41") + 3;
    point(&mut console, MouseKind::WheelUp, 20, log);
    console.shows("paused").hides("following");
    let stack = row_of(&console, "crm");
    point(&mut console, MouseKind::WheelDown, 20, stack);
    console.shows("▸ ? crm");
    point(&mut console, MouseKind::WheelUp, 20, stack);
    console.hides("▸ ? crm");
}

#[test]
fn a_click_starts_and_closes_nothing() {
    let mut console = Console::new(World::default());
    console.press("F8").command("deploy web to staging");
    let before = console.text();
    let (width, height) = console.app.size;
    for row in 0..height {
        for column in 0..width {
            point(&mut console, MouseKind::Press, column, row);
        }
    }
    assert_eq!(console.text(), before);
    assert_eq!(console.submitted(), 0);
    console.press("Esc :");
    point(&mut console, MouseKind::Press, 8, 3);
    point(&mut console, MouseKind::WheelDown, 8, 3);
    console.type_text("ch").shows(" : ch");
}

#[test]
fn no_click_anywhere_panics_at_any_size() {
    for size in [(60, 15), (80, 24), (120, 32), (200, 50)] {
        for keys in [
            "1",
            "h",
            "3",
            "r",
            "3 Enter",
            "3 Enter 3",
            "3 f",
            "Enter",
            "1 f",
        ] {
            let mut console = Console::with(World::default(), Facts::default(), true, size);
            console.press("F8").press(keys);
            for row in (0..=size.1).step_by(2) {
                for column in (0..size.0 + 20).step_by(19) {
                    for kind in [MouseKind::WheelUp, MouseKind::Press, MouseKind::WheelDown] {
                        point(&mut console, kind, column, row);
                    }
                }
            }
            console.paint();
        }
    }
}

#[test]
fn a_double_click_in_a_long_list_opens_the_row_that_was_clicked() {
    let mut world = World::default();
    world.overview.runs = (1..=60)
        .rev()
        .map(|id| listed(id, RunStatus::Succeeded))
        .collect();
    let mut console = Console::new(world);
    console.press("F8 r");
    let row = row_of(&console, "#45");
    for _ in 0..2 {
        point(&mut console, MouseKind::Press, 8, row);
    }
    console.shows("› run #45");
}

#[test]
fn two_clicks_at_different_places_of_a_row_are_no_double_click() {
    let mut console = Console::with(World::default(), Facts::default(), true, (160, 40));
    console.press("F8");
    let row = row_of(&console, "crm");
    point(&mut console, MouseKind::Press, 8, row);
    point(&mut console, MouseKind::Press, 100, row);
    console.hides("› crm").hides("› run");
}

#[test]
fn artifacts_below_notes_take_clicks() {
    let mut world = World::default();
    let mut second = world.detail.artifacts[0].clone();
    (second.number, second.title) = (2, "versions after".to_owned());
    world.detail.artifacts.push(second);
    world.detail.notes = vec![RunNote {
        seq: 7,
        actor: "bo".to_owned(),
        text: "seen".to_owned(),
        at: NOW,
    }];
    let mut console = Console::new(world);
    console.press("F8 r Enter");
    let row = row_of(&console, "manifest versions");
    for _ in 0..2 {
        point(&mut console, MouseKind::Press, 65, row);
    }
    let opened = |number: u32| {
        let is_it =
            |effect: &Effect| matches!(effect, Effect::Artifact { number: n, .. } if *n == number);
        console.wanted.iter().any(is_it)
    };
    assert!(opened(1) && !opened(2), "{}", console.text());
}
