//! Vercel, by its REST API. A team's projects need its id in `team`.

use super::{Arg, From, Operation, Shape, Stage, optional, required};

const TEAM: Arg = optional(
    "team",
    Shape::Id,
    "id of the team, unless the account is personal",
);
const PROJECT: Arg = required("project", Shape::Id, "id of the project");
const BY_TEAM: (&str, From) = ("teamId", From::Arg("team"));
const DEPLOYMENT: &[(&str, &str)] = &[("id", "/id"), ("url", "/url"), ("state", "/readyState")];

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "create_deployment",
        about: "build and deploy a branch, tag or commit of the project's GitHub repository",
        scopes: "access token of the account or team",
        args: &[
            required("name", Shape::Id, "name of the project"),
            required("repo", Shape::Repo, "OWNER/NAME of the GitHub repository"),
            required("ref", Shape::Line, "branch, tag or commit"),
            optional(
                "target",
                Shape::Word(&["production", "staging"]),
                "left out, it is a preview",
            ),
            TEAM,
        ],
        stages: &[Stage {
            method: "POST",
            path: "/v13/deployments",
            query: &[BY_TEAM],
            body: &[
                ("name", From::Arg("name")),
                ("target", From::Arg("target")),
                ("gitSource.type", From::Fixed("github")),
                ("gitSource.org", From::Owner("repo")),
                ("gitSource.repo", From::Name("repo")),
                ("gitSource.ref", From::Arg("ref")),
            ],
            good: &[200],
            keep: DEPLOYMENT,
            did: "created a deployment",
        }],
    },
    Operation {
        name: "get_deployment",
        about: "the state of a deployment; state is READY when it serves",
        scopes: "access token of the account or team",
        args: &[
            required("deployment", Shape::Id, "id or host name of the deployment"),
            TEAM,
        ],
        stages: &[Stage {
            method: "GET",
            path: "/v13/deployments/{deployment}",
            query: &[BY_TEAM],
            body: &[],
            good: &[200],
            keep: DEPLOYMENT,
            did: "",
        }],
    },
    Operation {
        name: "promote",
        about: "point the project's production domains at a deployment, without building it again",
        scopes: "access token of the account or team",
        args: &[
            PROJECT,
            required("deployment", Shape::Id, "id of the deployment"),
            TEAM,
        ],
        stages: &[Stage {
            method: "POST",
            path: "/v10/projects/{project}/promote/{deployment}",
            query: &[BY_TEAM],
            body: &[],
            good: &[201, 202],
            keep: &[],
            did: "promoted {deployment}",
        }],
    },
    Operation {
        name: "rollback",
        about: "point the project's production domains back at an earlier production deployment",
        scopes: "access token of the account or team",
        args: &[
            PROJECT,
            required(
                "deployment",
                Shape::Id,
                "id of the deployment to go back to",
            ),
            optional("reason", Shape::Line, "why"),
            TEAM,
        ],
        stages: &[Stage {
            method: "POST",
            path: "/v1/projects/{project}/rollback/{deployment}",
            query: &[("description", From::Arg("reason")), BY_TEAM],
            body: &[],
            good: &[201],
            keep: &[],
            did: "went back to {deployment}",
        }],
    },
];
