//! The HTTP server of the demo's services, on loopback.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::simulation::Simulation;

/// The services and the start time of the demo.
#[derive(Debug, Clone)]
pub(super) struct RunningSimulation {
    town: Arc<Mutex<Simulation>>,
    began: Instant,
}

/// Arguments of a verb in the query; a JSON body may give them instead.
#[derive(Debug, Default, Deserialize)]
struct Arguments {
    version: Option<String>,
    replicas: Option<String>,
}

impl RunningSimulation {
    pub(super) fn new(town: Simulation) -> Self {
        Self {
            town: Arc::new(Mutex::new(town)),
            began: Instant::now(),
        }
    }

    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/{env}/{service}/health", get(health))
            .route("/{env}/{service}/version", get(version))
            .route("/{env}/{service}/{verb}", post(act))
            .fallback(nothing_here)
            .with_state(self)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn town(&self) -> std::sync::MutexGuard<'_, Simulation> {
        self.town.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn health(
    State(world): State<RunningSimulation>,
    Path((env, service)): Path<(String, String)>,
) -> Response {
    let found = world.town().health(&env, &service, world.now());
    let Some(health) = found else {
        return unknown(&env, &service);
    };
    tokio::time::sleep(Duration::from_millis(health.latency_ms)).await;
    (status(health.code), Json(health)).into_response()
}

async fn version(
    State(world): State<RunningSimulation>,
    Path((env, service)): Path<(String, String)>,
) -> Response {
    match world.town().health(&env, &service, world.now()) {
        Some(health) => Json(json!({ "service": service, "env": env, "version": health.version }))
            .into_response(),
        None => unknown(&env, &service),
    }
}

async fn act(
    State(world): State<RunningSimulation>,
    Path((env, service, verb)): Path<(String, String, String)>,
    Query(query): Query<Arguments>,
    body: String,
) -> Response {
    let argument = query
        .version
        .or(query.replicas)
        .or_else(|| argument_in(&body));
    let done = world
        .town()
        .act(&env, &service, &verb, argument.as_deref(), world.now());
    match done {
        None => unknown(&env, &service),
        Some(Ok(message)) => {
            if verb == "backup" {
                tokio::time::sleep(Duration::from_millis(600)).await;
            }
            (
                StatusCode::ACCEPTED,
                Json(json!({ "service": service, "env": env, "message": message })),
            )
                .into_response()
        }
        Some(Err((code, message))) => (
            status(code),
            Json(json!({ "service": service, "env": env, "error": message })),
        )
            .into_response(),
    }
}

fn argument_in(body: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    match body.get("version").or_else(|| body.get("replicas"))? {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

async fn nothing_here() -> Response {
    let message = "GET /{env}/{service}/health or /version, POST /{env}/{service}/{verb}";
    (StatusCode::NOT_FOUND, Json(json!({ "error": message }))).into_response()
}

fn unknown(env: &str, service: &str) -> Response {
    (
        StatusCode::NOT_FOUND,
        Json(json!({ "error": format!("there is no {service} in {env}") })),
    )
        .into_response()
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
