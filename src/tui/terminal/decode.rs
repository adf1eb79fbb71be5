//! Decodes input bytes into keys, pastes and focus changes. Pure: the time is a parameter.
//!
//! A sequence may be split anywhere between the terminal and this process. Rules:
//! - a lone `ESC` is held for [`ESCAPE_HOLD`], then it is the Esc key;
//! - any other unfinished sequence is held for [`SEQUENCE_HOLD`] after its last byte, then dropped;
//!   its bytes never become letters;
//! - a `[` soon after an Esc key still continues the sequence of that `ESC`;
//! - unknown sequences are dropped as a whole;
//! - a burst of text in one read is not typing, even if the terminal does not bracket pastes: it is
//!   kept together as [`Typed::Burst`], so that the receiver can treat it as a line of text.

use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::sequence::{self, Meaning, Mouse, Sequence};

/// One decoded input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    Key(KeyEvent),
    /// Pasted text with `\n` line ends; at most [`PASTE_BYTES`].
    Paste(String),
    /// Text in one read without paste brackets: an unbracketed paste, or typing after a network
    /// stall. Never keys. Also at most [`PASTE_BYTES`].
    Burst(String),
    Focus(bool),
    Mouse(Mouse),
    /// The answer to the status query sent after a frame.
    Answer,
}

/// How long a lone `ESC` waits for the rest of a sequence.
pub const ESCAPE_HOLD: Duration = Duration::from_millis(150);
/// How long an unfinished sequence or character waits for its next byte.
pub const SEQUENCE_HOLD: Duration = Duration::from_millis(500);
/// A paste longer than this is cut (a megabyte of text in a command line is a mistake).
pub const PASTE_BYTES: usize = 1 << 20;

/// How long after an Esc a `[` is still taken for the rest of its sequence.
const LATE: Duration = Duration::from_secs(1);
/// A paste without an end marker ends after this silence, so that keys work again.
const PASTE_SILENCE: Duration = Duration::from_secs(5);
/// More characters than this in one read are a burst.
const BURST_CHARS: usize = 8;
/// A burst ends after this silence, since a long paste takes several reads.
const BURST_SILENCE: Duration = Duration::from_millis(50);
const PASTE_END: &[u8] = b"\x1b[201~";

/// The state between two reads.
#[derive(Debug)]
pub struct Decoder {
    held: Held,
    /// When the last byte came.
    last: Instant,
    /// When a held `ESC` became the Esc key: a late `[` belongs to it.
    escaped: Option<Instant>,
    /// Text of the current read, not yet known to be typed or pasted.
    run: Vec<char>,
    /// The burst so far.
    burst: Option<Vec<char>>,
    out: Vec<Typed>,
}

/// The unfinished sequence or paste.
enum Held {
    Nothing,
    /// One `ESC`, or two (`alt`): some terminals send Alt-Up as `ESC ESC [ A`.
    Escape {
        alt: bool,
    },
    Csi {
        parser: Box<vte::Parser>,
        alt: bool,
        late: bool,
        length: usize,
    },
    Ss3 {
        bytes: Vec<u8>,
        alt: bool,
    },
    /// `ESC [ [`.
    Console,
    /// Remaining bytes of a mouse report.
    Mouse(u8),
    /// An OSC, DCS or APC string; ends with BEL or ST. `escape`: the last byte was `ESC`.
    String {
        escape: bool,
    },
    Utf8 {
        bytes: Vec<u8>,
        wanted: usize,
        alt: bool,
    },
    Paste {
        bytes: Vec<u8>,
        matched: usize,
    },
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Escape { .. } => "Escape",
            Self::Csi { .. } => "Csi",
            Self::Ss3 { .. } => "Ss3",
            Self::Console => "Console",
            Self::Mouse(_) => "Mouse",
            Self::String { .. } => "String",
            Self::Utf8 { .. } => "Utf8",
            Self::Paste { .. } => "Paste",
        })
    }
}

impl Decoder {
    pub fn new(now: Instant) -> Self {
        Self {
            held: Held::Nothing,
            last: now,
            escaped: None,
            run: Vec::new(),
            burst: None,
            out: Vec::new(),
        }
    }

    /// Takes the bytes of one read.
    pub fn feed(&mut self, bytes: &[u8], now: Instant) -> Vec<Typed> {
        self.last = now;
        for &byte in bytes {
            self.byte(byte, now);
        }
        self.end_run();
        std::mem::take(&mut self.out)
    }

    /// When to call [`Self::expire`] if no input comes before.
    pub fn deadline(&self) -> Option<Instant> {
        let hold = match self.held {
            Held::Nothing if self.burst.is_some() => BURST_SILENCE,
            Held::Nothing => return None,
            Held::Escape { .. } => ESCAPE_HOLD,
            Held::Paste { .. } => PASTE_SILENCE,
            _ => SEQUENCE_HOLD,
        };
        Some(self.last + hold)
    }

    /// Ends sequences, pastes and bursts held too long.
    pub fn expire(&mut self, now: Instant) -> Vec<Typed> {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.end_burst();
            match std::mem::replace(&mut self.held, Held::Nothing) {
                Held::Escape { alt } => {
                    self.escaped = Some(now);
                    self.out.extend((0..=u8::from(alt)).map(|_| escape()));
                }
                Held::Csi {
                    late: true,
                    length: 0,
                    ..
                } => self.key(sequence::plain('[')),
                Held::Paste { bytes, .. } => self.paste(&bytes),
                _ => {}
            }
        }
        std::mem::take(&mut self.out)
    }

    fn byte(&mut self, byte: u8, now: Instant) {
        let escaped = self.escaped.take();
        self.held = match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Nothing
                if byte == b'[' && escaped.is_some_and(|at| now.duration_since(at) < LATE) =>
            {
                csi(false, true)
            }
            Held::Nothing => self.ground(byte, false),
            Held::Escape { alt } => self.after_escape(byte, alt),
            Held::Csi {
                parser,
                alt,
                late,
                length,
            } => self.in_csi(parser, byte, alt, late, length),
            Held::Ss3 { bytes, alt } => self.in_ss3(bytes, byte, alt),
            Held::Console => self.one(sequence::console(byte)),
            Held::Mouse(left) if left > 1 => Held::Mouse(left - 1),
            Held::Mouse(_) => Held::Nothing,
            Held::String { escape } => in_string(byte, escape),
            Held::Utf8 { bytes, wanted, alt } => self.in_utf8(bytes, wanted, byte, alt),
            Held::Paste { bytes, matched } => self.in_paste(bytes, matched, byte),
        };
    }

    fn ground(&mut self, byte: u8, alt: bool) -> Held {
        let wanted = match byte {
            0x1b => return Held::Escape { alt },
            0..=0x7f => 1,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return Held::Nothing,
        };
        if wanted > 1 {
            return Held::Utf8 {
                bytes: vec![byte],
                wanted,
                alt,
            };
        }
        self.character(char::from(byte), alt);
        Held::Nothing
    }

    fn after_escape(&mut self, byte: u8, alt: bool) -> Held {
        match byte {
            b'[' => csi(alt, false),
            b'O' => Held::Ss3 {
                bytes: Vec::new(),
                alt,
            },
            b']' | b'P' | b'_' => Held::String { escape: false },
            0x1b => {
                if alt {
                    self.key_typed(escape());
                }
                Held::Escape { alt: true }
            }
            byte => {
                if alt {
                    self.key_typed(escape());
                }
                self.ground(byte, true)
            }
        }
    }

    fn in_csi(
        &mut self,
        mut parser: Box<vte::Parser>,
        byte: u8,
        alt: bool,
        late: bool,
        length: usize,
    ) -> Held {
        match byte {
            0x1b => return Held::Escape { alt: false },
            0x20..=0x3f => {
                parser.advance(&mut Dispatch::default(), &[byte]);
                return Held::Csi {
                    parser,
                    alt,
                    late,
                    length: length + 1,
                };
            }
            0x40..=0x7e => {}
            // A control or 8-bit byte breaks the sequence; drop both.
            _ => return Held::Nothing,
        }
        let mut dispatch = Dispatch::default();
        parser.advance(&mut dispatch, &[byte]);
        match dispatch
            .0
            .map_or(Meaning::Nothing, |sequence| sequence.csi())
        {
            Meaning::Key(key) => self.one(Some(alted(key, alt))),
            Meaning::Focus(gained) => {
                self.key_typed(Typed::Focus(gained));
                Held::Nothing
            }
            Meaning::Answer => {
                // The answer came right after the Esc key, which still counts.
                if alt {
                    self.key_typed(escape());
                }
                self.key_typed(Typed::Answer);
                Held::Nothing
            }
            Meaning::Mouse(mouse) => {
                if alt {
                    self.key_typed(escape());
                }
                self.key_typed(Typed::Mouse(mouse));
                Held::Nothing
            }
            Meaning::PasteBegins => Held::Paste {
                bytes: Vec::new(),
                matched: 0,
            },
            Meaning::MouseBytes => Held::Mouse(3),
            Meaning::ConsoleKey => Held::Console,
            Meaning::Nothing => Held::Nothing,
        }
    }

    fn in_ss3(&mut self, mut bytes: Vec<u8>, byte: u8, alt: bool) -> Held {
        match byte {
            0x1b => Held::Escape { alt: false },
            b'0'..=b'9' | b';' if bytes.len() < 8 => {
                bytes.push(byte);
                Held::Ss3 { bytes, alt }
            }
            0x40..=0x7e => {
                let text = String::from_utf8_lossy(&bytes);
                let params = text
                    .split(';')
                    .filter_map(|number| number.parse().ok())
                    .collect();
                match (Sequence {
                    params,
                    last: byte,
                    ..Sequence::default()
                })
                .ss3()
                {
                    Meaning::Key(key) => self.one(Some(alted(key, alt))),
                    _ => Held::Nothing,
                }
            }
            _ => Held::Nothing,
        }
    }

    fn in_utf8(&mut self, mut bytes: Vec<u8>, wanted: usize, byte: u8, alt: bool) -> Held {
        if byte & 0xc0 != 0x80 {
            // The character is incomplete; this byte starts a new one.
            return self.ground(byte, false);
        }
        bytes.push(byte);
        if bytes.len() < wanted {
            return Held::Utf8 { bytes, wanted, alt };
        }
        if let Some(c) = std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| text.chars().next())
        {
            self.character(c, alt);
        }
        Held::Nothing
    }

    fn in_paste(&mut self, mut bytes: Vec<u8>, matched: usize, byte: u8) -> Held {
        if byte == PASTE_END[matched] {
            if matched + 1 < PASTE_END.len() {
                return Held::Paste {
                    bytes,
                    matched: matched + 1,
                };
            }
            self.paste(&bytes);
            return Held::Nothing;
        }
        // Only the marker's first byte can restart it: its parts do not repeat.
        let matched_now = usize::from(byte == PASTE_END[0]);
        let whole = matched + 1 - matched_now;
        let room = PASTE_BYTES.saturating_sub(bytes.len());
        bytes.extend(
            PASTE_END[..matched]
                .iter()
                .copied()
                .chain([byte])
                .take(whole.min(room)),
        );
        Held::Paste {
            bytes,
            matched: matched_now,
        }
    }

    /// Handles a character, alone or with Alt (an `ESC` before it).
    fn character(&mut self, c: char, alt: bool) {
        let texty = !alt && (!c.is_control() || matches!(c, '\r' | '\n' | '\t'));
        if texty {
            self.run.push(c);
        } else {
            self.key(alted(sequence::plain(c), alt));
        }
    }

    fn one(&mut self, key: Option<KeyEvent>) -> Held {
        if let Some(key) = key {
            self.key(key);
        }
        Held::Nothing
    }

    fn key(&mut self, key: KeyEvent) {
        self.key_typed(Typed::Key(key));
    }

    fn key_typed(&mut self, typed: Typed) {
        self.end_run();
        self.end_burst();
        self.out.push(typed);
    }

    fn paste(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        self.key_typed(Typed::Paste(line_ends(&text)));
    }

    /// Classifies the text of this read as typed or as a burst.
    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        if let Some(burst) = &mut self.burst {
            burst.extend(run.iter().take(PASTE_BYTES.saturating_sub(burst.len())));
        } else if run.len() > BURST_CHARS && run.iter().any(|&c| c != run[0]) {
            self.burst = Some(run);
        } else {
            // Few characters, or one key held down: typed.
            self.out
                .extend(run.into_iter().map(|c| Typed::Key(sequence::plain(c))));
        }
    }

    fn end_burst(&mut self) {
        if let Some(burst) = self.burst.take() {
            let text: String = burst.into_iter().collect();
            self.out.push(Typed::Burst(line_ends(&text)));
        }
    }
}

/// Normalizes line ends to `\n`.
fn line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn csi(alt: bool, late: bool) -> Held {
    let mut parser = Box::new(vte::Parser::new());
    parser.advance(&mut Dispatch::default(), b"\x1b[");
    Held::Csi {
        parser,
        alt,
        late,
        length: 0,
    }
}

fn in_string(byte: u8, escape: bool) -> Held {
    match byte {
        0x07 | 0x18 | 0x1a => Held::Nothing,
        b'\\' if escape => Held::Nothing,
        byte => Held::String {
            escape: byte == 0x1b,
        },
    }
}

fn escape() -> Typed {
    Typed::Key(KeyEvent::from(KeyCode::Esc))
}

fn alted(mut key: KeyEvent, alt: bool) -> KeyEvent {
    if alt {
        key.modifiers |= KeyModifiers::ALT;
    }
    key
}

/// Receives the sequence from the parser.
#[derive(Default)]
struct Dispatch(Option<Sequence>);

impl vte::Perform for Dispatch {
    fn csi_dispatch(
        &mut self,
        params: &vte::Params,
        intermediates: &[u8],
        ignore: bool,
        action: char,
    ) {
        let marker = if ignore {
            b'?'
        } else {
            intermediates.first().copied().unwrap_or(0)
        };
        let kind = params
            .iter()
            .nth(1)
            .and_then(|sub| sub.get(1))
            .copied()
            .unwrap_or(0);
        let params = params
            .iter()
            .map(|sub| sub.first().copied().unwrap_or(0))
            .collect();
        self.0 = Some(Sequence {
            params,
            kind,
            marker,
            last: u8::try_from(action).unwrap_or(0),
        });
    }
}

#[cfg(test)]
mod tests;
