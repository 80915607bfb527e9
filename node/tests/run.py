"""Runs the tests of the node's programs. Prints the result in the format of `cargo test`, so that `cargo xtask test` can add it up.

`python run.py`: all of them. `python run.py PATTERN`: those in files that match, such as test_gate.py, without installing anything.

As root on Debian, it installs the packages of packages.txt first. Nothing is left out then, and nothing with CI=true: a test that cannot run
fails. With CI=true, it becomes root by sudo if it can. Elsewhere such a test is skipped, and says why.
"""

import faulthandler
import os
import signal
import subprocess
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kit.packages import become_root, install

HERE = Path(__file__).resolve().parent

#: The whole run ends after this many seconds.
LIMIT = 540


def too_long(_signal, _frame):
    """Ends the run. All that the tests started ends with it."""
    faulthandler.dump_traceback(file=sys.stdout)
    print(f"the tests took more than {LIMIT} s\ntest result: FAILED. 0 passed; 1 failed; 0 ignored", flush=True)
    os._exit(1)


def main():
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LIMIT)
    if len(sys.argv) > 1:
        return run(sys.argv[1])
    become_root(HERE / "run.py")
    install()
    # The tests mostly wait, so the files run at the same time.
    files = sorted(HERE.glob("test_*.py"))
    with ThreadPoolExecutor(len(files)) as pool:
        command = [sys.executable, "-B", str(HERE / "run.py")]
        done = pool.map(lambda file: subprocess.run([*command, file.name], capture_output=True, text=True, check=False), files)
        statuses = []
        for file, result in zip(files, done, strict=True):
            print(f"\n{file.name}\n{result.stdout}{result.stderr}", end="", flush=True)
            statuses.append(result.returncode)
    return max(statuses)


def run(pattern):
    """Runs the tests of the files that match, in this process."""
    # The tests' kit, and the modules of `node/`.
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    # A test file that cannot be imported counts as a test that fails.
    tests = unittest.defaultTestLoader.discover(str(HERE), pattern, str(HERE))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(tests)
    # A test counts as failed once, even if several of its sub-tests fail.
    failed = {getattr(test, "test_case", test).id() for test, _ in [*result.failures, *result.errors]}
    failed |= {test.id() for test in result.unexpectedSuccesses}
    skipped = len(result.skipped)
    passed = max(0, result.testsRun - len(failed) - skipped)
    verdict = "ok" if not failed and result.testsRun else "FAILED"
    print(f"test result: {verdict}. {passed} passed; {len(failed)} failed; {skipped} ignored", flush=True)
    return 0 if verdict == "ok" else 1


if __name__ == "__main__":
    sys.exit(main())
