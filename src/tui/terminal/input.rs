//! The input thread: reads the terminal, decodes and sends inputs. Ends at once when the terminal
//! is gone, where crossterm's reader would spin.

use std::io::{self, PipeReader, PipeWriter};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::sync::mpsc;

use super::decode::{Decoder, Typed};
use super::guard::Held;

/// A message from the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Typed(Typed),
    /// The terminal is gone; nothing follows.
    Gone,
}

/// A running reader. Dropping it stops the thread before the next read.
#[derive(Debug)]
pub struct Reader {
    inputs: Option<mpsc::Receiver<Input>>,
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

/// Capacity of the input channel. When it is full, the reader waits and the kernel buffers input.
const PENDING: usize = 256;

impl Reader {
    /// Starts reading the terminal.
    pub fn start(held: &Arc<Held>) -> io::Result<Self> {
        let (stopped, stop) = io::pipe()?;
        let (sender, inputs) = mpsc::channel(PENDING);
        let held = Arc::clone(held);
        let thread = thread::Builder::new()
            .name("keyboard".to_owned())
            .spawn(move || {
                if read_all(&held, &stopped, &sender).is_err() {
                    let _ = sender.blocking_send(Input::Gone);
                }
            })?;
        Ok(Self {
            inputs: Some(inputs),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The next input; [`Input::Gone`] if the reader has ended.
    pub async fn next(&mut self) -> Input {
        match &mut self.inputs {
            Some(inputs) => inputs.recv().await.unwrap_or(Input::Gone),
            None => Input::Gone,
        }
    }

    /// The next pending input, without waiting.
    pub fn try_next(&mut self) -> Option<Input> {
        self.inputs.as_mut()?.try_recv().ok()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Close both channels that the thread may wait on before joining it.
        self.inputs = None;
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Error: the terminal is gone.
struct Gone;

/// Reads until stopped (`Ok`) or the terminal is gone.
fn read_all(held: &Held, stopped: &PipeReader, sender: &mpsc::Sender<Input>) -> Result<(), Gone> {
    let mut decoder = Decoder::new(Instant::now());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let typed = match wait(held, stopped, decoder.deadline())? {
            Ready::Stop => return Ok(()),
            Ready::Nothing => decoder.expire(Instant::now()),
            Ready::Bytes => match rustix::io::read(&held.tty, &mut buffer) {
                Ok(0) => return Err(Gone),
                Ok(count) => decoder.feed(&buffer[..count], Instant::now()),
                Err(Errno::AGAIN | Errno::INTR) => continue,
                Err(_) => return Err(Gone),
            },
        };
        for typed in typed {
            if sender.blocking_send(Input::Typed(typed)).is_err() {
                return Ok(());
            }
        }
    }
}

enum Ready {
    Bytes,
    /// No input before the deadline.
    Nothing,
    Stop,
}

fn wait(held: &Held, stopped: &PipeReader, deadline: Option<Instant>) -> Result<Ready, Gone> {
    let mut fds = [
        PollFd::new(&held.tty, PollFlags::IN),
        PollFd::new(stopped, PollFlags::IN),
    ];
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let left = left.and_then(|left| Timespec::try_from(left).ok());
    match poll(&mut fds, left.as_ref()) {
        Ok(0) | Err(Errno::INTR) => return Ok(Ready::Nothing),
        Ok(_) => {}
        Err(_) => return Err(Gone),
    }
    match (fds[0].revents(), fds[1].revents()) {
        (_, stop) if !stop.is_empty() => Ok(Ready::Stop),
        (tty, _) if tty.contains(PollFlags::IN) => Ok(Ready::Bytes),
        (tty, _) if tty.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) => Err(Gone),
        _ => Ok(Ready::Nothing),
    }
}
