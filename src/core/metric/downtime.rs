//! How long a routine was failing within a window, from the changes of its state.

/// A change of state, milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub at: i64,
    pub was_failing: bool,
    pub is_failing: bool,
}

/// Milliseconds of failing from `from` to `to`. `turns` are the changes in the window, oldest first;
/// without any, `is_failing` says how it was all the time.
#[must_use]
pub fn failing_ms(from: i64, to: i64, turns: &[Turn], is_failing: bool) -> i64 {
    let mut failing = turns.first().map_or(is_failing, |turn| turn.was_failing);
    let (mut since, mut sum) = (from, 0_i64);
    for turn in turns {
        let at = turn.at.clamp(since, to.max(since));
        if failing {
            sum = sum.saturating_add(at.saturating_sub(since));
        }
        (since, failing) = (at, turn.is_failing);
    }
    if failing {
        sum = sum.saturating_add(to.saturating_sub(since).max(0));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_failing_is_summed() {
        let turn = |at, is_failing: bool| Turn {
            at,
            was_failing: !is_failing,
            is_failing,
        };
        for (turns, is_failing, expected) in [
            (&[][..], false, 0),
            (&[][..], true, 100),
            (&[turn(30, true)][..], true, 70),
            (&[turn(30, false)][..], false, 30),
            (
                &[turn(20, true), turn(50, false), turn(90, true)][..],
                true,
                40,
            ),
            (&[turn(500, false)][..], false, 100),
        ] {
            assert_eq!(failing_ms(0, 100, turns, is_failing), expected, "{turns:?}");
        }
        assert_eq!(failing_ms(100, 0, &[], true), 0, "an empty window");
    }
}
