//! The contexts of a kubeconfig file. Only their names are read: neither addresses nor keys.

/// The names of the contexts, in their order.
pub(super) fn contexts(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut within = false;
    // The indent of the keys of an entry of the list.
    let mut depth = None;
    for line in text.lines() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let entry = content.strip_prefix("- ");
        if indent == 0 && entry.is_none() {
            within = content == "contexts:";
            depth = None;
            continue;
        }
        if !within {
            continue;
        }
        // `- name: x` begins an entry; its keys are two columns further in.
        let (content, at) = match entry {
            Some(first) if depth.is_none_or(|depth| indent < depth) => {
                depth = Some(indent + 2);
                (first.trim(), indent + 2)
            }
            _ => (content, indent),
        };
        if depth == Some(at)
            && let Some(name) = content.strip_prefix("name:")
        {
            found.extend(unquoted(name.trim()));
        }
    }
    found
}

fn unquoted(name: &str) -> Option<String> {
    let bare = ['"', '\'']
        .into_iter()
        .find_map(|quote| name.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(name);
    (!bare.is_empty()).then(|| bare.to_owned())
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
        ] {
            assert_eq!(contexts(text), expected, "{text}");
        }
    }
}
