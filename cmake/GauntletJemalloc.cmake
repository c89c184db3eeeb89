# SPDX-License-Identifier: Apache-2.0
# gt_jemalloc: jemalloc's mallocx family and nothing else.
#
# Distribution builds of jemalloc export malloc, free and operator new unprefixed, so linking one takes the
# process's malloc over. A runtime under test should not change what the rest of the process (libc, the test
# harness, a sanitizer) allocates from. So the static archive is linked once into a single relocatable object in
# which every symbol but the mallocx family becomes local. malloc stays the C library's.
# Where only the shared library is there, it is linked as it is, with a warning.
# Sanitizer presets use no jemalloc at all (GT_NO_JEMALLOC=1): the arenas then allocate from the C library, whose
# functions the sanitizer intercepts, so a use after free inside a runtime is seen.

add_library(gt_jemalloc INTERFACE)
if(gt_no_jemalloc)
  return()
endif()

find_path(GT_JEMALLOC_INCLUDE jemalloc/jemalloc.h)
find_library(GT_JEMALLOC_ARCHIVE NAMES libjemalloc_pic.a libjemalloc.a)
find_library(GT_JEMALLOC_SHARED NAMES jemalloc)
if(NOT GT_JEMALLOC_INCLUDE OR NOT (GT_JEMALLOC_ARCHIVE OR GT_JEMALLOC_SHARED))
  message(FATAL_ERROR "jemalloc is missing: run scripts/setup, or install libjemalloc-dev (jemalloc-devel)")
endif()
target_include_directories(gt_jemalloc SYSTEM INTERFACE ${GT_JEMALLOC_INCLUDE})

if(NOT GT_JEMALLOC_ARCHIVE)
  message(WARNING "no static jemalloc: the shared one is linked, and it replaces malloc in every program built here")
  target_link_libraries(gt_jemalloc INTERFACE ${GT_JEMALLOC_SHARED})
  return()
endif()

set(keep mallocx rallocx xallocx sallocx dallocx sdallocx nallocx
         mallctl mallctlnametomib mallctlbymib malloc_stats_print malloc_conf malloc_message)
list(TRANSFORM keep PREPEND --keep-global-symbol=)
set(dir ${CMAKE_BINARY_DIR}/jemalloc)
add_custom_command(
  OUTPUT ${dir}/libgt_jemalloc.a
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${dir}/members ${dir}/libgt_jemalloc.a
  COMMAND ${CMAKE_COMMAND} -E make_directory ${dir}/members
  COMMAND ${CMAKE_COMMAND} -E chdir ${dir}/members ${CMAKE_AR} x ${GT_JEMALLOC_ARCHIVE}
  COMMAND sh -c "rm -f members/jemalloc_cpp*.o && exec \"$0\" -r -o all.o members/*.o" ${CMAKE_LINKER}
  COMMAND ${CMAKE_OBJCOPY} ${keep} all.o
  COMMAND ${CMAKE_AR} rcs libgt_jemalloc.a all.o
  DEPENDS ${GT_JEMALLOC_ARCHIVE}
  WORKING_DIRECTORY ${dir}
  COMMENT "jemalloc with only the mallocx family left global"
  VERBATIM)
file(MAKE_DIRECTORY ${dir})
add_custom_target(gt_jemalloc_archive DEPENDS ${dir}/libgt_jemalloc.a)
add_dependencies(gt_jemalloc gt_jemalloc_archive)
target_link_libraries(gt_jemalloc INTERFACE ${dir}/libgt_jemalloc.a)
