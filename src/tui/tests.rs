//! Tests of the event loop with a fake model on a real terminal pair: wake-ups, frames, exit.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use crossterm::event::{KeyCode, KeyModifiers};
use ratatui::text::Line;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::termios::tcgetattr;

use super::terminal::clipboard::Between;
use super::terminal::manners::{Manners, Notification};
use super::terminal::tests::pair;
use super::terminal::tty::Tty;
use super::*;
use crate::bus::Bus;
use crate::core::run::RunId;

/// Messages and frames the fake model has seen, shared with the test.
#[derive(Debug, Default)]
struct Seen {
    msgs: Vec<Msg>,
    draws: usize,
    /// Number of messages the last frame shows.
    drawn: usize,
}

/// Counts messages and shows the count; `q` quits, `y` copies, `R` repaints a full screen.
#[derive(Debug, Default)]
struct StandIn {
    seen: Arc<Mutex<Seen>>,
    count: usize,
    tick: Option<Duration>,
    full: bool,
    title: Option<String>,
}

impl Model for StandIn {
    fn start(&mut self) -> Vec<Effect> {
        vec![Effect::Overview]
    }

    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let effects = match &msg {
            Msg::Key(key) if key.code == KeyCode::Char('q') => vec![Effect::Quit],
            Msg::Key(key) if key.code == KeyCode::Char('y') => {
                vec![Effect::Copy("text".to_owned())]
            }
            Msg::Key(key) if key.code == KeyCode::Char('b') => {
                vec![
                    Effect::Notify("first".to_owned()),
                    Effect::Notify("second".to_owned()),
                ]
            }
            Msg::Key(key) if key.code == KeyCode::F(8) => vec![Effect::Mouse(true)],
            Msg::Key(key) if key.modifiers == KeyModifiers::SHIFT => {
                self.full = true;
                vec![Effect::Redraw]
            }
            _ => Vec::new(),
        };
        self.count += 1;
        self.seen.lock().unwrap().msgs.push(msg);
        effects
    }

    fn draw(&self, frame: &mut Frame) -> Links {
        let mut seen = self.seen.lock().unwrap();
        (seen.draws, seen.drawn) = (seen.draws + 1, self.count);
        drop(seen);
        for row in 0..if self.full { frame.area().height } else { 1 } {
            let text = format!(
                "count {} {}",
                self.count,
                if self.full {
                    "filler ".repeat(10)
                } else {
                    String::new()
                }
            );
            let area = ratatui::layout::Rect {
                y: row,
                height: 1,
                ..frame.area()
            };
            frame.render_widget(Line::from(text), area);
        }
        Links::default()
    }

    fn wants_tick(&self) -> Option<Duration> {
        self.tick
    }

    fn title(&self) -> Option<String> {
        self.title.clone()
    }
}

/// The master end of the loop's terminal, and the loop's channels.
struct Harness {
    master: OwnedFd,
    seen: Arc<Mutex<Seen>>,
    bus: Bus,
    answers: mpsc::Sender<Msg>,
    performed: Arc<Mutex<Vec<Effect>>>,
}

impl Harness {
    /// Starts the loop.
    fn start(model: StandIn) -> (Self, impl Future<Output = Exit>) {
        Self::start_within(None, model)
    }

    /// Starts the loop with a budget of bytes a second.
    fn start_within(budget: Option<u64>, model: StandIn) -> (Self, impl Future<Output = Exit>) {
        let (master, slave) = pair();
        for fd in [&master, &slave] {
            fcntl_setfl(fd, OFlags::RDWR | OFlags::NONBLOCK).unwrap();
        }
        let mut screen = Screen::on(Tty::from(slave), "xterm", Between::Nothing).unwrap();
        screen.set_manners(Manners {
            title: true,
            notification: Notification::Osc9,
            ..Manners::default()
        });
        screen.set_budget(budget);
        let (answers, receiver) = mpsc::channel(4096);
        let performed = Arc::new(Mutex::new(Vec::new()));
        let bus = Bus::default();
        let harness = Self {
            master,
            seen: Arc::clone(&model.seen),
            bus,
            answers,
            performed,
        };
        let performed = Arc::clone(&harness.performed);
        let perform = move |effect| performed.lock().unwrap().push(effect);
        let ports = Ports {
            notices: harness.bus.subscribe(),
            answers: receiver,
            perform,
            clock: Clock::System,
        };
        (harness, drive(screen, model, ports))
    }

    fn send(&self, bytes: &[u8]) {
        assert_eq!(rustix::io::write(&self.master, bytes).unwrap(), bytes.len());
    }

    fn read(&self) -> String {
        let mut buffer = vec![0; 1 << 16];
        let mut all = Vec::new();
        while let Ok(count @ 1..) = rustix::io::read(&self.master, &mut buffer) {
            all.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8(all).unwrap()
    }

    /// Lets the loop run until the condition holds.
    async fn until(&self, fact: impl Fn(&Seen) -> bool) {
        let wait = async {
            while !fact(&self.seen.lock().unwrap()) {
                sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait)
            .await
            .unwrap();
    }

    /// Lets the loop run until the terminal has received `text`.
    async fn until_read(&self, text: &str) {
        let mut all = self.read();
        let wait = async {
            while !all.contains(text) {
                sleep(Duration::from_millis(2)).await;
                all.push_str(&self.read());
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait)
            .await
            .unwrap();
    }

    async fn drawn(&self) {
        self.until(|seen| seen.draws > 0).await;
    }
}

fn keys(seen: &Seen) -> usize {
    seen.msgs
        .iter()
        .filter(|msg| matches!(msg, Msg::Key(_)))
        .count()
}

fn ticks(seen: &Seen) -> usize {
    seen.msgs
        .iter()
        .filter(|msg| matches!(msg, Msg::Tick(_)))
        .count()
}

#[tokio::test]
async fn starts_with_the_time_the_size_and_the_effects_of_the_model() {
    let (harness, exit) = Harness::start(StandIn::default());
    let script = async {
        harness.drawn().await;
        let first: Vec<Msg> = harness.seen.lock().unwrap().msgs[..2].to_vec();
        assert!(
            matches!(first[..], [Msg::Tick(_), Msg::Resize(80, 24)]),
            "{first:?}"
        );
        assert_eq!(harness.performed.lock().unwrap()[..], [Effect::Overview]);
        harness.until_read("count").await;
        harness.send(b"q");
    };
    assert_eq!(tokio::join!(exit, script).0, Exit::Quit);
    assert!(harness.read().ends_with("\x1b[?1049l\x1b[?25h"));
    let modes = tcgetattr(&harness.master).unwrap();
    assert!(
        modes
            .local_modes
            .contains(rustix::termios::LocalModes::ICANON),
        "modes are restored"
    );
}

#[tokio::test]
async fn a_stream_of_notices_is_drawn_in_few_frames_and_to_its_end() {
    let (harness, exit) = Harness::start(StandIn::default());
    let script = async {
        harness.drawn().await;
        // For so long after the start, as after a key, frames follow each other closely.
        sleep(ANSWERS_WITHIN).await;
        let started = Instant::now();
        for seq in 0..200 {
            harness.bus.publish(Notice::Entries(RunId(1), seq));
            sleep(Duration::from_millis(1)).await;
        }
        let all = |seen: &Seen| {
            seen.msgs
                .iter()
                .filter(|msg| matches!(msg, Msg::Notice(_)))
                .count()
                == 200
        };
        harness.until(all).await;
        let most = usize::try_from(started.elapsed().as_millis() / 33).unwrap() + 2;
        let draws = harness.seen.lock().unwrap().draws;
        assert!(draws <= most, "{draws} frames, {most} are enough");
        harness.until(|seen| seen.drawn == seen.msgs.len()).await;
        harness.send(b"q");
    };
    tokio::join!(exit, script);
}

#[tokio::test]
async fn a_listener_that_fell_behind_gets_lagged() {
    let (harness, exit) = Harness::start(StandIn::default());
    for _ in 0..3000 {
        harness.bus.publish(Notice::Stack);
    }
    let script = async {
        harness
            .until(|seen| seen.msgs.iter().any(|msg| matches!(msg, Msg::Lagged)))
            .await;
        harness.send(b"q");
    };
    assert_eq!(tokio::join!(exit, script).0, Exit::Quit);
}

#[tokio::test]
async fn keys_are_handled_while_the_terminal_takes_no_output() {
    let (harness, exit) = Harness::start(StandIn::default());
    let script = async {
        harness.drawn().await;
        // The test does not read: after some full repaints the terminal takes no more.
        for pressed in 1..=100 {
            harness.send(b"R");
            harness.until(|seen| keys(seen) >= pressed).await;
        }
        let draws = harness.seen.lock().unwrap().draws;
        assert!(
            draws < 80,
            "no frames are drawn while the terminal is full: {draws}"
        );
        while !harness.read().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
        harness
            .until(|seen| seen.draws > draws && seen.drawn == seen.msgs.len())
            .await;
        harness.send(b"q");
    };
    assert_eq!(tokio::join!(exit, script).0, Exit::Quit);
}

#[tokio::test]
async fn a_budget_spaces_frames_and_the_newest_state_wins() {
    let (harness, exit) = Harness::start_within(Some(4000), StandIn::default());
    let script = async {
        harness.drawn().await;
        let before = (harness.seen.lock().unwrap().draws, Instant::now());
        for pressed in 1..=30 {
            harness.send(b"R");
            harness.until(|seen| keys(seen) >= pressed).await;
        }
        let draws = harness.seen.lock().unwrap().draws - before.0;
        // A full repaint is about 1500 bytes: three eighths of a second each.
        let paid_for = usize::try_from(before.1.elapsed().as_millis() / 300).unwrap() + 2;
        assert!(draws <= paid_for, "{draws} frames, {paid_for} are paid for");
        harness.until(|seen| seen.drawn == seen.msgs.len()).await;
        harness.send(b"q");
    };
    assert_eq!(tokio::join!(exit, script).0, Exit::Quit);
}

#[tokio::test]
async fn ticks_come_only_as_often_as_wanted() {
    let (quiet, exit) = Harness::start(StandIn::default());
    let script = async {
        quiet.drawn().await;
        let before = ticks(&quiet.seen.lock().unwrap());
        sleep(Duration::from_millis(300)).await;
        // At most one: a minute may begin just now.
        assert!(ticks(&quiet.seen.lock().unwrap()) <= before + 1);
        quiet.send(b"q");
    };
    tokio::join!(exit, script);

    let (live, exit) = Harness::start(StandIn {
        tick: Some(Duration::from_millis(20)),
        ..StandIn::default()
    });
    let script = async {
        live.until(|seen| ticks(seen) > 5).await;
        live.send(b"q");
    };
    tokio::join!(exit, script);
}

#[tokio::test]
async fn a_copy_goes_out_and_is_reported() {
    let (harness, exit) = Harness::start(StandIn::default());
    let script = async {
        harness.drawn().await;
        harness.send(b"y");
        harness
            .until(|seen| {
                seen.msgs
                    .iter()
                    .any(|msg| matches!(msg, Msg::Copied(Ok(_))))
            })
            .await;
        harness.send(b"q");
    };
    tokio::join!(exit, script);
    assert!(harness.read().contains("\x1b]52;c;dGV4dA==\x1b\\"));
}

#[tokio::test]
async fn the_title_is_set_once_and_restored_and_the_mouse_turned_off() {
    let model = StandIn {
        title: Some("opsroom acme: 1 failing\x07".to_owned()),
        ..StandIn::default()
    };
    let (harness, exit) = Harness::start(model);
    let script = async {
        harness.drawn().await;
        harness.send(b"b");
        harness.drawn().await;
        harness.send(b"\x1b[19~");
        harness
            .until(|seen| {
                seen.msgs
                    .iter()
                    .any(|msg| matches!(msg, Msg::Key(key) if key.code == KeyCode::F(8)))
            })
            .await;
        harness.send(b"q");
    };
    tokio::join!(exit, script);
    let bytes = harness.read();
    let count = |sequence: &str| bytes.matches(sequence).count();
    assert_eq!(count("\x1b[22;0t\x1b]2;opsroom acme: 1 failing^G\x1b\\"), 1);
    assert_eq!((count("\x1b]2;"), count("\x1b[23;0t")), (1, 1));
    assert_eq!(count("\x1b]9;first\x07"), 1);
    // The model, not the screen, says how often.
    assert_eq!(count("\x1b]9;second\x07"), 1);
    let on = bytes.find("\x1b[?1000h\x1b[?1006h").unwrap();
    assert!(bytes.rfind("\x1b[?1000l").unwrap() > on && bytes.rfind("\x1b[?1006l").unwrap() > on);
}

#[tokio::test]
async fn a_terminal_that_goes_away_detaches() {
    let (harness, exit) = Harness::start(StandIn::default());
    let Harness { master, seen, .. } = harness;
    let script = async {
        while seen.lock().unwrap().draws == 0 {
            sleep(Duration::from_millis(2)).await;
        }
        drop(master);
    };
    assert_eq!(tokio::join!(exit, script).0, Exit::Detached);
}

#[tokio::test]
async fn answers_are_handled_and_a_closed_channel_does_not_spin() {
    let (mut harness, exit) = Harness::start(StandIn::default());
    let script = async {
        harness.drawn().await;
        harness.answers.send(Msg::Noted(Ok(()))).await.unwrap();
        harness
            .until(|seen| seen.msgs.iter().any(|msg| matches!(msg, Msg::Noted(_))))
            .await;
        let (unused, _) = mpsc::channel(1);
        harness.answers = unused;
        let before = harness.seen.lock().unwrap().msgs.len();
        sleep(Duration::from_millis(100)).await;
        assert!(harness.seen.lock().unwrap().msgs.len() <= before + 1);
        harness.send(b"q");
    };
    assert_eq!(tokio::join!(exit, script).0, Exit::Quit);
}

#[test]
fn ticks_fall_on_the_clock() {
    let second = Duration::from_secs(1);
    assert_eq!(
        until_tick(second, Timestamp(1_000_250)),
        Duration::from_millis(750)
    );
    assert_eq!(
        until_tick(second, Timestamp(1_000_000)),
        second,
        "not twice for the same second"
    );
    assert_eq!(
        until_tick(MINUTE, Timestamp(59_999)),
        Duration::from_millis(1)
    );
    assert_eq!(
        until_tick(Duration::ZERO, Timestamp(5)),
        Duration::from_millis(1)
    );
}
