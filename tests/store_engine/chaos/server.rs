//! An HTTP server that counts its requests and knows which are still open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::routing::{get, post};

/// Duration of a slow request: longer than a lease, the longest stop of an engine and its waking.
const SLOW: Duration = Duration::from_secs(20);

/// Requests by the name in their path.
#[derive(Debug, Clone, Default)]
pub struct Server(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    counts: HashMap<String, usize>,
    /// Slow requests are answered at once.
    in_a_hurry: bool,
    next: u64,
    open: HashMap<u64, (String, Instant)>,
}

/// Removes a request from the open ones, also when its client has gone away.
struct Open {
    server: Server,
    number: u64,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.server.0.lock().unwrap().open.remove(&self.number);
    }
}

impl Server {
    /// Starts the server; returns its port too.
    pub async fn start() -> (Self, u16) {
        let server = Self::default();
        let quick = |State(server): State<Self>, Path(name): Path<String>| async move {
            server.count(&name);
            "ok"
        };
        let failing = |State(server): State<Self>, Path(name): Path<String>| async move {
            server.count(&name);
            axum::http::StatusCode::SERVICE_UNAVAILABLE
        };
        let slow = |State(server): State<Self>, Path(name): Path<String>| async move {
            server.count(&name);
            let _open = server.open(name);
            let until = Instant::now() + SLOW;
            while Instant::now() < until && !server.0.lock().unwrap().in_a_hurry {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            "ok"
        };
        let app = axum::Router::new()
            .route("/slow/{name}", get(slow))
            .route("/failing/{name}", post(failing));
        let app = app.route("/{name}", post(quick)).with_state(server.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, app).await });
        (server, port)
    }

    /// How often each name was requested.
    pub fn counts(&self) -> HashMap<String, usize> {
        self.0.lock().unwrap().counts.clone()
    }

    /// Whether a request of that name which began before that moment still waits for its answer.
    pub fn is_open_since_before(&self, name: &str, moment: Instant) -> bool {
        self.0
            .lock()
            .unwrap()
            .open
            .values()
            .any(|(open, began)| open == name && *began < moment)
    }

    /// Answers slow requests at once from now on.
    pub fn hurry(&self) {
        self.0.lock().unwrap().in_a_hurry = true;
    }

    fn count(&self, name: &str) {
        *self
            .0
            .lock()
            .unwrap()
            .counts
            .entry(name.to_owned())
            .or_default() += 1;
    }

    fn open(&self, name: String) -> Open {
        let mut seen = self.0.lock().unwrap();
        seen.next += 1;
        let number = seen.next;
        seen.open.insert(number, (name, Instant::now()));
        Open {
            server: self.clone(),
            number,
        }
    }
}
