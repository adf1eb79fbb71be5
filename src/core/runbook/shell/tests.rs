//! Parsing of shell text: commands, variables and syntax errors.

use super::*;

fn commands_of(text: &str) -> Vec<String> {
    let script = parse(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
    let joined = |c: &Command| {
        c.words
            .iter()
            .map(|w| w.text.clone())
            .collect::<Vec<_>>()
            .join(" ")
    };
    script.commands.iter().map(joined).collect()
}

#[test]
fn commands_are_found_at_every_place() {
    for (text, commands) in [
        ("ls -l\n", vec!["ls -l"]),
        ("a | b && c; d &\n", vec!["a", "b", "c", "d"]),
        (
            "for n in $(nodes); do drain \"$n\"; done",
            vec!["nodes", "drain $n"],
        ),
        (
            "if [ -f x ]; then rm x; else touch x; fi",
            vec!["[ -f x ]", "rm x", "touch x"],
        ),
        ("case $1 in a|b) up;; *) down ;; esac", vec!["up", "down"]),
        ("f() { rm -r \"$1\"; }\nf x", vec!["rm -r $1", "f x"]),
        ("(cd /x && make) > out", vec!["cd /x", "make", ""]),
        ("X=$(get `inner`) run", vec!["run", "get `inner`", "inner"]),
        (
            "cat <<EOF | apply -f -\nname: $(whoami)\nEOF\nls",
            vec!["cat", "apply -f -", "whoami", "ls"],
        ),
        ("diff <(a) <(b)", vec!["diff <(a) <(b)", "a", "b"]),
        ("echo 'a # b' # rm x\n", vec!["echo a # b"]),
        ("a \\\n  b\n", vec!["a b"]),
        ("[[ $a =~ (x|y) && -n $b ]] || c", vec!["c"]),
        (
            "while read -r l; do echo $l; done < f",
            vec!["read -r l", "echo $l", ""],
        ),
        (
            "x=(a b) ; ((i++)); echo $((i + 1))",
            vec!["", "echo $((i + 1))"],
        ),
        (
            "echo ${a:-$(b)} \"${c}\"",
            vec!["echo ${a:-$(b)} ${c}", "b"],
        ),
    ] {
        assert_eq!(commands_of(text), commands, "{text}");
    }
}

#[test]
fn syntax_errors_have_a_line_and_unclosed_text_is_marked_open() {
    for (text, line, open) in [
        ("echo 'a\n", 0, true),
        ("ls\necho \"x", 1, true),
        ("for x in a; do ls\n", 1, true),
        ("if true; then ls", 0, true),
        ("cat <<EOF\nx\n", 2, true),
        ("echo $(ls", 0, true),
        ("ls |", 0, true),
        ("ls\n)", 1, false),
        ("ls (x)", 0, false),
        ("a ;; b", 0, false),
        ("done", 0, false),
        ("ls &&\n&& x", 1, false),
        ("echo >\n", 0, false),
        ("it (didn't)", 0, false),
    ] {
        let fault = parse(text).expect_err(text);
        assert_eq!((fault.line, fault.open), (line, open), "{text}: {fault:?}");
    }
}

#[test]
fn variables_are_set_and_used_in_their_order() {
    let script =
        parse("A=1 ls $B; export C=$A D; read E F <<< x; echo ${G:-1} ${H} '$I' ${J:=2}").unwrap();
    let names: Vec<String> = script
        .variables
        .iter()
        .map(|v| match v {
            Variable::Used(n) => format!("-{n}"),
            Variable::Set(n) => format!("+{n}"),
            Variable::Unknown => "?".to_owned(),
        })
        .collect();
    assert_eq!(names, ["-B", "+A", "-A", "+C", "+E", "+F", "-H", "+J"]);
    assert!(parse("while true; do date; sleep 1; done").unwrap().endless);
    assert!(!parse("while true; do date && break; done").unwrap().endless);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(text in "(\\$\\(|\\$\\{|<<E|`|[<>{}()'\"#\\\\$ \n;&|=]|if |do |done|EOF|a|\\PC){0,60}") {
        if let Err(fault) = parse(&text) {
            proptest::prop_assert!(fault.line <= text.matches('\n').count());
        }
    }
}
