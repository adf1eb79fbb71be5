//! Names and types that the conditions of a routine may use.

use std::collections::BTreeMap;

use crate::expr::Type;
use crate::run::response;
use crate::stack::routine::RoutineKind;

/// What `expect` may use: the answer, the place, and the time. Empty for kinds without an answer.
#[must_use]
pub fn routine_types(kind: RoutineKind) -> BTreeMap<String, Type> {
    let answer = match kind {
        RoutineKind::Http | RoutineKind::Webhook | RoutineKind::Collect => response::http(),
        RoutineKind::Sql => response::sql(),
        RoutineKind::Shell => fields(&[
            ("exit_code", Type::Int),
            ("duration_ms", Type::Int),
            ("outputs", Type::Open(Box::new(Type::Text))),
            ("output", Type::Text),
        ]),
        RoutineKind::Tcp => fields(&[("duration_ms", Type::Int), ("address", Type::Text)]),
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
    BTreeMap::from([
        ("response".to_owned(), answer),
        ("env".to_owned(), Type::Text),
        ("service".to_owned(), Type::Text),
        ("now".to_owned(), Type::Time),
    ])
}

fn fields(of: &[(&str, Type)]) -> Type {
    let fields = of
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), kind.clone()));
    Type::Map(fields.collect())
}
