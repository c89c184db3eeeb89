# SPDX-License-Identifier: Apache-2.0
# Tracers that are shared objects of their own, opened when they are asked for by name: GT_TRACER_PLUGIN(name, summary) in
# runtimes/runtimes.def. runtimes/tracers/<name>/plugin.cmake makes build/<preset>/plugins/<name>.so, or sets
# gt_plugin_why to what keeps it from that. Targets that belong to it go into gt_plugin_targets.
# Writes generated/gt_tracer_plugins.h, from which runtimes/core/plugin.c makes its list.

set(plugin_header "/* Written by cmake/GauntletTracerPlugins.cmake: what keeps a plugin from being built. */\n#pragma once\n")
set(gt_plugin_targets "")
gt_read_def(tracer_plugins ${CMAKE_SOURCE_DIR}/runtimes/runtimes.def GT_TRACER_PLUGIN)
foreach(name IN LISTS tracer_plugins)
  set(gt_plugin_why "")
  include(${CMAKE_SOURCE_DIR}/runtimes/tracers/${name}/plugin.cmake)
  if(gt_plugin_why)
    message(STATUS "Tracer ${name}: not built: ${gt_plugin_why}")
    string(APPEND plugin_header "#define GT_TRACER_PLUGIN_WHY_${name} \"not built: ${gt_plugin_why}\"\n")
  else()
    string(APPEND plugin_header "#define GT_TRACER_PLUGIN_WHY_${name} NULL\n")
  endif()
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/gt_tracer_plugins.h CONTENT "${plugin_header}" @ONLY)
