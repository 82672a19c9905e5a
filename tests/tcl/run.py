#!/usr/bin/env python3
"""Runs files of Redis' own Tcl test suite against a server binary.

The suite is Debian's source package of redis 7.0, fetched by the ordinary apt client into tests/work. Each file runs
against a fresh server, in the suite's external mode. must-pass.txt lists the tests that have to pass, as
"file<TAB>test name"; the list only grows. A listed test that fails, or does not run, is a failure; a test that passes
and is not listed is printed, and --update adds it.

  tests/tcl/run.py [--server PATH] [--files unit/expire,unit/scan] [--jobs 2] [--update] [--verbose]

Only the standard library is used. Exit status: 0 all listed tests passed, 1 some did not, 2 the run itself failed.
"""
import argparse
import concurrent.futures
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(REPO, "tests", "work", "tcl")
MUST_PASS = os.path.join(HERE, "must-pass.txt")

# Files of which at least some tests need only commands that exist. Not here: unit/pause, most of which waits for
# scripts; unit/querybuf and unit/replybufsize, which look at buffers that are made otherwise here.
FILES = (
    "unit/dump unit/expire unit/type/string unit/other unit/introspection-2 unit/bitops unit/keyspace unit/scan "
    "unit/type/incr unit/protocol unit/quit unit/info-command unit/introspection unit/bitfield unit/type/list "
    "unit/type/list-2 unit/type/list-3 unit/type/set unit/type/hash unit/type/zset unit/type/stream "
    "unit/type/stream-cgroups unit/sort unit/geo unit/hyperloglog"
).split()

# A test without a sign of life for so long hangs; the file is then run again without it. Slow tests need ~45 s.
STALL_SECONDS = 90
FILE_SECONDS = 600
HANGS_MAX = 4

# The suite as it is ends a file at the first command that a server lacks. These edits let it go on: (file, old, new).
EDITS = [
    ("tests/support/server.tcl", "    r function flush\n", "    catch {r function flush}\n"),
    (
        "tests/support/server.tcl",
        "    # restore overrides\n    dict for {param val} $saved_config {\n        r config set $param $val\n    }\n\n"
        "    set srv [lpop ::servers]\n    \n",
        "    # restore overrides\n    dict for {param val} $saved_config {\n        catch {r config set $param $val}\n"
        "    }\n\n    set srv [lpop ::servers]\n    \n",
    ),
    # Since Redis 7.2 a short list is a listpack, which 7.0 calls a quicklist, and so is a short set, there a hashtable.
    (
        "tests/support/test.tcl",
        "    set val [r object encoding $key]\n    assert_match $enc $val\n",
        "    set val [r object encoding $key]\n"
        "    if {$enc eq {quicklist} && $val eq {listpack}} {set val quicklist}\n"
        "    if {$enc eq {hashtable} && $val eq {listpack} && [r type $key] eq {set}} {set val hashtable}\n"
        "    assert_match $enc $val\n",
    ),
    # Looks for a child process of a server that the suite itself started, and failing leaves its settings behind, with
    # which the tests after it fail: not run.
    (
        "tests/unit/type/set.tcl",
        '    test "SRANDMEMBER with a dict containing long chain" {\n',
        '    list "SRANDMEMBER with a dict containing long chain" {\n',
    ),
]


def log(text):
    print(text, flush=True)


# ---- the suite -------------------------------------------------------------------------------------------------


def source_lines():
    """deb-src lines for the Debian mirror that this machine is configured with."""
    mirror, security = "http://deb.debian.org/debian", "http://deb.debian.org/debian-security"
    texts = []
    for folder, _, names in os.walk("/etc/apt"):
        for name in names:
            if name.endswith((".list", ".sources")):
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    texts += [line for line in file if not line.lstrip().startswith("#")]
    for url in re.findall(r"https?://\S+", " ".join(texts)):
        url = url.rstrip("/")
        if url.endswith("/debian"):
            mirror = url
        elif url.endswith("/debian-security"):
            security = url
    return f"deb-src {mirror} bookworm main\ndeb-src {security} bookworm-security main\n"


def fetch():
    """Returns the folder of the unpacked suite, fetched once and kept."""
    edits = hashlib.sha256(repr(EDITS).encode()).hexdigest()[:8]
    ready = os.path.join(WORK, "suite-" + edits)
    if os.path.isdir(ready):
        return ready
    apt = os.path.join(WORK, "apt")
    for folder in ("lists/partial", "archives/partial"):
        os.makedirs(os.path.join(apt, folder), exist_ok=True)
    with open(os.path.join(apt, "src.list"), "w", encoding="utf-8") as file:
        file.write(source_lines())
    options = [
        "-qq",
        f"-oDir::Etc::SourceList={apt}/src.list",
        "-oDir::Etc::SourceParts=/dev/null",
        f"-oDir::State::Lists={apt}/lists",
        f"-oDir::Cache={apt}",
        "-oAPT::Sandbox::User=root",
    ]
    subprocess.run(["apt-get", *options, "update"], check=True, cwd=apt)
    subprocess.run(["apt-get", *options, "source", "--download-only", "redis"], check=True, cwd=apt)
    archives = [name for name in os.listdir(apt) if re.fullmatch(r"redis_7\.0\.\d+\.orig\.tar\.gz", name)]
    if len(archives) != 1:
        raise RuntimeError(f"expected one source archive of redis 7.0, found {archives}")
    unpacked = os.path.join(WORK, "unpacked")
    shutil.rmtree(unpacked, ignore_errors=True)
    os.makedirs(unpacked)
    subprocess.run(["tar", "xf", os.path.join(apt, archives[0]), "-C", unpacked, "--strip-components=1"], check=True)
    for name, old, new in EDITS:
        path = os.path.join(unpacked, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if text.count(old) != 1:
            raise RuntimeError(f"{name} is not the file that the edits were made for")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))
    os.rename(unpacked, ready)
    return ready


# ---- one file --------------------------------------------------------------------------------------------------


class FileResult:
    def __init__(self, name):
        self.name = name
        self.passed, self.failed, self.skipped, self.notes = [], {}, [], []
        self.seconds = 0.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server of its own for one file, in a directory of its own."""

    def __init__(self, binary, folder, extra):
        for _ in range(5):
            self.port = free_port()
            args = [*extra, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
            args += ["--enable-debug-command", "yes", "--enable-protected-configs", "yes"]
            self.log_path = os.path.join(folder, "server.log")
            with open(self.log_path, "ab") as out:
                self.process = subprocess.Popen(
                    [binary, *args], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder
                )
            if self.wait_ready():
                return
            self.stop()
        raise RuntimeError(f"{binary} does not start: {self.log_tail()}")

    def wait_ready(self):
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                    probe.sendall(b"PING\r\n")
                    if probe.recv(16)[:1] in (b"+", b"-"):
                        return True
            except OSError:
                time.sleep(0.02)
        return False

    def log_tail(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-8:])

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


VERDICT = re.compile(r"^\[(ok|err|skip|ignore|exception|TIMEOUT)\]: ?(.*)$")
ELAPSED = re.compile(r" \(\d+ ms\)$")
PLACE = re.compile(r" in tests/\S+\.tcl.*$")
HANGING = re.compile(r"^sock\S+ => \(IN PROGRESS\) (.*)$")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def read_output(text, result):
    """Collects verdicts; returns the tests that hang and whether the file came to its end."""
    seen, hanging, ended, detail_of = {}, [], False, None

    def unique(name):
        seen[name] = seen.get(name, 0) + 1
        return name if seen[name] == 1 else f"{name} #{seen[name]}"

    for line in COLOUR.sub("", text).split("\n"):
        match = VERDICT.match(line)
        if not match:
            hang = HANGING.match(line)
            if hang:
                hanging.append(hang.group(1))
            elif line.strip() == "The End":
                ended, detail_of = True, None
            elif detail_of and line.strip() and len(result.failed[detail_of]) < 300:
                result.failed[detail_of] += " | " + line.strip()
            continue
        kind, rest = match.groups()
        detail_of = None
        if kind == "ok":
            result.passed.append(unique(ELAPSED.sub("", rest)))
        elif kind == "err":
            detail_of = unique(PLACE.sub("", rest))
            result.failed[detail_of] = ""
        elif kind in ("skip", "ignore"):
            result.skipped.append(rest)
        elif kind == "exception":
            result.notes.append("the file ended early: " + rest[:200])
    return hanging, ended


def run_suite(suite, name, port, skip, limit):
    """One run of the suite's own driver; returns its output. Its process group is ended in any case."""
    command = ["tclsh", "tests/test_helper.tcl", "--single", name, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--clients", "1", "--baseport", str(20000 + free_port() % 20000), "--portcount", "500"]
    command += ["--timeout", str(STALL_SECONDS), "--durable"]
    for test in skip:
        command += ["--skiptest", test]
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            command,
            cwd=suite,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, TERM="dumb", LC_ALL="C.UTF-8"),
            start_new_session=True,
        )
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            pass
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        out.seek(0)
        return out.read().decode("utf-8", "replace")


def run_file(suite, binary, extra, name, keep_logs):
    started = time.monotonic()
    skip = []
    retried = False
    while True:
        result = FileResult(name)
        folder = tempfile.mkdtemp(prefix="esker-tcl-")
        server = None
        try:
            # The suite writes into its own tree.
            copy = os.path.join(folder, "suite")
            shutil.copytree(os.path.join(suite, "tests"), os.path.join(copy, "tests"), symlinks=True)
            os.makedirs(os.path.join(copy, "tests", "tmp"), exist_ok=True)
            data = os.path.join(folder, "data")
            os.makedirs(data)
            server = Server(binary, data, extra)
            text = run_suite(copy, name, server.port, skip, FILE_SECONDS)
            if server.process.poll() is not None:
                result.notes.append(f"the server died with {server.process.returncode}: {server.log_tail()}")
        except RuntimeError as error:
            result.notes.append(str(error))
            text = ""
        finally:
            if server:
                server.stop()
            shutil.rmtree(folder, ignore_errors=True)
        if keep_logs:
            os.makedirs(keep_logs, exist_ok=True)
            with open(os.path.join(keep_logs, name.replace("/", "_") + ".log"), "w", encoding="utf-8") as file:
                file.write(text)
        hanging, ended = read_output(text, result)
        if not (ended or result.notes or result.passed or result.failed or retried):
            # Not one test ran and the server is well: the suite's driver did not get the ports that it draws.
            retried = True
            continue
        again = [test for test in hanging if test not in skip and not test.startswith("/")]
        if again and len(skip) < HANGS_MAX:
            skip += again
            continue
        for test in skip + again:
            result.failed[test] = f"no sign of life for {STALL_SECONDS} s"
        if not ended and not result.notes:
            result.notes.append("the file did not come to its end: " + text[-300:].replace("\n", " | "))
        result.seconds = time.monotonic() - started
        return result


# ---- the list --------------------------------------------------------------------------------------------------


def read_list():
    listed = {}
    if os.path.exists(MUST_PASS):
        with open(MUST_PASS, encoding="utf-8") as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    name, test = line.rstrip("\n").split("\t")
                    listed.setdefault(name, []).append(test)
    return listed


def write_list(listed):
    with open(MUST_PASS, "w", encoding="utf-8") as file:
        file.write("# Tests of Redis' own suite that must pass: file<TAB>test. Lines are only ever added (run.py --update).\n")
        for name in sorted(listed):
            for test in sorted(set(listed[name])):
                file.write(f"{name}\t{test}\n")


def same_name(test):
    """Some names carry random numbers or times."""
    return re.sub(r"\d{3,}", "N", test)


def judge(result, listed, options):
    """Prints what matters of one file; returns (passed, failed) of the list and the tests that could be added."""
    passed = {same_name(test) for test in result.passed}
    missing = [test for test in listed if same_name(test) not in passed]
    known = {same_name(test) for test in listed}
    new = [test for test in result.passed if same_name(test) not in known]
    log(
        f"{result.name}: {len(listed) - len(missing)} of {len(listed)} listed passed; in all {len(result.passed)} passed, "
        f"{len(result.failed)} failed, {len(result.skipped)} skipped, {result.seconds:.0f} s"
    )
    for note in result.notes:
        log(f"  note: {note}")
    for test in missing:
        reason = next((why for name, why in result.failed.items() if same_name(name) == same_name(test)), "did not run")
        log(f"  FAILED {result.name}: {test}: {reason[:400]}")
    if options.verbose:
        for test, why in result.failed.items():
            if test not in missing:
                log(f"  failed, not listed: {test}: {why[:400]}")
    for test in new:
        log(f"  passes, not listed: {result.name}\t{test}")
    return len(listed) - len(missing), len(missing), new


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=os.environ.get("ESKER_SERVER", os.path.join(REPO, "target", "fast", "eskerd")))
    parser.add_argument("--files", default=",".join(FILES))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--update", action="store_true", help="add newly passing tests to the list")
    parser.add_argument("--verbose", action="store_true", help="show failures of tests that are not listed")
    parser.add_argument("--args", default="", help="more arguments of the server, in front of the others")
    parser.add_argument("--logs", help="keep the suite's output here")
    options = parser.parse_args()
    try:
        suite = fetch()
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        log(f"tcl: cannot fetch the suite: {error}")
        return 2
    listed = read_list()
    names = options.files.split(",")
    binary = os.path.abspath(shutil.which(options.server) or options.server)
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(lambda name: run_file(suite, binary, options.args.split(), name, options.logs), names):
            good, bad, new = judge(result, listed.get(result.name, []), options)
            passed, failed = passed + good, failed + bad
            if options.update and new:
                listed.setdefault(result.name, []).extend(new)
    if options.update:
        write_list(listed)
    log(f"tcl: {passed} passed, {failed} failed")
    return 1 if failed or (not passed and not options.update) else 0


if __name__ == "__main__":
    sys.exit(main())
