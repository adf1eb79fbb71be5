//! `DigitalOcean`, by its API v2: apps and droplets.

use super::{Arg, From, Operation, Shape, Stage, preset, required};

const APP: Arg = required("app", Shape::Id, "id of the app");
const DROPLET: Arg = required("droplet", Shape::Id, "number of the droplet");
const DEPLOYMENT: &[(&str, &str)] = &[("id", "/deployment/id"), ("phase", "/deployment/phase")];

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "create_deployment",
        about: "deploy the newest source of an app",
        scopes: "app:update",
        args: &[
            APP,
            preset(
                "force_build",
                Shape::Flag,
                "false",
                "build even if nothing changed",
            ),
        ],
        stages: &[Stage {
            method: "POST",
            path: "/v2/apps/{app}/deployments",
            query: &[],
            body: &[("force_build", From::Arg("force_build"))],
            good: &[200],
            keep: DEPLOYMENT,
            did: "created a deployment",
        }],
    },
    Operation {
        name: "get_deployment",
        about: "the state of an app's deployment; phase is ACTIVE when it serves",
        scopes: "app:read",
        args: &[
            APP,
            required("deployment", Shape::Id, "id of the deployment"),
        ],
        stages: &[Stage {
            method: "GET",
            path: "/v2/apps/{app}/deployments/{deployment}",
            query: &[],
            body: &[],
            good: &[200],
            keep: DEPLOYMENT,
            did: "",
        }],
    },
    Operation {
        name: "reboot_droplet",
        about: "ask a droplet's system to restart",
        scopes: "droplet:update",
        args: &[DROPLET],
        stages: &[Stage {
            method: "POST",
            path: "/v2/droplets/{droplet}/actions",
            query: &[],
            body: &[("type", From::Fixed("reboot"))],
            good: &[201],
            keep: &[("action", "/action/id"), ("status", "/action/status")],
            did: "rebooting {droplet}",
        }],
    },
    Operation {
        name: "get_droplet",
        about: "the state of a droplet; status is active when it runs",
        scopes: "droplet:read",
        args: &[DROPLET],
        stages: &[Stage {
            method: "GET",
            path: "/v2/droplets/{droplet}",
            query: &[],
            body: &[],
            good: &[200],
            keep: &[("status", "/droplet/status"), ("name", "/droplet/name")],
            did: "",
        }],
    },
];
