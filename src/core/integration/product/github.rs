//! GitHub, by its REST API of 2022-11-28. The permissions of a fine-grained token are listed with
//! each operation.

use super::{Arg, From, Operation, Shape, Stage, optional, preset, required};

const REPO: Arg = required("repo", Shape::Repo, "OWNER/NAME of the repository");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "create_pull_request",
        about: "create a branch, commit one file to it and open a pull request",
        scopes: "contents: write, pull requests: write",
        args: &[
            REPO,
            preset(
                "base",
                Shape::Branch,
                "main",
                "the branch it is to be merged into",
            ),
            required(
                "head",
                Shape::Branch,
                "the branch that is created; it must not exist",
            ),
            required("path", Shape::Path, "the file in the repository"),
            required("content", Shape::Text, "what is written into the file"),
            required(
                "title",
                Shape::Line,
                "title of the pull request and of the commit",
            ),
            optional("body", Shape::Text, "what the pull request says"),
            preset("draft", Shape::Flag, "false", "open it as a draft"),
        ],
        stages: &[
            Stage {
                method: "GET",
                path: "/repos/{repo}/git/ref/heads/{base}",
                query: &[],
                body: &[],
                good: &[200],
                keep: &[("base_sha", "/object/sha")],
                did: "",
            },
            // Read before anything is written: a file that is there is replaced, knowing which
            // version.
            Stage {
                method: "GET",
                path: "/repos/{repo}/contents/{path}",
                query: &[("ref", From::Arg("base"))],
                body: &[],
                good: &[200, 404],
                keep: &[("file_sha", "/sha")],
                did: "",
            },
            Stage {
                method: "POST",
                path: "/repos/{repo}/git/refs",
                query: &[],
                body: &[
                    ("ref", From::After("refs/heads/", "head")),
                    ("sha", From::Kept("base_sha")),
                ],
                good: &[201],
                keep: &[],
                did: "created the branch {head}",
            },
            Stage {
                method: "PUT",
                path: "/repos/{repo}/contents/{path}",
                query: &[],
                body: &[
                    ("message", From::Arg("title")),
                    ("content", From::Base64("content")),
                    ("branch", From::Arg("head")),
                    ("sha", From::Kept("file_sha")),
                ],
                good: &[200, 201],
                keep: &[("commit", "/commit/sha")],
                did: "committed {path}",
            },
            Stage {
                method: "POST",
                path: "/repos/{repo}/pulls",
                query: &[],
                body: &[
                    ("title", From::Arg("title")),
                    ("head", From::Arg("head")),
                    ("base", From::Arg("base")),
                    ("body", From::Arg("body")),
                    ("draft", From::Arg("draft")),
                ],
                good: &[201],
                keep: &[("number", "/number"), ("url", "/html_url")],
                did: "opened a pull request",
            },
        ],
    },
    Operation {
        name: "dispatch_workflow",
        about: "start a workflow that has a workflow_dispatch trigger",
        scopes: "actions: write",
        args: &[
            REPO,
            required(
                "workflow",
                Shape::Id,
                "file name or number of the workflow, like deploy.yml",
            ),
            preset("ref", Shape::Branch, "main", "the branch or tag it runs on"),
            optional(
                "inputs",
                Shape::Object,
                "inputs of the workflow, a JSON object",
            ),
        ],
        stages: &[Stage {
            method: "POST",
            path: "/repos/{repo}/actions/workflows/{workflow}/dispatches",
            query: &[],
            body: &[("ref", From::Arg("ref")), ("inputs", From::Arg("inputs"))],
            good: &[200, 204],
            keep: &[],
            did: "started the workflow {workflow}",
        }],
    },
    Operation {
        name: "workflow_status",
        about: "the latest run of any workflow on a branch",
        scopes: "actions: read",
        args: &[REPO, preset("branch", Shape::Branch, "main", "the branch")],
        stages: &[Stage {
            method: "GET",
            path: "/repos/{repo}/actions/runs",
            query: &[
                ("branch", From::Arg("branch")),
                ("per_page", From::Fixed("1")),
            ],
            body: &[],
            good: &[200],
            keep: &[
                ("total", "/total_count"),
                ("status", "/workflow_runs/0/status"),
                ("conclusion", "/workflow_runs/0/conclusion"),
                ("url", "/workflow_runs/0/html_url"),
            ],
            did: "",
        }],
    },
    Operation {
        name: "combined_status",
        about: "what the commit statuses of a branch, tag or commit say together",
        scopes: "commit statuses: read",
        args: &[
            REPO,
            preset("ref", Shape::Branch, "main", "branch, tag or commit"),
        ],
        stages: &[Stage {
            method: "GET",
            path: "/repos/{repo}/commits/{ref}/status",
            query: &[],
            body: &[],
            good: &[200],
            keep: &[
                ("state", "/state"),
                ("total", "/total_count"),
                ("sha", "/sha"),
            ],
            did: "",
        }],
    },
];
