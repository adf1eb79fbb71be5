//! Names and types that the conditions of a routine may use.

use std::collections::BTreeMap;

use crate::expr::Type;
use crate::run::response;
use crate::run::timing::CallPhase;
use crate::stack::routine::RoutineKind;

/// What `expect` may use: the answer, the place, and the time. Empty for kinds without an answer.
#[must_use]
pub fn routine_types(kind: RoutineKind) -> BTreeMap<String, Type> {
    let mut answer = match kind {
        RoutineKind::Http | RoutineKind::Webhook | RoutineKind::Collect => response::http(),
        RoutineKind::Sql => response::sql(),
        RoutineKind::Shell => fields(&[
            ("exit_code", Type::Int),
            ("duration_ms", Type::Int),
            ("outputs", Type::Open(Box::new(Type::Text))),
            ("output", Type::Text),
        ]),
        RoutineKind::Tcp => fields(&[("duration_ms", Type::Int)]),
        RoutineKind::Icmp => fields(&[("duration_ms", Type::Int)]),
        RoutineKind::Dns => fields(&[
            ("duration_ms", Type::Int),
            ("addresses", Type::List(Box::new(Type::Text))),
        ]),
        RoutineKind::Tls => fields(&[
            ("duration_ms", Type::Int),
            ("days_left", Type::Int),
            ("subject", Type::Text),
            ("issuer", Type::Text),
            ("certificates", Type::Int),
        ]),
        RoutineKind::Promql => fields(&[
            ("duration_ms", Type::Int),
            ("series", Type::Int),
            ("value", Type::Double),
            ("min", Type::Double),
            ("max", Type::Double),
        ]),
        RoutineKind::Unit => fields(&[
            ("active", Type::Text),
            ("sub", Type::Text),
            ("result", Type::Text),
            ("duration_ms", Type::Int),
        ]),
        RoutineKind::Runbook | RoutineKind::Heartbeat | RoutineKind::Manual => {
            return BTreeMap::new();
        }
    };
    if let Type::Map(fields) = &mut answer {
        fields.extend(timing_types(kind));
    }
    BTreeMap::from([
        ("response".to_owned(), answer),
        ("env".to_owned(), Type::Text),
        ("service".to_owned(), Type::Text),
        ("now".to_owned(), Type::Time),
    ])
}

/// The address, and the phases that calls of this kind may have.
fn timing_types(kind: RoutineKind) -> Vec<(String, Type)> {
    use CallPhase::{Connect, Dns, FirstByte, Tls, Transfer};
    let phases: &[CallPhase] = match kind {
        RoutineKind::Http | RoutineKind::Webhook | RoutineKind::Collect | RoutineKind::Promql => {
            &[Dns, Connect, Tls, FirstByte, Transfer]
        }
        RoutineKind::Tls => &[Dns, Connect, Tls],
        RoutineKind::Tcp => &[Dns, Connect],
        RoutineKind::Dns | RoutineKind::Icmp => &[Dns],
        _ => return Vec::new(),
    };
    let field = |phase: &CallPhase| (phase.field().to_owned(), Type::Double);
    let phases = Type::Map(phases.iter().map(field).collect());
    let mut types = vec![("phases".to_owned(), phases)];
    if kind != RoutineKind::Dns {
        types.push(("address".to_owned(), Type::Text));
    }
    types
}

fn fields(of: &[(&str, Type)]) -> Type {
    let fields = of
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), kind.clone()));
    Type::Map(fields.collect())
}
