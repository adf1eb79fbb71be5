//! Enter in the command bar before the names of the stack are read.

use opsroom::tui::app::App;
use opsroom::tui::facts::Facts;
use opsroom::tui::keys::Keymap;
use opsroom::tui::msg::Effect;
use opsroom::tui::theme::Theme;

use super::screen::Console;
use super::world::{NOW, World};

/// A console whose names are still being read, with a line typed and Enter pressed.
fn early(line: &str) -> Console {
    let mut console = Console::new(World::default());
    console.app = App::new(
        Facts::default(),
        Keymap::built_in(),
        Theme::new(true),
        (80, 24),
        NOW,
    );
    console.wanted.clear();
    let mut effects = console.app.start();
    effects.retain(|effect| *effect != Effect::Catalogue);
    console.settle(effects);
    console.press(":").type_text(line).press("Enter");
    console.shows("the names of the stack are being read");
    console
}

#[test]
fn enter_before_the_names_are_there_counts_once_they_are() {
    let names = |console: &mut Console| {
        let effects = vec![Effect::Catalogue];
        console.settle(effects);
    };
    let mut console = early("routines");
    names(&mut console);
    console.hides("being read").shows("› routines");
    // A line that was changed meanwhile waits for an Enter of its own.
    let mut console = early("routine");
    console.type_text("s");
    names(&mut console);
    console.hides("› routines").shows(": routines");
}
