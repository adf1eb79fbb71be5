//! Copying through the terminal (OSC 52). Works over SSH, but without an acknowledgement, so the
//! message only says that the text was sent.

use crossterm::Command;
use crossterm::clipboard::CopyToClipboard;

/// The multiplexer between the console and the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    Nothing,
    Tmux,
    Screen,
}

impl Between {
    /// Detects it from the environment.
    pub fn detect() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match () {
            () if set("TMUX") => Self::Tmux,
            () if set("STY") => Self::Screen,
            () => Self::Nothing,
        }
    }

    /// The sequence in the form in which it gets through to the terminal.
    pub fn pass(self, sequence: &str) -> String {
        match self {
            Self::Nothing => sequence.to_owned(),
            Self::Tmux => format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b")),
            Self::Screen => in_pieces(sequence),
        }
    }
}

/// xterm's limit on the encoded text; most terminals allow more.
const ENCODED_BYTES: usize = 74_994;
/// Limit of screen for one string (768), without the escape codes.
const SCREEN_PIECE: usize = 720;

/// The sequence that copies the text and a message for the operator, or why it cannot be copied.
pub fn copy(text: &str, between: Between) -> Result<(String, String), String> {
    let encoded = text.len().div_ceil(3) * 4;
    if encoded > ENCODED_BYTES {
        let (have, most) = (text.len().div_ceil(1024), ENCODED_BYTES / 4 * 3 / 1024);
        return Err(format!(
            "not copied: {have} KiB is more than terminals take ({most} KiB); copy a part of it"
        ));
    }
    let mut plain = String::new();
    CopyToClipboard::to_clipboard_from(text)
        .write_ansi(&mut plain)
        .map_err(|_| "not copied".to_owned())?;
    let sent = format!("sent {} to the terminal's clipboard", size(text));
    Ok(match between {
        Between::Nothing => (plain, format!("{sent} (if it allows OSC 52)")),
        // Both forms: tmux passes on one of them, depending on its configuration.
        Between::Tmux => {
            let message =
                format!("{sent} (tmux passes it on with set-clipboard on or allow-passthrough on)");
            (format!("{plain}{}", between.pass(&plain)), message)
        }
        Between::Screen => (
            between.pass(&plain),
            format!("{sent} through screen (if it allows OSC 52)"),
        ),
    })
}

/// screen passes on the contents of device control strings. An `ESC \` inside would end the string,
/// so the copy ends with BEL instead.
fn in_pieces(sequence: &str) -> String {
    let belled = sequence.replace("\x1b\\", "\x07");
    // Cannot split a character: the sequence is ASCII.
    let pieces = belled
        .as_bytes()
        .chunks(SCREEN_PIECE)
        .map(String::from_utf8_lossy);
    pieces
        .flat_map(|piece| ["\x1bP".into(), piece, "\x1b\\".into()])
        .collect()
}

fn size(text: &str) -> String {
    match text.lines().count() {
        0 | 1 => format!("{} characters", text.chars().count()),
        lines => format!("{lines} lines"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_wrapped_for_multiplexers() {
        let (plain, message) = copy("rm -rf", Between::Nothing).unwrap();
        assert_eq!(plain, "\x1b]52;c;cm0gLXJm\x1b\\");
        assert!(message.starts_with("sent 6 characters"), "{message}");
        let (tmux, _) = copy("rm -rf", Between::Tmux).unwrap();
        assert_eq!(
            tmux,
            "\x1b]52;c;cm0gLXJm\x1b\\\x1bPtmux;\x1b\x1b]52;c;cm0gLXJm\x1b\x1b\\\x1b\\"
        );
        let (screen, _) = copy("rm -rf", Between::Screen).unwrap();
        assert_eq!(screen, "\x1bP\x1b]52;c;cm0gLXJm\x07\x1b\\");
    }

    #[test]
    fn the_limit_is_exact_and_reported() {
        let most = "x".repeat(ENCODED_BYTES / 4 * 3);
        assert!(copy(&most, Between::Nothing).is_ok());
        let error = copy(&format!("{most}x"), Between::Nothing).unwrap_err();
        assert!(
            error.contains("55 KiB") && error.contains("54 KiB"),
            "{error}"
        );
    }

    #[test]
    fn screen_gets_pieces_it_can_take() {
        let (sequence, _) = copy(&"long ".repeat(2000), Between::Screen).unwrap();
        let pieces: Vec<&str> = sequence
            .split("\x1b\\")
            .filter(|piece| !piece.is_empty())
            .collect();
        assert!(
            pieces.len() > 10
                && pieces
                    .iter()
                    .all(|piece| piece.len() <= 768 && piece.starts_with("\x1bP"))
        );
        let joined: String = pieces.iter().map(|piece| &piece[2..]).collect();
        assert!(joined.starts_with("\x1b]52;c;") && joined.ends_with('\x07'));
    }
}
