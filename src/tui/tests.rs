//! The loop with a stand-in for the model, on a real terminal pair: what wakes it, when it draws, how it ends.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use crossterm::event::{KeyCode, KeyModifiers};
use ratatui::text::Line;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::termios::tcgetattr;

use super::terminal::clipboard::Between;
use super::terminal::tests::pair;
use super::terminal::tty::Tty;
use super::*;
use crate::bus::Bus;
use crate::core::run::RunId;

/// What the stand-in has seen; the test looks on from outside.
#[derive(Debug, Default)]
struct Seen {
    msgs: Vec<Msg>,
    draws: usize,
    /// How many messages the last frame shows.
    drawn: usize,
}

/// Counts and shows; `q` quits, `y` copies, `R` repaints a full screen of something else.
#[derive(Debug, Default)]
struct StandIn {
    seen: Arc<Mutex<Seen>>,
    count: usize,
    tick: Option<Duration>,
    full: bool,
}

impl Model for StandIn {
    fn start(&mut self) -> Vec<Effect> {
        vec![Effect::Overview]
    }

    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let effects = match &msg {
            Msg::Key(key) if key.code == KeyCode::Char('q') => vec![Effect::Quit],
            Msg::Key(key) if key.code == KeyCode::Char('y') => vec![Effect::Copy("text".to_owned())],
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

    fn draw(&self, frame: &mut Frame) {
        let mut seen = self.seen.lock().unwrap();
        (seen.draws, seen.drawn) = (seen.draws + 1, self.count);
        drop(seen);
        for row in 0..if self.full { frame.area().height } else { 1 } {
            let text = format!("count {} {}", self.count, if self.full { "filler ".repeat(10) } else { String::new() });
            let area = ratatui::layout::Rect { y: row, height: 1, ..frame.area() };
            frame.render_widget(Line::from(text), area);
        }
    }

    fn wants_tick(&self) -> Option<Duration> {
        self.tick
    }
}

/// The other end of the loop's terminal, and its other channels.
struct Desk {
    master: OwnedFd,
    seen: Arc<Mutex<Seen>>,
    bus: Bus,
    answers: mpsc::Sender<Msg>,
    performed: Arc<Mutex<Vec<Effect>>>,
}

impl Desk {
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
        screen.set_budget(budget);
        let (answers, receiver) = mpsc::channel(4096);
        let performed = Arc::new(Mutex::new(Vec::new()));
        let bus = Bus::default();
        let desk = Self { master, seen: Arc::clone(&model.seen), bus, answers, performed };
        let performed = Arc::clone(&desk.performed);
        let perform = move |effect| performed.lock().unwrap().push(effect);
        let ports = Ports { notices: desk.bus.listen(), answers: receiver, perform, clock: Clock::System };
        (desk, drive(screen, model, ports))
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

    /// Lets the loop run until the fact holds.
    async fn until(&self, fact: impl Fn(&Seen) -> bool) {
        let wait = async {
            while !fact(&self.seen.lock().unwrap()) {
                sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
    }

    /// Lets the loop run until this has arrived.
    async fn until_read(&self, text: &str) {
        let mut all = self.read();
        let wait = async {
            while !all.contains(text) {
                sleep(Duration::from_millis(2)).await;
                all.push_str(&self.read());
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
    }

    async fn drawn(&self) {
        self.until(|seen| seen.draws > 0).await;
    }
}

fn keys(seen: &Seen) -> usize {
    seen.msgs.iter().filter(|msg| matches!(msg, Msg::Key(_))).count()
}

fn ticks(seen: &Seen) -> usize {
    seen.msgs.iter().filter(|msg| matches!(msg, Msg::Tick(_))).count()
}

#[tokio::test]
async fn begins_with_the_time_the_size_and_what_the_model_wants() {
    let (desk, exit) = Desk::start(StandIn::default());
    let script = async {
        desk.drawn().await;
        let first: Vec<Msg> = desk.seen.lock().unwrap().msgs[..2].to_vec();
        assert!(matches!(first[..], [Msg::Tick(_), Msg::Resize(80, 24)]), "{first:?}");
        assert_eq!(desk.performed.lock().unwrap()[..], [Effect::Overview]);
        desk.until_read("count").await;
        desk.send(b"q");
    };
    assert_eq!(tokio::join!(exit, script).0, Exit::Quit);
    assert!(desk.read().ends_with("\x1b[?1049l\x1b[?25h"));
    let modes = tcgetattr(&desk.master).unwrap();
    assert!(modes.local_modes.contains(rustix::termios::LocalModes::ICANON), "modes are given back");
}

#[tokio::test]
async fn a_stream_of_notices_is_drawn_in_few_frames_and_to_its_end() {
    let (desk, exit) = Desk::start(StandIn::default());
    let script = async {
        desk.drawn().await;
        let started = Instant::now();
        for seq in 0..200 {
            desk.bus.tell(Notice::Entries(RunId(1), seq));
            sleep(Duration::from_millis(1)).await;
        }
        let all = |seen: &Seen| seen.msgs.iter().filter(|msg| matches!(msg, Msg::Notice(_))).count() == 200;
        desk.until(all).await;
        let most = usize::try_from(started.elapsed().as_millis() / 33).unwrap() + 2;
        let draws = desk.seen.lock().unwrap().draws;
        assert!(draws <= most, "{draws} frames, {most} are enough");
        desk.until(|seen| seen.drawn == seen.msgs.len()).await;
        desk.send(b"q");
    };
    tokio::join!(exit, script);
}

#[tokio::test]
async fn a_listener_that_fell_behind_is_told() {
    let (desk, exit) = Desk::start(StandIn::default());
    for _ in 0..3000 {
        desk.bus.tell(Notice::Stack);
    }
    let script = async {
        desk.until(|seen| seen.msgs.iter().any(|msg| matches!(msg, Msg::Lagged))).await;
        desk.send(b"q");
    };
    assert_eq!(tokio::join!(exit, script).0, Exit::Quit);
}

#[tokio::test]
async fn a_terminal_that_takes_nothing_still_gets_its_keys_heard() {
    let (desk, exit) = Desk::start(StandIn::default());
    let script = async {
        desk.drawn().await;
        // Nobody reads: after some full repaints the terminal takes no more.
        for pressed in 1..=100 {
            desk.send(b"R");
            desk.until(|seen| keys(seen) >= pressed).await;
        }
        let draws = desk.seen.lock().unwrap().draws;
        assert!(draws < 80, "no frames are made that nobody can take: {draws}");
        while !desk.read().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
        desk.until(|seen| seen.draws > draws && seen.drawn == seen.msgs.len()).await;
        desk.send(b"q");
    };
    assert_eq!(tokio::join!(exit, script).0, Exit::Quit);
}

#[tokio::test]
async fn a_budget_spaces_frames_and_the_newest_state_wins() {
    let (desk, exit) = Desk::start_within(Some(4000), StandIn::default());
    let script = async {
        desk.drawn().await;
        let before = (desk.seen.lock().unwrap().draws, Instant::now());
        for pressed in 1..=30 {
            desk.send(b"R");
            desk.until(|seen| keys(seen) >= pressed).await;
        }
        let draws = desk.seen.lock().unwrap().draws - before.0;
        // A full repaint is about 1500 bytes: three eighths of a second each.
        let paid_for = usize::try_from(before.1.elapsed().as_millis() / 300).unwrap() + 2;
        assert!(draws <= paid_for, "{draws} frames, {paid_for} are paid for");
        desk.until(|seen| seen.drawn == seen.msgs.len()).await;
        desk.send(b"q");
    };
    assert_eq!(tokio::join!(exit, script).0, Exit::Quit);
}

#[tokio::test]
async fn ticks_come_only_as_often_as_wanted() {
    let (quiet, exit) = Desk::start(StandIn::default());
    let script = async {
        quiet.drawn().await;
        let before = ticks(&quiet.seen.lock().unwrap());
        sleep(Duration::from_millis(300)).await;
        // One, should a minute turn just now.
        assert!(ticks(&quiet.seen.lock().unwrap()) <= before + 1);
        quiet.send(b"q");
    };
    tokio::join!(exit, script);

    let (live, exit) = Desk::start(StandIn { tick: Some(Duration::from_millis(20)), ..StandIn::default() });
    let script = async {
        live.until(|seen| ticks(seen) > 5).await;
        live.send(b"q");
    };
    tokio::join!(exit, script);
}

#[tokio::test]
async fn a_copy_goes_out_and_is_reported() {
    let (desk, exit) = Desk::start(StandIn::default());
    let script = async {
        desk.drawn().await;
        desk.send(b"y");
        desk.until(|seen| seen.msgs.iter().any(|msg| matches!(msg, Msg::Copied(Ok(_))))).await;
        desk.send(b"q");
    };
    tokio::join!(exit, script);
    assert!(desk.read().contains("\x1b]52;c;dGV4dA==\x1b\\"));
}

#[tokio::test]
async fn a_terminal_that_goes_away_detaches() {
    let (desk, exit) = Desk::start(StandIn::default());
    let Desk { master, seen, .. } = desk;
    let script = async {
        while seen.lock().unwrap().draws == 0 {
            sleep(Duration::from_millis(2)).await;
        }
        drop(master);
    };
    assert_eq!(tokio::join!(exit, script).0, Exit::Detached);
}

#[tokio::test]
async fn answers_are_taken_in_and_a_closed_channel_does_not_spin() {
    let (mut desk, exit) = Desk::start(StandIn::default());
    let script = async {
        desk.drawn().await;
        desk.answers.send(Msg::Noted(Ok(()))).await.unwrap();
        desk.until(|seen| seen.msgs.iter().any(|msg| matches!(msg, Msg::Noted(_)))).await;
        let (unused, _) = mpsc::channel(1);
        desk.answers = unused;
        let before = desk.seen.lock().unwrap().msgs.len();
        sleep(Duration::from_millis(100)).await;
        assert!(desk.seen.lock().unwrap().msgs.len() <= before + 1);
        desk.send(b"q");
    };
    assert_eq!(tokio::join!(exit, script).0, Exit::Quit);
}

#[test]
fn ticks_fall_on_the_clock() {
    let second = Duration::from_secs(1);
    assert_eq!(until_tick(second, Timestamp(1_000_250)), Duration::from_millis(750));
    assert_eq!(until_tick(second, Timestamp(1_000_000)), second, "not twice for the same second");
    assert_eq!(until_tick(MINUTE, Timestamp(59_999)), Duration::from_millis(1));
    assert_eq!(until_tick(Duration::ZERO, Timestamp(5)), Duration::from_millis(1));
}
