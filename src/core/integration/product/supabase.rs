//! Supabase, by its Management API. Its beta operations are only for enabled accounts.

use super::{Arg, From, Operation, Shape, Stage, preset, required};

const PROJECT: Arg = required("project", Shape::Id, "reference of the project");

const SERVICES: &[&str] = &["auth", "db", "pooler", "realtime", "rest", "storage"];

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "service_health",
        about: "how one of the project's services is; status is ACTIVE_HEALTHY when it is well",
        scopes: "projects:read",
        args: &[
            PROJECT,
            preset(
                "service",
                Shape::Word(SERVICES),
                "db",
                "which of its services",
            ),
        ],
        stages: &[Stage {
            method: "GET",
            path: "/v1/projects/{project}/health",
            query: &[("services", From::Arg("service"))],
            body: &[],
            good: &[200],
            keep: &[
                ("service", "/0/name"),
                ("status", "/0/status"),
                ("error", "/0/error"),
            ],
            did: "",
        }],
    },
    Operation {
        name: "list_migrations",
        about: "the migrations the project's database has (beta)",
        scopes: "database:read",
        args: &[PROJECT],
        stages: &[Stage {
            method: "GET",
            path: "/v1/projects/{project}/database/migrations",
            query: &[],
            body: &[],
            good: &[200],
            keep: &[],
            did: "",
        }],
    },
    Operation {
        name: "apply_migration",
        about: "run SQL in the project's database and record it as a migration (beta)",
        scopes: "database:write",
        args: &[
            PROJECT,
            required("query", Shape::Text, "the SQL"),
            required("name", Shape::Line, "name of the migration"),
        ],
        stages: &[Stage {
            method: "POST",
            path: "/v1/projects/{project}/database/migrations",
            query: &[],
            body: &[("query", From::Arg("query")), ("name", From::Arg("name"))],
            good: &[200],
            keep: &[],
            did: "applied the migration {name}",
        }],
    },
];
