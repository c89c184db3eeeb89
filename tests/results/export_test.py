# SPDX-License-Identifier: Apache-2.0
"""Every export is read back: by the tool itself where it installs from Debian or Go, else by a strict reader of ours."""

import contextlib
import csv
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import made
from gauntlet_results import export, records
from gauntlet_results.errors import ResultsError
from gauntlet_results.export_benchfmt import bench_name
from gauntlet_results.quantiles import describe

BENCHSTAT = "v0.0.0-20260908200009-22c9c6c9d4da"  # its output is compared word by word
COMPARE_PY = "/usr/share/benchmark/compare.py"
EVIL = 'say "no"\\\nor not'
GMP = "yield/runtime:gmp/sched:worksteal/procs:1/bind:pu"
TRACED = "yield/runtime:gmp/sched:worksteal/tracer:gen/procs:1/bind:pu"
VOID = "pingpong:8/runtime:pth/procs:2"


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.base, cls.new = cls.make("base", 1.0), cls.make("new", 1.5)

    @classmethod
    def make(cls, name: str, scale: float) -> str:
        void = made.bench(VOID, [1.0, 2.0], verdict="void", why=EVIL)
        cells = [made.record([*made.yields(scale), void]), made.record([made.stress("gc-stop")], "stress")]
        return made.run_folder(os.path.join(cls.folder, name), cells)

    def export(self, source: str, format_: str, *more: str) -> tuple[str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            self.assertEqual(export.main([source, f"--format={format_}", *more]), 0)
        return out.getvalue(), err.getvalue()

    def to_file(self, source: str, format_: str) -> str:
        path = os.path.join(self.folder, f"{os.path.basename(source)}.{format_}")
        self.export(source, format_, "-o", path)
        return path

    def tool(self, *argv: str) -> str:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        return done.stdout

    # ---- Google Benchmark
    def test_gbench(self):
        text, err = self.export(self.base, "gbench")
        d = json.loads(text)
        for key in ("date", "host_name", "executable", "num_cpus", "caches", "load_avg", "library_build_type"):
            self.assertIn(key, d["context"])
        mine = [b for b in d["benchmarks"] if b["run_name"] == GMP]
        single = [b for b in mine if b["run_type"] == "iteration"]
        self.assertEqual([b["repetition_index"] for b in single], list(range(9)))
        self.assertEqual([b["aggregate_name"] for b in mine[9:]], ["mean", "median", "stddev", "cv"])
        self.assertEqual(mine[10]["real_time"], describe([b["real_time"] for b in single])["median"])
        self.assertEqual((single[0]["time_unit"], single[0]["iterations"], single[0]["crossed"]), ("ns", 1000, 0.5))
        self.assertTrue(any(b["name"] == f"{TRACED}/metric:tracing" for b in d["benchmarks"]))
        void = [b for b in d["benchmarks"] if b["name"] == VOID]
        self.assertEqual((len(void), void[0]["error_occurred"], void[0]["error_message"]), (1, True, "void: " + EVIL))
        self.assertIn("1 unusable", err)

    def test_gbench_is_read_back(self):
        path = self.to_file(self.base, "gbench")
        again, before = records.load(path), records.load(self.base)
        times = {s.cell: s.samples for s in before.series if s.metric == "time" and s.usable}
        for s in again.series:
            if s.cell in times:
                self.assertEqual(s.samples, times.pop(s.cell))
        self.assertEqual(times, {})
        self.assertEqual([c["verdict"] for c in again.cells if c["name"] == VOID], ["failed"])

    @unittest.skipUnless(os.path.exists(COMPARE_PY), "libbenchmark-tools is not installed")
    def test_gbench_by_compare_py(self):
        out = self.tool(
            sys.executable, COMPARE_PY, "--no-color", "benchmarks",
            self.to_file(self.base, "gbench"), self.to_file(self.new, "gbench"),
        )  # fmt: skip
        line = next(x for x in out.splitlines() if x.startswith(f"{GMP}_median "))
        self.assertAlmostEqual(float(line.split()[1]), 15.4 / 10.4 - 1, places=3)

    # ---- benchfmt
    def test_benchfmt(self):
        text, err = self.export(self.base, "benchfmt")
        self.assertIn("left out: 1 unusable", err)
        lines = text.splitlines()
        self.assertIn("goarch: amd64", lines)
        self.assertIn("cpu: Some CPU", lines)
        self.assertNotIn("pingpong", text.lower())
        results = [x for x in lines if x.startswith("Benchmark")]
        self.assertEqual(len(results), 28)
        for line in results:
            self.assertRegex(line, r"^Benchmark[A-Z]\S*-\d+ \d+( -?[0-9.e+-]+ [^\s]+)+$")
            units = line.split()[3::2]
            self.assertEqual(len(units), len(set(units)), line)
        self.assertIn("BenchmarkYield/runtime=gmp/sched=worksteal/bind=pu-1 1000 10.0 ns/op", results[0])

    def test_units_in_names(self):
        entries = [
            made.bench("idle/runtime:gmp/procs:2", [0.5], time_unit="%"),
            made.bench("rss/runtime:gmp/procs:1", [4096.0], time_unit="bytes", counters={"bytes_per_op": 7.5}),
        ]
        source = made.write(os.path.join(self.folder, "units.json"), made.record(entries))
        text = self.export(source, "benchfmt")[0]
        self.assertIn("BenchmarkIdle/runtime=gmp-2 1000 0.5 percent\n", text)
        self.assertIn("BenchmarkRss/runtime=gmp-1 1000 4096.0 B 7.5 bytes-per-op-B\n", text)
        found = read_openmetrics(self, self.export(source, "openmetrics")[0])
        self.assertEqual(found["gauntlet_ratio"][("cell", "idle/runtime:gmp/procs:2"), ("stat", "median")], 0.005)
        self.assertEqual(found["gauntlet_bytes"][("cell", "rss/runtime:gmp/procs:1"), ("stat", "median")], 4096.0)

    def test_benchfmt_names(self):
        self.assertEqual(bench_name("pingpong:8/runtime:go/tracer:go/procs:2"), "BenchmarkPingpong/param=8/runtime=go/tracer=go-2")
        self.assertEqual(bench_name("spawn-join/runtime:gmp"), "BenchmarkSpawn-join/runtime=gmp")
        self.assertEqual(bench_name("stress/a b/runtime:gmp/procs:4"), "BenchmarkStress/a_b/runtime=gmp-4")

    def test_benchfmt_by_benchstat(self):
        benchstat = find_benchstat(self.folder)
        if not benchstat:
            self.skipTest("no Go, or its module proxy cannot be reached")
        old, new = self.to_file(self.base, "benchfmt"), self.to_file(self.new, "benchfmt")
        out = self.tool(benchstat, "-format=csv", "-filter=.unit:ns/op", old, new)
        line = next(x for x in out.splitlines() if x.startswith("Yield/runtime=gmp/sched=worksteal/bind=pu-1,"))
        fields = line.split(",")
        self.assertAlmostEqual(float(fields[1]), 10.4e-9)
        self.assertAlmostEqual(float(fields[3]), 15.4e-9)
        self.assertEqual(fields[5], "+48.08%")
        by_scheduler = self.tool(benchstat, "-format=csv", "-col=/sched", "-filter=.name:Yield -/tracer:gen .unit:ns/op", old)
        self.assertIn(",worksteal,,global,", by_scheduler)

    # ---- Bencher
    def test_bmf(self):
        text, err = self.export(self.base, "bmf")
        d = json.loads(text)
        self.assertIn("left out: 1 unusable", err)
        self.assertNotIn(VOID, d)
        self.assertEqual(d[GMP]["latency"], {"value": 10.4, "lower_value": 10.1, "upper_value": 10.7})
        self.assertAlmostEqual(d[TRACED]["tracing"]["value"], 20.0)
        for measures in d.values():
            for name, m in measures.items():
                self.assertRegex(name, r"^[a-z0-9-]+$")
                self.assertLessEqual(m["lower_value"], m["value"])
                self.assertLessEqual(m["value"], m["upper_value"])

    # ---- CSV
    def test_csv(self):
        text, err = self.export(self.base, "csv")
        rows = list(csv.DictReader(io.StringIO(text)))
        self.assertIn("marked as such: 1 unusable", err)
        rs = records.load(self.base)
        self.assertEqual(len(rows), sum(s.usable for s in rs.series) + 1)
        times = next(r for r in rows if r["cell"] == GMP and r["metric"] == "time")
        wanted = next(s for s in rs.series if s.cell == GMP and s.metric == "time")
        self.assertEqual(tuple(float(x) for x in times["samples"].split()), wanted.samples)
        self.assertEqual((times["median"], times["n"], times["scheduler"]), ("10.4", "9", "worksteal"))
        void = [r for r in rows if r["verdict"] == "void"]
        self.assertEqual([(r["cell"], r["metric"], r["median"], r["why"]) for r in void], [(VOID, "", "", EVIL)])

    # ---- OpenMetrics
    def test_openmetrics(self):
        text, err = self.export(self.base, "openmetrics")
        self.assertIn("marked as such: 1 unusable", err)
        found = read_openmetrics(self, text)
        self.assertAlmostEqual(found["gauntlet_time_seconds"][("cell", GMP), ("stat", "median")], 10.4e-9)
        self.assertEqual(found["gauntlet_cell_usable"][("cell", VOID), ("verdict", "void")], 0)
        self.assertEqual(found["gauntlet_cell_usable"][("cell", GMP), ("verdict", "ok")], 1)
        self.assertNotIn((("cell", VOID), ("stat", "median")), found["gauntlet_time_seconds"])
        self.assertIn('why="say \\"no\\"\\\\\\nor not"', text)

    @unittest.skipUnless(importlib.util.find_spec("prometheus_client"), "python3-prometheus-client is not installed")
    def test_openmetrics_by_prometheus(self):
        from prometheus_client.openmetrics.parser import text_string_to_metric_families

        families = {f.name: f for f in text_string_to_metric_families(self.export(self.base, "openmetrics")[0])}
        family = families["gauntlet_time_seconds"]
        self.assertEqual((family.type, family.unit), ("gauge", "seconds"))
        self.assertEqual(len(family.samples), 9)
        self.assertEqual(families["gauntlet_run"].type, "info")

    # ---- a whole set
    def test_set(self):
        path = self.to_file(self.base, "set")
        rs, again = records.load(self.base), records.load(path)
        self.assertEqual((again.id, again.content()), (rs.id, rs.content()))
        with self.assertRaises(ResultsError) as caught:
            export.main([self.new, "--format=set", "-o", path])
        self.assertEqual(caught.exception.status, 2)
        self.assertIn("--replace", caught.exception.message)
        self.assertEqual(records.load(path).id, rs.id)
        export.main([self.new, "--format=set", "-o", path, "--replace"])
        self.assertNotEqual(records.load(path).id, rs.id)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("15.0", "14.0"))
        with self.assertRaises(ResultsError) as caught:
            records.load(path)
        self.assertIn("changed by hand", caught.exception.message)
        os.unlink(path)

    def test_output(self):
        with self.assertRaises(ResultsError) as caught:
            export.main([self.base, "--format=csv", "-o", os.path.join(self.folder, "none", "x")])
        self.assertEqual(caught.exception.status, 5)
        with self.assertRaises(ResultsError) as caught:
            export.main([self.base, "--format=xml"])
        self.assertEqual(caught.exception.status, 2)
        self.assertIn("openmetrics", caught.exception.message)


def find_benchstat(folder: str) -> str | None:
    """On PATH, or built from the module proxy."""
    there = shutil.which("benchstat")
    if there or not shutil.which("go"):
        return there
    environment = {**os.environ, "GOBIN": folder, "GOFLAGS": "-mod=mod"}
    package = f"golang.org/x/perf/cmd/benchstat@{BENCHSTAT}"
    try:
        subprocess.run(["go", "install", package], env=environment, cwd=folder, capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return os.path.join(folder, "benchstat")


_SAMPLE = re.compile(r"^([a-zA-Z_][a-zA-Z0-9_]*)(?:\{(.*)\})? (-?[0-9.e+-]+)$")
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def read_openmetrics(test: unittest.TestCase, text: str) -> dict:
    """Strict: metadata first, each family in one piece, base units, every label escaped, # EOF at the end."""
    test.assertTrue(text.endswith("\n# EOF\n"))
    found, current, kind = {}, None, {}
    for line in text.splitlines()[:-1]:
        if line.startswith("# "):
            word, name, value = line[2:].split(" ", 2)
            if word == "TYPE":
                test.assertNotIn(name, kind, "a family in two pieces")
                current, kind[name], found[name] = name, value, {}
            test.assertEqual(name, current)
            if word == "UNIT":
                test.assertTrue(name.endswith("_" + value), name)
            continue
        name, labels, value = _SAMPLE.match(line).groups()
        test.assertEqual(name, current + ("_info" if kind[current] == "info" else ""))
        pairs = _LABEL.findall(labels or "")
        test.assertEqual(",".join(f'{k}="{v}"' for k, v in pairs), labels or "")
        key = tuple(p for p in pairs if p[0] in ("cell", "stat", "verdict"))
        test.assertNotIn(key, found[current], "a sample twice")
        found[current][key] = float(value)
    return found


if __name__ == "__main__":
    unittest.main()
