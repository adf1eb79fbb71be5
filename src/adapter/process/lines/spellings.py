# Every spelling of the table in src/core/redact/spelling.rs, written by the programs people use. $S is the secret.
import html, json, os, shlex, subprocess, sys, urllib.parse

s = os.environ["S"]
raw = s.encode()


def out(name, data):
    data = data.encode() if isinstance(data, str) else data
    sys.stdout.buffer.write(b"== " + name.encode() + b"\n" + data + (b"" if data.endswith(b"\n") else b"\n"))


def run(name, *argv, data=b"a value: " + raw + b" and what follows it"):
    try:
        done = subprocess.run(argv, input=data, capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return
    out(name, done.stdout)


between = lambda by: by.join(s)
each = lambda how: "".join(how % b for b in raw)

out("plain", f"token={s};")
out("backwards", s[::-1])
for columns in ["0", "20", "76"]:
    run("base64 -w " + columns, "base64", "-w", columns)
    run("base32 -w " + columns, "base32", "-w", columns)
run("base64, url alphabet", "sh", "-c", "base64 -w 0 | tr +/ -_")
run("basic auth", "base64", "-w", "0", data=b"user:" + raw)
for options in ["", "-u", "-p", "-i", "-g1", "-g4", "-e", "-c 10"]:
    run("xxd " + options, "xxd", *options.split())
for options in ["", "-C", "-c", "-b"]:
    if options != "-b":
        run("hexdump " + options, "hexdump", *options.split())
    run("od " + options.replace("-C", "-b"), "od", *options.replace("-C", "-b").split())
for options in ["-x", "-tx1", "-An -tx1", "-tx1z", "-tx4", "-An -tu1", "-td1", "-An -c", "-c -w8"]:
    run("od " + options, "od", *options.split())
out("hex, capital", raw.hex().upper())
for by in [":", " ", "-"]:
    out("hex with " + by, "fingerprint " + raw.hex(by))
out("hex with 0x", ", ".join(f"0x{b:02x}" for b in raw))
out("hex with 0X", ",".join(f"0X{b:02X}" for b in raw))
out("openssl", "\n".join("    " + raw[at : at + 15].hex(":") + ":" for at in range(0, len(raw), 15)))
out("decimal", str(list(raw)))
out("decimal, Go", "[" + " ".join(str(b) for b in raw) + "]")
out("octal escapes", each("\\%03o"))
out("hex escapes", each("\\x%02x"))
out("unicode escapes", "".join(f"\\u{ord(c):04x}" for c in s))
out("unicode escapes, braces", "".join(f"\\u{{{ord(c):x}}}" for c in s))
out("unicode escapes, long", "".join(f"\\U{ord(c):08X}" for c in s))
out("json", json.dumps({"token": s}))
out("json, utf-8", json.dumps({"token": s}, ensure_ascii=False))
out("json in json", json.dumps({"a": json.dumps({"token": s})}))
out("json, PHP", json.dumps({"token": s}).replace("/", "\\/"))
go = json.dumps({"token": s}, ensure_ascii=False)
out("json, Go", go.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
out("percent, all", each("%%%02X"))
out("percent, all, small", each("%%%02x"))
for safe in ["/", "", "/:+"]:
    quoted = urllib.parse.quote(s, safe=safe)
    out("url, safe " + safe, "https://x.test/?t=" + quoted)
    out("url, small digits, safe " + safe, "%".join([p if n == 0 else p[:2].lower() + p[2:] for n, p in enumerate(quoted.split("%"))]))
out("form", urllib.parse.urlencode({"t": s}))
out("html", html.escape(s))
out("html, decimal", "".join(f"&#{ord(c)};" for c in s))
out("html, hex", "".join(f"&#x{ord(c):X};" for c in s))
out("python repr", repr(s))
out("python bytes", repr(raw))
out("shlex", shlex.quote(s))
run("printf %q", "bash", "-c", 'printf "%q\\n" "$S"')
run("bash @Q", "bash", "-c", 'echo "${S@Q}"')
run("set -x", "bash", "-c", 'exec 2>&1; set -x; : "$S"')
run("jq", "jq", "-Rs", ".")
run("jq, several", "jq", "-Rrs", "@uri, @html, @sh, @json, ([.] | @csv)")
out("sql", "'" + s.replace("'", "''") + "'")
out("utf-16", ("a " + s + " b").encode("utf-16-le"))
out("utf-16, big", ("a " + s + " b").encode("utf-16-be"))
run("grep --color", "grep", "--color=always", "-F", s[:4])
out("colours between", "\x1b[31m" + between("\x1b[0m\x1b[1;32m") + "\x1b[0m")
out("colour in the middle", s[:3] + "\x1b[38;5;208m" + s[3:] + "\x1b[m")
out("links between", between("\x1b]8;;https://x.test/\x1b\\"))
out("in a title", "\x1b]0;" + s + "\x07")
out("one-byte sequences", between("\u009b1m"))
out("backspaces", between("\x08"))
out("overstruck", "".join(c + "\x08" + c for c in s))
out("underlined", "".join("_\x08" + c for c in s))
out("carriage returns", between("\r"))
out("nul", between("\0"))
out("bells", between("\x07"))
for c in ["\u200b", "\u00ad", "\u2060", "\ufeff", "\u200d", "\u0332", "\u202e", "\ufe0f", "\U000e0061"]:
    out(f"U+{ord(c):04X} between", between(c))
out("colours in json", json.dumps(between("\x1b[0m")))
out("colours in base64", "\x1b[0m".join(__import__("base64").b64encode(raw).decode()))
out("colours in percent", "\x1b[0m".join(urllib.parse.quote(s, safe="")))
