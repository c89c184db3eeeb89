# SPDX-License-Identifier: Apache-2.0
"""Reading result sets: every kind of entry, what is refused and how, and no input that ends in anything but a ResultsError."""

import copy
import json
import os
import random
import tempfile
import unittest

import made
from gauntlet_results import records
from gauntlet_results.errors import ResultsError
from gauntlet_results.export_tables import whole_set
from gauntlet_results.model import machine_differences
from gauntlet_results.quantiles import describe, interval_ranks


class InFolder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def at(self, *names: str) -> str:
        return os.path.join(self.folder.name, *names)

    def refused(self, path: str, *words: str) -> str:
        with self.assertRaises(ResultsError) as caught:
            records.load(path)
        self.assertEqual(caught.exception.status, 5)
        for word in words:
            self.assertIn(word, caught.exception.message)
        return caught.exception.message


class Series(InFolder):
    def load(self, *entries, **more):
        rs = records.load(made.write(self.at("r.json"), made.record(list(entries), **more)))
        return rs, {(s.cell.split("/")[0], s.metric): s for s in rs.series}

    def test_bench(self):
        rs, series = self.load(made.yields()[2])
        self.assertEqual({m for _, m in series}, {"time", "tracing", "tracing_percent", "event", "off"})
        self.assertAlmostEqual(series["yield", "tracing"].samples[0], 20.0)
        self.assertAlmostEqual(series["yield", "tracing_percent"].samples[0], 200.0)
        self.assertAlmostEqual(series["yield", "event"].samples[3], 10.0)
        self.assertEqual(series["yield", "time"].better, "lower")
        self.assertEqual(rs.cells[0]["name"], "yield/runtime:gmp/sched:worksteal/tracer:gen/procs:1/bind:pu")
        self.assertNotIn("samples", rs.cells[0]["attrs"])
        self.assertNotIn("on", rs.cells[0]["attrs"]["pair"])
        self.assertTrue(rs.complete)

    def test_counters(self):
        _, series = self.load(made.bench("a/runtime:gmp", [1.0], counters={"p99": 7, "crossed": 0.5, "cycles": None}))
        self.assertEqual((series["a", "p99"].unit, series["a", "p99"].better), ("ns", "lower"))
        self.assertEqual((series["a", "crossed"].unit, series["a", "crossed"].better), ("share", "none"))
        self.assertNotIn(("a", "cycles"), series)

    def test_units_become_ns(self):
        _, series = self.load(made.bench("a/runtime:gmp", [1.5], time_unit="us"))
        self.assertEqual(series["a", "time"].samples, (1500.0,))
        _, series = self.load(made.bench("a/runtime:gmp", [4096.0], time_unit="bytes"))
        self.assertEqual((series["a", "bytes"].unit, series["a", "bytes"].better), ("bytes", "lower"))
        _, series = self.load(made.bench("a/runtime:gmp", [0.5], time_unit="%"))
        self.assertEqual(series["a", "percent"].unit, "%")

    def test_row_and_pair_of_a_row(self):
        row = {
            "name": "on-yield/gen", "run_type": "iteration", "row": "on-yield", "scheduler": "worksteal", "tracer": "gen",
            "procs": 1, "bind": "pu", "time_unit": "ns", "samples": [-1.0, 2.0], "paired": True, "verified": True,
            "complete": True, "invalid_reason": None, "floor": {"what": "off", "median": 1.0, "samples": [1.0, 1.0]},
        }  # fmt: skip
        rs, series = self.load(row, kind="overhead")
        self.assertEqual(rs.cells[0]["name"], "on-yield/runtime:gmp/sched:worksteal/tracer:gen/procs:1/bind:pu")
        self.assertEqual(series["on-yield", "tracing"].samples, (-1.0, 2.0))
        self.assertEqual(series["on-yield", "floor"].samples, (1.0, 1.0))
        rs, series = self.load({**row, "verified": False, "invalid_reason": "lost rounds"}, kind="overhead")
        self.assertEqual((rs.cells[0]["verdict"], rs.cells[0]["why"]), ("void", "lost rounds"))
        self.assertFalse(series["on-yield", "tracing"].usable)

    def test_stress_and_faults(self):
        rs, series = self.load(made.stress("gc-stop"), kind="stress")
        self.assertTrue(rs.cells[0]["name"].startswith("stress/gc-stop/runtime:gmp/sched:worksteal/tracer:gen/"))
        self.assertEqual(series["stress", "windows"].samples, (7.0,))
        self.assertEqual(rs.cells[0]["attrs"]["seed"], 2**63 + 5)
        found = {"oracle": "order", "class": "x", "seconds": 0.5, "events": 12}
        fault = made.stress("gc-stop", fault="deaf", verdict="inconsistent", found=found)
        rs, series = self.load(fault, kind="faults", verdict="found")
        self.assertEqual((rs.cells[0]["kind"], rs.cells[0]["verdict"]), ("fault", "found"))
        self.assertEqual(series["fault", "found_s"].samples, (0.5,))
        self.assertTrue(series["fault", "found_s"].usable)

    def test_same_cell_twice(self):
        a, b = made.bench("a/runtime:gmp", [1.0, 2.0]), made.bench("a/runtime:gmp", [3.0])
        rs, series = self.load(a, b)
        self.assertEqual(series["a", "time"].samples, (1.0, 2.0, 3.0))
        rs, series = self.load(a, {**b, "verdict": "void", "why": "bad"})
        self.assertEqual((rs.cells[0]["verdict"], rs.cells[0]["why"]), ("void", "bad"))
        self.assertEqual(series["a", "time"].verdict, "void")

    def test_a_program_that_ended_badly(self):
        rs, series = self.load(*made.yields(), verdict="failed", why="exit status 1")
        self.assertTrue(all(c["verdict"] == "failed" for c in rs.cells))
        self.assertFalse(any(s.usable for s in series.values()))
        rs, _ = self.load(kind="overhead", name="overhead/on-yield", verdict="incomplete", why="killed")
        self.assertEqual([(c["name"], c["verdict"], c["why"]) for c in rs.cells], [("overhead/on-yield", "incomplete", "killed")])
        self.assertFalse(rs.complete)

    def test_google_benchmark_itself(self):
        entries = [
            {"name": "BM_x", "run_type": "iteration", "real_time": 1.0, "time_unit": "us"},
            {"name": "BM_x", "run_type": "iteration", "real_time": 2.0, "time_unit": "us"},
            {"name": "BM_x_mean", "run_type": "aggregate", "real_time": 1.5, "time_unit": "us"},
            {"name": "BM_y", "run_type": "iteration", "error_occurred": True, "error_message": "no"},
        ]
        rs = records.load(made.write(self.at("g.json"), made.printed(entries)))
        self.assertEqual([c["name"] for c in rs.cells], ["BM_x", "BM_y"])
        self.assertEqual(rs.series[0].samples, (1000.0, 2000.0))
        self.assertEqual((rs.cells[1]["verdict"], rs.cells[1]["why"]), ("failed", "no"))


class Identity(InFolder):
    def test_id_is_of_the_content(self):
        a = records.load(made.run_folder(self.at("a"), [made.record(made.yields())]))
        b = records.load(made.run_folder(self.at("b", "c"), [made.record(made.yields())]))
        c = records.load(made.run_folder(self.at("d"), [made.record(made.yields(1.1))]))
        self.assertEqual((a.id, a.key), (b.id, b.key))
        self.assertNotEqual(a.id, c.id)
        self.assertEqual(a.key, c.key)  # the same run, told differently

    def test_machine(self):
        a = records.load(made.write(self.at("a.json"), made.record(made.yields())))
        other = made.environment()
        other["cpu"], other["host"] = "Another CPU", "there"
        b = records.load(made.write(self.at("b.json"), made.record(made.yields(), env=other)))
        self.assertEqual(machine_differences(a, b), ["cpu: Some CPU against Another CPU"])
        other["cpu"] = "Some CPU"
        c = records.load(made.write(self.at("c.json"), made.record(made.yields(), env=other)))
        self.assertEqual(a.machine, c.machine)  # a host of the same pool
        del other["topology"]
        d = records.load(made.write(self.at("d.json"), made.record(made.yields(), env=other)))
        self.assertEqual(machine_differences(a, d), [])  # what is not known does not differ


class Folders(InFolder):
    def test_whole(self):
        path = made.run_folder(self.at("r"), [made.record(made.yields()), made.record([made.stress("inject")], "stress")])
        for name in (path, os.path.join(path, "run.json")):
            rs = records.load(name)
            self.assertEqual((len(rs.cells), rs.complete, rs.problems, rs.seed), (4, True, [], 7))
            self.assertEqual((rs.revision, rs.dirty, rs.label), ("0123456789ab", None, "r"))

    def test_several_runs_of_a_cell(self):
        """`runs = 3` in a plan: three processes, whose samples are taken together; repetitions of one are one run."""
        rs = records.load(made.run_folder(self.at("r"), [made.record(made.yields(n=n)) for n in (9, 5, 7)]))
        traced = {s.metric: s for s in rs.series if "tracer:gen" in s.cell}
        for metric in ("time", "tracing"):
            self.assertEqual([len(r) for r in traced[metric].by_run], [9, 5, 7])
            self.assertEqual(sum(traced[metric].by_run, ()), traced[metric].samples)
        twice = made.bench("a/runtime:gmp", [1.0, 2.0])
        rs = records.load(made.run_folder(self.at("s"), [made.record([twice, twice])]))
        self.assertEqual(rs.series[0].by_run, [(1.0, 2.0, 1.0, 2.0)])

    def test_unfinished(self):
        rs = records.load(made.run_folder(self.at("r"), [made.record(made.yields())], planned=3))
        self.assertFalse(rs.complete)
        self.assertIn("1 of 3 cells", rs.problems[0])
        self.assertIn("--resume", rs.problems[0])

    def test_bench_out(self):
        """Its run.json has the cells at the top, and gets `complete` when it ends."""
        path = made.run_folder(self.at("r"), [made.record(made.yields())])
        run = records.read_json(os.path.join(path, "run.json"))
        run.update(kind="bench", cells=run.pop("plan")["cells"])
        made.write(os.path.join(path, "run.json"), run)
        half = records.load(path)
        self.assertEqual((half.complete, half.problems), (False, [f"{path}: {records.CUT_SHORT}"]))
        made.write(os.path.join(path, "run.json"), {**run, "complete": True, "seconds": 1.0, "foreign_cpu": None})
        whole = records.load(path)
        self.assertEqual((whole.complete, whole.problems, whole.key), (True, [], half.key))
        made.write(os.path.join(path, "run.json"), {**run, "cells": run["cells"] * 2})
        self.assertIn("1 of 2 cells", records.load(path).problems[0])

    def test_interrupted(self):
        """What was finished counts; the set is not complete."""
        record = made.record(made.yields(), verdict="incomplete", why="interrupted")
        rs = records.load(made.write(self.at("f.json"), record))
        self.assertEqual(({c["verdict"] for c in rs.cells}, rs.complete), ({"ok"}, False))
        rs = records.load(made.run_folder(self.at("r"), [record]))
        self.assertFalse(rs.complete)
        self.assertIn("were not carried to their end", rs.problems[0])

    def test_a_record_cut_in_half(self):
        path = made.run_folder(self.at("r"), [made.record(made.yields()), made.record([made.stress("inject")], "stress")])
        cut = os.path.join(path, "cells", "0000.json")
        with open(cut, "r+", encoding="utf-8") as f:
            f.truncate(os.path.getsize(cut) // 2)
        rs = records.load(path)
        self.assertEqual([c["kind"] for c in rs.cells], ["stress"])
        self.assertFalse(rs.complete)
        self.assertIn(cut, rs.problems[0])
        self.assertIn("line 1 column", rs.problems[0])

    def test_no_run(self):
        os.makedirs(self.at("empty"))
        self.refused(self.at("empty"), "no run.json")
        self.refused(self.at("nothing"), "no such file")
        made.write(self.at("bare", "run.json"), {"schema": 1})
        self.refused(self.at("bare"), "cells")


class BadFiles(InFolder):
    def text(self, text: str) -> str:
        with open(self.at("f.json"), "wb") as f:
            f.write(text.encode() if isinstance(text, str) else text)
        return self.at("f.json")

    def test_not_json(self):
        self.refused(self.text(""), "empty")
        self.refused(self.text('{"context": {'), "line 1 column", "cut short")
        self.refused(self.text('{"context": 1,,}'), "line 1 column")
        self.refused(self.text("[1]"), "not an object")
        self.refused(self.text(b"\xff\xfe\x00"), "UTF-8")
        self.refused(self.text("[" * 100000), "nested")
        self.refused(self.text('{"x": 1}'), "benchmarks: missing")

    def test_other_schemas(self):
        self.refused(made.write(self.at("n.json"), {**made.record([]), "schema": 2}), "schema 2", "newer gauntlet")
        self.refused(made.write(self.at("n.json"), {**made.record([]), "schema": "one"}), "'one' is not a version")
        path = made.run_folder(self.at("r"), [made.record(made.yields()), {**made.record([]), "schema": 9}])
        self.assertIn("schema 9", records.load(path).problems[0])

    def test_the_path_is_named(self):
        def spoil(change):
            r = made.record(made.yields())
            change(r)
            return made.write(self.at("s.json"), r)

        self.refused(spoil(lambda r: r["benchmarks"][1]["samples"].__setitem__(2, "x")), "benchmarks[1].samples[2]: 'x'")
        self.refused(spoil(lambda r: r["benchmarks"][0].update(verdict="fine")), "benchmarks[0].verdict", "inconclusive")
        self.refused(spoil(lambda r: r["benchmarks"][2]["pair"]["on"].pop()), "benchmarks[2].pair", "8 on")
        self.refused(spoil(lambda r: r.update(context=[])), "context: []")
        self.refused(spoil(lambda r: r["benchmarks"][0].update(samples="1,2")), "benchmarks[0].samples")

    def test_nothing_but_a_results_error(self):
        """Every node in turn replaced by something of another type, and dropped: of a record, a run, an exported set."""
        whole = made.record([*made.yields(), made.stress("inject", found={"seconds": 1.0})], "stress")
        whole["benchmarks"][0]["floor"] = {"what": "x", "median": 1.0, "samples": [1.0]}
        self.assertGreater(self._spoil(whole, lambda v: made.write(self.at("f.json"), v)), 700)
        folder = made.run_folder(self.at("r"), [made.record(made.yields())])
        run = records.read_json(os.path.join(folder, "run.json"))
        self._spoil(run, lambda v: made.write(os.path.join(folder, "run.json"), v) and folder)
        pooled = made.run_folder(self.at("p"), [whole, whole])
        exported = json.loads(whole_set(records.load(pooled))[0])
        self.assertIn("of_runs", exported["cells"][0]["attrs"])
        self._spoil(exported, lambda v: made.write(self.at("h.json"), v))

    def _spoil(self, whole, write) -> int:
        seen = 0
        for path in _paths(whole):
            for value in (None, True, -1e400, "\ud800", [], {"x": {}}, _DROP):
                name = write(_replaced(whole, path, value))
                seen += 1
                try:
                    rs = records.load(name)
                    rs.content(), rs.machine, [s.by_run for s in rs.series]
                    self.assertTrue(all(describe(s.samples) for s in rs.series))
                except ResultsError as e:
                    self.assertEqual(e.status, 5)
                except Exception as e:
                    self.fail(f"{path} = {value!r}: {type(e).__name__}: {e}")
        return seen

    def test_changed_at_random(self):
        """Bytes of a record changed: read, or refused."""
        random.seed(20261121)
        text = bytearray(json.dumps(made.record(made.yields())).encode())
        for _ in range(500):
            spoilt = bytearray(text)
            for _ in range(random.randint(1, 4)):
                spoilt[random.randrange(len(spoilt))] = random.randrange(256)
            path = self.text(bytes(spoilt[: random.choice((len(spoilt), random.randrange(len(spoilt))))]))
            try:
                records.load(path).content()
            except ResultsError as e:
                self.assertEqual(e.status, 5)


_DROP = object()


def _paths(value, at=()):
    if at:
        yield at
    if isinstance(value, dict):
        for k in value:
            yield from _paths(value[k], (*at, k))
    elif isinstance(value, list):
        for i in range(min(2, len(value))):
            yield from _paths(value[i], (*at, i))


def _replaced(value, path, new):
    value = copy.deepcopy(value)
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    if new is _DROP:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return value


class Quantiles(unittest.TestCase):
    def test_interval_of_the_median(self):
        # Order statistics of the sign test, n: (lower rank, upper rank) from 0; tables of e.g. Conover, 95 %.
        for n, ranks in {1: (0, 0), 5: (0, 4), 6: (0, 5), 8: (0, 7), 9: (1, 7), 12: (2, 9), 20: (5, 14), 25: (7, 17)}.items():
            self.assertEqual(interval_ranks(n), ranks, n)

    def test_describe(self):
        d = describe([3.0, 1.0, 2.0, 4.0])
        self.assertEqual((d["n"], d["median"], d["q1"], d["q3"]), (4, 2.5, 1.75, 3.25))
        self.assertEqual((d["low"], d["high"]), (1.0, 4.0))


if __name__ == "__main__":
    unittest.main()
