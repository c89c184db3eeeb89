# SPDX-License-Identifier: Apache-2.0
# Flags of each flavour. A preset names its flavour; a plain `cmake -B dir` gets release.
#
# Every C file sees these macros, always defined, 0 or 1:
#   GT_DEBUG  GT_FAULTS  GT_ASAN  GT_TSAN  GT_NO_JEMALLOC  GT_ORACLE (the last per library).

set(GT_FLAVOUR release CACHE STRING "release, debug, asan, tsan or faults")
set(GT_PRESET ${GT_FLAVOUR} CACHE STRING "name that tests and results record")
option(GT_WERROR "compiler warnings are errors" ON)
set_property(CACHE GT_FLAVOUR PROPERTY STRINGS release debug asan tsan faults)

set(gt_debug 0)
set(gt_faults 0)
set(gt_asan 0)
set(gt_tsan 0)
set(gt_no_jemalloc 0)
set(gt_optimise -O2 -g)
set(gt_sanitize "")
set(gt_timeout_scale 1)

if(GT_FLAVOUR STREQUAL "debug")
  set(gt_debug 1)
  set(gt_optimise -O1 -g)
  set(gt_timeout_scale 2)
elseif(GT_FLAVOUR STREQUAL "asan")
  set(gt_debug 1)
  set(gt_asan 1)
  set(gt_no_jemalloc 1)
  set(gt_optimise -O1 -g)
  set(gt_sanitize -fsanitize=address,undefined -fno-sanitize-recover=undefined)
  set(gt_timeout_scale 3)
elseif(GT_FLAVOUR STREQUAL "tsan")
  set(gt_tsan 1)
  set(gt_no_jemalloc 1)
  set(gt_optimise -O1 -g)
  set(gt_sanitize -fsanitize=thread)
  set(gt_timeout_scale 5)
elseif(GT_FLAVOUR STREQUAL "faults")
  set(gt_faults 1)
elseif(NOT GT_FLAVOUR STREQUAL "release")
  message(FATAL_ERROR "GT_FLAVOUR=${GT_FLAVOUR} is unknown: use release, debug, asan, tsan or faults")
endif()

# The build type's own flags stay out: the flavour is the only source of -O, -g and NDEBUG.
set(CMAKE_BUILD_TYPE "" CACHE STRING "unused: see GT_FLAVOUR" FORCE)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)

add_library(gt_flags INTERFACE)
set(warnings -Wall -Wextra -Wshadow -Wconversion)
if(GT_WERROR)
  list(APPEND warnings -Werror)
endif()
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND gt_tsan)
  list(APPEND warnings -Wno-tsan) # bare fences are not modelled by the sanitizer; the port annotates them
endif()
target_compile_options(gt_flags INTERFACE
  ${gt_optimise} ${gt_sanitize} -fno-omit-frame-pointer
  $<$<COMPILE_LANGUAGE:C,CXX>:${warnings}>
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>)
target_compile_definitions(gt_flags INTERFACE
  GT_DEBUG=${gt_debug} GT_ASAN=${gt_asan} GT_TSAN=${gt_tsan} GT_NO_JEMALLOC=${gt_no_jemalloc}
  $<$<COMPILE_LANGUAGE:C>:_GNU_SOURCE=>)
target_link_options(gt_flags INTERFACE ${gt_sanitize})

