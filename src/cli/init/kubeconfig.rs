//! The contexts of a kubeconfig file. Only their names are used: neither addresses nor keys.

use super::yaml::{Mistake, Yaml};

/// The names of the contexts, in their order.
pub(super) fn contexts(text: &str) -> Result<Vec<String>, Mistake> {
    let yaml = Yaml::read(text)?;
    let mut found = Vec::new();
    for contexts in yaml.get_all("contexts")? {
        for context in contexts.items()? {
            let name = context.get("name")?;
            let name = name.ok_or_else(|| context.mistake("this context has no name"))?;
            // kubectl gets it as an argument.
            let is_name = |text: &&str| !text.is_empty() && !text.contains('\0');
            let text = name.text().filter(is_name);
            let text =
                text.ok_or_else(|| name.mistake("the name of a context is expected here"))?;
            found.push(text.to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_contexts_are_found_and_no_others() {
        for (text, expected) in [
            (
                "apiVersion: v1\nclusters:\n- cluster:\n    server: https://10.0.0.1:6443\n  name: cluster-a\ncontexts:\n- context:\n    cluster: cluster-a\n    namespace: shop\n    user: admin\n    name: not-this\n  name: admin@prod\n- name: \"staging\"\n  context:\n    cluster: b\n    user: b\ncurrent-context: admin@prod\nkind: Config\npreferences: {}\nusers:\n- name: admin\n  user:\n    token: secret\n",
                &["admin@prod", "staging"][..],
            ),
            (
                "contexts:\n  - context:\n      cluster: kind\n    name: kind-kind\n  - context: {cluster: x}\n    name: 'arn:aws:eks:eu-central-1:1:cluster/x'\n",
                &["kind-kind", "arn:aws:eks:eu-central-1:1:cluster/x"],
            ),
            ("contexts: []\nusers:\n- name: a\n", &[]),
            ("contexts: null\n", &[]),
            ("", &[]),
            (
                "x: &c\n  context: {cluster: x,\n    user: y}\n  name: a\ncontexts: [*c, {\"name\": b},\n  {<<: *c, name: \"c d\"}]\n",
                &["a", "b", "c d"],
            ),
            ("{\"contexts\": [{\"name\": \"a\"}]}", &["a"]),
            (
                "contexts:\n- name: >-\n    a\n    b\n- 'name': 5\n",
                &["a b", "5"],
            ),
        ] {
            let expected = expected.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(contexts(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_broken_file_is_reported_with_its_line() {
        for (text, line) in [
            ("contexts:\n- name: 'a\n- name: b\n", 2),
            ("contexts:\n- context: {}\n", 2),
            ("contexts:\n- name: [a]\n", 2),
            ("contexts:\n- name: \"\"\n", 2),
            ("contexts:\n- name: \"a\\0\"\n", 2),
            ("kind: Config\ncontexts: {a: b}\n", 2),
            ("kind: Config\ncontexts:\n- a\n", 3),
        ] {
            assert_eq!(contexts(text).map_err(|m| m.line), Err(line), "{text}");
        }
    }
}
