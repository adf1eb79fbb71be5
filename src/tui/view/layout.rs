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

/// The lines above the panes at home, each there only when it says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HomeLines {
    /// What needs the person.
    pub needs: bool,
    /// Maintenance now or soon.
    pub maintenance: bool,
}

/// The lines and the three panes at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HomeAreas {
    pub needs: Rect,
    pub maintenance: Rect,
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

/// From this width on the log is beside the services, and the score is a pane.
pub const WIDE: u16 = 120;
/// From this width on the score has a column of its own.
pub const THREE_COLUMNS: u16 = 160;

/// Panes at home with this many services shown, below the lines that say something. Narrow: services,
/// a strip for the score, log. Wide: log right of services and score; very wide: three columns, one
/// cell apart.
#[must_use]
pub fn home(body: Rect, services: usize, lines: HomeLines) -> HomeAreas {
    let (needs, rest) = split_top(body, u16::from(lines.needs));
    let (maintenance, rest) = split_top(rest, u16::from(lines.maintenance));
    let table = match services {
        // Room for what to do about it.
        0 => 5,
        n => u16::try_from(n).unwrap_or(u16::MAX).saturating_add(1),
    };
    if body.width < WIDE {
        let most = (rest.height.saturating_sub(1) * 11 / 20).max(5);
        let (stack, rest) = split_top(rest, table.min(most));
        let (health, log) = split_top(rest, 1);
        return HomeAreas {
            needs,
            maintenance,
            stack,
            health,
            log,
        };
    }
    if body.width < THREE_COLUMNS {
        let (left, log) = split_left(rest, 70 + (body.width - WIDE) / 2);
        let most = left.height - (left.height / 3).clamp(4, 16).min(left.height);
        let (stack, health) = split_top(left, most.max(1));
        return HomeAreas {
            needs,
            maintenance,
            stack,
            health,
            log: right_of_gap(log),
        };
    }
    let (stack, rest) = split_left(rest, 78 + (body.width - THREE_COLUMNS).min(60) * 3 / 4);
    let score = (body.width / 5).clamp(34, 44) + 1;
    let (log, health) = split_left(rest, rest.width.saturating_sub(score));
    HomeAreas {
        needs,
        maintenance,
        stack,
        health: right_of_gap(health),
        log: right_of_gap(log),
    }
}

/// Without its first column, which separates it from what is on its left.
const fn right_of_gap(area: Rect) -> Rect {
    let gap = if area.width == 0 { 0 } else { 1 };
    Rect {
        x: area.x + gap,
        width: area.width - gap,
        ..area
    }
}

/// Panes of a run. Wide: steps and artifacts left, log right, one cell apart. Narrow: steps and artifacts above the
/// log.
#[must_use]
pub fn run(body: Rect) -> RunAreas {
    let (header, rest) = split_top(body, 3);
    if body.width >= WIDE {
        let (left, log) = split_left(rest, body.width * 9 / 20);
        let (steps, artifacts) = split_top(
            left,
            left.height.saturating_sub((left.height / 3).clamp(4, 12)),
        );
        return RunAreas {
            header,
            steps,
            artifacts,
            log: right_of_gap(log),
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

/// The text of a pane: below its rule, one cell from its sides.
#[must_use]
pub fn inner(area: Rect) -> Rect {
    Rect {
        x: area.x.saturating_add(1),
        width: area.width.saturating_sub(2),
        ..below_rule(area)
    }
}

/// Below the rule of a pane that has one.
#[must_use]
pub fn below_rule(area: Rect) -> Rect {
    split_top(area, 1).1
}

/// Rows of a pane's text.
#[must_use]
pub fn rows(area: Rect) -> usize {
    usize::from(inner(area).height)
}

/// Columns of a pane's text.
#[must_use]
pub fn columns(area: Rect) -> usize {
    usize::from(inner(area).width)
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
        for width in (1..=200).step_by(7).chain([60, 80, 119, 120, 159, 160]) {
            for height in 1..=50 {
                let body = parts((width, height)).body;
                let r = run(body);
                let parts = [r.header, r.steps, r.artifacts, r.log];
                let gap = u32::from(width >= WIDE) * u32::from(r.log.height);
                assert_eq!(
                    parts.iter().map(|p| p.area()).sum::<u32>() + gap,
                    body.area(),
                    "{width}x{height}"
                );
                let mut all = vec![parts.to_vec()];
                for (services, needs, maintenance) in
                    [(0, false, false), (3, true, false), (300, true, true)]
                {
                    let h = home(body, services, HomeLines { needs, maintenance });
                    let lines = h.needs.height + h.maintenance.height;
                    assert!(h.maintenance.width == width, "{width}x{height}");
                    let parts = [h.needs, h.maintenance, h.stack, h.health, h.log];
                    let gaps = u32::from(width >= WIDE) + u32::from(width >= THREE_COLUMNS);
                    let gaps = gaps * u32::from(body.height - lines);
                    assert_eq!(
                        parts.iter().map(|p| p.area()).sum::<u32>() + gaps,
                        body.area(),
                        "{width}x{height} with {services} services"
                    );
                    all.push(parts.to_vec());
                }
                for parts in all {
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
