"""Tests what runs store, one after another: nothing stored is lost, and what cannot be stored is told."""

import unittest
from collections import Counter
from datetime import timedelta

import duckdb

import answers
import once
import runs
import statement
import tables
from cluster import utc
from story import DAY
from traffic import published

UNTIL = utc(*DAY, 12)


class Stored(unittest.TestCase):
    def opened(self, seed=6):
        """A connection with empty result tables, and the folder of the files of a story."""
        root = once.story(seed).root
        connection = duckdb.connect()
        self.addCleanup(connection.close)
        tables.create_result_tables(connection)
        return connection, root

    @staticmethod
    def stored(connection):
        hours = [time.replace(tzinfo=None) for time in (utc(*DAY, 9), UNTIL)]
        return answers.measured(answers.rows(connection.execute("SELECT * FROM cross_az_traffic WHERE hour >= ? AND hour < ?", hours)))

    @staticmethod
    def everything(connection):
        """Both tables, as they are."""
        return [connection.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall() for table in ("cross_az_traffic", "cross_az_inputs")]

    def test_late_files_are_counted_and_no_byte_twice(self):
        for seed in (4, 5):
            with self.subTest(seed=seed):
                self._runs(seed)

    def _runs(self, seed):
        connection, root = self.opened(seed)
        story = once.story(seed).story
        totals = []
        for until in (utc(*DAY, hour) for hour in range(10, 15)):
            done = runs.scheduled(connection, root, until)
            self.assertEqual((done.incomplete, done.unlisted), ("", ""), until)
            found = self.stored(connection)
            again = runs.scheduled(connection, root, until)
            self.assertEqual(again.changed, 0, "a second run changes rows")
            self.assertEqual(answers.differences(self.stored(connection), found), [], "a second run changes the hours")
            totals.append(sum(found.values()))
        self.assertEqual(answers.differences(found, story.listed()), [])
        self.assertLess(totals[2], totals[4], "no file was late, so the test shows nothing")

    def test_rows_that_are_no_longer_true_are_deleted(self):
        connection, root = self.opened()
        once.store(connection, root)
        right = self.stored(connection)
        # As after a run with worse listings: another name, another number. Also a row of an hour outside the window.
        connection.execute("UPDATE cross_az_traffic SET src_group = 'long-gone' WHERE src_group = 'cart'")
        connection.execute("UPDATE cross_az_traffic SET bytes = bytes + 1 WHERE src_group = 'db'")
        connection.execute("INSERT INTO cross_az_traffic SELECT * REPLACE (hour - INTERVAL '1' DAY AS hour) FROM cross_az_traffic LIMIT 1")
        runs.scheduled(connection, root, UNTIL, minutes=170)
        self.assertEqual(answers.differences(self.stored(connection), right), [])
        self.assertEqual(connection.execute("SELECT count(*) FROM cross_az_traffic").fetchone()[0], len(right) + 1)

    def test_only_rows_that_differ_are_touched(self):
        connection, root = self.opened()
        once.store(connection, root)
        connection.execute("UPDATE cross_az_traffic SET bytes = bytes + 1 WHERE rowid IN (SELECT rowid FROM cross_az_traffic WHERE scope = 'cluster' LIMIT 3)")
        self.assertEqual(runs.scheduled(connection, root, UNTIL, minutes=170).changed, 3)
        self.assertEqual(runs.scheduled(connection, root, UNTIL, minutes=170).changed, 0)

    def test_a_row_that_is_there_twice_is_there_once_after_the_next_run(self):
        connection, root = self.opened()
        once.store(connection, root)
        right = self.everything(connection)
        connection.execute("INSERT INTO cross_az_traffic SELECT * FROM cross_az_traffic WHERE src_group = 'cart'")
        # One that the query no longer returns, also twice.
        connection.execute("INSERT INTO cross_az_traffic SELECT * REPLACE ('long-gone' AS src_group) FROM cross_az_traffic WHERE src_group = 'db'")
        connection.execute("INSERT INTO cross_az_traffic SELECT * FROM cross_az_traffic WHERE src_group = 'long-gone'")
        runs.scheduled(connection, root, UNTIL, minutes=170)
        self.assertEqual(self.everything(connection), right)

    def test_no_row_of_the_table_matches_two_rows_of_the_source(self):
        # Athena refuses the whole statement if one does. DuckDB does not, so the test asks the source.
        connection, root = self.opened()
        once.store(connection, root)
        connection.execute("INSERT INTO cross_az_traffic SELECT * FROM cross_az_traffic WHERE src_group = 'cart'")
        text = statement.store(UNTIL)
        source, condition = text.split("USING (", 1)[1].split("\nON t.hour")[0].rsplit(") AS s", 1)[0], text.split("\nON ", 1)[1].split("\nWHEN ")[0]
        matches = connection.execute(f"SELECT t.rowid FROM cross_az_traffic AS t JOIN ({source}) AS s ON {condition}").fetchall()
        self.assertTrue(matches)
        self.assertEqual(max(Counter(matches).values()), 1)

    def test_an_hour_whose_flow_logs_have_expired_is_kept(self):
        connection, root = self.opened()
        once.store(connection, root)
        before = self.everything(connection)
        self.assertGreater(len(before[0]), 500)
        done = runs.scheduled(connection, root, UNTIL, minutes=60 * 24 * 31, kept=lambda file: file.suffix != ".parquet")
        self.assertEqual(self.everything(connection), before)
        self.assertEqual((done.hours, done.incomplete, done.unlisted), ("", "", ""))
        self.assertRegex(done.missing, r"2026-05-04 09:00 \(0 of \d+ records\), 2026-05-04 10:00 .*, 2026-05-04 11:00 ")

    def test_an_hour_of_which_some_records_have_expired_is_kept_and_the_others_are_stored(self):
        connection, root = self.opened()
        once.store(connection, root)
        before = self.everything(connection)
        connection.execute("DELETE FROM cross_az_traffic WHERE src_group = 'cart' AND hour = TIMESTAMP '2026-05-04 11:00:00'")
        done = runs.scheduled(connection, root, UNTIL, minutes=60 * 24 * 30, kept=lambda file: "hour=09" not in file.parts or file.suffix != ".parquet")
        self.assertEqual(self.everything(connection), before)
        self.assertRegex(done.incomplete, r"^2026-05-04 09:00 \(\d+ of \d+ records\)$")
        self.assertEqual(done.hours, "TIMESTAMP '2026-05-04 10:00:00', TIMESTAMP '2026-05-04 11:00:00'")
        self.assertEqual((done.missing, done.unlisted), ("", ""))

    def test_an_hour_without_a_listing_is_kept_and_the_others_are_stored(self):
        connection, root = self.opened()
        without = {seconds for seconds in (utc(*DAY, 9, 20).timestamp(), utc(*DAY, 10, 20).timestamp())}
        kept = lambda file: file.suffix == ".parquet" or published(file) not in without  # noqa: E731
        done = runs.scheduled(connection, root, UNTIL, minutes=30, kept=kept)
        self.assertEqual(done.unlisted, "2026-05-04 09:00 (0 of 1 listings)")
        self.assertEqual(done.hours, "TIMESTAMP '2026-05-04 10:00:00', TIMESTAMP '2026-05-04 11:00:00'")
        self.assertEqual({key[0] for key in self.stored(connection)}, {int(utc(*DAY, hour).timestamp()) for hour in (10, 11)})

    def test_an_hour_with_fewer_listings_than_it_was_made_from_is_kept(self):
        connection, root = self.opened()
        once.store(connection, root)
        before = self.everything(connection)
        kept = lambda file: file.suffix == ".parquet" or published(file) != utc(*DAY, 9, 20).timestamp()  # noqa: E731
        done = runs.scheduled(connection, root, UNTIL, minutes=170, kept=kept)
        self.assertEqual(self.everything(connection), before)
        self.assertEqual(done.unlisted, "2026-05-04 09:00 (1 of 2 listings)")

    def test_a_failed_listing_does_not_hold_back_hours_whose_listings_exist(self):
        connection, root = self.opened()
        # extract-pods failed at 12:20.
        done = runs.scheduled(connection, root, UNTIL, minutes=19)
        self.assertEqual(done.unlisted, "")
        self.assertEqual(done.hours.count("TIMESTAMP"), 3)

    def test_flow_logs_that_stop_are_told_though_nothing_is_stored_of_the_hour(self):
        connection, root = self.opened()
        done = runs.scheduled(connection, root, utc(*DAY, 15), minutes=20)
        # The traffic ends at 12:15, so 14:00 has no record. Nothing is known of 13:00 either; it was told an hour ago.
        self.assertRegex(done.missing, r"^2026-05-04 14:00 \(0 of an unknown number of records\)$")
        self.assertEqual(done.hours, "TIMESTAMP '2026-05-04 12:00:00'")
        self.assertEqual(done.windows[0]["records"], "0")
        self.assertTrue(3 * 3600 <= int(done.windows[0]["age"]) < 3 * 3600 + 600, done.windows)

    def test_an_hour_that_was_stored_without_its_inputs_is_kept_if_it_is_old(self):
        connection, root = self.opened()
        once.store(connection, root)
        connection.execute("DELETE FROM cross_az_inputs")
        before = self.everything(connection)
        done = runs.scheduled(connection, root, UNTIL, minutes=60 * 24 * 5)
        self.assertEqual(self.everything(connection), before)
        self.assertRegex(done.incomplete, r"2026-05-04 09:00 \(\d+ of an unknown number of records\)")
        # An operator who knows better says so.
        connection.execute("INSERT INTO cross_az_inputs SELECT DISTINCT hour, 0, 0, 0 FROM cross_az_traffic")
        done = runs.scheduled(connection, root, UNTIL, minutes=60 * 24 * 5)
        self.assertEqual((done.hours.count("TIMESTAMP"), done.incomplete), (3, ""))

    def test_hours_of_two_days_that_were_stored_without_their_inputs_are_stored_again_at_night(self):
        # As in the first night after an upgrade.
        connection, root = self.opened()
        once.store(connection, root)
        before = self.everything(connection)
        connection.execute("DELETE FROM cross_az_inputs")
        done = runs.scheduled(connection, root, UNTIL + timedelta(days=1), windows=statement.SETTLING)
        self.assertEqual((done.missing, done.incomplete, done.unlisted), ("", "", ""))
        hours = "hour >= TIMESTAMP '2026-05-04 09:00:00' AND hour < TIMESTAMP '2026-05-04 12:00:00'"
        after = [connection.execute(f"SELECT * FROM {table} WHERE {hours} ORDER BY ALL").fetchall() for table in ("cross_az_traffic", "cross_az_inputs")]
        self.assertEqual(after, before)

    def test_the_nightly_pass_settles_files_that_are_a_day_late(self):
        story = once.story(6).story
        connection, root = self.opened()
        late = lambda file: "T1120Z" in file.name  # noqa: E731
        for until in (utc(*DAY, hour) for hour in range(10, 15)):
            runs.scheduled(connection, root, until, kept=lambda file: not late(file))
        self.assertNotEqual(answers.differences(self.stored(connection), story.listed()), [])
        until = utc(*DAY, 12) + timedelta(days=1)
        done = runs.scheduled(connection, root, until, windows=statement.SETTLING)
        self.assertEqual(answers.differences(self.stored(connection), story.listed()), [])
        self.assertEqual((done.missing, done.incomplete, done.unlisted), ("", "", ""))
        # Only the hours that have late files are stored again.
        self.assertEqual({window["until"] for window in done.windows}, {"2026-05-04 12:00:00"})
        again = runs.scheduled(connection, root, until, windows=statement.SETTLING)
        self.assertEqual(again.windows, [])

    def test_the_nightly_pass_settles_files_that_are_two_days_late(self):
        # The runs are at 2:20. At the third one after the hours, the files are there for the first time.
        story = once.story(6).story
        connection, root = self.opened()
        late = lambda file: "T1120Z" in file.name  # noqa: E731
        for until in (utc(*DAY, hour) for hour in range(10, 15)):
            runs.scheduled(connection, root, until, kept=lambda file: not late(file))
        for days in (1, 2):
            runs.scheduled(connection, root, utc(*DAY, 2) + timedelta(days=days), windows=statement.SETTLING, kept=lambda file: not late(file))
        self.assertNotEqual(answers.differences(self.stored(connection), story.listed()), [])
        done = runs.scheduled(connection, root, utc(*DAY, 2) + timedelta(days=3), windows=statement.SETTLING)
        self.assertEqual(answers.differences(self.stored(connection), story.listed()), [])
        self.assertEqual((done.missing, done.incomplete, done.unlisted), ("", "", ""))

    def test_the_nightly_pass_stores_hours_of_the_third_day_that_are_not_in_the_inputs(self):
        connection, root = self.opened()
        runs.scheduled(connection, root, UNTIL, minutes=170, fails="store-inputs")
        done = runs.scheduled(connection, root, utc(*DAY, 9) + timedelta(days=3), minutes=50, windows=statement.SETTLING)
        self.assertEqual((done.missing, done.incomplete, done.unlisted), ("", "", ""))
        self.assertIn("2026-05-04 12:00:00", {window["until"] for window in done.windows})

    def test_the_nightly_pass_stores_hours_whose_runs_failed(self):
        story = once.story(6).story
        connection, root = self.opened()
        until = utc(*DAY, 12) + timedelta(days=1)
        done = runs.scheduled(connection, root, until, windows=statement.SETTLING)
        self.assertEqual(answers.differences(self.stored(connection), story.listed()), [])
        self.assertEqual((done.missing, done.incomplete, done.unlisted), ("", "", ""))

    def _settles_after_a_failure(self, fails, before):
        """One of the two statements that store fails, or the metrics before the second one. `before(connection, root)`: the runs before. The nightly run does the hours again."""
        story = once.story(6).story
        connection, root = self.opened()
        before(connection, root)
        runs.scheduled(connection, root, UNTIL, minutes=170, fails=fails)
        # No other run had these hours in its window: the schedule was down, say, or each failed.
        until = UNTIL + timedelta(days=1)
        done = runs.scheduled(connection, root, until, windows=statement.SETTLING)
        self.assertEqual(answers.differences(self.stored(connection), story.listed()), [])
        self.assertEqual((done.missing, done.incomplete, done.unlisted), ("", "", ""))
        self.assertIn("2026-05-04 12:00:00", {window["until"] for window in done.windows})
        self.assertEqual(runs.scheduled(connection, root, until, windows=statement.SETTLING).windows, [])

    def test_the_nightly_pass_stores_hours_whose_storing_failed_half_way(self):
        for fails in ("store", "store-inputs"):
            with self.subTest(fails=fails):
                self._settles_after_a_failure(fails, lambda *_: None)

    def test_the_nightly_pass_stores_late_files_whose_storing_failed_half_way(self):
        def without_late_files(connection, root):
            runs.scheduled(connection, root, UNTIL, minutes=30, kept=lambda file: "T1120Z" not in file.name)
            self.assertNotEqual(answers.differences(self.stored(connection), once.story(6).story.listed()), [])

        for fails in ("store", "store-inputs"):
            with self.subTest(fails=fails):
                self._settles_after_a_failure(fails, without_late_files)

    def test_an_old_hour_whose_inputs_could_not_be_stored_is_kept(self):
        # What it was made from is not known, and files may have expired since.
        connection, root = self.opened()
        runs.scheduled(connection, root, UNTIL, minutes=60 * 24 * 5, fails="store-inputs")
        before = self.everything(connection)
        self.assertGreater(len(before[0]), 500)
        done = runs.scheduled(connection, root, UNTIL, minutes=60 * 24 * 5)
        self.assertEqual(self.everything(connection), before)
        self.assertRegex(done.incomplete, r"2026-05-04 09:00 \(\d+ of an unknown number of records\)")


if __name__ == "__main__":
    unittest.main()
