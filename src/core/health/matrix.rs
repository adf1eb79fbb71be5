//! The matrix at home: one row a service, one column an environment, worst first.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::base::text;
use crate::base::time::Timestamp;
use crate::health::change::LastChange;
use crate::health::check::score::is_protected;
use crate::health::day::Day;
use crate::health::observation::{TargetState, TargetSummary, current_state};
use crate::run::plan::{Target, targets_of};
use crate::stack::service::{Service, Stack, Tier, Verb};
use crate::stack::state::State;
use crate::words;

words! {
    /// The order of the rows.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum RowOrder {
        #[default]
        Worst = "worst",
        Name = "name",
        Changed = "changed",
        /// The shortest time in its state first.
        Since = "since",
        /// The lowest uptime first.
        Uptime = "uptime",
        Owner = "owner",
    }
}

impl RowOrder {
    /// For people: `worst first`.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Worst => "worst first",
            Self::Name => "by name",
            Self::Changed => "last changed first",
            Self::Since => "newest state first",
            Self::Uptime => "lowest uptime first",
            Self::Owner => "by owner",
        }
    }
}

/// How the rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowSort {
    pub order: RowOrder,
    pub reversed: bool,
}

impl RowSort {
    /// After this order was chosen: the same again reverses it.
    #[must_use]
    pub fn chosen(self, order: RowOrder) -> Self {
        Self {
            order,
            reversed: self.order == order && !self.reversed,
        }
    }

    /// For the store: `name`, and `-name` reversed.
    #[must_use]
    pub fn name(self) -> String {
        let reversed = if self.reversed { "-" } else { "" };
        format!("{reversed}{}", self.order.name())
    }

    /// Reads [`RowSort::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let order = name.strip_prefix('-');
        Some(Self {
            order: RowOrder::from_name(order.unwrap_or(name))?,
            reversed: order.is_some(),
        })
    }

    /// For people: `worst first`, `by name, reversed`.
    #[must_use]
    pub fn describe(self) -> String {
        let reversed = if self.reversed { ", reversed" } else { "" };
        format!("{}{reversed}", self.order.describe())
    }
}

/// An environment as a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub env: String,
    pub protected: bool,
}

/// One target of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    pub env: Option<String>,
    /// Its failure counts more: see [`is_protected`].
    pub protected: bool,
    /// It has a probe, or had one.
    pub probed: bool,
    pub now: TargetState,
    pub uptime_pct: Option<f64>,
}

impl Cell {
    /// How bad it is, worst first.
    const fn rank(&self) -> Rank {
        match self.now.state {
            State::Failing if self.protected => Rank::FailingProtected,
            State::Failing => Rank::Failing,
            State::Degraded => Rank::Degraded,
            State::Unknown if self.probed => Rank::Unknown,
            State::Ok => Rank::Ok,
            State::Unknown => Rank::NotProbed,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    FailingProtected,
    Failing,
    Degraded,
    Unknown,
    Ok,
    NotProbed,
}

/// A service in all its environments.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceRow {
    pub service: String,
    pub owner: Option<String>,
    /// At least one: that of a service without environments has none.
    pub cells: Vec<Cell>,
    /// Index of the worst cell.
    worst: usize,
    /// The newest run or edit.
    pub change: Option<LastChange>,
    tier: Tier,
}

impl ServiceRow {
    /// The worst cell, which the row's times and numbers are about.
    #[must_use]
    pub fn worst(&self) -> &Cell {
        &self.cells[self.worst]
    }

    /// The cell in that column.
    #[must_use]
    pub fn cell(&self, env: &str) -> Option<&Cell> {
        self.cells.iter().find(|c| c.env.as_deref() == Some(env))
    }

    /// The target of the worst cell.
    #[must_use]
    pub fn target(&self) -> Target {
        Target {
            service: self.service.clone(),
            env: self.worst().env.clone(),
        }
    }
}

/// What a matrix is made of.
#[derive(Debug, Clone, Copy)]
pub struct MatrixData<'a> {
    pub stack: &'a Stack,
    pub states: &'a [(Target, TargetSummary)],
    pub changes: &'a [LastChange],
    pub days: &'a HashMap<Target, Day>,
    pub now: Timestamp,
    /// An observation older than this does not count, milliseconds.
    pub max_age_ms: i64,
}

/// All services with their states at one time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    /// In the order of the stack, protected ones last.
    pub columns: Vec<Column>,
    pub rows: Vec<ServiceRow>,
    failing: usize,
    failing_protected: usize,
    longest_name: usize,
}

impl Matrix {
    /// The matrix, sorted.
    #[must_use]
    pub fn new(data: MatrixData<'_>, sort: RowSort) -> Self {
        let latest: HashMap<&Target, &TargetSummary> =
            data.states.iter().map(|(target, s)| (target, s)).collect();
        let mut changes: HashMap<&str, &LastChange> = HashMap::new();
        for change in data.changes {
            let newest = changes.entry(&change.service).or_insert(change);
            if change.at > newest.at {
                *newest = change;
            }
        }
        let mut matrix = Self {
            columns: columns(data.stack),
            ..Self::default()
        };
        for service in &data.stack.services {
            let cells: Vec<Cell> = targets_of(service)
                .iter()
                .map(|target| cell(data, service, target, latest.get(target).copied()))
                .collect();
            let worst = (0..cells.len()).min_by_key(|i| (cells[*i].rank(), !cells[*i].protected));
            matrix.rows.push(ServiceRow {
                service: service.name.clone(),
                owner: service.owner.clone(),
                worst: worst.unwrap_or(0),
                cells,
                change: changes.get(service.name.as_str()).copied().cloned(),
                tier: service.tier,
            });
        }
        matrix.sort(sort);
        matrix.count();
        matrix
    }

    /// Counted once, because every frame shows it.
    fn count(&mut self) {
        let rows = || self.rows.iter();
        let fails = |row: &&ServiceRow| row.worst().now.state == State::Failing;
        let protected = |row: &&ServiceRow| row.worst().rank() == Rank::FailingProtected;
        let longest = rows().map(|row| text::width(&row.service)).max();
        (self.failing, self.failing_protected, self.longest_name) = (
            rows().filter(fails).count(),
            rows().filter(protected).count(),
            longest.unwrap_or(0),
        );
    }

    /// Number of services that fail anywhere.
    #[must_use]
    pub const fn failing(&self) -> usize {
        self.failing
    }

    /// The width of the longest name of a service, cells.
    #[must_use]
    pub const fn longest_name(&self) -> usize {
        self.longest_name
    }

    /// Sorts the rows; equal ones keep the order of the stack.
    fn sort(&mut self, sort: RowSort) {
        match sort.order {
            RowOrder::Worst => self.rows.sort_by_key(|row| {
                let worst = row.worst();
                (worst.rank(), !worst.protected, Reverse(row.tier))
            }),
            RowOrder::Name => self
                .rows
                .sort_by_cached_key(|row| row.service.to_lowercase()),
            RowOrder::Changed => self
                .rows
                .sort_by_key(|row| Reverse(row.change.as_ref().map(|change| change.at))),
            RowOrder::Since => self.rows.sort_by_key(|row| Reverse(row.worst().now.since)),
            RowOrder::Uptime => self.rows.sort_by(|a, b| {
                let uptime = |row: &ServiceRow| row.worst().uptime_pct.unwrap_or(f64::INFINITY);
                uptime(a).total_cmp(&uptime(b))
            }),
            RowOrder::Owner => self.rows.sort_by_cached_key(|row| {
                let owner = row.owner.as_ref().map(|owner| owner.to_lowercase());
                (owner.is_none(), owner)
            }),
        }
        if sort.reversed {
            self.rows.reverse();
        }
    }

    /// Number of services that fail where it counts most.
    #[must_use]
    pub const fn failing_protected(&self) -> usize {
        self.failing_protected
    }
}

fn columns(stack: &Stack) -> Vec<Column> {
    let mut columns: Vec<Column> = stack
        .environments
        .iter()
        .map(|env| Column {
            env: env.name.clone(),
            protected: env.protected,
        })
        .collect();
    columns.sort_by_key(|column| column.protected);
    columns
}

fn cell(
    data: MatrixData<'_>,
    service: &Service,
    target: &Target,
    summary: Option<&TargetSummary>,
) -> Cell {
    let probe = service.action(Verb::Probe, target.env.as_deref());
    Cell {
        env: target.env.clone(),
        protected: is_protected(data.stack, target),
        probed: summary.is_some() || probe.is_some(),
        now: current_state(summary, data.now, data.max_age_ms),
        uptime_pct: data.days.get(target).and_then(|day| day.uptime_pct),
    }
}

/// The shortest prefixes of the names that tell them apart, at least three letters long; a name that
/// fits into `width` stays whole.
#[must_use]
pub fn heads(names: &[&str], width: usize) -> Vec<String> {
    let prefix = |name: &str, length: usize| name.chars().take(length).collect::<String>();
    let short = |name: &&str| {
        let all = name.chars().count();
        if all <= width {
            return (*name).to_owned();
        }
        let is_unique = |length: &usize| {
            let own = prefix(name, *length);
            names
                .iter()
                .filter(|other| prefix(other, *length) == own)
                .count()
                == 1
        };
        let length = (3..all).find(is_unique).unwrap_or(all);
        prefix(name, length)
    };
    names.iter().map(short).collect()
}

#[cfg(test)]
mod tests;
