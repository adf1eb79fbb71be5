//! Programs given on the command line to `perl`, `python` and `mongosh`: those that are known to
//! print only. Whatever is not surely one of them is asked about.

use super::Look;

impl Look<'_> {
    /// The program it is given only prints.
    pub(super) fn snippet_looks(&self) -> bool {
        let all: Vec<&str> = self.arguments.all.iter().map(|w| w.text.as_str()).collect();
        match (self.full.as_str(), all.as_slice()) {
            ("python" | "python3", ["-m", "json.tool", rest @ ..]) => {
                rest.iter().all(|w| !w.starts_with("--indent"))
                    && rest.iter().filter(|w| !w.starts_with('-')).count() < 2
            }
            ("python" | "python3", ["-c", code]) => python_only_prints(code),
            ("perl", all) => perl_command(all),
            // `vtysh -c 'show ip bgp'`
            ("vtysh", all) => {
                let asked = all
                    .chunks(2)
                    .all(|pair| matches!(pair, ["-c", text] if text.starts_with("show ")));
                asked && !all.is_empty() && all.iter().all(|w| !w.contains(['\n', '>', ';']))
            }
            ("php", [file, verb, rest @ ..]) if file.rsplit('/').next() == Some("artisan") => {
                let looks = [
                    "migrate:status",
                    "route:list",
                    "queue:failed",
                    "about",
                    "list",
                    "schedule:list",
                    "event:list",
                ];
                looks.contains(verb) && rest.iter().all(|w| !w.starts_with("--pretend"))
            }
            ("mongo" | "mongosh", _) => {
                let code = self.arguments.values_of("--eval", self.entry);
                let dashed =
                    |w: &&&str| w.starts_with("--eval") || ["-f", "--file", "--shell"].contains(*w);
                code.len() == 1
                    && all.iter().filter(dashed).count() == 1
                    && all.iter().all(|w| !w.to_lowercase().contains(".js"))
                    && code.into_iter().all(mongo_only_reads)
            }
            _ => false,
        }
    }
}

/// `-pe CODE`, `-p -e CODE` and names of files.
fn perl_command(words: &[&str]) -> bool {
    let letters = |w: &str| {
        w.len() > 1 && w.starts_with('-') && w[1..].bytes().all(|b| b"pnlae0123456789".contains(&b))
    };
    let count = words.iter().take_while(|w| letters(w)).count();
    let (options, rest) = words.split_at(count);
    let [code, files @ ..] = rest else {
        return false;
    };
    let last = options.last().is_some_and(|w| w.ends_with('e'));
    let others = options.iter().rev().skip(1).all(|w| !w.contains('e'));
    last && others
        && perl_only_prints(code)
        && files
            .iter()
            .all(|f| !f.starts_with(['-', '|', '>', '<', '+']))
}

/// `s/a/b/`, `print if /a/`: a replacement or a choice of lines, without a way to run code inside.
fn perl_only_prints(code: &str) -> bool {
    // `@{[…]}`, `${\…}`, `(?{…})` and the letter `e` run what they hold.
    let hidden = ["@", "`", "${", "$(", "?{", "??", "\\$"]
        .iter()
        .any(|mark| code.contains(mark));
    // `$x[unlink 'f']` runs what stands in its brackets.
    let indexed = code.match_indices('$').any(|(at, _)| {
        let rest =
            code[at + 1..].trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        rest.starts_with(['[', '{', '-', '$', ':'])
    });
    !hidden
        && !indexed
        && code
            .split(';')
            .map(str::trim)
            .all(|part| part.is_empty() || perl_statement(part))
}

fn perl_statement(part: &str) -> bool {
    if part == "print" {
        return true;
    }
    for start in ["print if ", "print unless "] {
        if let Some(condition) = part.strip_prefix(start) {
            let pattern = condition.strip_prefix('/').and_then(|c| c.rsplit_once('/'));
            return pattern.is_some_and(|(p, letters)| {
                !unescaped(p, '/') && letters.bytes().all(|b| b"imsx".contains(&b))
            });
        }
    }
    let Some(rest) = part.strip_prefix('s') else {
        return false;
    };
    let Some(mark) = rest.chars().next().filter(|c| "/|,#!:~%".contains(*c)) else {
        return false;
    };
    let pieces: Vec<&str> = rest[1..].split(mark).collect();
    // More marks than two are inside the pattern; what hides there is not looked for.
    matches!(pieces[..], [_, _, letters] if letters.bytes().all(|b| b"gimsx".contains(&b)))
}

fn unescaped(text: &str, mark: char) -> bool {
    text.replace("\\\\", "")
        .replace(&format!("\\{mark}"), "")
        .contains(mark)
}

/// Names that may be called in a line of Python that prints what it read.
const PYTHON_CALLS: &[&str] = &[
    "print",
    "load",
    "loads",
    "dumps",
    "len",
    "str",
    "int",
    "float",
    "bool",
    "list",
    "dict",
    "set",
    "tuple",
    "sorted",
    "sort",
    "sum",
    "min",
    "max",
    "abs",
    "any",
    "all",
    "zip",
    "range",
    "reversed",
    "enumerate",
    "isinstance",
    "repr",
    "get",
    "items",
    "keys",
    "values",
    "read",
    "readlines",
    "strip",
    "lstrip",
    "rstrip",
    "split",
    "splitlines",
    "join",
    "round",
    "startswith",
    "endswith",
    "lower",
    "upper",
    "replace",
    "count",
    "append",
    "findall",
    "fullmatch",
    "match",
    "search",
    "sub",
    "group",
    "safe_load",
    "safe_load_all",
    "quote",
    "unquote",
    "b64decode",
    "b64encode",
    "decode",
    "encode",
    "Counter",
    "defaultdict",
    "most_common",
    "exit",
];

/// Modules that may be imported, and what of them may be named.
const PYTHON_MODULES: &[(&str, &[&str])] = &[
    ("sys", &["stdin", "stdout", "stderr", "argv", "exit"]),
    ("json", &["load", "loads", "dumps", "JSONDecodeError"]),
    (
        "re",
        &["findall", "fullmatch", "match", "search", "sub", "split"],
    ),
    ("yaml", &["safe_load", "safe_load_all", "YAMLError"]),
    ("base64", &["b64decode", "b64encode"]),
    ("urllib", &["parse"]),
    ("collections", &["Counter", "defaultdict"]),
];

/// It imports nothing but what only reads, calls nothing but what is known, and reaches nothing
/// behind a module.
fn python_only_prints(code: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    if code.contains("__") || code.contains(['@', '`', '$']) || !code.is_ascii() {
        return false;
    }
    let known = |module: &str| {
        module == "urllib.parse"
            || (PYTHON_MODULES.iter().any(|(name, _)| *name == module) && module != "urllib")
    };
    let imports = code.split([';', '\n']).map(str::trim).all(|statement| {
        match statement.strip_prefix("import ") {
            Some(modules) => modules.split(',').all(|module| known(module.trim())),
            None => !statement
                .split(|c| !is_part(c))
                .any(|word| word == "import" || word == "from"),
        }
    });
    let called = code.match_indices('(').all(|(at, _)| {
        let before = &code[..at];
        let word = before.rsplit(|c| !is_part(c)).next().unwrap_or("");
        match word {
            "" => {
                !before.trim_end().ends_with([')', ']', '}', '"', '\'']) && !before.ends_with(' ')
                    || before
                        .trim_end()
                        .ends_with([',', '=', '+', '-', '*', '/', '<', '>', '%', ':', '[', '('])
            }
            "open" => reads_a_file(&code[at..]),
            _ => PYTHON_CALLS.contains(&word),
        }
    });
    let reached = PYTHON_MODULES.iter().all(|(module, fine)| {
        code.match_indices(module).all(|(at, _)| {
            let rest = &code[at + module.len()..];
            if code[..at].ends_with(|c| is_part(c) || c == '.') || rest.starts_with(is_part) {
                return true;
            }
            let named = rest
                .strip_prefix('.')
                .map(|r| r.split(|c| !is_part(c)).next().unwrap_or(""));
            imported(&code[..at]) || named.is_some_and(|name| fine.contains(&name))
        })
    });
    let banned = [
        "eval",
        "exec",
        "compile",
        "getattr",
        "setattr",
        "globals",
        "locals",
        "vars",
        "def",
        "class",
        "modules",
        "builtins",
        "breakpoint",
    ];
    let mut words = code.split(|c| !is_part(c));
    let opened = code.match_indices("open").all(|(at, _)| {
        let other = code[..at].ends_with(is_part) || code[at + 4..].starts_with(is_part);
        other || code[at + 4..].starts_with('(')
    });
    imports && called && reached && opened && !words.any(|word| banned.contains(&word))
}

/// `('name')`: one name in quotes, and no mode.
fn reads_a_file(rest: &str) -> bool {
    let name = rest
        .strip_prefix('(')
        .and_then(|r| r.split_once(')'))
        .map_or("", |(name, _)| name.trim());
    let quote = name.chars().next().filter(|c| ['"', '\''].contains(c));
    quote.is_some_and(|quote| {
        name.len() > 2
            && name.ends_with(quote)
            && name.matches(quote).count() == 2
            && !name.contains('\\')
    })
}

/// The module's name stands in an import.
fn imported(before: &str) -> bool {
    let statement = before.rsplit([';', '\n']).next().unwrap_or("").trim_start();
    statement.starts_with("import ")
}

/// Methods of a Mongo shell that change nothing.
const MONGO_CALLS: [&str; 38] = [
    "status",
    "conf",
    "config",
    "hello",
    "isMaster",
    "printReplicationInfo",
    "printSecondaryReplicationInfo",
    "printSlaveReplicationInfo",
    "printShardingStatus",
    "getReplicationInfo",
    "serverStatus",
    "serverBuildInfo",
    "hostInfo",
    "stats",
    "version",
    "find",
    "findOne",
    "count",
    "countDocuments",
    "estimatedDocumentCount",
    "distinct",
    "getCollectionNames",
    "getCollectionInfos",
    "getCollection",
    "getSiblingDB",
    "getIndexes",
    "getMongo",
    "getDBs",
    "getDBNames",
    "getUsers",
    "currentOp",
    "explain",
    "pretty",
    "limit",
    "sort",
    "toArray",
    "printjson",
    "print",
];

fn mongo_only_reads(code: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let called = |(at, _): (usize, &str)| {
        let word = code[..at].rsplit(|c| !is_part(c)).next().unwrap_or("");
        MONGO_CALLS.contains(&word)
    };
    // Assignments, functions, text that runs and what `$where` holds may do anything.
    let other = [
        "=", "`", "function", "new ", "$", "delete ", "++", "--", "\\", "load", "?.",
    ];
    code.contains('(')
        && !other.iter().any(|mark| code.contains(mark))
        && code.match_indices('(').all(called)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_that_surely_print_are_looks() {
        for code in [
            "s/.* -> //",
            "s/,$//",
            "s|a|b|g; s/x/y/",
            "print if /a/i",
            "print unless /a\\/b/",
        ] {
            assert!(perl_only_prints(code), "{code}");
        }
        for code in [
            "s/a/unlink 'x'/e",
            "s/a/@{[unlink 'x']}/",
            "s/a/${\\unlink 'x'}/",
            "s/(?{unlink 'x'})//",
            "s/a/$x[unlink 'f']/",
            "s/a/$x{unlink 'f'}/",
            "s/a/$x->[unlink 'f']/",
            "print if /a/ and unlink /x/",
            "unlink",
            "s/a/b/; unlink 'x'",
            "system 'rm x'",
        ] {
            assert!(!perl_only_prints(code), "{code}");
        }
        for code in [
            "import sys, json; print(json.load(sys.stdin)['a'])",
            "import json,sys;d=json.load(sys.stdin);print(len(d.get('items', [])))",
            "import yaml; print(yaml.safe_load(open('a.yaml')))",
            "import sys, urllib.parse; print(urllib.parse.unquote(sys.stdin.read()))",
            "import json, sys, re\nt = json.load(sys.stdin).get('Tags', [])\nc = [x for x in t if re.fullmatch(r'[0-9a-f]{4}', x)]\nprint(max(c, key=lambda v: len(v)))",
            "import sys\nimport json\nfor x in json.load(sys.stdin):\n    print(x['a'], (x['b']))",
        ] {
            assert!(python_only_prints(code), "{code}");
        }
        for code in [
            "import os; os.remove('x')",
            "import sys, os; print(1)",
            "from os import remove as print; print('x')",
            "import sys; print(sys.modules['os'].remove('x'))",
            "import sys; sorted(['x'], key=sys.modules['os'].remove)",
            "import sys; s = sys; print(s.modules)",
            "open('x', 'w')",
            "print(open('x','w'))",
            "eval('1')",
            "import json; json.codecs.open('x', 'w')",
            "print((lambda: 1)())",
            "x = print; x ('a')",
            "import re, sys; re.sys.exit(1)",
            "print(open('x', 'w').write('y'))",
            "f = open; f('x', 'w')",
            "import yaml; yaml.load(open('x'), Loader=yaml.Loader)",
            "import urllib.request; urllib.request.urlopen('h')",
            "import json, sys; [json.load, sys.exit][1] (1)",
            "import collections; collections.sys.modules['os'].remove('x')",
            "import sys; [sys.exit][0](1)",
        ] {
            assert!(!python_only_prints(code), "{code}");
        }
        for code in [
            "rs.status()",
            "printjson(db.serverStatus().connections)",
            "db.getSiblingDB('shop').orders.find().limit(5)",
        ] {
            assert!(mongo_only_reads(code), "{code}");
        }
        for code in [
            "db.dropDatabase()",
            "rs.stepDown()",
            "db['dropDatabase']()",
            "f = db.dropDatabase; f()",
            "db.orders.find().forEach(function(o) { db.orders.remove(o) })",
            "db.orders.aggregate([{$out: 'x'}])",
            "db.orders.find({$where: 'x'})",
            "db.adminCommand({shutdown: 1})",
        ] {
            assert!(!mongo_only_reads(code), "{code}");
        }
    }
}
