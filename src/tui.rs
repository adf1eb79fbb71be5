//! The console: the event loop between terminal, model and control API.

pub mod activity;
pub mod app;
mod burst;
pub mod destination;
pub mod facts;
pub mod feed;
pub mod field;
mod files;
pub mod filter;
pub mod frame;
pub mod home;
pub mod keys;
pub mod link;
pub mod logs;
pub mod msg;
mod named_list;
pub mod pane;
pub mod perform;
pub mod picker;
pub mod popup;
pub mod terminal;
pub mod text_box;
pub mod theme;
pub mod verbs;
pub mod view;
pub mod viewer;

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use ratatui::Frame;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

use self::app::App;
use self::feed::OpenLog;
use self::keys::Keymap;
use self::link::Links;
use self::msg::{Effect, Msg, Ticket};
use self::perform::Performer;
use self::terminal::decode::Typed;
use self::terminal::output::Stats;
use self::terminal::screen::{Screen, TerminalEvent};
use self::terminal::signals::SignalEvent;
use self::theme::Theme;
use self::viewer::{Facts, Named, Viewer};
use crate::bus::{Bus, Notice};
use crate::clock::Clock;
use crate::config::settings::{ConsoleSettings, Notify};
use crate::control::Control;
use crate::core::base::time::Timestamp;
use crate::core::run::RunId;
use crate::logfile::file::Tracked;
use crate::logfile::log_view::LogView;
use crate::logfile::run_spool::Writer;

/// Why the screen was closed. The process still runs: the caller decides about active runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The operator quit.
    Quit,
    /// The terminal is gone or going away (HUP): no message can be shown any more.
    Detached,
    /// TERM, INT or QUIT (the signal's number).
    Signal(i32),
}

/// State driven by the loop: the console's [`App`], or a fake in tests.
pub trait Model {
    /// Called once, before the first frame.
    fn start(&mut self) -> Vec<Effect>;
    /// Handles a message and returns the effects to perform.
    fn update(&mut self, msg: Msg) -> Vec<Effect>;
    /// Paints the current state; returns the links of it.
    fn draw(&self, frame: &mut Frame) -> Links;
    /// How often the time shown changes; `None`: once a minute.
    fn wants_tick(&self) -> Option<Duration>;
    /// The title of the terminal; `None`: its own.
    fn title(&self) -> Option<String> {
        None
    }
    /// Receives the output statistics before each frame.
    fn wrote(&mut self, _stats: Stats) {}
}

/// Channels and callbacks of the loop.
#[derive(Debug)]
pub struct Ports<P> {
    pub notices: broadcast::Receiver<Notice>,
    /// Answers to performed effects.
    pub answers: mpsc::Receiver<Msg>,
    /// Starts the work of an effect; must not block.
    pub perform: P,
    pub clock: Clock,
}

/// Checks that a console can run here; the error is one line.
pub fn check_terminal() -> Result<(), String> {
    terminal::tty::check()
}

/// Checks that the log viewer can run here; its log may be standard input. The error is one line.
pub fn check_viewer() -> Result<(), String> {
    terminal::tty::check_output()
}

/// Opens the console and runs it until it exits. Fails if the terminal cannot be opened.
pub async fn run(
    control: &Control,
    keys: Keymap,
    console: ConsoleSettings,
    clock: Clock,
) -> io::Result<Exit> {
    let settings = control.settings();
    let facts = facts::Facts {
        actor: settings.actor.clone(),
        read_only: settings.read_only,
        simulated: settings.simulated,
        notifies: console.notify != Notify::Off,
        mouse: console.mouse,
    };
    let theme = Theme::detect(console.theme);
    // The loop sends the real size before the first frame.
    let app = App::new(facts, keys, theme, (80, 24), clock.now());
    let (sender, answers) = mpsc::channel(ANSWERS);
    let mut performer = Performer::new(control, sender, clock);
    let perform = |effect| performer.perform(effect);
    Ok(drive(
        Screen::open(console)?,
        app,
        Ports {
            notices: control.subscribe(),
            answers,
            perform,
            clock,
        },
    )
    .await)
}

/// Opens the viewer on these logs and runs it until it exits. Fails if the terminal cannot be
/// opened.
pub async fn run_viewer(
    view: View,
    keys: Keymap,
    console: ConsoleSettings,
    clock: Clock,
) -> io::Result<Exit> {
    let theme = Theme::detect(console.theme);
    let facts = Facts {
        files: view.logs.iter().map(Log::named).collect(),
        zone: viewer::zone(view.timezone.as_deref()),
        budget: view.budget,
        simulated: false,
    };
    let mut screen = Screen::open(console)?;
    screen.set_budget(view.budget);
    let (sender, answers) = mpsc::channel(ANSWERS);
    let (files, runs): (Vec<_>, Vec<_>) =
        view.logs.into_iter().map(|log| (log.file, log.run)).unzip();
    let logs = LogView::new(files, view.follow, clock.now());
    let mut log = OpenLog::start(logs, move |event| {
        sender
            .blocking_send(Msg::File(Ticket::default(), event))
            .is_ok()
    })?;
    for run in runs.into_iter().flatten() {
        log.feed(run.id, run.writer, &run.control);
    }
    let perform = |effect| {
        if let Effect::File(_, request) = effect {
            log.ask(*request);
        }
    };
    let viewer = Viewer::new(Ticket::default(), facts, keys, theme).with_mouse(console.mouse);
    // No notices are published here, but the channel has to stay open.
    let bus = Bus::default();
    Ok(drive(
        screen,
        viewer,
        Ports {
            notices: bus.subscribe(),
            answers,
            perform,
            clock,
        },
    )
    .await)
}

/// Logs and options of the viewer.
#[derive(Debug)]
pub struct View {
    /// Several are merged by time.
    pub logs: Vec<Log>,
    /// Start at the end and follow.
    pub follow: bool,
    /// Output limit, bytes per second.
    pub budget: Option<u64>,
    /// Time zone of the runs' workspace.
    pub timezone: Option<String>,
}

/// A file, or the log of a run.
#[derive(Debug)]
pub struct Log {
    pub file: Tracked,
    pub run: Option<RunLog>,
}

/// Source and destination of a run's entries.
#[derive(Debug)]
pub struct RunLog {
    pub id: RunId,
    /// The names of its steps.
    pub steps: Vec<String>,
    pub writer: Writer,
    pub control: Control,
}

impl Log {
    fn named(&self) -> Named {
        Named {
            name: self.file.name.clone(),
            steps: self.run.as_ref().map(|run| run.steps.clone()),
        }
    }
}

impl Model for App {
    fn start(&mut self) -> Vec<Effect> {
        Self::start(self)
    }

    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        Self::update(self, msg)
    }

    fn draw(&self, frame: &mut Frame) -> Links {
        view::draw(self, frame)
    }

    fn wants_tick(&self) -> Option<Duration> {
        Self::wants_tick(self)
    }

    fn title(&self) -> Option<String> {
        Self::title(self)
    }
}

/// Capacity of the answer channel; tasks wait when it is full.
const ANSWERS: usize = 256;

/// Runs the model on the terminal until it quits, the terminal goes away or a signal ends it.
/// Restores the terminal on return and on unwind.
pub async fn drive<M: Model, P: FnMut(Effect)>(screen: Screen, model: M, ports: Ports<P>) -> Exit {
    let mut console = Console {
        model,
        screen,
        ports,
        drawn: None,
        // The start counts as a key: what it asks for is shown as soon as it is there.
        pressed: Some(Instant::now()),
        wanted: true,
        allowed: None,
    };
    let exit = console.run().await;
    if exit == Exit::Quit {
        console.screen.quiesce().await;
    }
    let stats = console.screen.stats();
    drop(console);
    tracing::info!(
        ?exit,
        frames = stats.frames,
        bytes = stats.bytes,
        writes = stats.writes,
        "screen closed"
    );
    exit
}

/// Maximum number of messages handled before the next frame.
const BATCH: usize = 512;
/// Minimum interval between frames, except right after a key.
const FRAME: Duration = Duration::from_millis(33);
/// Minimum interval right after a key, so that the key's answer does not wait a full `FRAME`.
const FRAME_AFTER_KEY: Duration = Duration::from_millis(3);
/// How long after a key `FRAME_AFTER_KEY` applies; a search in millions of lines takes about that.
const ANSWERS_WITHIN: Duration = Duration::from_millis(200);
/// Tick of a model without one of its own: the clock shows minutes.
const MINUTE: Duration = Duration::from_mins(1);

struct Console<M, P> {
    model: M,
    screen: Screen,
    ports: Ports<P>,
    /// When the last frame was drawn; `None`: draw at once.
    drawn: Option<Instant>,
    /// When the last key was pressed.
    pressed: Option<Instant>,
    /// The state has changed since the last frame.
    wanted: bool,
    /// With a budget: when the next frame may be drawn.
    allowed: Option<Instant>,
}

/// Why the loop woke.
enum Wake {
    Screen(TerminalEvent),
    Msg(Msg),
    /// The time shown has changed.
    Tick,
    /// A frame is due.
    Frame,
}

impl<M: Model, P: FnMut(Effect)> Console<M, P> {
    async fn run(&mut self) -> Exit {
        let mut flow = self.start().await;
        loop {
            if let ControlFlow::Break(exit) = flow {
                return exit;
            }
            let wake = self.wait().await;
            flow = self.handle(wake).await;
        }
    }

    async fn start(&mut self) -> ControlFlow<Exit> {
        let effects = {
            let _mark = self.screen.mark();
            self.model.start()
        };
        let (width, height) = self.screen.size();
        self.apply(Msg::Tick(self.ports.clock.now())).await?;
        self.apply(Msg::Resize(width, height)).await?;
        for effect in effects {
            if let Some(msg) = self.act(effect).await? {
                self.apply(msg).await?;
            }
        }
        // A person waits for the first data as for the answer to a key.
        self.pressed = Some(Instant::now());
        self.draw()
    }

    async fn wait(&mut self) -> Wake {
        let due = self.due();
        let tick = until_tick(
            self.model.wants_tick().unwrap_or(MINUTE),
            self.ports.clock.now(),
        );
        tokio::select! {
            biased;
            happened = self.screen.next() => Wake::Screen(happened),
            () = at(due) => Wake::Frame,
            msg = answered(&mut self.ports.answers) => Wake::Msg(msg),
            msg = noticed(&mut self.ports.notices) => Wake::Msg(msg),
            () = sleep(tick) => Wake::Tick,
        }
    }

    /// When to draw the next frame; `None`: nothing to draw, or the last frame is not written yet.
    fn due(&mut self) -> Option<Instant> {
        let answering = self
            .pressed
            .is_some_and(|pressed| pressed.elapsed() < ANSWERS_WITHIN);
        let gap = if answering { FRAME_AFTER_KEY } else { FRAME };
        let next = self.drawn.map_or_else(Instant::now, |drawn| drawn + gap);
        let next = self.allowed.map_or(next, |allowed| next.max(allowed));
        let next = self
            .screen
            .next_frame(answering)
            .map_or(next, |free| next.max(free));
        (self.wanted && self.screen.ready()).then_some(next)
    }

    async fn handle(&mut self, wake: Wake) -> ControlFlow<Exit> {
        present(self.screen.push())?;
        if !matches!(wake, Wake::Frame) {
            self.apply(Msg::Tick(self.ports.clock.now())).await?;
        }
        match wake {
            Wake::Frame | Wake::Tick => {}
            Wake::Msg(msg) => self.apply(msg).await?,
            Wake::Screen(happened) => self.happened(happened).await?,
        }
        self.drain().await?;
        if self.due().is_some_and(|due| due <= Instant::now()) {
            self.draw()
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Handles further pending messages, so that one frame shows all of them.
    async fn drain(&mut self) -> ControlFlow<Exit> {
        for _ in 0..BATCH {
            if let Some(happened) = self.screen.try_typed() {
                self.happened(happened).await?;
            } else if let Some(msg) = self.ports.try_next() {
                self.apply(msg).await?;
            } else {
                break;
            }
        }
        ControlFlow::Continue(())
    }

    async fn happened(&mut self, happened: TerminalEvent) -> ControlFlow<Exit> {
        let msg = match happened {
            TerminalEvent::Typed(typed) => {
                (self.drawn, self.pressed) = (None, Some(Instant::now()));
                test_panic(&typed, &self.screen);
                match typed {
                    Typed::Key(key) => Msg::Key(key),
                    Typed::Paste(text) => Msg::Paste(text),
                    Typed::Burst(text) => Msg::Burst(text),
                    Typed::Focus(gained) => Msg::Focus(gained),
                    Typed::Mouse(mouse) => Msg::Mouse(mouse),
                    // Handled by the screen.
                    Typed::Answer => return ControlFlow::Continue(()),
                }
            }
            TerminalEvent::Panicked(line) => Msg::Trouble(line),
            TerminalEvent::Settled => self.resized()?,
            TerminalEvent::Signal(SignalEvent::Suspend) => self.suspend().await?,
            TerminalEvent::Signal(SignalEvent::Continued) => {
                let ended_by = present(self.screen.continued().await)?;
                self.back(ended_by)?
            }
            TerminalEvent::Gone | TerminalEvent::Signal(SignalEvent::HangUp) => {
                return ControlFlow::Break(Exit::Detached);
            }
            TerminalEvent::Signal(SignalEvent::Stop(signal)) => {
                return ControlFlow::Break(Exit::Signal(signal));
            }
            // The screen debounces size changes; the rest of a frame was pushed above.
            TerminalEvent::Signal(SignalEvent::Resized) | TerminalEvent::Retry => {
                return ControlFlow::Continue(());
            }
        };
        self.apply(msg).await
    }

    /// Updates the model with a message, then with the answers to its effects.
    async fn apply(&mut self, msg: Msg) -> ControlFlow<Exit> {
        let mut msgs = VecDeque::from([msg]);
        while let Some(msg) = msgs.pop_front() {
            let effects = {
                let _mark = self.screen.mark();
                self.model.update(msg)
            };
            for effect in effects {
                msgs.extend(self.act(effect).await?);
            }
        }
        self.wanted = true;
        ControlFlow::Continue(())
    }

    /// Performs terminal effects and passes on all others.
    async fn act(&mut self, effect: Effect) -> ControlFlow<Exit, Option<Msg>> {
        ControlFlow::Continue(match effect {
            Effect::Quit => return ControlFlow::Break(Exit::Quit),
            Effect::Suspend => Some(self.suspend().await?),
            Effect::Redraw => {
                present(self.screen.redraw())?;
                None
            }
            Effect::Copy(text) => Some(Msg::Copied(present(self.screen.copy(&text))?)),
            Effect::Notify(text) => {
                present(self.screen.notify(&text))?;
                None
            }
            Effect::Mouse(on) => {
                present(self.screen.set_mouse(on))?;
                None
            }
            effect => {
                (self.ports.perform)(effect);
                None
            }
        })
    }

    async fn suspend(&mut self) -> ControlFlow<Exit, Msg> {
        let ended_by = present(self.screen.suspend().await)?;
        self.back(ended_by)
    }

    /// Back on screen, maybe with a new size, or ended by a signal in the meantime.
    fn back(&mut self, ended_by: Option<SignalEvent>) -> ControlFlow<Exit, Msg> {
        match ended_by {
            Some(SignalEvent::Stop(signal)) => ControlFlow::Break(Exit::Signal(signal)),
            Some(_) => ControlFlow::Break(Exit::Detached),
            None => self.resized(),
        }
    }

    fn resized(&mut self) -> ControlFlow<Exit, Msg> {
        let (width, height) = present(self.screen.resized())?;
        self.drawn = None;
        ControlFlow::Continue(Msg::Resize(width, height))
    }

    fn draw(&mut self) -> ControlFlow<Exit> {
        let before = self.screen.stats();
        self.model.wrote(before);
        let model = &self.model;
        if let Some(title) = model.title() {
            self.screen.set_title(&title);
        }
        present(self.screen.draw(|frame| model.draw(frame)))?;
        let now = Instant::now();
        let sent = self.screen.stats().bytes - before.bytes;
        // A frame without changes does not delay the next.
        self.drawn = if sent > 0 || self.pressed.is_none() {
            Some(now)
        } else {
            self.drawn
        };
        self.allowed = self
            .screen
            .budget()
            .map(|budget| now + Duration::from_millis(sent * 1000 / budget.max(1)));
        self.wanted = false;
        ControlFlow::Continue(())
    }
}

impl<P> Ports<P> {
    /// A pending answer or notice.
    fn try_next(&mut self) -> Option<Msg> {
        if let Ok(answer) = self.answers.try_recv() {
            return Some(answer);
        }
        match self.notices.try_recv() {
            Ok(notice) => Some(Msg::Notice(notice)),
            Err(broadcast::error::TryRecvError::Lagged(_)) => Some(Msg::Lagged),
            Err(_) => None,
        }
    }
}

async fn answered(answers: &mut mpsc::Receiver<Msg>) -> Msg {
    match answers.recv().await {
        Some(msg) => msg,
        // All senders are gone; returning would make the loop spin.
        None => pending().await,
    }
}

async fn noticed(notices: &mut broadcast::Receiver<Notice>) -> Msg {
    match notices.recv().await {
        Ok(notice) => Msg::Notice(notice),
        Err(broadcast::error::RecvError::Lagged(_)) => Msg::Lagged,
        Err(broadcast::error::RecvError::Closed) => pending().await,
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}

/// Time to the next multiple of the period on the wall clock, so that the clock changes on time.
fn until_tick(period: Duration, now: Timestamp) -> Duration {
    let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(1);
    Duration::from_millis(u64::try_from(period - now.0.rem_euclid(period)).unwrap_or(1))
}

/// A write error means that the terminal is gone: the loop exits as detached.
fn present<T>(result: io::Result<T>) -> ControlFlow<Exit, T> {
    match result {
        Ok(value) => ControlFlow::Continue(value),
        Err(error) => {
            tracing::info!(%error, "the terminal is gone");
            ControlFlow::Break(Exit::Detached)
        }
    }
}

/// `OPSROOM_TEST_PANIC=ui` or `worker`: the first key after the first frame panics there. Lets the
/// PTY tests check that a panic restores the terminal.
#[cfg(debug_assertions)]
fn test_panic(typed: &Typed, screen: &Screen) {
    let (Typed::Key(_), Ok(place)) = (typed, std::env::var("OPSROOM_TEST_PANIC")) else {
        return;
    };
    let _mark = screen.mark();
    match place.as_str() {
        "ui" => panic!("asked to panic in the screen's code"),
        "worker" => drop(tokio::spawn(async { panic!("asked to panic in a task") })),
        _ => {}
    }
}

#[cfg(not(debug_assertions))]
fn test_panic(_: &Typed, _: &Screen) {}

#[cfg(test)]
mod tests;
