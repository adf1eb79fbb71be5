//! A console in a pseudo-terminal: spawn, type, read the screen, signal, and compare the
//! terminal before and after.

use std::fs::File;
use std::io::{self, PipeWriter, Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pts, Pty, open};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use tempfile::TempDir;

use super::line::{Late, Line, Wire, carry, type_late};

/// How to start a console.
pub struct Setup {
    args: Vec<String>,
    env: Vec<(String, String)>,
    size: (u16, u16),
    through_shell: Option<String>,
    line: Option<Line>,
}

/// A running console and its terminal.
pub struct Console {
    child: Child,
    pty: Option<Arc<Pty>>,
    // Kept open: the other end must outlive the console, or reading would end too early.
    pts: Pts,
    seen: Arc<Seen>,
    reader: Option<(PipeWriter, JoinHandle<()>)>,
    /// With a slow line: the input for keys, and the line itself.
    keys: Option<mpsc::Sender<Late>>,
    line: Option<Line>,
    wire: Arc<Wire>,
    before: Modes,
    home: TempDir,
    ended: Option<ExitStatus>,
}

/// The output that the terminal has received.
pub struct Seen {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    screen: vt100::Parser,
    bytes: Vec<u8>,
}

/// Terminal modes, comparable and printable.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Modes(String);

/// Every sequence that must be on the wire before the terminal is given back.
pub const OFF: [&str; 12] = [
    "\x1b[?2026l",
    "\x1b[?1000l",
    "\x1b[?1002l",
    "\x1b[?1003l",
    "\x1b[?1005l",
    "\x1b[?1006l",
    "\x1b[?1015l",
    "\x1b[?2004l",
    "\x1b[?1004l",
    "\x1b[0m",
    "\x1b[?1049l",
    "\x1b[?25h",
];

/// The folders of a console: environment variable, and folder in its home.
pub const FOLDERS: [(&str, &str); 5] = [
    ("HOME", ""),
    ("XDG_CONFIG_HOME", "config"),
    ("XDG_DATA_HOME", "data"),
    ("XDG_STATE_HOME", "state"),
    ("XDG_CACHE_HOME", "cache"),
];

/// Timeout of every wait.
pub fn limit() -> Duration {
    let seconds = std::env::var("OPSROOM_TEST_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(20))
}

impl Setup {
    /// The demo at 80×24.
    pub fn demo() -> Self {
        Self::new(&["demo"])
    }

    /// An empty store: nothing happens unless the test does it.
    pub fn empty() -> Self {
        Self::new(&[])
    }

    pub fn new(args: &[&str]) -> Self {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Self {
            args,
            env: Vec::new(),
            size: (80, 24),
            through_shell: None,
            line: None,
        }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn size(mut self, columns: u16, rows: u16) -> Self {
        self.size = (columns, rows);
        self
    }

    /// Starts through `sh -c SCRIPT`, where `"$@"` is the console's command line.
    pub fn through_shell(mut self, script: &str) -> Self {
        self.through_shell = Some(script.to_owned());
        self
    }

    /// Puts a slow line in between.
    pub fn line(mut self, line: Line) -> Self {
        self.line = Some(line);
        self
    }

    /// Starts in a fresh home.
    pub fn start(self) -> Console {
        self.start_in(TempDir::new().unwrap())
    }

    /// Starts in this home: `$HOME`, store, configuration and logs live there, and fd 2 goes to its
    /// file `stderr`.
    pub fn start_in(self, home: TempDir) -> Console {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(self.size.1, self.size.0)).unwrap();
        let before = set_unusual_modes(&pts);
        let child = self.command(home.path()).spawn_borrowed(&pts).unwrap();
        let seen = Arc::new(Seen::new(self.size));
        let pty = Arc::new(pty);
        let wire = Arc::<Wire>::default();
        let keys = self.line.map(|_| type_late(&pty));
        let take = self
            .line
            .zip(keys.clone())
            .map(|(line, keys)| carry(line, keys, &seen, &wire));
        let reader = Some(read_all(&pty, &seen, &wire, take));
        Console {
            child,
            pty: Some(pty),
            pts,
            seen,
            reader,
            keys,
            line: self.line,
            wire,
            before,
            home,
            ended: None,
        }
    }

    fn command(&self, home: &Path) -> Command {
        let binary = env!("CARGO_BIN_EXE_opsroom");
        let mut command = match &self.through_shell {
            None => Command::new(binary),
            Some(script) => Command::new("sh").args(["-c", script, "sh", binary]),
        };
        command = command.args(&self.args).env_clear().current_dir(home);
        command = command.stderr(File::create(home.join("stderr")).unwrap());
        command = command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for (name, folder) in FOLDERS {
            command = command.env(name, home.join(folder));
        }
        command = command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
        self.env
            .iter()
            .fold(command, |command, (name, value)| command.env(name, value))
    }
}

impl Console {
    /// Waits for the text to be on the screen.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        self.wait(&format!("{text:?} on screen"), |state| {
            state.contents().contains(text)
        });
    }

    /// Waits for the text to be gone from the screen.
    #[track_caller]
    pub fn wait_gone(&self, text: &str) {
        self.wait(&format!("no {text:?} on screen"), |state| {
            !state.contents().contains(text)
        });
    }

    /// Waits for a fact about the screen.
    #[track_caller]
    pub fn wait_until(&self, what: &str, fact: impl Fn(&str) -> bool) {
        self.wait(what, |state| fact(&state.contents()));
    }

    /// Leaves with `q`; the home stays.
    #[track_caller]
    pub fn leave(mut self) -> TempDir {
        self.send("q");
        assert_eq!(self.exit_restored(), 0);
        std::mem::replace(&mut self.home, TempDir::new().unwrap())
    }

    /// Waits for this to have arrived after `mark` bytes.
    #[track_caller]
    pub fn wait_bytes(&self, mark: usize, text: &str) {
        self.wait(&format!("{text:?} on the wire"), |state| {
            contains(&state.bytes[mark..], text)
        });
    }

    /// Waits for a fact about what arrived.
    #[track_caller]
    fn wait(&self, what: &str, fact: impl Fn(&State) -> bool) {
        let until = Instant::now() + limit();
        let mut state = self
            .seen
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while !fact(&state) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "timed out waiting for {what}; the screen:\n{}\nstderr: {}",
                state.contents(),
                self.stderr()
            );
            state = self.seen.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Waits until nothing has arrived for `silence`, at most as long as the limit.
    pub fn settle(&self, silence: Duration) -> usize {
        let until = Instant::now() + limit();
        let mut count = self.count();
        loop {
            let state = self.state();
            let (state, timeout) = self
                .seen
                .changed
                .wait_timeout_while(state, silence, |state| state.bytes.len() == count)
                .unwrap();
            if timeout.timed_out() {
                return count;
            }
            assert!(
                Instant::now() < until,
                "the screen never settled:\n{}",
                state.contents()
            );
            count = state.bytes.len();
        }
    }

    /// Waits for the home screen.
    #[track_caller]
    pub fn home_screen(&self) {
        self.wait_for("opsroom");
        self.wait_for(": ");
    }

    /// Types.
    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        if let (Some(keys), Some(line)) = (&self.keys, self.line) {
            return keys
                .send((Instant::now() + line.latency, bytes.as_ref().to_vec()))
                .unwrap();
        }
        let pty: &Pty = self.pty.as_ref().expect("hung up");
        (&mut &*pty).write_all(bytes.as_ref()).unwrap();
    }

    /// Types, waits until the screen satisfies `fact`, and returns how long that took.
    #[track_caller]
    pub fn answer_in(&self, keys: &str, fact: impl Fn(&str) -> bool) -> Duration {
        let pressed = Instant::now();
        self.send(keys);
        self.wait(&format!("an answer to {keys:?}"), |state| {
            fact(&state.contents())
        });
        pressed.elapsed()
    }

    /// With a slow line: the most bytes ever queued in it, after the first screen.
    pub fn most_in_line(&self) -> u64 {
        self.wire.most()
    }

    /// Input that was typed but not read.
    pub fn left_over(&self) -> String {
        thread::sleep(self.line.map_or(Duration::ZERO, |line| line.latency * 4));
        let mut modes = tcgetattr(&self.pts).unwrap();
        modes.make_raw();
        tcsetattr(&self.pts, OptionalActions::Now, &modes).unwrap();
        let mut fds = [PollFd::new(&self.pts, PollFlags::IN)];
        if poll(
            &mut fds,
            Some(&rustix::event::Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            }),
        )
        .unwrap()
            == 0
        {
            return String::new();
        }
        let mut buffer = [0; 256];
        let count = rustix::io::read(&self.pts, &mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    }

    /// Presses Esc until the text is gone: the first may only close suggestions.
    #[track_caller]
    pub fn escape(&self, text: &str) {
        for _ in 0..3 {
            self.send("\x1b");
            self.settle(Duration::from_millis(250));
            if !self.contents().contains(text) {
                return;
            }
        }
        panic!("{text:?} does not go:\n{}", self.contents());
    }

    /// Types the pieces with a pause between each: a slow link.
    /// False when the machine was too busy and a gap grew longer than a key may take: try again.
    #[must_use]
    pub fn send_split<'a>(
        &self,
        pieces: impl IntoIterator<Item = &'a [u8]>,
        gap: Duration,
    ) -> bool {
        let mut in_time = true;
        let mut last = Instant::now();
        for (index, piece) in pieces.into_iter().enumerate() {
            if index > 0 {
                thread::sleep(gap);
            }
            self.send(piece);
            in_time &= index == 0 || last.elapsed() < gap + Duration::from_millis(15);
            last = Instant::now();
        }
        in_time
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        let (width, height) = (
            NonZeroU16::new(columns).unwrap(),
            NonZeroU16::new(rows).unwrap(),
        );
        self.state().screen.screen_mut().set_size(height, width);
        self.pty
            .as_ref()
            .expect("hung up")
            .resize(Size::new(rows, columns))
            .unwrap();
    }

    /// The screen as text.
    pub fn contents(&self) -> String {
        self.state().contents()
    }

    pub fn on_alternate_screen(&self) -> bool {
        self.state().screen.screen().alternate_screen()
    }

    /// How many bytes have arrived.
    pub fn count(&self) -> usize {
        self.state().bytes.len()
    }

    /// The output after the first `mark` bytes.
    pub fn bytes_since(&self, mark: usize) -> String {
        String::from_utf8_lossy(&self.state().bytes[mark..]).into_owned()
    }

    pub fn modes(&self) -> Modes {
        Modes::of(&tcgetattr(&self.pts).unwrap())
    }

    /// The modes before the console started.
    pub fn modes_before(&self) -> &Modes {
        &self.before
    }

    /// The text written to fd 2.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.home.path().join("stderr")).unwrap_or_default()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Takes the terminal away, as a dropped connection does.
    pub fn hang_up(&mut self) {
        self.stop_reading();
        self.pty = None;
    }

    /// Stops reading: a terminal that takes no more output.
    pub fn stop_reading(&mut self) {
        if let Some((stop, thread)) = self.reader.take() {
            drop(stop);
            thread.join().unwrap();
        }
    }

    /// The process's state as the kernel names it: `R`, `S`, `T` (stopped)…
    pub fn process_state(&self) -> char {
        self.stat(2).chars().next().unwrap_or('?')
    }

    /// Waits for the process to be stopped.
    #[track_caller]
    pub fn wait_stopped(&self) {
        let until = Instant::now() + limit();
        while self.process_state() != 'T' {
            assert!(
                Instant::now() < until,
                "never stopped, state {}",
                self.process_state()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Processor time used so far, in clock ticks of 10 ms.
    pub fn processor_ticks(&self) -> u64 {
        self.stat(13).parse::<u64>().unwrap() + self.stat(14).parse::<u64>().unwrap()
    }

    /// Peak resident memory, in bytes.
    pub fn most_memory(&self) -> u64 {
        let status = read(Path::new(&format!("/proc/{}/status", self.child.id())));
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap_or_default();
        line.trim()
            .trim_end_matches(" kB")
            .parse::<u64>()
            .unwrap_or(0)
            * 1024
    }

    /// Voluntary context switches of the screen's own threads (loop and keyboard).
    pub fn screen_wakeups(&self) -> u64 {
        let tasks = format!("/proc/{}/task", self.child.id());
        let is_ours = |task: &Path| {
            task.ends_with(self.child.id().to_string())
                || read(&task.join("comm")).trim() == "keyboard"
        };
        let tasks = std::fs::read_dir(tasks)
            .unwrap()
            .map(|task| task.unwrap().path());
        tasks
            .filter(|task| is_ours(task))
            .map(|task| switches(&read(&task.join("status"))))
            .sum()
    }

    /// Waits for the process to end.
    #[track_caller]
    pub fn exit(&mut self) -> ExitStatus {
        let until = Instant::now() + limit();
        while self.ended.is_none() {
            self.ended = self.child.try_wait().unwrap();
            assert!(
                Instant::now() < until,
                "never ended; the screen:\n{}\nstderr: {}",
                self.contents(),
                self.stderr()
            );
            thread::sleep(Duration::from_millis(5));
        }
        self.ended.unwrap()
    }

    /// Waits for the end and checks that the terminal is as before. Returns the exit code.
    #[track_caller]
    pub fn exit_restored(&mut self) -> i32 {
        let status = self.exit();
        assert!(status.signal().is_none(), "killed: {status:?}");
        self.assert_restored();
        status.code().unwrap()
    }

    /// Checks that the terminal is as before: modes, screen, cursor, and every mode switched off.
    #[track_caller]
    pub fn assert_restored(&self) {
        self.wait("the cursor shown", |state| {
            state.bytes.ends_with(b"\x1b[?25h") || contains(&state.bytes, "\x1b[?1049l\x1b[?25h")
        });
        // On a second suspend the bytes above are also those of the first: wait for the rest.
        self.wait("the screen given back", |state| {
            !state.screen.screen().alternate_screen() && !state.screen.screen().hide_cursor()
        });
        // The modes follow the bytes: a process that stays alive needs a moment.
        let until = Instant::now() + limit();
        while self.modes() != self.before && Instant::now() < until {
            thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(self.modes(), self.before, "modes");
        let state = self.state();
        let screen = state.screen.screen();
        assert!(
            !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste(),
            "screen modes"
        );
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        let tail = String::from_utf8_lossy(&state.bytes);
        let (saved, restored) = (tail.matches("\x1b[22;0t"), tail.matches("\x1b[23;0t"));
        assert_eq!(saved.count(), restored.count(), "the title");
        let tail = &tail[tail
            .rfind("\x1b[?2026l\x1b[?1000l")
            .expect("leaving was begun")..];
        for off in OFF {
            assert!(tail.contains(off), "{off:?} is missing in {tail:?}");
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn stat(&self, field: usize) -> String {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // The name, in parentheses, may hold spaces.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        rest.split_whitespace()
            .nth(field - 2)
            .unwrap_or("0")
            .to_owned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.seen
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if self.ended.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        self.stop_reading();
    }
}

impl Seen {
    fn new((columns, rows): (u16, u16)) -> Self {
        let (columns, rows) = (
            NonZeroU16::new(columns).unwrap(),
            NonZeroU16::new(rows).unwrap(),
        );
        let state = State {
            screen: vt100::Parser::new(rows, columns, 0),
            bytes: Vec::new(),
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Processes bytes and counts how often `text` ends in them.
    pub fn take(&self, bytes: &[u8], text: &str) -> usize {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = state
            .bytes
            .len()
            .saturating_sub(text.len().saturating_sub(1));
        state.screen.process(bytes);
        state.bytes.extend_from_slice(bytes);
        let found = state.bytes[mark..]
            .windows(text.len().max(1))
            .filter(|bytes| *bytes == text.as_bytes())
            .count();
        drop(state);
        self.changed.notify_all();
        found
    }
}

impl State {
    fn contents(&self) -> String {
        self.screen.screen().contents()
    }
}

impl Modes {
    pub fn of(modes: &Termios) -> Self {
        let codes: Vec<u8> = (0..17)
            .map(|index| modes.special_codes[code(index)])
            .collect();
        let (input, output) = (modes.input_modes, modes.output_modes);
        Self(format!(
            "{input:?} {output:?} {:?} {:?} {codes:?}",
            modes.control_modes, modes.local_modes
        ))
    }
}

/// The codes a console could touch.
fn code(index: usize) -> SpecialCodeIndex {
    use SpecialCodeIndex as Code;
    [
        Code::VINTR,
        Code::VQUIT,
        Code::VERASE,
        Code::VKILL,
        Code::VEOF,
        Code::VTIME,
        Code::VMIN,
        Code::VSWTC,
        Code::VSTART,
        Code::VSTOP,
        Code::VSUSP,
        Code::VEOL,
        Code::VREPRINT,
        Code::VDISCARD,
        Code::VWERASE,
        Code::VLNEXT,
        Code::VEOL2,
    ][index]
}

/// Sets unusual modes: a console that restores default ones fails.
fn set_unusual_modes(pts: &Pts) -> Modes {
    let mut modes = tcgetattr(pts).unwrap();
    modes.special_codes[SpecialCodeIndex::VERASE] = 8;
    modes.special_codes[SpecialCodeIndex::VKILL] = 24;
    modes
        .local_modes
        .remove(LocalModes::ECHOCTL | LocalModes::ECHOKE);
    tcsetattr(pts, OptionalActions::Now, &modes).unwrap();
    Modes::of(&modes)
}

/// Reads until stopped; with a slow line, `take` carries the bytes on.
fn read_all(
    pty: &Arc<Pty>,
    seen: &Arc<Seen>,
    wire: &Arc<Wire>,
    take: Option<mpsc::Sender<Vec<u8>>>,
) -> (PipeWriter, JoinHandle<()>) {
    let (stopped, stop) = io::pipe().unwrap();
    let (pty, seen, wire) = (Arc::clone(pty), Arc::clone(seen), Arc::clone(wire));
    let thread = thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let mut fds = [
                PollFd::new(&pty, PollFlags::IN),
                PollFd::from_borrowed_fd(stopped.as_fd(), PollFlags::IN),
            ];
            poll(&mut fds, None).unwrap();
            if !fds[1].revents().is_empty() {
                return;
            }
            let Ok(count @ 1..) = (&mut &*pty).read(&mut buffer) else {
                return;
            };
            if let Some(take) = &take {
                wire.put_in(count as u64);
                take.send(buffer[..count].to_vec()).unwrap();
                continue;
            }
            seen.take(&buffer[..count], "");
        }
    });
    (stop, thread)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// A file of `/proc`; empty when the thread has just ended.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn switches(status: &str) -> u64 {
    let line = status
        .lines()
        .find(|line| line.starts_with("voluntary_ctxt_switches"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|count| count.parse().ok())
        .unwrap_or(0)
}
