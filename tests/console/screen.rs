//! The console under test: keys and scripted answers in, a painted screen out, with its styles.

use std::fmt::Write as _;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use opsroom::core::run::act::Act;
use opsroom::core::run::orders::{Ending, Order};
use opsroom::tui::app::App;
use opsroom::tui::facts::Facts;
use opsroom::tui::keys::Keymap;
use opsroom::tui::msg::{Effect, Msg};
use opsroom::tui::theme::Theme;
use opsroom::tui::view;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Modifier, Style};

use super::world::{NOW, World};

/// A console and its scripted world.
pub struct Console {
    pub app: App,
    pub world: World,
    /// Every effect it has requested.
    pub wanted: Vec<Effect>,
}

impl Console {
    pub fn new(world: World) -> Self {
        Self::with(
            world,
            Facts {
                actor: "ana".to_owned(),
                ..Facts::default()
            },
            true,
            (80, 24),
        )
    }

    pub fn with(world: World, facts: Facts, colour: bool, size: (u16, u16)) -> Self {
        Self::themed(world, facts, Theme::new(colour), size)
    }

    pub fn themed(world: World, facts: Facts, theme: Theme, size: (u16, u16)) -> Self {
        let app = App::new(facts, Keymap::built_in(), theme, size, NOW);
        let mut console = Self {
            app,
            world,
            wanted: Vec::new(),
        };
        let effects = console.app.start();
        console.settle(effects);
        console
    }

    /// Sends a message and answers every effect that follows from it.
    pub fn send(&mut self, msg: Msg) -> &mut Self {
        let effects = self.app.update(msg);
        self.settle(effects);
        self
    }

    /// Sends a message and answers nothing.
    pub fn send_unanswered(&mut self, msg: Msg) -> Vec<Effect> {
        let effects = self.app.update(msg);
        self.wanted.extend(effects.clone());
        effects
    }

    pub fn settle(&mut self, mut effects: Vec<Effect>) {
        for _ in 0..10_000 {
            if effects.is_empty() {
                return;
            }
            let effect = effects.remove(0);
            for answer in self
                .world
                .reader_messages(&effect)
                .into_iter()
                .chain(self.world.answer(&effect))
            {
                effects.extend(self.app.update(answer));
            }
            self.wanted.push(effect);
        }
        panic!(
            "the console never stops sending requests: {:?}",
            &self.wanted[self.wanted.len() - 5..]
        );
    }

    /// Presses keys, written as in the keymap and separated by spaces: `: Esc Shift-Tab`.
    pub fn press(&mut self, keys: &str) -> &mut Self {
        for key in keys.split(' ') {
            self.send(Msg::Key(key_event(key)));
        }
        self
    }

    /// Types text, character by character.
    pub fn type_text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            self.send(Msg::Key(KeyEvent::new(
                KeyCode::Char(c),
                KeyModifiers::NONE,
            )));
        }
        self
    }

    /// Opens the bar, types a command and presses Enter.
    pub fn command(&mut self, text: &str) -> &mut Self {
        self.press(":").type_text(text).press("Enter")
    }

    pub fn submitted(&self) -> usize {
        self.wanted
            .iter()
            .filter(|e| matches!(e, Effect::Submit { .. }))
            .count()
    }

    pub fn cancelled(&self) -> usize {
        let cancel = Order::End(Ending::Cancel);
        self.acts()
            .iter()
            .filter(|act| matches!(act, Act::Order { order, .. } if *order == cancel))
            .count()
    }

    /// The acts requested so far.
    pub fn acts(&self) -> Vec<Act> {
        let acts = |effect: &Effect| match effect {
            Effect::Act { acts, .. } => acts.clone(),
            _ => Vec::new(),
        };
        self.wanted.iter().flat_map(acts).collect()
    }

    pub fn quits(&self) -> bool {
        self.wanted.contains(&Effect::Quit)
    }

    pub fn paint(&self) -> Buffer {
        let (width, height) = self.app.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
        terminal
            .draw(|frame| drop(view::draw(&self.app, frame)))
            .expect("a frame");
        terminal.backend().buffer().clone()
    }

    /// The screen's text, line by line.
    pub fn text(&self) -> String {
        text(&self.paint())
    }

    #[track_caller]
    pub fn shows(&mut self, text: &str) -> &mut Self {
        let screen = self.text();
        assert!(
            screen.contains(text),
            "`{text}` is not on screen:\n{screen}"
        );
        self
    }

    #[track_caller]
    pub fn hides(&mut self, text: &str) -> &mut Self {
        let screen = self.text();
        assert!(!screen.contains(text), "`{text}` is on screen:\n{screen}");
        self
    }
}

fn key_event(name: &str) -> KeyEvent {
    let (mods, rest) = match name.split_once('-') {
        Some(("Ctrl", rest)) => (KeyModifiers::CONTROL, rest),
        Some(("Shift", rest)) => (KeyModifiers::SHIFT, rest),
        _ => (KeyModifiers::NONE, name),
    };
    let code = match rest {
        "Esc" => KeyCode::Esc,
        "Enter" => KeyCode::Enter,
        "Tab" if mods == KeyModifiers::SHIFT => KeyCode::BackTab,
        "Tab" => KeyCode::Tab,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "PgUp" => KeyCode::PageUp,
        "PgDn" => KeyCode::PageDown,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        "F2" => KeyCode::F(2),
        "Space" => KeyCode::Char(' '),
        "F8" => KeyCode::F(8),
        "Backspace" => KeyCode::Backspace,
        "Delete" => KeyCode::Delete,
        one => {
            let mut chars = one.chars();
            let (Some(c), None) = (chars.next(), chars.next()) else {
                panic!("`{name}` is not a key")
            };
            KeyCode::Char(if mods == KeyModifiers::CONTROL {
                c.to_ascii_lowercase()
            } else {
                c
            })
        }
    };
    KeyEvent::new(code, mods)
}

pub fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let line = |y| {
        let cells = (0..area.width)
            .map(|x| buffer[(x, y)].symbol())
            .collect::<String>();
        cells.trim_end().to_owned()
    };
    (0..area.height).map(line).collect::<Vec<_>>().join("\n")
}

/// Text and styles: below the screen, one line per run of cells that have a style.
pub fn with_styles(buffer: &Buffer) -> String {
    let area = buffer.area;
    let mut out = format!("{}\n\n", text(buffer));
    for y in 0..area.height {
        let mut runs = Vec::new();
        let mut x = 0;
        while x < area.width {
            let style = buffer[(x, y)].style();
            let end = (x..area.width)
                .find(|i| buffer[(*i, y)].style() != style)
                .unwrap_or(area.width);
            if let Some(name) = name(style) {
                runs.push(format!("{x}..{end} {name}"));
            }
            x = end;
        }
        if !runs.is_empty() {
            let _ = writeln!(out, "{y:>2}: {}", runs.join(", "));
        }
    }
    out
}

fn name(style: Style) -> Option<String> {
    let colour =
        |c: Option<ratatui::style::Color>| c.filter(|c| *c != ratatui::style::Color::Reset);
    let mut words: Vec<String> = Vec::new();
    words.extend(colour(style.fg).map(|c| c.to_string().to_lowercase()));
    words.extend(colour(style.bg).map(|c| format!("on {}", c.to_string().to_lowercase())));
    for (modifier, word) in [
        (Modifier::BOLD, "bold"),
        (Modifier::DIM, "dim"),
        (Modifier::REVERSED, "reverse"),
        (Modifier::UNDERLINED, "underline"),
    ] {
        if style.add_modifier.contains(modifier) {
            words.push(word.to_owned());
        }
    }
    (!words.is_empty()).then(|| words.join(" "))
}
