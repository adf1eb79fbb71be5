//! The services of a compose file. Only the names are read: the keys one level below `services:`.

/// The names a compose file may have, in the order compose looks for them.
pub(super) const FILES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];

/// The names of the services, in their order.
pub(super) fn services(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let (mut within, mut depth) = (false, None);
    for line in text.lines() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') || content == "---" {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if indent == 0 {
            within = key(content) == Some("services");
            depth = None;
            continue;
        }
        if !within || indent != *depth.get_or_insert(indent) {
            continue;
        }
        if let Some(name) =
            key(content).filter(|name| is_name(name) && !found.iter().any(|f| f == name))
        {
            found.push(name.to_owned());
        }
    }
    found
}

/// The key of a line, without its quotes.
fn key(content: &str) -> Option<&str> {
    let (key, value) = content.split_once(':')?;
    let ends = value.is_empty() || value.starts_with([' ', '\t']);
    let key = key.trim_end();
    let bare = [('"', '"'), ('\'', '\'')]
        .iter()
        .find_map(|(open, close)| key.strip_prefix(*open)?.strip_suffix(*close));
    ends.then(|| bare.unwrap_or(key))
}

/// What compose accepts as a name of a service.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_below_services_are_found() {
        for (text, expected) in [
            (
                "version: \"3.9\"\n\nx-common: &common\n  restart: always\n\nservices:\n  # the shop\n  web:\n    <<: *common\n    image: nginx:1.27\n    ports:\n      - \"8080:80\"\n    depends_on: [db]\n  db: { image: \"postgres:16\" }\n  \"job-1\":\n    image: busybox\n\nvolumes:\n  data:\n",
                &["web", "db", "job-1"][..],
            ),
            (
                "services:\n    a:\n        image: x\n    b.c:\n        build: .\n",
                &["a", "b.c"],
            ),
            (
                "---\nname: shop\nservices: # all\n  web:\n    image: x\n",
                &["web"],
            ),
            ("services: {}\n", &[]),
            ("volumes:\n  data:\n", &[]),
            ("services:\n  <<: *x\n  a b:\n  ${X}:\n  http://x\n", &[]),
            ("", &[]),
        ] {
            assert_eq!(services(text), expected, "{text}");
        }
    }
}
