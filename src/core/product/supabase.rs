//! Supabase, by its Management API.

use super::{Arg, From, Operation, Shape, Stage, required};

const PROJECT: Arg = required("project", Shape::Id, "reference of the project");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "list_migrations",
        about: "the migrations the project's database has",
        scopes: "database_migrations_read",
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
        about: "run SQL in the project's database and record it as a migration",
        scopes: "database_migrations_write",
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
            good: &[200, 201],
            keep: &[],
            did: "applied the migration {name}",
        }],
    },
];
