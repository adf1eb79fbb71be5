//! Marks of runs that were not on screen while something happened in them.

use opsroom::bus::Notice;
use opsroom::core::run::{RunId, RunStatus};
use opsroom::tui::msg::Msg;

use super::screen::Console;
use super::world::{NOW, World};

fn overview(console: &mut Console) {
    let overview = Box::new(console.world.overview.clone());
    console.send(Msg::Overview(Ok(overview)));
}

#[test]
fn runs_that_were_not_on_screen_are_marked_until_they_are() {
    let mut console = Console::new(World::default());
    console.hides("◆");
    // Run 41 is on screen, run 40 is not.
    console
        .send(Msg::Notice(Notice::Entries(RunId(41), 45)))
        .hides("◆")
        .send(Msg::Notice(Notice::Entries(RunId(40), 12)))
        .shows("◆ 1 other run");
    console
        .press("r")
        .shows("◆ #40")
        .shows("12 new")
        .hides("◆ #41");
    console.press("Down Enter Esc").hides("◆").hides("12 new");
    console.press("Esc").hides("◆");
}

#[test]
fn a_change_of_status_is_news_and_the_first_overview_is_not() {
    let mut console = Console::new(World::default());
    console.world.overview.runs[1].status = RunStatus::Interrupted;
    overview(&mut console);
    console.shows("◆ 1 other run").press("r").shows("changed");
    let mut pulse = console.world.overview.runs[1].clone();
    (pulse.id, pulse.trigger) = (RunId(42), "pulse".to_owned());
    console.world.overview.runs.insert(0, pulse);
    overview(&mut console);
    console.press("Esc").shows("◆ 1 other run");
}

#[test]
fn a_running_step_without_output_is_marked_after_a_minute() {
    let mut console = Console::new(World::default());
    console.world.detail.steps[1].status = opsroom::core::run::StepStatus::Running;
    console.press("3 Enter");
    let after = |console: &mut Console, ms| {
        console.send(Msg::Tick(NOW.plus_ms(ms)));
    };
    after(&mut console, 59_000);
    console.hides("◇");
    after(&mut console, 61_000);
    console.shows("◇ silent 1 m");
    console
        .send(Msg::Notice(Notice::Entries(RunId(41), 50)))
        .hides("◇");
    after(&mut console, 121_000);
    console.shows("◇ silent 1 m");
}
