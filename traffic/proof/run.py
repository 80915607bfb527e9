"""Runs the tests of this folder, and says how they ended in the form of `cargo test`, for `cargo xtask test` to add up.

`python run.py [PATTERN]`: PATTERN is that of file names, test_*.py unless told.
"""

import sys
import unittest
from pathlib import Path


def main():
    here = Path(__file__).resolve().parent
    pattern = sys.argv[1] if len(sys.argv) > 1 else "test_*.py"
    # A test file that cannot be imported is a test that fails.
    tests = unittest.defaultTestLoader.discover(str(here), pattern, str(here))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(tests)
    # A test fails once, however many of its sub-tests do. What failed in a class's preparation counts as one, and its tests never ran.
    failed = {getattr(test, "test_case", test).id() for test, _ in [*result.failures, *result.errors]}
    failed |= {test.id() for test in result.unexpectedSuccesses}
    skipped = len(result.skipped)
    passed = max(0, result.testsRun - len(failed) - skipped)
    verdict = "ok" if not failed and passed else "FAILED"
    print(f"test result: {verdict}. {passed} passed; {len(failed)} failed; {skipped} ignored", flush=True)
    return 0 if verdict == "ok" else 1


if __name__ == "__main__":
    sys.exit(main())
