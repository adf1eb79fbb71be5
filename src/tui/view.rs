//! Paints the model without changing it.

mod bar;
pub mod canvas;
mod chrome;
pub mod layout;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use self::canvas::Canvas;
use super::app::App;
use super::keys::Action;
use super::link::Links;

/// Paints one frame; returns the links of it.
pub fn draw(app: &App, frame: &mut Frame<'_>) -> Links {
    let mut canvas = Canvas::new(frame.buffer_mut(), app.theme);
    paint(app, &mut canvas);
    let (cursor, links) = (canvas.cursor, canvas.links);
    if let Some(position) = cursor {
        frame.set_cursor_position(position);
    }
    links
}

fn paint(app: &App, canvas: &mut Canvas<'_>) {
    let area = canvas.area();
    let size = (area.width, area.height);
    if layout::is_too_small(size) {
        return too_small(app, size, canvas);
    }
    let parts = layout::parts(size);
    chrome::title(app, parts.title, canvas);
    app.top_view().draw(app.frame(), parts.body, canvas);
    if let Some(log) = app.log_in_focus().and_then(|run| app.logs.get(run)) {
        log.paint_over(parts.body, canvas);
    }
    match &app.bar {
        Some(bar) => bar::draw(app, bar, &parts, canvas),
        None => chrome::foot(app, &parts, canvas),
    }
    for popup in &app.popups {
        canvas.cursor = None;
        popup.dialog().draw(&app.facts, &app.keys, canvas);
    }
}

/// Paints a centred message: the minimum size, the current size, and why quitting has to wait.
fn too_small(app: &App, (width, height): (u16, u16), canvas: &mut Canvas<'_>) {
    let (least_width, least_height) = layout::MIN_SIZE;
    let text = format!("needs {least_width}×{least_height}, has {width}×{height}");
    let asks = (app.live() > 0)
        .then(|| format!("runs are under way: {} asks", app.key_name(Action::Quit)));
    for (y, text) in (height / 2..height).zip(std::iter::once(text).chain(asks)) {
        let used = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
        let x = width.saturating_sub(used) / 2;
        canvas.line(
            Rect {
                x,
                y,
                width: width - x,
                height: 1,
            },
            &Line::raw(text),
        );
    }
}
