//! What a start, a key and an event cost does not depend on what is stored: statements and rows are
//! counted, not time.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, Once};

use opsroom::clock::Clock;
use opsroom::control::{AdapterContext, Control, ProcessKind, Settings};
use opsroom::core::command;
use opsroom::core::run::Transition;
use opsroom::core::stack;
use opsroom::core::stack::routine::Routine;
use opsroom::core::stack::service::{Environment, Service, Stack};
use opsroom::store::Store;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Event, Instrument, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::{Place, at};

/// What was asked of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counts {
    statements: u64,
    rows: u64,
}

static COUNTED: LazyLock<Mutex<HashMap<u64, Counts>>> = LazyLock::new(Mutex::default);
const SPAN: &str = "counted";

/// Counts the statements of sqlx by the span they are made in.
struct Counter;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Counter {
    fn register_callsite(&self, about: &'static Metadata<'static>) -> Interest {
        if about.is_span() || about.target() == "sqlx::query" {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, about: &Metadata<'_>, context: Context<'_, S>) -> bool {
        let within = || context.lookup_current().is_some();
        about.name() == SPAN || (about.target() == "sqlx::query" && within())
    }

    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        COUNTED.lock().unwrap().entry(id.into_u64()).or_default();
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.lookup_current() else {
            return;
        };
        let mut statement = Statement::default();
        event.record(&mut statement);
        // Those of a connection that is opened: how many there are is a matter of chance.
        if statement.is_setting {
            return;
        }
        let mut counted = COUNTED.lock().unwrap();
        let counts = counted.entry(span.id().into_u64()).or_default();
        counts.statements += 1;
        counts.rows += statement.rows;
    }
}

#[derive(Default)]
struct Statement {
    rows: u64,
    is_setting: bool,
}

impl Visit for Statement {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rows_returned" {
            self.rows = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.is_setting |= field.name() == "summary" && value.starts_with("PRAGMA");
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// The statements of this future and the rows they returned; not those of tasks that it spawns.
async fn counted<T>(what: impl Future<Output = T>) -> (T, Counts) {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let counting = tracing_subscriber::registry().with(Counter);
        tracing::subscriber::set_global_default(counting).expect("no other subscriber");
    });
    let span = tracing::info_span!("counted");
    let id = span.id().expect("it is enabled").into_u64();
    COUNTED.lock().unwrap().insert(id, Counts::default());
    let value = what.instrument(span.clone()).await;
    let counts = COUNTED.lock().unwrap()[&id];
    (value, counts)
}

fn stack(services: usize) -> Stack {
    let staging = Environment {
        name: "staging".to_owned(),
        aliases: vec!["stage".to_owned()],
        ..Environment::default()
    };
    let service = |n: usize| Service {
        name: format!("web-{n}"),
        aliases: vec![format!("shop {n}")],
        department: Some("sales".to_owned()),
        notes: Some("long ".repeat(100)),
        environments: vec!["staging".to_owned()],
        ..Service::default()
    };
    let routine = Routine {
        name: "nightly".to_owned(),
        every_ms: Some(60_000),
        ..Routine::default()
    };
    Stack {
        workspace: "acme".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        environments: vec![staging],
        services: (0..services).map(service).collect(),
        routines: vec![routine],
        ..Stack::default()
    }
}

/// Another process applies a stack.
async fn apply(place: &Place, stack: &Stack) {
    let before = place.store.stack(place.workspace).await.unwrap();
    let changes = stack::diff(&before, stack);
    let applied = place.store.apply(place.workspace, &changes, "ben", at(1));
    applied.await.unwrap();
}

async fn open(place: &Place) -> Control {
    let settings = Settings {
        store_url: place.url.clone(),
        workspace: Some("acme".to_owned()),
        actor: "ana".to_owned(),
        read_only: true,
        simulated: false,
        pulse_ms: 60_000,
        lease_ms: 30_000,
        lanes: opsroom::core::run::queue::Lanes::default(),
        runbook_dir: None,
        cache_dir: None,
        adopt_ms: 0,
        canaries: Vec::new(),
        door: ProcessKind::Cli,
        context: AdapterContext::default(),
    };
    Control::open(settings, Clock::System).await.unwrap()
}

/// Everything a console reads before its first whole screen.
async fn start(place: &Place) -> Counts {
    let console = async {
        let control = open(place).await;
        control.overview().await.unwrap();
        control.catalogue().await.unwrap();
        control.days().await.unwrap();
        control.home_view().await.unwrap();
        control.remembered().await.unwrap();
        control
    };
    let (control, counts) = counted(console).await;
    control.close(false).await;
    counts
}

/// More ended runs than a list shows, and the rows of the audit log about them.
async fn history(place: &Place) {
    for _ in 0..60 {
        let claim = place.claimed().await;
        let end = Transition::Cancel;
        let ended = place.store.transition(claim, end, None, &[], at(50));
        ended.await.unwrap();
    }
}

pub async fn a_start_asks_as_often_and_reads_no_more_than_it_shows(place: Place) {
    apply(&place, &stack(3)).await;
    history(&place).await;
    let first = start(&place).await;
    assert!(first.statements > 10 && first.rows > 50, "{first:?}");
    history(&place).await;
    assert_eq!(start(&place).await, first, "after more runs");
    apply(&place, &stack(60)).await;
    let more = start(&place).await;
    assert_eq!(more.statements, first.statements, "with more services");
    // One row of the stack for each, and the last change of each.
    assert!(more.rows <= first.rows + 2 * 57, "{more:?} after {first:?}");
}

pub async fn an_unchanged_stack_is_read_once(place: Place) {
    let one = Counts {
        statements: 1,
        rows: 1,
    };
    apply(&place, &stack(3)).await;
    let control = open(&place).await;
    for services in [3, 60, 2] {
        apply(&place, &stack(services)).await;
        let last = format!("check web-{} in staging", services - 1);
        let gone = format!("check web-{services} in staging");
        let (catalogue, counts) = counted(control.catalogue()).await;
        let catalogue = catalogue.unwrap();
        let named = |text: &str| command::parse(text, &catalogue).services.len();
        assert_eq!((named(&last), named(&gone)), (1, 0), "{services}");
        let rows = u64::try_from(services).unwrap();
        assert!(counts.rows >= rows || services == 3, "{counts:?}");
        // A letter in the command bar asks for as little.
        assert_eq!(counted(control.catalogue()).await.1, one, "{services}");
        assert_eq!(counted(control.stack()).await.1, one, "{services}");
        history(&place).await;
        control.catalogue().await.unwrap();
        assert_eq!(counted(control.catalogue()).await.1, one, "{services}");
    }
    control.close(false).await;
}

pub async fn a_letter_in_the_bar_reads_no_stack(place: Place) {
    let mut costs = Vec::new();
    for services in [3, 60] {
        apply(&place, &stack(services)).await;
        let control = open(&place).await;
        let catalogue = control.catalogue().await.unwrap();
        let text = "check web-1 in staging";
        let parsed = command::parse(text, &catalogue);
        let (card, counts) = counted(control.plan(&parsed, &[], text)).await;
        assert_eq!(card.unwrap().plan.services, ["web-1"]);
        costs.push(counts);
        control.close(false).await;
    }
    assert_eq!(costs[0], costs[1]);
}

pub async fn the_names_of_a_stack_are_enough_to_read_a_phrase(place: Place) {
    let whole = stack(5);
    apply(&place, &whole).await;
    let control = open(&place).await;
    let (names, counts) = counted(control.stack_names()).await;
    control.close(false).await;
    let names = names.unwrap();
    assert_eq!((counts.statements, counts.rows), (1, 7));
    let of = |stack: &Stack| {
        let catalogue = command::Catalogue::new(stack, &[]);
        let phrases = [
            "deploy web-3 to stage",
            "check shop 2",
            "check sales in staging",
            "nightly",
        ];
        phrases.map(|text| command::parse(text, &catalogue))
    };
    assert_eq!(of(&names), of(&whole));
    let store: &Store = &place.store;
    assert_eq!(store.stack_names(place.workspace).await.unwrap(), names);
}
