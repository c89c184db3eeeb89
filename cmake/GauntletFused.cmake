# SPDX-License-Identifier: Apache-2.0
# gt_fused: the core once more, with one scheduler and one tracer bound into it (core/bound.h): the peer `gmp-fused`, whose
# distance from `gmp` is the price of the vtables. All of it is optimised as one program (LTO), so that an op is a direct
# call or inline, and becomes one object in which only gt_peer_gmp_fused is global: it lives beside the other core.
# What belongs to the process, or only looks at tables, it takes from that one: the claims of signals, the plugins.
#
# Sets GT_PEER_TARGET_gmp_fused and what else cmake/GauntletPeers.cmake reads of it. Release flavour only.

set(GT_FUSED_SCHEDULER worksteal CACHE STRING "the scheduler bound into gmp-fused")
set(GT_FUSED_TRACER gen CACHE STRING "the tracer bound into gmp-fused")
set(GT_PEER_TARGET_gmp_fused "")
set(GT_PEER_KINDS_gmp_fused lean)
set(GT_PEER_WHY_gmp_fused "only the release build's gauntlet has it")

set(merge "") # the command that makes one object, all.o, of objects of the compiler's own form
set(fused_flags -O2 -g -fno-omit-frame-pointer)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  set(merge ${CMAKE_C_COMPILER} ${fused_flags} -r -nostdlib -flto -flto-partition=one -flinker-output=nolto-rel -o all.o)
elseif(CMAKE_C_COMPILER_ID STREQUAL "Clang")
  string(REGEX MATCH "^[0-9]+" version ${CMAKE_C_COMPILER_VERSION})
  find_program(GT_LLVM_LINK NAMES llvm-link-${version} llvm-link)
  mark_as_advanced(GT_LLVM_LINK)
  if(GT_LLVM_LINK)
    set(merge sh ${CMAKE_SOURCE_DIR}/cmake/merge-bitcode.sh ${GT_LLVM_LINK} ${CMAKE_C_COMPILER} ${CMAKE_LINKER} all.o)
  else()
    set(GT_PEER_WHY_gmp_fused "llvm-link-${version} is missing")
  endif()
endif()

if(GT_FLAVOUR STREQUAL "release" AND CMAKE_OBJCOPY AND merge)
  file(GLOB fused_sources CONFIGURE_DEPENDS ${root}/runtimes/port/*.c ${root}/runtimes/core/*.c
    ${root}/runtimes/tracers/common/*.c ${root}/runtimes/tracers/${GT_FUSED_TRACER}.c
    ${root}/runtimes/tracers/${GT_FUSED_TRACER}/*.c)
  list(FILTER fused_sources EXCLUDE REGEX "/(core/plugin|core/bench|port/native_signal)\\.c$")
  add_library(gt_fused_objects OBJECT
    ${fused_sources} ${switch_source} ${root}/runtimes/peers/gmp_fused/bound.c)
  target_compile_definitions(gt_fused_objects PRIVATE GT_ORACLE=0 GT_FAULTS=0
    GT_FUSED_SCHEDULER=${GT_FUSED_SCHEDULER} GT_FUSED_TRACER=${GT_FUSED_TRACER} gt_gmp=gt_peer_gmp_fused
    GT_FUSED_SCHEDULER_FILE="schedulers/${GT_FUSED_SCHEDULER}.c")
  target_compile_options(gt_fused_objects PRIVATE $<$<COMPILE_LANGUAGE:C>:-flto>)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU") # the ops that bound.c calls are larger than what -O2 inlines of itself
    set_source_files_properties(${root}/runtimes/peers/gmp_fused/bound.c
      PROPERTIES COMPILE_OPTIONS "--param=max-inline-insns-single=300;--param=max-inline-insns-auto=300")
  endif()
  target_include_directories(gt_fused_objects PRIVATE ${root} ${root}/runtimes/include ${root}/runtimes)
  target_link_libraries(gt_fused_objects PRIVATE gt_flags gt_jemalloc PkgConfig::HWLOC PkgConfig::LIBDW)
  set(dir ${CMAKE_BINARY_DIR}/fused)
  file(MAKE_DIRECTORY ${dir})
  add_custom_command(
    OUTPUT ${dir}/libgt_fused.a ${dir}/all.o
    COMMAND ${merge} $<TARGET_OBJECTS:gt_fused_objects>
    COMMAND ${CMAKE_OBJCOPY} --keep-global-symbol=gt_peer_gmp_fused all.o
    COMMAND ${CMAKE_COMMAND} -E rm -f libgt_fused.a
    COMMAND ${CMAKE_AR} rcs libgt_fused.a all.o
    DEPENDS gt_fused_objects $<TARGET_OBJECTS:gt_fused_objects> ${CMAKE_SOURCE_DIR}/cmake/merge-bitcode.sh
    WORKING_DIRECTORY ${dir}
    COMMAND_EXPAND_LISTS VERBATIM
    COMMENT "a core with ${GT_FUSED_SCHEDULER} and ${GT_FUSED_TRACER} bound into it")
  add_custom_target(gt_fused_archive DEPENDS ${dir}/libgt_fused.a)
  add_library(gt_fused INTERFACE)
  add_dependencies(gt_fused gt_fused_archive)
  target_link_libraries(gt_fused INTERFACE ${dir}/libgt_fused.a) # what it needs, the library that links it has
  set(GT_PEER_TARGET_gmp_fused gt_fused)
endif()
