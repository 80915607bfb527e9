"""Runs the tests of this folder. Prints the result in the format of `cargo test`, so that `cargo xtask test` can add it up.

`python run.py [PATTERN]`: PATTERN matches file names. Default: test_*.py.
"""

import sys
import unittest
from pathlib import Path


def main():
    here = Path(__file__).resolve().parent
    pattern = sys.argv[1] if len(sys.argv) > 1 else "test_*.py"
    # A test file that cannot be imported counts as a test that fails.
    tests = unittest.defaultTestLoader.discover(str(here), pattern, str(here))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(tests)
    # A test counts as failed once, even if several of its sub-tests fail. A class that fails in setUpClass counts as one; its tests did not run.
    failed = {getattr(test, "test_case", test).id() for test, _ in [*result.failures, *result.errors]}
    failed |= {test.id() for test in result.unexpectedSuccesses}
    skipped = len(result.skipped)
    passed = max(0, result.testsRun - len(failed) - skipped)
    verdict = "ok" if not failed and passed else "FAILED"
    print(f"test result: {verdict}. {passed} passed; {len(failed)} failed; {skipped} ignored", flush=True)
    return 0 if verdict == "ok" else 1


if __name__ == "__main__":
    sys.exit(main())
