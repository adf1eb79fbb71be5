//! `opsroom init` asks three questions on a terminal.

use tempfile::TempDir;

use super::harness::Setup;

#[test]
fn three_questions_make_a_stack_file() {
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("taken.toml"), "mine").unwrap();
    std::fs::write(
        home.path().join("compose.yml"),
        "services:\n  web:\n    image: x\n",
    )
    .unwrap();
    // Questions are asked on fd 2, which is a file in these tests otherwise.
    let mut console = Setup::new(&["init"])
        .through_shell("exec \"$@\" 2>&0")
        .start_in(home);
    console.wait_for("1. Name of the workspace [");
    console.send("--\n");
    console.wait_for("a name has letters or digits");
    console.send("shop\n");
    console.wait_for("calls `systemctl list-units`");
    console.wait_for("[ports,compose,kubectl]: ");
    console.send("pods\n");
    console.wait_for("write any of ports, units, compose, kubectl, or none");
    console.send("compose\n");
    console.wait_for("3. File to write [stack.toml]: ");
    console.send("taken.toml\n");
    console.wait_for("taken.toml exists and is not overwritten");
    console.send("\n");
    console.wait_for("wrote stack.toml, with 1 service(s)");
    assert!(console.exit().success());
    let read = |name: &str| std::fs::read_to_string(console.path(name)).unwrap();
    assert_eq!(read("taken.toml"), "mine");
    let text = read("stack.toml");
    assert!(
        text.contains("workspace = \"shop\"") && text.contains("name = \"web\""),
        "{text}"
    );
}
