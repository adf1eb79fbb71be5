//! What makes a shell block ask once more: what it starts is hard or impossible to take back.

/// Beginnings of commands and what they do. Letters of either case, spaces as one.
const PHRASES: [(&str, &str); 52] = [
    ("rm -r", "deletes files"),
    ("rm -f", "deletes files"),
    ("shred ", "deletes files"),
    ("mkfs", "formats a disk"),
    ("wipefs", "formats a disk"),
    ("fdisk", "changes partitions"),
    ("parted", "changes partitions"),
    ("lvremove", "deletes a volume"),
    ("vgremove", "deletes a volume"),
    ("zpool destroy", "deletes a volume"),
    ("dd if=", "writes to a device or file"),
    ("drop table", "deletes data"),
    ("drop database", "deletes data"),
    ("dropdb", "deletes data"),
    ("truncate ", "deletes data"),
    ("delete from", "deletes data"),
    ("flushall", "deletes data"),
    ("flushdb", "deletes data"),
    ("etcdctl del", "deletes data"),
    ("etcdctl defrag", "blocks the store while it runs"),
    ("alter table", "changes a schema"),
    ("helm uninstall", "deletes a release"),
    ("helm delete", "deletes a release"),
    ("helm upgrade", "changes what runs"),
    ("helm rollback", "changes what runs"),
    ("terraform destroy", "deletes infrastructure"),
    ("terraform apply", "changes infrastructure"),
    ("terminate-instances", "deletes infrastructure"),
    ("delete-", "deletes infrastructure"),
    ("docker rm", "deletes containers or images"),
    ("docker system prune", "deletes containers or images"),
    ("docker stop", "stops a container"),
    ("docker restart", "restarts a container"),
    ("podman rm", "deletes containers or images"),
    ("crictl rm", "deletes containers or images"),
    ("crictl stop", "stops a container"),
    ("ceph osd out", "moves data"),
    ("ceph osd purge", "deletes data"),
    ("iptables", "changes the firewall"),
    ("nft ", "changes the firewall"),
    ("shutdown", "stops the machine"),
    ("poweroff", "stops the machine"),
    ("reboot", "restarts the machine"),
    ("systemctl stop", "stops a service"),
    ("systemctl disable", "stops a service"),
    ("systemctl restart", "restarts a service"),
    ("kill ", "kills a process"),
    ("killall", "kills processes"),
    ("pkill", "kills processes"),
    ("push --force", "rewrites history"),
    ("reset --hard", "rewrites history"),
    ("--force", "forces what was refused"),
];

/// Verbs of `kubectl` and `oc`; those without a reason only look.
const CLUSTER: [(&str, Option<&str>); 35] = [
    ("delete", Some("deletes cluster objects")),
    ("drain", Some("moves work off a node")),
    ("cordon", Some("takes a node out of service")),
    ("taint", Some("moves work off a node")),
    ("scale", Some("changes what runs")),
    ("autoscale", Some("changes what runs")),
    ("patch", Some("changes what runs")),
    ("apply", Some("changes what runs")),
    ("replace", Some("changes what runs")),
    ("edit", Some("changes what runs")),
    ("set", Some("changes what runs")),
    ("rollback", Some("changes what runs")),
    ("restart", Some("changes what runs")),
    ("undo", Some("changes what runs")),
    ("pause", Some("changes what runs")),
    ("label", Some("changes cluster objects")),
    ("annotate", Some("changes cluster objects")),
    ("policy", Some("changes who may do what")),
    ("get", None),
    ("describe", None),
    ("logs", None),
    ("status", None),
    ("history", None),
    ("top", None),
    ("explain", None),
    ("exec", None),
    ("rsh", None),
    ("debug", None),
    ("create", None),
    ("run", None),
    ("wait", None),
    ("whoami", None),
    ("config", None),
    ("must-gather", None),
    ("node-logs", None),
];

/// Why a script asks for confirmation of its own, if it does.
pub(super) fn why(script: &str) -> Option<&'static str> {
    let text = script.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let phrase = |words: &str| text.match_indices(words).any(|(at, _)| begins(at));
    PHRASES.iter().find(|(words, _)| phrase(words)).map(|(_, why)| *why).or_else(|| cluster(&text))
}

/// The verb may stand behind flags: `oc -n web adm drain node-1`.
fn cluster(text: &str) -> Option<&'static str> {
    let bare = |word: &'_ str| word.trim_start_matches(['$', '(', '`', '"', '\'', '!']).to_owned();
    let words: Vec<String> = text.split(' ').map(bare).collect();
    let starts = words.iter().enumerate().filter(|(_, w)| matches!(w.as_str(), "kubectl" | "oc"));
    starts.filter_map(|(at, _)| words[at + 1..].iter().find_map(|w| verb(w))).find_map(|(_, why)| *why)
}

fn verb(word: &str) -> Option<&'static (&'static str, Option<&'static str>)> {
    CLUSTER.iter().find(|(verb, _)| *verb == word)
}

#[cfg(test)]
mod tests {
    use super::why;

    #[test]
    fn says_why() {
        for (script, reason) in [
            ("sudo rm   -rf /var/old\n", Some("deletes files")),
            ("psql -c 'DROP TABLE x'\n", Some("deletes data")),
            ("kubectl get pods\n", None),
            ("kubectl -n web delete pod web-1\n", Some("deletes cluster objects")),
            ("oc --context=a -n web adm drain n1 --ignore-daemonsets\n", Some("moves work off a node")),
            ("kubectl rollout status deploy/web\n", None),
            ("kubectl -n web rollout restart deploy/web\n", Some("changes what runs")),
            ("oc get pods -l app=delete\n", None),
            ("oc logs $(oc get pod -o name) | grep delete\n", None),
            ("oc get po | xargs oc delete\n", Some("deletes cluster objects")),
            ("oc debug node/n1 -- chroot /host crictl rmi --prune\n", Some("deletes containers or images")),
            ("echo skill 3\n", None),
            ("kill 41\n", Some("kills a process")),
        ] {
            assert_eq!(why(script), reason, "{script}");
        }
    }
}
