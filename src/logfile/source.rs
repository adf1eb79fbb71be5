//! A desk with a thread of its own: takes wishes, works in small pieces between them, tells what to show.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use super::desk::{Answer, Ask, Desk, Shown};

/// What a source tells.
#[derive(Debug, Clone)]
pub enum Told {
    Shown(Box<Shown>),
    Answer(Answer),
    /// There is no desk, and why; nothing follows.
    Unopened(String),
}

/// A running desk. Dropping it (and its nudges) ends the thread after the piece of work in hand.
#[derive(Debug)]
pub struct Source {
    asks: SyncSender<Ask>,
}

/// Tells a desk that something has come.
#[derive(Debug, Clone)]
pub struct Nudge(SyncSender<Ask>);

impl Nudge {
    /// Full is fine: then it looks anyway. False: the desk is gone.
    #[must_use]
    pub fn tell(&self) -> bool {
        !matches!(self.0.try_send(Ask::Look), Err(TrySendError::Disconnected(_)))
    }
}

/// Wishes not yet taken in.
const WAITING: usize = 256;
/// How often files are looked at for growth: often while they grow, else now and then.
const POLL: Duration = Duration::from_millis(50);
const POLL_QUIET: Duration = Duration::from_millis(200);
const QUIET: Duration = Duration::from_secs(5);
/// What grows only when it is said so is not looked at for that.
const NEVER: Duration = Duration::from_hours(1);
/// While nothing is asked, what is shown is told this often at most.
const TELL: Duration = Duration::from_millis(40);
/// How often files are looked at for having been replaced.
const CHECK: Duration = Duration::from_millis(250);

impl Source {
    /// Starts the thread, which makes its desk itself: whoever starts it does not wait for files to open. `tell` may block;
    /// false from it ends the thread.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub fn start(
        make: impl FnOnce() -> io::Result<Desk> + Send + 'static,
        mut tell: impl FnMut(Told) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let (asks, wishes) = sync_channel(WAITING);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || match make() {
            Ok(desk) => run(desk, &wishes, tell),
            Err(error) => drop(tell(Told::Unopened(error.to_string()))),
        })?;
        Ok(Self { asks })
    }

    /// Hands over a wish; false when too many wait already.
    #[must_use]
    pub fn ask(&self, ask: Ask) -> bool {
        self.asks.try_send(ask).is_ok()
    }

    /// For whoever writes what the desk reads.
    #[must_use]
    pub fn nudge(&self) -> Nudge {
        Nudge(self.asks.clone())
    }
}

fn run(mut desk: Desk, wishes: &Receiver<Ask>, mut tell: impl FnMut(Told) -> bool) {
    let (mut told, mut checked) = (None::<Instant>, Instant::now());
    let mut idle = false;
    let mut grew = Instant::now();
    loop {
        let mut urgent = told.is_none();
        let wish = if idle {
            match wishes.recv_timeout(pause(&desk, grew)) {
                Ok(wish) => Some(wish),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        } else {
            match wishes.try_recv() {
                Ok(wish) => Some(wish),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return,
            }
        };
        let mut next = wish;
        while let Some(wish) = next {
            urgent |= wish != Ask::Look;
            desk.ask(wish);
            next = wishes.try_recv().ok();
        }
        if !urgent || told.is_none() {
            idle = !desk.work();
            grew = if idle { grew } else { Instant::now() };
        } else {
            // A wish is answered first; what it means for the background comes right after.
            idle = false;
        }
        if checked.elapsed() >= CHECK {
            desk.check();
            checked = Instant::now();
        }
        for answer in desk.answers() {
            if !tell(Told::Answer(answer)) {
                return;
            }
        }
        let due = urgent || told.is_none_or(|at| at.elapsed() >= TELL);
        if desk.has_changed() && desk.is_watched() && (due || idle) {
            told = Some(Instant::now());
            if !tell(Told::Shown(Box::new(desk.shown()))) {
                return;
            }
        }
    }
}

/// How long to wait for a wish before looking again.
fn pause(desk: &Desk, grew: Instant) -> Duration {
    match () {
        () if !desk.is_watched() || !desk.has_to_watch() => NEVER,
        () if grew.elapsed() < QUIET => POLL,
        () => POLL_QUIET,
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::core::time::Timestamp;
    use crate::logfile::desk::{Move, Sought};
    use crate::logfile::file::Tracked;
    use crate::logfile::scan::pattern;

    fn source(text: &str) -> (Source, Receiver<Told>) {
        let file = Tracked::spool("test", io::Cursor::new(text.to_owned().into_bytes())).unwrap();
        let (sender, told) = sync_channel(8);
        let desk = Desk::new(vec![file], false, Timestamp(0));
        (Source::start(move || Ok(desk), move |t| sender.send(t).is_ok()).unwrap(), told)
    }

    fn until(told: &Receiver<Told>, fact: impl Fn(&Shown) -> bool) -> Shown {
        loop {
            match told.recv_timeout(Duration::from_secs(20)).unwrap() {
                Told::Shown(shown) if fact(&shown) => return *shown,
                _ => {}
            }
        }
    }

    #[test]
    fn wishes_are_answered_while_and_after_the_work_is_done() {
        let text: String = (0..200_000).map(|n| format!("INFO line {n}\n")).collect();
        let (source, told) = source(&text);
        assert!(source.ask(Ask::Fit { rows: 10, strip: 0 }));
        assert!(source.ask(Ask::Search(Some(pattern("7$").unwrap()))));
        let all = until(&told, |shown| shown.hits.is_some_and(|hits| hits.complete) && shown.lines == 200_000);
        assert_eq!(all.hits.unwrap().count, 20_000);
        assert!(source.ask(Ask::Move(Move::Line(100))));
        assert!(source.ask(Ask::Seek { what: Sought::Hit, forward: true }));
        until(&told, |shown| shown.rows[shown.cursor].number == 107);
    }

    #[test]
    fn a_desk_that_cannot_be_made_is_told() {
        let (sender, told) = sync_channel(8);
        let made = Source::start(|| Err(io::Error::other("no room")), move |t| sender.send(t).is_ok()).unwrap();
        assert!(matches!(told.recv_timeout(Duration::from_secs(20)), Ok(Told::Unopened(why)) if why == "no room"));
        drop(made);
    }

    #[test]
    fn dropping_ends_the_thread() {
        let (source, told) = source("a\nb\n");
        until(&told, |shown| shown.lines == 2);
        drop(source);
        // The sender goes with the thread.
        while told.recv_timeout(Duration::from_secs(20)).is_ok() {}
        assert_eq!(told.recv_timeout(Duration::from_secs(20)).unwrap_err(), RecvTimeoutError::Disconnected);
    }
}
