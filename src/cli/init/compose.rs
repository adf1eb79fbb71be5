//! The services of a compose file. Only their names are used: the keys of `services`.

use super::yaml::{Mistake, Yaml};

/// The names a compose file may have, in the order compose looks for them.
pub(super) const FILES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];

/// The names of the services, in their order.
pub(super) fn services(text: &str) -> Result<Vec<String>, Mistake> {
    let yaml = Yaml::read(text)?;
    let mut found: Vec<String> = Vec::new();
    // Compose merges the documents of a file.
    for services in yaml.get_all("services")? {
        for (name, _) in services.entries()? {
            if is_name(name) && !found.iter().any(|f| f == name) {
                found.push(name.to_owned());
            }
        }
    }
    Ok(found)
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
            ("services:\n  a b:\n  ${X}:\n  http://x:\n", &[]),
            ("", &[]),
            (
                "x-web: &web\n  a: { image: x }\nservices:\n  <<: *web\n  'b': { image: \"y:1\",\n    ports: [80,\n      81] }\n  c: !reset null\n",
                &["b", "c", "a"],
            ),
            ("{\"services\": {\"a\": {\"image\": \"x\"}}}", &["a"]),
            (
                "services: { a: { image: x },\n  b: }\n---\nservices:\n  b:\n  c:\n",
                &["a", "b", "c"],
            ),
        ] {
            let expected = expected.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(services(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_broken_file_is_reported_with_its_line() {
        for (text, line) in [
            ("services:\n  web:\n    ports: [80\n  db:\n", 4),
            ("services:\n  - web\n", 2),
            ("services:\n  <<: *x\n", 2),
            ("services:\n  web:\n  web:\n", 3),
        ] {
            assert_eq!(services(text).map_err(|m| m.line), Err(line), "{text}");
        }
    }
}
