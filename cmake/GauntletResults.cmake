# SPDX-License-Identifier: Apache-2.0
# gt_results: plans, the cells of a run as child processes, what is kept of them. Knows nothing of the runtimes.
# share/gauntlet: the Python package that the verbs collect, compare, gate, noise, report and export become.

pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.12)
pkg_check_modules(INIH REQUIRED IMPORTED_TARGET inih>=53)

set(gt_results_dir ${CMAKE_BINARY_DIR}/results)
file(MAKE_DIRECTORY ${gt_results_dir})

# plans/default.ini as a string.
set(default_plan ${CMAKE_SOURCE_DIR}/plans/default.ini)
set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${default_plan})
file(READ ${default_plan} text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
file(CONFIGURE OUTPUT ${gt_results_dir}/default_plan.c @ONLY CONTENT
"/* From plans/default.ini. */
#include \"results/plan.h\"
const char gt_plan_default[] =
    \"@text@\";
")

add_custom_target(gt_revision_header
  COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_SOURCE_DIR} -DOUT=${gt_results_dir}/gt_revision.h
          -P ${CMAKE_SOURCE_DIR}/cmake/GauntletRevision.cmake
  BYPRODUCTS ${gt_results_dir}/gt_revision.h
  COMMENT "" VERBATIM)

set(jemalloc_version none)
if(NOT gt_no_jemalloc)
  file(STRINGS ${GT_JEMALLOC_INCLUDE}/jemalloc/jemalloc.h line REGEX "define JEMALLOC_VERSION \"" LIMIT_COUNT 1)
  if(line MATCHES "\"([0-9.]+)")
    set(jemalloc_version ${CMAKE_MATCH_1})
  endif()
endif()
list(JOIN gt_optimise " " flags)
list(JOIN gt_sanitize " " sanitize)
string(STRIP "${flags} -fno-omit-frame-pointer ${sanitize} ${CMAKE_C_FLAGS}" flags)

file(GLOB results_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/results/*.c)
add_library(gt_results STATIC ${results_sources} ${gt_results_dir}/default_plan.c)
add_dependencies(gt_results gt_revision_header)
target_include_directories(gt_results PUBLIC ${CMAKE_SOURCE_DIR} PRIVATE ${gt_results_dir})
set_source_files_properties(${CMAKE_SOURCE_DIR}/results/revision.c PROPERTIES COMPILE_DEFINITIONS
  "GT_PRESET=\"${GT_PRESET}\";GT_COMPILER=\"${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}\";GT_FLAGS=\"${flags}\";GT_HWLOC_VERSION=\"${HWLOC_VERSION}\";GT_LIBDW_VERSION=\"${LIBDW_VERSION}\";GT_JEMALLOC_VERSION=\"${jemalloc_version}\";GT_INIH_VERSION=\"${INIH_VERSION}\"")
target_link_libraries(gt_results PRIVATE gt_flags PkgConfig::INIH PkgConfig::HWLOC PUBLIC PkgConfig::JANSSON)

# Links, so that the build tree has what the source tree has. Installed: copies (GauntletInstall).
set(gt_share ${CMAKE_BINARY_DIR}/share/gauntlet)
file(MAKE_DIRECTORY ${gt_share})
foreach(name gauntlet_results schema.json page)
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/results/${name} ${gt_share}/${name} SYMBOLIC)
endforeach()
