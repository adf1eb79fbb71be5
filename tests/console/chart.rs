//! The chart of a routine: what it shows, and the keys that move, zoom and compare.

#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use opsroom::control::routine::Numbers;
use opsroom::control::routine::StateChange;
use opsroom::control::routine::series::{ChartAsk, RoutineChart, RoutineSeries, ServiceChange};
use opsroom::core::base::time::Timestamp;
use opsroom::core::metric::HOUR_MS;
use opsroom::core::metric::rollup::Rollup;
use opsroom::core::metric::sample::{ProbeOutcome, Sample};
use opsroom::core::metric::series::{Series, Step};
use opsroom::core::stack::state::State;
use opsroom::tui::facts::Facts;
use opsroom::tui::msg::{Effect, Mouse, MouseKind, Msg};
use opsroom::tui::terminal::ascii::make_plain;

use crate::screen::{Console, text, with_styles};
use crate::world::{NOW, World};

/// A check every minute: slow at noon of UTC, failing for half an hour before 15:00, and none at
/// night until 03:00. What is older than three days is not known.
fn sample(slot: i64) -> Option<Sample> {
    let minute = slot.rem_euclid(24 * HOUR_MS) / 60_000;
    if !(NOW.0 - 72 * HOUR_MS..=NOW.0).contains(&slot) || minute < 180 {
        return None;
    }
    let ms = u32::try_from(20 + (720 - (minute - 720).abs()) / 12).expect("below 100");
    let outcome = match minute {
        870..900 => ProbeOutcome::Failing,
        900..930 => ProbeOutcome::Degraded,
        _ => ProbeOutcome::Ok,
    };
    let spike = if minute % 25 == 0 { 60 } else { 0 };
    Some(Sample {
        slot,
        outcome,
        latency_us: (outcome != ProbeOutcome::Failing).then_some((ms + spike) * 1000),
        ..Sample::default()
    })
}

fn series(name: &str, from: Timestamp, until: Timestamp, step: Step) -> RoutineSeries {
    let first = step.begin(from.0);
    let slots = (first..step.end(until.0)).step_by(60_000);
    let windows: Vec<(i64, Rollup)> = slots
        .filter_map(sample)
        .map(|sample| {
            let mut one = Rollup::default();
            one.add(&sample);
            (step.level().begin(sample.slot), one)
        })
        .collect();
    let windows = windows.iter().map(|(at, one)| (*at, one));
    let series = Series::of((from.0, until.0), step, windows);
    let whole = series.whole();
    let within = |at: &Timestamp| (from..until).contains(at);
    let deploy = ServiceChange {
        at: NOW.plus_ms(-7 * HOUR_MS),
        what: "deploy".to_owned(),
        run: Some(41),
        env: Some("prod".to_owned()),
        actor: "ana".to_owned(),
    };
    let failed = StateChange {
        at: NOW.plus_ms(-7 * HOUR_MS + 30 * 60_000),
        from: State::Ok,
        to: State::Failing,
        message: "HTTP 500 in 196 ms".to_owned(),
        muted_by: None,
    };
    RoutineSeries {
        name: name.to_owned(),
        from,
        until,
        timezone: "Europe/Berlin".to_owned(),
        numbers: Numbers {
            samples: whole.totals.answered(),
            uptime_pct: whole.totals.uptime_pct(),
            failing_ms: if whole.totals.failing > 0 {
                HOUR_MS / 2
            } else {
                0
            },
            ..Numbers::default()
        },
        coarser: false,
        states: Some(failed).filter(|c| within(&c.at)).into_iter().collect(),
        changes: Some(deploy).filter(|c| within(&c.at)).into_iter().collect(),
        series,
    }
}

/// The chart that a store with these samples would give.
pub fn answer(ask: ChartAsk) -> Result<RoutineChart, String> {
    if ask.name == "thirtieth of february" {
        return Err("there is no routine `thirtieth of february`".to_owned());
    }
    let until = ask.until.unwrap_or(NOW);
    let from = until.plus_ms(-ask.length_ms);
    let step = Step::for_window(from.0, until.0, ask.columns);
    let shown = series(&ask.name, from, until, step);
    let before = ask.compare.then(|| {
        let (from, until) = shown.before();
        series(&ask.name, from, until, step)
    });
    Ok(RoutineChart { ask, shown, before })
}

/// The chart of a routine, opened from the list.
fn open_in(size: (u16, u16), colour: bool) -> Console {
    let mut console = Console::with(World::default(), Facts::default(), colour, size);
    console.command("routines").press("G k k Enter v");
    console
}

fn open() -> Console {
    open_in((80, 24), true)
}

/// The charts that were asked for.
fn asked(console: &Console) -> Vec<ChartAsk> {
    let ask = |effect: &Effect| match effect {
        Effect::Chart { ask, .. } => Some(ask.clone()),
        _ => None,
    };
    console.wanted.iter().filter_map(ask).collect()
}

fn last(console: &Console) -> ChartAsk {
    asked(console).pop().expect("a chart was asked for")
}

#[test]
fn it_opens_from_a_routine_and_from_its_menu() {
    let mut console = open();
    console
        .shows("web ping  last 24 h")
        .shows("% up")
        .shows("down 30 min 0 s")
        .shows("30 min each");
    assert_eq!(
        last(&console),
        ChartAsk {
            name: "web ping".to_owned(),
            length_ms: 24 * HOUR_MS,
            until: None,
            columns: 65,
            compare: false
        }
    );
    console.press("Esc").shows("Last 24 hours");
    console
        .press("Esc")
        .press(". v")
        .shows("web ping  last 24 h");
    console.press("Esc").press("g j j j j Enter v");
    console.shows("there is no routine `thirtieth");
}

#[test]
fn the_cursor_shows_the_values_of_its_column() {
    let mut console = open();
    // In Berlin, an hour ahead of UTC.
    console
        .shows("21 Nov 22:00–22:30  5 checks")
        .shows("nothing changed");
    console.press("Left").shows("21 Nov 21:30–22:00  30 checks");
    console.press("Right Right").shows("21 Nov 22:00–22:30");
    console
        .press("Home")
        .shows("20 Nov 22:00–22:30")
        .press("Left");
    console.shows("20 Nov 22:00–22:30  30 checks");
    console.press("End");
    for _ in 0..13 {
        console.press("Left");
    }
    console
        .shows("21 Nov 15:30–16:00  30 checks, 30 failing")
        .shows("no latency");
    console.press("Left Left");
    console
        .shows("21 Nov 14:30–15:00  30 checks")
        .shows("p50 ")
        .shows("  from ");
    console
        .press("Right")
        .shows("15:04 ◆ deploy #41 by ana")
        .press("Enter");
    console.shows("Run #41");
}

#[test]
fn without_a_run_at_the_cursor_enter_says_so_and_y_copies_the_values() {
    let mut console = open();
    console.press("Enter").shows("no run changed the service");
    console.press("y");
    let copied = console.wanted.iter().find_map(|effect| match effect {
        Effect::Copy(text) => Some(text.clone()),
        _ => None,
    });
    let copied = copied.expect("something was copied");
    assert!(
        copied.starts_with("21 Nov 22:00–22:30  5 checks\np50 "),
        "{copied}"
    );
}

#[test]
fn it_is_zoomed_about_the_cursor() {
    let mut console = open();
    console.press("-").shows("last 7 d").shows("3 h each");
    console.press("- -").shows("last 90 d").shows("2 d each");
    console.press("-").shows("90 d is the longest");
    console
        .press("+ + + +")
        .shows("last 6 h")
        .shows("10 min each");
    console.press("=").shows("last 1 h").shows("1 min each");
    console.press("+").shows("1 h is the shortest");
    assert_eq!(last(&console).until, None);

    let mut console = open();
    console.press("Home");
    let at = console.text();
    assert!(at.contains("20 Nov 22:00–22:30"), "{at}");
    console.press("+").shows("6 h until 21 Nov 01:00");
    console.shows("20 Nov 22:00–22:10");
    console
        .press("n")
        .shows("last 6 h")
        .shows("21 Nov 22:00–22:10");
}

#[test]
fn it_is_moved_by_half_of_its_length_and_not_into_the_future() {
    let mut console = open();
    console.press("Shift-Right").shows("it ends now already");
    console
        .press("Shift-Left")
        .shows("24 h until 21 Nov 10:04")
        .shows("21 Nov 10:00–10:30");
    console.press("PgUp").shows("24 h until 20 Nov 22:04");
    console.press("PgDn PgDn").shows("last 24 h");
    console
        .press("- - -")
        .press("Shift-Left")
        .shows("90 d until");
    let until = last(&console).until;
    assert_eq!(until, Some(NOW.plus_ms(-45 * 24 * HOUR_MS)));
    console.shows("no check ").hides("p95");
}

#[test]
fn it_is_compared_with_the_window_before() {
    let mut console = open();
    console.hides("before");
    console
        .press("c")
        .shows("p95 ")
        .shows(" ms, before ")
        .shows("% up, before ")
        .shows(": the same");
    assert!(last(&console).compare);
    console.press("PgUp PgUp PgUp PgUp").shows(", none before");
    console.press("c").hides("before");
    assert!(!last(&console).compare);
}

#[test]
fn it_goes_on_by_itself_only_while_it_ends_now() {
    let mut console = open();
    let reads = |console: &mut Console, ms: i64| {
        let effects = console.send_unanswered(Msg::Tick(NOW.plus_ms(ms)));
        let reads = |effect: &&Effect| matches!(effect, Effect::Chart { .. });
        effects.iter().filter(reads).count()
    };
    assert_eq!(reads(&mut console, 6000), 1);
    console.press("Shift-Left");
    assert_eq!(
        reads(&mut console, 60_000),
        0,
        "what is over does not change"
    );
}

#[test]
fn an_answer_to_an_earlier_question_is_not_shown() {
    let mut console = open();
    let minus = Msg::Key(crossterm::event::KeyEvent::new(
        crossterm::event::KeyCode::Char('-'),
        crossterm::event::KeyModifiers::NONE,
    ));
    let late = console.send_unanswered(minus.clone());
    console.shows("7 d  reading …");
    let newer = console.send_unanswered(minus);
    console.settle(late);
    console.shows("30 d  reading …");
    console.settle(newer);
    console.shows("last 30 d");
}

#[test]
fn more_columns_are_asked_for_when_there_is_room_for_them() {
    let mut console = open();
    console.send(Msg::Resize(200, 50)).press("Left");
    assert_eq!(last(&console).columns, 185);
    console.shows("10 min each");
}

#[test]
fn a_click_moves_the_cursor() {
    let mut console = open();
    console.press("F8");
    console.send(Msg::Mouse(Mouse {
        kind: MouseKind::Press,
        column: 10,
        row: 5,
    }));
    console.shows("20 Nov 22:00–22:30");
}

#[test]
fn the_chart_with_styles() {
    let mut console = open();
    console.press("c");
    for _ in 0..14 {
        console.press("Left");
    }
    insta::assert_snapshot!("chart_80", with_styles(&console.paint()));
    let mono = open_in((200, 50), false);
    insta::assert_snapshot!("chart_mono_200", text(&mono.paint()));
}

#[test]
fn without_utf8_its_lines_are_stars() {
    let console = open();
    let mut screen = console.paint();
    screen.content.iter_mut().for_each(make_plain);
    let text = text(&screen);
    assert!(text.is_ascii() && text.contains('*'), "{text}");
    insta::assert_snapshot!("chart_ascii", text);
}

#[test]
fn a_routine_that_is_deleted_meanwhile_is_no_chart_that_is_read_for_ever() {
    let mut console = open();
    console.world.refusal = Some("there is no routine `web ping`".to_owned());
    console
        .press("+")
        .shows("not read")
        .shows("there is no routine `web ping`")
        .hides("reading");
    console.world.refusal = None;
    console
        .press("+")
        .shows("last 1 h")
        .hides("there is no routine");
}
