# SPDX-License-Identifier: Apache-2.0
"""results/schema.json: what it must refuse, and where it says that the mistake is. Real records: results_records.sh."""

import unittest

import made
import schema_check


class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.check = schema_check.validator()

    def errors(self, value) -> list[str]:
        return schema_check.errors(self.check, value)

    def refused(self, path: str, change, value=None) -> None:
        value = value or made.record([*made.yields(), made.stress("inject")])
        self.assertEqual(self.errors(value), [])
        change(value)
        found = self.errors(value)
        self.assertEqual([e.split(": ")[0] for e in found], [path], found)

    def test_good(self):
        void = made.bench("a/runtime:pth", [], verdict="void", why="no such library")
        for value in (
            made.record([*made.yields(), void]),
            made.record([], "overhead", verdict="incomplete", why="killed"),
            made.printed(made.yields()),
            made.record([made.stress("inject", fault="deaf", found={"oracle": "a", "class": "b", "seconds": 1.0})], "faults"),
        ):
            self.assertEqual(self.errors(value), [])

    def test_record(self):
        for key in ("schema", "command", "date", "verdict", "why", "context", "benchmarks"):
            self.refused("$", lambda r, key=key: r.pop(key))
        self.refused("$.schema", lambda r: r.update(schema=2))
        self.refused("$.date", lambda r: r.update(date="yesterday"))
        self.refused("$.verdict", lambda r: r.update(verdict="fine"))
        self.refused("$.cell.seed", lambda r: r["cell"].update(seed=-1))
        self.refused("$.cell.kind", lambda r: r["cell"].update(kind="other"))
        self.refused("$.command[1]", lambda r: r["command"].__setitem__(1, 7))

    def test_environment(self):
        self.refused("$.context", lambda r: r["context"].pop("num_cpus"))
        at = "$.context.environment"
        self.refused(at, lambda r: r["context"]["environment"].pop("kernel"))
        self.refused(f"{at}.build", lambda r: r["context"]["environment"]["build"].pop("revision"))
        self.refused(f"{at}.topology.pus", lambda r: r["context"]["environment"]["topology"].update(pus=0))
        self.refused(f"{at}.settings.governor", lambda r: r["context"]["environment"]["settings"].update(governor=1))

    def test_bench(self):
        def entry(change):
            return lambda r: change(r["benchmarks"][2])

        at = "$.benchmarks[2]"
        self.refused(at, entry(lambda e: e.pop("runtime")))
        self.refused(f"{at}.name", entry(lambda e: e.update(name="yield gmp")))
        self.refused(f"{at}.samples[3]", entry(lambda e: e["samples"].__setitem__(3, "x")))
        self.refused(f"{at}.samples", entry(lambda e: e.update(samples=[])))  # ok, and measured nothing
        self.refused(f"{at}.time_unit", entry(lambda e: e.update(time_unit="furlong")))
        self.refused(f"{at}.pair", entry(lambda e: e["pair"].pop("on")))
        self.refused(f"{at}.pair.off[0]", entry(lambda e: e["pair"]["off"].__setitem__(0, None)))
        self.refused(f"{at}.verdict", entry(lambda e: e.update(verdict=None)))
        self.refused(f"{at}.counters.p99", entry(lambda e: e["counters"].update(p99="fast")))

    def test_stress(self):
        def entry(change):
            return lambda r: change(r["benchmarks"][3])

        at = "$.benchmarks[3]"
        self.refused(at, entry(lambda e: e.pop("scheduler")))
        self.refused(f"{at}.windows.inject", entry(lambda e: e["windows"].update(inject=-1)))
        self.refused(f"{at}.inconsistencies", entry(lambda e: e.update(inconsistencies=0.5)))
        self.refused(f"{at}.found", entry(lambda e: e.update(found={"oracle": "truth"})))


if __name__ == "__main__":
    unittest.main()
