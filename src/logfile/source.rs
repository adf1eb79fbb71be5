//! A log view on a thread of its own: takes requests, works in small pieces between them and sends
//! what to show.

use std::io;
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::time::{Duration, Instant};

use super::log_view::{Answer, LogRequest, LogView, Shown};

/// A message from the thread of a log view.
#[derive(Debug, Clone)]
pub enum LogUpdate {
    Shown(Box<Shown>),
    Answer(Answer),
    /// The log view could not be opened, with the reason. No further message follows.
    Unopened(String),
}

/// A running log view. Dropping it and its wakers ends the thread after the current piece of work.
#[derive(Debug)]
pub struct LogSource {
    asks: SyncSender<LogRequest>,
}

/// Wakes a log view after something was written to what it reads.
#[derive(Debug, Clone)]
pub struct Waker(SyncSender<LogRequest>);

impl Waker {
    /// A full queue is fine: the view will poll anyway. False: the view is gone.
    #[must_use]
    pub fn wake(&self) -> bool {
        !matches!(
            self.0.try_send(LogRequest::Poll),
            Err(TrySendError::Disconnected(_))
        )
    }
}

/// Requests that may wait in the queue.
const WAITING: usize = 256;
/// How often files are polled for growth: `POLL` until `QUIET` has passed without any.
const POLL: Duration = Duration::from_millis(50);
const POLL_QUIET: Duration = Duration::from_millis(200);
const QUIET: Duration = Duration::from_secs(5);
/// Logs whose writer wakes the view are not polled.
const NEVER: Duration = Duration::from_hours(1);
/// Shortest time between two screens sent without a request.
const SCREEN_INTERVAL: Duration = Duration::from_millis(40);
/// How often files are checked for having been replaced or truncated.
const CHECK: Duration = Duration::from_millis(250);

impl LogSource {
    /// Starts the thread, which calls `make` itself: the caller does not wait for files to open.
    /// `send` may block; false from it ends the thread.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(
        make: impl FnOnce() -> io::Result<LogView> + Send + 'static,
        mut send: impl FnMut(LogUpdate) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let (asks, requests) = sync_channel(WAITING);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || match make() {
                Ok(log_view) => run(log_view, &requests, send),
                Err(error) => drop(send(LogUpdate::Unopened(error.to_string()))),
            })?;
        Ok(Self { asks })
    }

    /// Queues a request; false when the queue is full.
    #[must_use]
    pub fn ask(&self, ask: LogRequest) -> bool {
        self.asks.try_send(ask).is_ok()
    }

    /// For the writer of a log that the view reads.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(self.asks.clone())
    }
}

fn run(
    mut log_view: LogView,
    requests: &Receiver<LogRequest>,
    mut send: impl FnMut(LogUpdate) -> bool,
) {
    let (mut shown_at, mut checked) = (None::<Instant>, Instant::now());
    let mut idle = false;
    let mut grew = Instant::now();
    loop {
        let mut urgent = shown_at.is_none();
        let request = if idle {
            match requests.recv_timeout(pause(&log_view, grew)) {
                Ok(request) => Some(request),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        } else {
            match requests.try_recv() {
                Ok(request) => Some(request),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return,
            }
        };
        let mut next = request;
        while let Some(request) = next {
            urgent |= request != LogRequest::Poll;
            log_view.ask(request);
            next = requests.try_recv().ok();
        }
        if !urgent || shown_at.is_none() {
            idle = !log_view.work();
            grew = if idle { grew } else { Instant::now() };
        } else {
            // The request is answered first; the background work it causes follows.
            idle = false;
        }
        if checked.elapsed() >= CHECK {
            log_view.check();
            checked = Instant::now();
        }
        for answer in log_view.answers() {
            if !send(LogUpdate::Answer(answer)) {
                return;
            }
        }
        let due = urgent || shown_at.is_none_or(|at| at.elapsed() >= SCREEN_INTERVAL);
        if log_view.has_changed() && log_view.is_watched() && (due || idle) {
            shown_at = Some(Instant::now());
            if !send(LogUpdate::Shown(Box::new(log_view.shown()))) {
                return;
            }
        }
    }
}

/// How long to wait for a request before polling again.
fn pause(log_view: &LogView, grew: Instant) -> Duration {
    match () {
        () if !log_view.is_watched() || !log_view.needs_polling() => NEVER,
        () if grew.elapsed() < QUIET => POLL,
        () => POLL_QUIET,
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::core::base::time::Timestamp;
    use crate::logfile::file::Tracked;
    use crate::logfile::log_view::{Move, Sought};
    use crate::logfile::scan::pattern;

    fn source(text: &str) -> (LogSource, Receiver<LogUpdate>) {
        let file = Tracked::spool("test", io::Cursor::new(text.to_owned().into_bytes())).unwrap();
        let (sender, messages) = sync_channel(8);
        let log_view = LogView::new(vec![file], false, Timestamp(0));
        (
            LogSource::start(move || Ok(log_view), move |t| sender.send(t).is_ok()).unwrap(),
            messages,
        )
    }

    fn until(messages: &Receiver<LogUpdate>, fact: impl Fn(&Shown) -> bool) -> Shown {
        loop {
            match messages.recv_timeout(Duration::from_secs(20)).unwrap() {
                LogUpdate::Shown(shown) if fact(&shown) => return *shown,
                _ => {}
            }
        }
    }

    #[test]
    fn requests_are_answered_while_and_after_the_work_is_done() {
        let text: String = (0..200_000).map(|n| format!("INFO line {n}\n")).collect();
        let (source, messages) = source(&text);
        assert!(source.ask(LogRequest::Resize { rows: 10, strip: 0 }));
        assert!(source.ask(LogRequest::Search(Some(pattern("7$").unwrap()))));
        let all = until(&messages, |shown| {
            shown.hits.is_some_and(|hits| hits.complete) && shown.lines == 200_000
        });
        assert_eq!(all.hits.unwrap().count, 20_000);
        assert!(source.ask(LogRequest::Move(Move::Line(100))));
        assert!(source.ask(LogRequest::Seek {
            what: Sought::Hit,
            forward: true
        }));
        until(&messages, |shown| shown.rows[shown.cursor].number == 107);
    }

    #[test]
    fn a_view_that_cannot_be_made_is_reported() {
        let (sender, messages) = sync_channel(8);
        let made = LogSource::start(
            || Err(io::Error::other("no room")),
            move |t| sender.send(t).is_ok(),
        )
        .unwrap();
        assert!(
            matches!(messages.recv_timeout(Duration::from_secs(20)), Ok(LogUpdate::Unopened(why)) if why == "no room")
        );
        drop(made);
    }

    #[test]
    fn dropping_ends_the_thread() {
        let (source, messages) = source("a\nb\n");
        until(&messages, |shown| shown.lines == 2);
        drop(source);
        // The sender is dropped when the thread ends.
        while messages.recv_timeout(Duration::from_secs(20)).is_ok() {}
        assert_eq!(
            messages.recv_timeout(Duration::from_secs(20)).unwrap_err(),
            RecvTimeoutError::Disconnected
        );
    }
}
