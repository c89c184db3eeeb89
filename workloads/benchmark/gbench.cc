// SPDX-License-Identifier: Apache-2.0
// See gbench.h. The only C++ of the product.
#include "gbench.h"

#include <benchmark/benchmark.h>

#include <cerrno>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

// Names are ours and unique; the library appends "/manual_time" and the like to its own.
std::unordered_map<std::string, void *> &args()
{
    static std::unordered_map<std::string, void *> map;
    return map;
}

benchmark::State &state_of(gt_gb_state *s)
{
    return *reinterpret_cast<benchmark::State *>(s);
}

void call(benchmark::State &state, gt_gb_fn fn, void *arg)
{
    fn(reinterpret_cast<gt_gb_state *>(&state), arg);
}

class ToC final : public benchmark::BenchmarkReporter {
public:
    ToC(gt_gb_report report, void *arg) : report_(report), arg_(arg)
    {
    }
    bool ReportContext(const Context &) override
    {
        return true;
    }
    void ReportRuns(const std::vector<Run> &runs) override
    {
        for (const Run &run : runs)
            if (run.run_type == Run::RT_Iteration)
                hand_over(run);
    }

private:
    void hand_over(const Run &run) const
    {
        const std::string &name = run.run_name.function_name;
        gt_gb_result r = {};
        const double iterations = static_cast<double>(run.iterations);
        const auto known = args().find(name);
        r.arg = known == args().end() ? nullptr : known->second;
        r.name = name.c_str();
        r.repetition = run.repetition_index;
        r.repetitions = run.repetitions;
        r.iterations = static_cast<uint64_t>(run.iterations);
        r.failed = run.error_occurred;
        r.why = run.error_message.c_str();
        if (!r.failed && run.iterations > 0) {
            r.ns = run.real_accumulated_time * 1e9 / iterations;
            r.cpu_ns = run.cpu_accumulated_time * 1e9 / iterations;
        }
        for (const auto &counter : run.counters) {
            if (r.n_counters == GT_GB_COUNTERS)
                break;
            r.counter[r.n_counters] = counter.first.c_str();
            r.value[r.n_counters++] = counter.second.value;
        }
        report_(arg_, &r);
    }
    gt_gb_report report_;
    void *arg_;
};

} // namespace

int gt_gb_flags(int n, const char *const *flags, int *bad)
{
    // Initialize takes out what it knows; it keeps pointers to nothing.
    std::vector<std::string> text(flags, flags + n);
    std::string program = "gauntlet";
    std::vector<char *> argv{program.data()};
    for (std::string &t : text)
        argv.push_back(t.data());
    int argc = n + 1;
    benchmark::Initialize(&argc, argv.data());
    for (int i = 0; argc > 1 && i < n; i++)
        if (argv[1] == text[static_cast<size_t>(i)].data()) {
            *bad = i;
            return -EINVAL;
        }
    return 0;
}

void gt_gb_register(const gt_gb_cell *cell)
{
    const gt_gb_fn fn = cell->fn;
    void *const arg = cell->arg;
    benchmark::internal::Benchmark *b = benchmark::RegisterBenchmark(
        cell->name, [fn, arg](benchmark::State &state) { call(state, fn, arg); });
    b->UseManualTime()->MeasureProcessCPUTime()->Threads(1);
    if (cell->repetitions > 0)
        b->Repetitions(static_cast<int>(cell->repetitions));
    if (cell->iterations > 0)
        b->Iterations(static_cast<benchmark::IterationCount>(cell->iterations));
    args()[cell->name] = arg;
}

size_t gt_gb_run(const char *filter, bool random_order, gt_gb_report report, void *arg)
{
    ToC reporter(report, arg);
    std::string flag = "--benchmark_enable_random_interleaving=";
    std::string program = "gauntlet";
    flag += random_order ? "true" : "false";
    char *argv[] = {program.data(), flag.data()};
    int argc = 2;
    benchmark::Initialize(&argc, argv);
    const size_t matched = benchmark::RunSpecifiedBenchmarks(&reporter, filter ? filter : ".*");
    benchmark::ClearRegisteredBenchmarks();
    args().clear();
    return matched;
}

// The whole loop is ours: the library is asked once before it and once after.
uint64_t gt_gb_begin(gt_gb_state *s)
{
    benchmark::State &state = state_of(s);
    (void)state.KeepRunningBatch(state.max_iterations);
    return static_cast<uint64_t>(state.max_iterations);
}

void gt_gb_done(gt_gb_state *s, double seconds)
{
    benchmark::State &state = state_of(s);
    (void)state.KeepRunningBatch(state.max_iterations);
    state.SetIterationTime(seconds);
}

void gt_gb_fail(gt_gb_state *s, const char *why)
{
    state_of(s).SkipWithError(why);
}

void gt_gb_counter(gt_gb_state *s, const char *name, double value)
{
    state_of(s).counters[name] = benchmark::Counter(value, benchmark::Counter::kAvgThreads);
}

const char *gt_gb_version(void)
{
#ifdef GT_GB_VERSION
    return GT_GB_VERSION;
#else
    return "unknown";
#endif
}
