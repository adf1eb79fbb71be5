//! Prompts, output and unclear lines.

use super::*;

fn fence(tag: &str, code: &str) -> Fence {
    read(&Block {
        language: tag.to_owned(),
        info: String::new(),
        code: code.to_owned(),
        line: 1,
        headings: Vec::new(),
        prose: String::new(),
    })
}

#[test]
fn prompts_are_removed_and_continuations_stay() {
    for (tag, code, script) in [
        ("console", "$ uptime\n 10:00 up\nrm -rf /var/x y\n", None),
        ("console", "$ uptime\n 10:00 up\n", Some("uptime\n")),
        ("sh", "uptime\n", Some("uptime\n")),
        (
            "console",
            "$ cat <<EOF\nname: x\nEOF\n$ date\n",
            Some("cat <<EOF\nname: x\nEOF\ndate\n"),
        ),
        (
            "console",
            "$ oc patch x -p '\n> spec: 1'\nok\n",
            Some("oc patch x -p '\nspec: 1'\n"),
        ),
        (
            "console",
            "$ for n in a b; do\n> echo $n\n> done\na\n",
            Some("for n in a b; do\necho $n\ndone\n"),
        ),
        (
            "console",
            "$ kubectl get pods \\\n    -n web\nNAME\n",
            Some("kubectl get pods \\\n    -n web\n"),
        ),
        ("sh", "[root@a b]# id\n", Some("id\n")),
        (
            "console",
            "kubectl get pods\nkubectl get nodes\n",
            Some("kubectl get pods\nkubectl get nodes\n"),
        ),
        ("sh", "ls \\\n  > out\n", Some("ls \\\n  > out\n")),
        ("sh", "# look\nls\n", Some("# look\nls\n")),
    ] {
        match (fence(tag, code), script) {
            (Fence::Commands(typed), Some(script)) => assert_eq!(typed.script, script, "{code}"),
            (Fence::Unclear(_), None) => {}
            (other, _) => panic!("{code}: {other:?}"),
        }
    }
}

#[test]
fn prompts_of_other_programs_are_never_run() {
    for code in [
        "> role\n",
        ">> file\n",
        ">>> import os\n",
        "mysql> select 1;\n",
        "postgres=# \\d\n",
        "db=> select 1;\n",
        "irb(main):001:0> User.first\n",
        "[1] pry(main)> x\n",
        "127.0.0.1:6379> info\n",
        "MariaDB [(none)]> show tables;\n",
        "sh-4.4# chroot /host\n",
        "bash-5.1$ ls\n",
        "/ # ls -l\n",
        "gpg> adduid\n",
        "sqlite> .tables\n",
        "$ psql\npostgres=# select 1;\n",
        "[ gprd ] production> User.count\n",
        "$mac git status\n",
        "    -> from t;\n",
    ] {
        for tag in ["sh", "console", "bash"] {
            assert!(
                matches!(fence(tag, code), Fence::Unclear(_)),
                "{tag} {code}: {:?}",
                fence(tag, code)
            );
        }
    }
}

#[test]
fn possible_output_is_not_run_and_reported_with_its_line() {
    for (tag, code, line) in [
        ("sh", "# systemctl restart web\n", 0),
        ("console", "# systemctl status web\nactive\n", 0),
        ("bash", "kubectl get pods\nNAME   READY\n", 1),
        ("console", "$ vault status\nvault login -method=x\n", 1),
        ("console", "kubectl get pods\nfrobnicate it\n", 1),
        ("bash", "ls\necho 'it\n", 1),
        ("bash", "ls\n```bash\ndf\n", 1),
        ("sh", "root@a:~# ls\nroot@b:~# ls\n", 1),
    ] {
        match fence(tag, code) {
            Fence::Unclear(doubt) => assert_eq!(doubt.line, line, "{code}: {doubt:?}"),
            other => panic!("{code}: {other:?}"),
        }
    }
    for (tag, code) in [
        ("console", "NAME READY\nweb 1/1\n"),
        ("console", "rate(errors_total[5m]) > 0\n"),
        ("console", "total 80\n-rw-r--r-- 1 a b x\n"),
        ("sh", "sum by (job) (rate(x[5m]))\n"),
        ("sh", "# only a remark\n"),
    ] {
        assert_eq!(fence(tag, code), Fence::Shown, "{code}");
    }
    let Fence::Commands(typed) = fence("console", "ana@db1:~$ uptime\n 10:00 up\n") else {
        panic!()
    };
    assert_eq!(typed.shown, [(1, " 10:00 up".to_owned())]);
    assert_eq!(typed.host.as_deref(), Some("ana@db1:~"));
}

proptest::proptest! {
    #[test]
    fn any_fence_is_read(code in "(\\$ |# |> |mysql> |<<E|EOF|[<>{}'\"#\\\\$ \n;|]|ls |a|\\PC){0,40}") {
        for tag in ["sh", "console"] {
            if let Fence::Unclear(doubt) = fence(tag, &code) {
                proptest::prop_assert!(doubt.line <= code.lines().count() && !doubt.why.is_empty());
            }
        }
    }
}

#[test]
fn long_documents_are_read_and_unclosed_commands_are_abandoned() {
    let text = "  - name: it's one of many\n".repeat(4000);
    for code in [
        format!("cat <<EOF\n{text}EOF\ndate\n"),
        format!("$ cat <<EOF\n{text}EOF\n$ date\n"),
    ] {
        let Fence::Commands(typed) = fence("sh", &code) else {
            panic!("it is shown")
        };
        assert!(typed.script.ends_with("EOF\ndate\n") && typed.shown.is_empty());
    }
    let lines = "echo one of many\n".repeat(4000);
    for code in [
        format!("$ while true; do\n{lines}"),
        format!("while true; do\n{lines}"),
    ] {
        let Fence::Unclear(doubt) = fence("sh", &code) else {
            panic!("it is run")
        };
        assert!(doubt.line < 1000, "read to line {} of 4000", doubt.line);
    }
    assert!(matches!(
        fence("sh", &format!("echo it's\n{lines}")),
        Fence::Unclear(_)
    ));
}
