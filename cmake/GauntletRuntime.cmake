# SPDX-License-Identifier: Apache-2.0
# Every product library and program. Each runtime library is compiled twice from the same files:
#   *_lean    GT_ORACLE=0: nothing but the product (program: gauntlet)
#   *_oracle  GT_ORACLE=1: journal, ownership checks, windows (program: gauntlet-oracle); faults live here only

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(HWLOC REQUIRED IMPORTED_TARGET hwloc>=2.4)

set(root ${CMAKE_SOURCE_DIR})
string(TOLOWER ${CMAKE_SYSTEM_PROCESSOR} GT_ARCH)
if(GT_ARCH STREQUAL "amd64")
  set(GT_ARCH x86_64)
elseif(GT_ARCH STREQUAL "arm64")
  set(GT_ARCH aarch64)
endif()

file(GLOB runtime_sources CONFIGURE_DEPENDS ${root}/runtimes/port/*.c ${root}/runtimes/core/*.c)
file(GLOB switch_source CONFIGURE_DEPENDS ${root}/runtimes/core/switch_${GT_ARCH}.S)
gt_def_sources(schedulers ${root}/runtimes/runtimes.def GT_SCHEDULER ${root}/runtimes/schedulers)
gt_def_sources(tracers ${root}/runtimes/runtimes.def GT_TRACER ${root}/runtimes/tracers)
gt_def_sources(peers ${root}/runtimes/runtimes.def GT_PEER ${root}/runtimes/peers)
list(APPEND runtime_sources ${switch_source} ${schedulers} ${tracers} ${peers})

gt_def_sources(workload_sources ${root}/workloads/workloads.def GT_WORKLOAD ${root}/workloads)
file(GLOB workload_common CONFIGURE_DEPENDS ${root}/workloads/common/*.c ${root}/workloads/benchmark/*.c)
list(APPEND workload_sources ${workload_common})

file(GLOB cli_sources CONFIGURE_DEPENDS ${root}/cli/*.c)
file(GLOB trace_sources CONFIGURE_DEPENDS ${root}/trace/*.c)

if(trace_sources)
  add_library(gt_trace STATIC ${trace_sources})
  target_link_libraries(gt_trace PRIVATE gt_flags)
  target_include_directories(gt_trace PUBLIC ${root})
endif()

function(gt_build_kind kind oracle faults)
  add_library(gt_rt_${kind} STATIC ${runtime_sources})
  target_compile_definitions(gt_rt_${kind} PUBLIC GT_ORACLE=${oracle} GT_FAULTS=${faults})
  target_include_directories(gt_rt_${kind} PUBLIC ${root}/runtimes/include ${root}/runtimes)
  target_link_libraries(gt_rt_${kind}
    PUBLIC gt_flags gt_jemalloc PkgConfig::HWLOC Threads::Threads ${CMAKE_DL_LIBS} m rt)
  if(trace_sources)
    target_link_libraries(gt_rt_${kind} PUBLIC gt_trace)
  endif()

  if(workload_sources)
    add_library(gt_workloads_${kind} STATIC ${workload_sources})
    target_include_directories(gt_workloads_${kind} PUBLIC ${root}/workloads)
    target_link_libraries(gt_workloads_${kind} PUBLIC gt_rt_${kind})
  endif()

  if(cli_sources)
    set(program gauntlet)
    if(oracle)
      set(program gauntlet-oracle)
    endif()
    add_executable(${program} ${cli_sources})
    target_include_directories(${program} PRIVATE ${root}/cli ${root})
    target_compile_definitions(${program} PRIVATE
      GT_VERSION="${PROJECT_VERSION}" GT_PRESET="${GT_PRESET}" GT_PROGRAM="${program}")
    if(workload_sources)
      target_link_libraries(${program} PRIVATE gt_workloads_${kind})
    endif()
    target_link_libraries(${program} PRIVATE gt_rt_${kind})
  endif()
endfunction()

if(runtime_sources)
  gt_build_kind(lean 0 0)
  gt_build_kind(oracle 1 ${gt_faults})
endif()

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
