# SPDX-License-Identifier: Apache-2.0
# gt_benchmark: Google Benchmark, and libpfm4 (names of hardware counters) where it is installed.

find_package(benchmark 1.7 QUIET)
if(NOT benchmark_FOUND)
  pkg_check_modules(benchmark IMPORTED_TARGET benchmark>=1.7)
  if(NOT benchmark_FOUND)
    message(FATAL_ERROR "Google Benchmark 1.7 or newer is missing: run scripts/setup, or install libbenchmark-dev (Debian), google-benchmark-devel (Fedora), benchmark (Arch)")
  endif()
  add_library(benchmark::benchmark ALIAS PkgConfig::benchmark)
endif()

add_library(gt_benchmark INTERFACE)
target_link_libraries(gt_benchmark INTERFACE benchmark::benchmark)
target_compile_definitions(gt_benchmark INTERFACE GT_GB_VERSION="${benchmark_VERSION}")

find_path(GT_PFM_INCLUDE perfmon/pfmlib_perf_event.h)
find_library(GT_PFM_LIBRARY pfm)
set(gt_has_pfm 0)
if(GT_PFM_INCLUDE AND GT_PFM_LIBRARY)
  set(gt_has_pfm 1)
  target_include_directories(gt_benchmark SYSTEM INTERFACE ${GT_PFM_INCLUDE})
  target_link_libraries(gt_benchmark INTERFACE ${GT_PFM_LIBRARY})
endif()
target_compile_definitions(gt_benchmark INTERFACE GT_HAS_PFM=${gt_has_pfm})
