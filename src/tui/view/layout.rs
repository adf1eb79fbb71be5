//! The layout, computed only from the size. Used by both `update` and `draw`.

use ratatui::layout::Rect;

/// Minimum screen size.
pub const MIN_SIZE: (u16, u16) = (60, 15);

/// The parts of every screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    pub title: Rect,
    pub body: Rect,
    pub bar: Rect,
    pub hint: Rect,
}

/// The three panes at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HomeAreas {
    pub stack: Rect,
    pub health: Rect,
    pub log: Rect,
}

/// The three panes of a run, below its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunAreas {
    pub header: Rect,
    pub steps: Rect,
    pub artifacts: Rect,
    pub log: Rect,
}

/// Too small to work on.
#[must_use]
pub const fn is_too_small((width, height): (u16, u16)) -> bool {
    width < MIN_SIZE.0 || height < MIN_SIZE.1
}

/// Title, body, command bar, hints.
#[must_use]
pub fn parts((width, height): (u16, u16)) -> Parts {
    let line = |y: u16| Rect {
        x: 0,
        y,
        width,
        height: 1,
    };
    let body = Rect {
        x: 0,
        y: 1,
        width,
        height: height.saturating_sub(3),
    };
    Parts {
        title: line(0),
        body,
        bar: line(height.saturating_sub(2)),
        hint: line(height.saturating_sub(1)),
    }
}

/// Panes at home. Three columns from 120 columns on; else score and log share the right side.
#[must_use]
pub fn home(body: Rect) -> HomeAreas {
    if body.width >= 120 {
        let left = (body.width / 4).clamp(38, 46);
        let right = (body.width / 4).clamp(34, 56);
        let (stack, rest) = split_left(body, left);
        let (log, health) = split_left(rest, rest.width.saturating_sub(right));
        return HomeAreas { stack, health, log };
    }
    let (stack, rest) = split_left(body, body.width * 9 / 20);
    let (health, log) = split_top(rest, (body.height / 3).clamp(4, 10));
    HomeAreas { stack, health, log }
}

/// Panes of a run. Wide: steps and artifacts left, log right. Narrow: steps and artifacts above the
/// log.
#[must_use]
pub fn run(body: Rect) -> RunAreas {
    let (header, rest) = split_top(body, 3);
    if body.width >= 120 {
        let (left, log) = split_left(rest, body.width * 9 / 20);
        let (steps, artifacts) = split_top(
            left,
            left.height.saturating_sub((left.height / 3).clamp(4, 12)),
        );
        return RunAreas {
            header,
            steps,
            artifacts,
            log,
        };
    }
    let (top, log) = split_top(rest, (rest.height / 2).clamp(4, 12));
    let (steps, artifacts) = split_left(top, body.width - body.width / 4);
    RunAreas {
        header,
        steps,
        artifacts,
        log,
    }
}

/// The area inside a frame.
#[must_use]
pub fn inner(area: Rect) -> Rect {
    let (width, height) = (area.width.saturating_sub(2), area.height.saturating_sub(2));
    Rect {
        x: area.x.saturating_add(1),
        y: area.y.saturating_add(1),
        width,
        height,
    }
}

/// Rows inside a frame.
#[must_use]
pub fn rows(area: Rect) -> usize {
    usize::from(area.height.saturating_sub(2))
}

/// Columns inside a frame.
#[must_use]
pub fn columns(area: Rect) -> usize {
    usize::from(area.width.saturating_sub(2))
}

fn split_left(area: Rect, width: u16) -> (Rect, Rect) {
    let width = width.min(area.width);
    (
        Rect { width, ..area },
        Rect {
            x: area.x + width,
            width: area.width - width,
            ..area
        },
    )
}

fn split_top(area: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(area.height);
    (
        Rect { height, ..area },
        Rect {
            y: area.y + height,
            height: area.height - height,
            ..area
        },
    )
}

/// `12–34 of 80` if not everything fits.
#[must_use]
pub fn position(top: usize, height: usize, all: usize) -> String {
    if all <= height {
        String::new()
    } else {
        format!(" {}–{} of {all} ", top + 1, (top + height).min(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_cover_the_body_and_never_leave_it() {
        for width in (1..=200).step_by(7).chain([60, 80, 119, 120]) {
            for height in 1..=50 {
                let body = parts((width, height)).body;
                let h = home(body);
                let r = run(body);
                let all = [h.stack, h.health, h.log];
                let others = [r.header, r.steps, r.artifacts, r.log];
                for parts in [&all[..], &others[..]] {
                    assert_eq!(
                        parts.iter().map(|p| p.area()).sum::<u32>(),
                        body.area(),
                        "{width}x{height}"
                    );
                    assert!(
                        parts
                            .iter()
                            .all(|p| p.is_empty() || body.intersection(*p) == *p),
                        "{width}x{height}"
                    );
                }
            }
        }
    }
}
