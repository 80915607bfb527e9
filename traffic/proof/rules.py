"""Shows that each rule of the query is needed: without the rule, a test of it fails, or the answer to a whole story is wrong.

A file of tests of rules has a list of them: for each rule its name, the part of cross-az.sql that is the rule, what stands there without it, and
the test that shows the difference. A rule without such a test must make a difference in the story of seed 1.
"""

import unittest
from unittest import mock

import answers
import once
import statement
from scene import UNTIL

#: Of the story that shows rules.
SEED = 1

#: When the schedule runs the query for the hours before UNTIL. Later files are not there yet.
AS_SCHEDULED = "TIMESTAMP '2026-05-04 14:20:00'"


class EveryRuleIsNeeded:
    """The test that no rule of a file can be left out. A class that also is a unittest.TestCase sets `rules`."""

    #: Pairs: the class with the tests that the list names, and the list, {rule: (text, what stands there without it, name of a test)}.
    rules = ()

    def test_without_it_the_query_is_wrong(self):
        self.assertTrue(self.rules)
        for tests, rules in self.rules:
            self.assertTrue(rules)
            for rule, (text, instead, *shown_by) in rules.items():
                with self.subTest(rule=rule):
                    is_wrong = fails_without(tests, text, instead, *shown_by) if shown_by else story_is_wrong_without(text, instead)
                    self.assertTrue(is_wrong, "the query is right without it")


def without(text, instead):
    """The context in which cross-az.sql has `instead` in the place of `text`, which it must have."""
    read = statement.read

    def changed(name, *more):
        query = read(name, *more)
        if name != "cross-az":
            return query
        if text not in query:
            raise ValueError(f"the query has no {text!r}")
        return query.replace(text, instead)

    return mock.patch.object(statement, "read", changed)


def fails_without(tests, text, instead, name):
    """Whether a test of a class fails without a rule. One that ends with an error is an error: it shows nothing."""
    result = unittest.TestResult()
    with without(text, instead):
        tests(name).run(result)
    if result.errors:
        raise AssertionError(result.errors[0][1])
    return bool(result.failures)


def story_is_wrong_without(text, instead):
    """Whether the answer to the story is another than its truth without a rule."""
    opened = once.story(SEED)
    with without(text, instead):
        query = statement.cross_az(UNTIL).replace("CAST(current_timestamp AS timestamp)", AS_SCHEDULED)
    found = {}
    for row in answers.rows(opened.connection.execute(query)):
        found[answers.key(row)] = found.get(answers.key(row), 0) + row["bytes"]
    return bool(answers.differences(found, opened.story.listed()))
