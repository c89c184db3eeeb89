# SPDX-License-Identifier: Apache-2.0
# Every product library and program. Each runtime library is compiled twice from the same files:
#   *_lean    GT_ORACLE=0: nothing but the product (program: gauntlet)
#   *_oracle  GT_ORACLE=1: journal, ownership checks, windows (program: gauntlet-oracle); faults live here only

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(HWLOC REQUIRED IMPORTED_TARGET hwloc>=2.4)
pkg_check_modules(LIBDW REQUIRED IMPORTED_TARGET libdw>=0.180)

set(root ${CMAKE_SOURCE_DIR})
string(TOLOWER ${CMAKE_SYSTEM_PROCESSOR} GT_ARCH)
if(GT_ARCH STREQUAL "amd64")
  set(GT_ARCH x86_64)
elseif(GT_ARCH STREQUAL "arm64")
  set(GT_ARCH aarch64)
endif()

file(GLOB runtime_sources CONFIGURE_DEPENDS ${root}/runtimes/port/*.c ${root}/runtimes/core/*.c)
file(GLOB switch_source CONFIGURE_DEPENDS ${root}/runtimes/core/*_${GT_ARCH}.S)
gt_def_sources(schedulers ${root}/runtimes/runtimes.def GT_SCHEDULER ${root}/runtimes/schedulers)
gt_def_sources(tracers ${root}/runtimes/runtimes.def GT_TRACER ${root}/runtimes/tracers)
file(GLOB tracer_common CONFIGURE_DEPENDS ${root}/runtimes/tracers/common/*.c)
list(APPEND runtime_sources ${tracer_common} ${switch_source} ${schedulers} ${tracers})
include(GauntletFused)
include(GauntletPeers) # after every GT_PEER_TARGET_* is set
list(APPEND runtime_sources ${peer_sources})
include(GauntletTracerPlugins)

gt_def_sources(workload_sources ${root}/workloads/workloads.def GT_WORKLOAD ${root}/workloads)
file(GLOB workload_common CONFIGURE_DEPENDS ${root}/workloads/common/*.c ${root}/workloads/benchmark/*.c
     ${root}/workloads/benchmark/*.cc)
list(APPEND workload_sources ${workload_common})

gt_read_def(stress_tests ${root}/stress/stress.def GT_STRESS)
gt_def_sources(stress_sources ${root}/stress/stress.def GT_STRESS ${root}/stress)
file(GLOB stress_common CONFIGURE_DEPENDS ${root}/stress/harness/*.c ${root}/stress/common/*.c)
list(APPEND stress_sources ${stress_common})

# cli/main.c is the program, cli/stress_main.c that of one stress test.
file(GLOB cli_sources CONFIGURE_DEPENDS ${root}/cli/*.c)
list(FILTER cli_sources EXCLUDE REGEX "/(main|stress_main)\\.c$")
file(GLOB trace_sources CONFIGURE_DEPENDS ${root}/trace/*.c)

if(trace_sources)
  add_library(gt_trace STATIC ${trace_sources})
  target_link_libraries(gt_trace PRIVATE gt_flags)
  target_include_directories(gt_trace PUBLIC ${root})
endif()

# The core once more, without tracing hooks, for the benchmark that prices them: one object in which only
# gt_gmp_unhooked is global, so that it lives beside the other core in one program.
if(GT_FLAVOUR STREQUAL "release" AND CMAKE_OBJCOPY)
  file(GLOB core_sources CONFIGURE_DEPENDS ${root}/runtimes/port/*.c ${root}/runtimes/core/*.c)
  list(FILTER core_sources EXCLUDE REGEX "/(core/plugin|port/native_signal)\\.c$") # the other core's: signals are the process's
  add_library(gt_unhooked_objects OBJECT ${core_sources} ${switch_source})
  target_compile_definitions(gt_unhooked_objects PRIVATE GT_ORACLE=0 GT_FAULTS=0 GT_NO_HOOKS=1)
  target_include_directories(gt_unhooked_objects PRIVATE ${root}/runtimes/include ${root}/runtimes)
  target_link_libraries(gt_unhooked_objects PRIVATE gt_flags gt_jemalloc PkgConfig::HWLOC PkgConfig::LIBDW)
  set(dir ${CMAKE_BINARY_DIR}/unhooked)
  file(MAKE_DIRECTORY ${dir})
  add_custom_command(
    OUTPUT ${dir}/libgt_unhooked.a
    COMMAND ${CMAKE_LINKER} -r -o all.o $<TARGET_OBJECTS:gt_unhooked_objects>
    COMMAND ${CMAKE_OBJCOPY} --redefine-sym gt_gmp=gt_gmp_unhooked all.o
    COMMAND ${CMAKE_OBJCOPY} --keep-global-symbol=gt_gmp_unhooked all.o
    COMMAND ${CMAKE_COMMAND} -E rm -f libgt_unhooked.a
    COMMAND ${CMAKE_AR} rcs libgt_unhooked.a all.o
    DEPENDS gt_unhooked_objects $<TARGET_OBJECTS:gt_unhooked_objects>
    WORKING_DIRECTORY ${dir}
    COMMAND_EXPAND_LISTS VERBATIM
    COMMENT "a core without tracing hooks, for the benchmark")
  add_custom_target(gt_unhooked_archive DEPENDS ${dir}/libgt_unhooked.a)
  add_library(gt_unhooked INTERFACE)
  add_dependencies(gt_unhooked gt_unhooked_archive)
  target_link_libraries(gt_unhooked INTERFACE ${dir}/libgt_unhooked.a)
endif()

include(GauntletBenchmark) # gt_benchmark: the libraries that measure
include(GauntletResults)

function(gt_build_kind kind oracle faults)
  add_library(gt_rt_${kind} STATIC ${runtime_sources})
  target_compile_definitions(gt_rt_${kind} PUBLIC GT_ORACLE=${oracle} GT_FAULTS=${faults})
  target_include_directories(gt_rt_${kind} PUBLIC ${root}/runtimes/include ${root}/runtimes PRIVATE ${GT_GENERATED})
  target_link_libraries(gt_rt_${kind}
    PUBLIC gt_flags gt_jemalloc PkgConfig::HWLOC PkgConfig::LIBDW Threads::Threads ${CMAKE_DL_LIBS} m rt
    ${peer_libraries})
  gt_link_peers(gt_rt_${kind} ${kind})
  if(trace_sources)
    target_link_libraries(gt_rt_${kind} PUBLIC gt_trace)
  endif()

  if(workload_sources)
    add_library(gt_workloads_${kind} STATIC ${workload_sources})
    target_include_directories(gt_workloads_${kind} PUBLIC ${root}/workloads)
    if(TARGET gt_unhooked AND NOT oracle)
      target_compile_definitions(gt_workloads_${kind} PRIVATE GT_HAS_UNHOOKED=1)
      target_link_libraries(gt_workloads_${kind} PUBLIC gt_unhooked)
    endif()
    target_link_libraries(gt_workloads_${kind} PUBLIC gt_rt_${kind} PRIVATE gt_benchmark)
  endif()

  add_library(gt_stress_${kind} STATIC ${stress_sources})
  target_include_directories(gt_stress_${kind} PUBLIC ${root}/stress)
  target_link_libraries(gt_stress_${kind} PUBLIC gt_workloads_${kind} gt_rt_${kind})

  set(program gauntlet)
  if(oracle)
    set(program gauntlet-oracle)
  endif()
  add_library(gt_cli_${kind} STATIC ${cli_sources})
  target_include_directories(gt_cli_${kind} PUBLIC ${root}/cli ${root})
  target_compile_definitions(gt_cli_${kind} PUBLIC
    GT_VERSION="${PROJECT_VERSION}" GT_PRESET="${GT_PRESET}" GT_PROGRAM="${program}")
  target_link_libraries(gt_cli_${kind} PUBLIC gt_stress_${kind} gt_results)
  add_executable(${program} ${root}/cli/main.c)
  target_link_libraries(${program} PRIVATE gt_cli_${kind})
endfunction()

if(runtime_sources)
  gt_build_kind(lean 0 0)
  gt_build_kind(oracle 1 ${gt_faults})
endif()

# One program for each stress test: build/<preset>/stress/NAME.
set(stress_programs "")
foreach(symbol IN LISTS stress_tests)
  string(REPLACE "_" "-" name ${symbol})
  add_executable(stress_${symbol} ${root}/cli/stress_main.c)
  target_compile_definitions(stress_${symbol} PRIVATE GT_STRESS_SYMBOL=gt_stress_${symbol})
  target_link_libraries(stress_${symbol} PRIVATE gt_cli_oracle)
  set_target_properties(stress_${symbol} PROPERTIES
    OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/stress)
  list(APPEND stress_programs stress_${symbol})
endforeach()

# Programs that scripts/ call for figures: build/<preset>/figures/NAME.
file(GLOB figure_sources CONFIGURE_DEPENDS ${root}/workloads/figures/*.c)
foreach(source IN LISTS figure_sources)
  if(NOT TARGET gt_workloads_lean)
    break()
  endif()
  cmake_path(GET source STEM name)
  add_executable(${name} ${source})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/figures)
  target_link_libraries(${name} PRIVATE gt_workloads_lean)
endforeach()

# Plugins see the SDK's include roots and nothing else, as one built out of tree would.
function(gt_add_plugin source)
  cmake_path(GET source STEM name)
  add_library(plugin_${name} MODULE ${source})
  set_target_properties(plugin_${name} PROPERTIES
    PREFIX "" OUTPUT_NAME ${name} LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  target_include_directories(plugin_${name} PRIVATE ${CMAKE_BINARY_DIR}/sdk-include)
  target_link_libraries(plugin_${name} PRIVATE gt_flags)
endfunction()

file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/sdk-include)
file(CREATE_LINK ${root}/runtimes/include/gauntlet ${CMAKE_BINARY_DIR}/sdk-include/gauntlet SYMBOLIC)
file(CREATE_LINK ${root}/runtimes/port ${CMAKE_BINARY_DIR}/sdk-include/port SYMBOLIC)
file(GLOB plugin_sources CONFIGURE_DEPENDS ${root}/runtimes/skeleton/*.c ${root}/tests/plugins/*.c)
foreach(source IN LISTS plugin_sources)
  gt_add_plugin(${source})
endforeach()
foreach(program gauntlet gauntlet-oracle)
  if(gt_plugin_targets AND TARGET ${program})
    add_dependencies(${program} ${gt_plugin_targets})
  endif()
endforeach()
