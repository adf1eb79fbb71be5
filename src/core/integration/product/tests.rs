//! The table of operations is consistent, and arguments are checked against their shapes.

use std::collections::BTreeSet;

use super::*;

/// Every entry refers only to its arguments or to values an earlier stage kept.
#[test]
fn every_operation_can_be_filled_in() {
    for product in Product::ALL {
        assert!(product.base_url().starts_with("https://") && product.ping().starts_with('/'));
        let mut names = BTreeSet::new();
        for operation in product.operations() {
            let name = format!("{}.{}", product.name(), operation.name);
            assert!(names.insert(operation.name), "{name} is there twice");
            assert!(
                !operation.about.is_empty()
                    && !operation.scopes.is_empty()
                    && !operation.stages.is_empty(),
                "{name}"
            );
            let args: BTreeSet<&str> = operation.args.iter().map(|a| a.name).collect();
            assert_eq!(
                args.len(),
                operation.args.len(),
                "{name} takes something twice"
            );
            let mut kept = BTreeSet::new();
            for stage in operation.stages {
                assert!(
                    stage.path.starts_with('/') && !stage.good.is_empty(),
                    "{name}"
                );
                assert_eq!(
                    stage.did.is_empty(),
                    stage.method == "GET",
                    "{name}: {} says what it did",
                    stage.path
                );
                let slots = [stage.path, stage.did].into_iter().flat_map(|text| {
                    text.split('{')
                        .skip(1)
                        .filter_map(|rest| rest.split_once('}'))
                        .map(|(slot, _)| slot)
                });
                let from = |f: From| match f {
                    From::Arg(n)
                    | From::Base64(n)
                    | From::After(_, n)
                    | From::Owner(n)
                    | From::Name(n) => Some(n),
                    From::Kept(n) => Some(n),
                    From::Fixed(_) => None,
                };
                let used = slots.chain(
                    stage
                        .query
                        .iter()
                        .chain(stage.body)
                        .filter_map(|(_, f)| from(*f)),
                );
                for slot in used {
                    assert!(
                        args.contains(slot) || kept.contains(slot),
                        "{name}: nothing stands for {slot}"
                    );
                }
                kept.extend(stage.keep.iter().map(|(name, _)| *name));
            }
            for arg in operation.args {
                if let Some(default) = arg.default {
                    assert_eq!(
                        arg.shape.check(default).as_deref(),
                        Ok(default),
                        "{name}.{}",
                        arg.name
                    );
                }
            }
            assert_eq!(
                find(&name).map(|(p, o)| (p, o.name)),
                Ok((product, operation.name))
            );
        }
    }
    assert!(find("gitlab.x").unwrap_err().contains("known are github"));
    assert!(
        find("github.deploy")
            .unwrap_err()
            .contains("github.create_pull_request")
    );
}

#[test]
fn values_are_checked_against_their_shapes() {
    for (shape, text, right) in [
        (Shape::Repo, "acme/ops.js", Some("acme/ops.js")),
        (Shape::Repo, "acme", None),
        (Shape::Repo, "acme/../ops", None),
        (Shape::Repo, "../ops", None),
        (
            Shape::Branch,
            "spec/web page: (new)",
            Some("spec/web-page-new"),
        ),
        (Shape::Branch, "../..", None),
        (Shape::Branch, "x.lock", Some("x")),
        (Shape::Path, "docs/a b.md", Some("docs/a b.md")),
        (Shape::Path, "../secrets", None),
        (Shape::Path, "/etc/passwd", None),
        (Shape::Path, "a//b", None),
        (Shape::Id, "deploy.yml", Some("deploy.yml")),
        (Shape::Id, "a/b", None),
        (Shape::Id, "..", None),
        (Shape::Flag, "true", Some("true")),
        (Shape::Flag, "yes", None),
        (
            Shape::Object,
            r#"{"a": 1, "b": "x"}"#,
            Some(r#"{"a": 1, "b": "x"}"#),
        ),
        (Shape::Object, r#"{"a": [1]}"#, None),
        (Shape::Object, "[]", None),
        (Shape::Line, "one", Some("one")),
        (Shape::Line, "two\nlines", None),
        (Shape::Line, " ", None),
        (
            Shape::Word(&["production"]),
            "production",
            Some("production"),
        ),
        (Shape::Word(&["production"]), "prod", None),
    ] {
        assert_eq!(shape.check(text).ok().as_deref(), right, "{shape:?} {text}");
    }
}

#[test]
fn fields_without_a_value_are_left_out_and_nesting_is_created() {
    let (_, create) = find("vercel.create_deployment").unwrap();
    let args = [
        ("name", "web"),
        ("repo", "acme/web"),
        ("ref", "v1/2"),
        ("team", "team_1"),
    ];
    let args = args.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let made = request(create, &create.stages[0], &args, &Kept::new());
    assert_eq!(made.path, "/v13/deployments?teamId=team_1");
    let body: serde_json::Value = serde_json::from_str(&made.body.unwrap()).unwrap();
    let source =
        serde_json::json!({ "type": "github", "org": "acme", "repo": "web", "ref": "v1/2" });
    assert_eq!(
        body,
        serde_json::json!({ "name": "web", "gitSource": source })
    );
}
