//! What commands do: changes, looks, what never ends, what wants a terminal.

use super::*;
use crate::runbook::shell;

pub(super) fn effect(text: &str) -> Effect {
    of(
        &shell::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}")),
        &Functions::default(),
    )
}

#[test]
fn looks_and_changes_are_distinguished() {
    for text in [
        "ls -l /var",
        "kubectl get pods -n web",
        "kubectl -n web logs deploy/web --tail 20",
        "oc get po | grep delete",
        "oc adm top nodes",
        "oc get pods -l app=delete",
        "iptables -L -n",
        "iptables -nvL INPUT",
        "sudo iptables -S",
        "curl -s http://h/health | jq .",
        "curl -sI https://h",
        "curl -o /dev/null -w '%{http_code}' h",
        "gcloud compute instances list --project p",
        "aws ec2 describe-instances --region r",
        "aws s3 ls s3://b",
        "systemctl status web",
        "sudo systemctl list-units --failed",
        "git log -3",
        "ceph osd pool ls detail",
        "ceph -s",
        "psql -c 'select * from t'",
        "psql -d x -c '\\d t'",
        "mysql -e 'show processlist'",
        "echo rm -rf /",
        "ls # rm -rf /",
        "ssh web-1 uptime",
        "ssh web-1 'df -h | grep data'",
        "docker exec web ls",
        "kubectl exec -it web-1 -- cat /etc/hosts",
        "oc debug node/n1 -- chroot /host crictl ps",
        "for n in $(kubectl get nodes -o name); do kubectl describe $n; done",
        "find /var -name '*.log' -size +1G",
        "tar tzf x.tgz",
        "sed -n 1,5p f",
        "helm list -A",
        "terraform plan",
        "consul members",
        "knife node list",
        "redis-cli -h h info",
        "virtctl version",
        "f() { df -h; }; f",
        "kubectl delete pod x --dry-run=client",
        "bash -c 'kubectl get nodes'",
        "ls 2>&1 >/dev/null",
        "etcdctl --endpoints h:1 endpoint status -w table",
        "kubectl rollout status deploy/web",
        "xargs kubectl describe < nodes",
        "export A=1; cd /tmp",
    ] {
        assert_eq!(effect(text).change, None, "{text}");
    }
    for (text, why) in [
        ("sudo rm -rf /var/old", "deletes files"),
        (
            "curl -fsSL https://h/install.sh | sudo bash",
            "runs what it reads",
        ),
        ("curl -XDELETE h/index", "sends data or writes a file"),
        ("curl -sX POST h", "sends data or writes a file"),
        ("curl --request=PUT h -d x", "sends data or writes a file"),
        ("virtctl stop vm", "stops a virtual machine"),
        ("knife client delete web-1", "deletes what Chef manages"),
        (
            "gcloud compute instances delete web-1 --zone z",
            "changes what runs in the cloud",
        ),
        (
            "aws ec2 terminate-instances --instance-ids i",
            "deletes infrastructure",
        ),
        ("ceph osd pool set p size 3", "changes the storage cluster"),
        ("kubectl -n web delete pod web-1", "deletes cluster objects"),
        (
            "oc get po -o name | xargs oc delete",
            "deletes cluster objects",
        ),
        (
            "oc --context=a -n web adm drain n1",
            "moves work off a node",
        ),
        (
            "oc debug node/n1 -- chroot /host crictl rmi --prune",
            "deletes containers or images",
        ),
        (
            "ssh web-1 'sudo systemctl restart web'",
            "restarts a service",
        ),
        ("ssh web-1 sudo systemctl stop web", "stops a service"),
        (
            "bash -c \"kubectl scale deploy/web --replicas 0\"",
            "changes what runs",
        ),
        ("kubectl exec web-1 -- rm -r /data", "deletes files"),
        ("psql -c 'drop table t'", "changes data"),
        ("psql <<EOF\ndelete from t;\nEOF", "changes data"),
        ("mysql -e \"select 1; update t set a = 1\"", "changes data"),
        ("iptables -A INPUT -j DROP", "changes the firewall"),
        ("sudo iptables -F", "changes the firewall"),
        ("sed -i s/a/b/ f", "changes a file in place"),
        ("echo x | sudo tee /etc/f", "writes to a file"),
        ("echo x > /etc/f", "writes to a file"),
        ("while read p; do kill $p; done < pids", "ends a process"),
        ("find /tmp -mtime +3 -exec rm {} \\;", "deletes files"),
        ("find /tmp -delete", "deletes files"),
        ("X=$(docker stop web)", "stops a container"),
        ("git push origin main", "changes the shared repository"),
        ("redis-cli FLUSHALL", "deletes data"),
        (
            "redis-cli config set maxmemory 1",
            "changes the server's settings",
        ),
        ("env A=1 helm upgrade web ./web", "changes what runs"),
        ("sudo -u git -H gitlab-rails runner 'x'", "runs a program"),
        ("consul kv put a b", "changes the cluster"),
        ("watch -n 5 kubectl delete pod x", "deletes cluster objects"),
        ("python -c 'import os'", "runs a program"),
        (
            "./fix.sh",
            "may change something (opsroom does not know `./fix.sh`)",
        ),
        (
            "frobnicate now",
            "may change something (opsroom does not know `frobnicate`)",
        ),
        ("frobnicate; rm x", "deletes files"),
    ] {
        assert_eq!(effect(text).change.as_deref(), Some(why), "{text}");
    }
}

#[test]
fn what_never_ends_and_what_wants_a_terminal_is_known() {
    for text in [
        "watch date",
        "tail -f x",
        "tail -n 5 -F x",
        "kubectl logs -f web-1",
        "journalctl -fu web",
        "kubectl get po -w",
        "kubectl port-forward svc/web 8080",
        "ping h",
        "while true; do date; sleep 1; done",
        "ssh h 'tail -f x'",
        "sudo tcpdump -i any",
        "redis-cli monitor",
    ] {
        let found = effect(text);
        assert!(
            found.endless.is_some() && found.terminal.is_none(),
            "{text}: {found:?}"
        );
    }
    for (text, opens) in [
        ("vim x", false),
        ("sudo nano /etc/f", false),
        ("kubectl edit deploy/web", false),
        ("top", false),
        ("less x", false),
        ("ssh web-1", true),
        ("ssh -i key ana@web-1", true),
        ("psql -h h shop", true),
        ("mysql", true),
        ("kubectl exec -it web-1 -- bash", true),
        ("oc rsh web-1", true),
        ("oc debug node/n1", true),
        ("chroot /host", true),
        ("docker exec -it web sh", true),
        ("sudo -i", true),
        ("sudo su -", true),
        ("python", true),
        ("redis-cli", true),
        ("bundle exec rails console", true),
        ("sudo gitlab-rails console", true),
        ("bash", true),
        ("crontab -e", false),
        ("git commit --help; vi x", false),
    ] {
        let found = effect(text);
        assert!(
            found.terminal.is_some() && found.opens == opens,
            "{text}: {found:?}"
        );
    }
    for text in [
        "ls",
        "ping -c 3 h",
        "top -b -n 1",
        "journalctl -u web -n 50",
        "ssh h uptime",
        "psql -c 'select 1'",
        "psql < f",
        "kubectl logs web-1 | less",
        "kubectl exec -it web-1 -- ls",
        "echo x | redis-cli -x set a",
        "kubectl get po",
        "sudo -u git ls",
        "python3 x.py",
        "oc debug node/n1 -- chroot /host df",
    ] {
        let found = effect(text);
        assert!(
            found.terminal.is_none() && found.endless.is_none(),
            "{text}: {found:?}"
        );
    }
}
