# SPDX-License-Identifier: Apache-2.0
# Which peers of runtimes/runtimes.def are built, and why the others are not.
#
# GT_PEER(symbol, ...) is `const struct gt_runtime_ops gt_peer_<symbol>`. It comes from runtimes/peers/symbol.c or .cc,
# or from every .c and .cc of the folder runtimes/peers/symbol/. A comment in the first five lines of the file (in a
# folder: of symbol.c or symbol.cc) says what it needs; without one it is always built:
#   GT_PEER: header=pth.h library=pth package=libpth-dev
#     header=FILE    must be on the include path; may be given several times, like library and program
#     library=NAME   is looked for and linked
#     program=NAME   must be on PATH
#     package=NAME   the Debian package that brings them, for the message
# Or it is no file but a CMake target that somebody made before: GT_PEER_TARGET_<symbol> names the target to link,
# GT_PEER_KINDS_<symbol> the kinds that get it (default: lean oracle), GT_PEER_WHY_<symbol> says why elsewhere not. An
# empty GT_PEER_TARGET_<symbol>: nowhere in this build.
#
# GT_WITHOUT_PEERS, a list of symbols, leaves some out that could be built, of whichever kind.
#
# Sets peer_sources, peer_libraries, peer_targets (symbols of the third kind); writes generated/gt_peers.h, from which
# runtimes/core/plugin.c makes its list.

# The words of the head comment: header, library, program, package in the caller.
function(gt_peer_words file)
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  foreach(word header library program package)
    set(${word} "")
  endforeach()
  file(STRINGS ${file} lines LIMIT_COUNT 5 REGEX "GT_PEER:")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^.*GT_PEER:|\\*/.*$" "" line "${line}")
    string(REGEX MATCHALL "[^ \t]+" words "${line}")
    foreach(word IN LISTS words)
      if(NOT word MATCHES "^(header|library|program|package)=(.+)$")
        message(FATAL_ERROR "${file}: GT_PEER: '${word}' is not known (see cmake/GauntletPeers.cmake)")
      endif()
      list(APPEND ${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
    endforeach()
  endforeach()
  foreach(word header library program package)
    set(${word} "${${word}}" PARENT_SCOPE)
  endforeach()
endfunction()

# Looks for the names in the list `word` with a find_ command: into found_<word>, or, as `shown` and the name, into missing.
macro(gt_peer_look_for word command shown)
  set(found_${word} "")
  foreach(name IN LISTS ${word})
    string(MAKE_C_IDENTIFIER "${name}" id)
    cmake_language(CALL ${command} GT_PEER_${word}_${id} ${name})
    mark_as_advanced(GT_PEER_${word}_${id})
    if(GT_PEER_${word}_${id})
      list(APPEND found_${word} ${GT_PEER_${word}_${id}})
    else()
      list(APPEND missing ${shown}${name})
    endif()
  endforeach()
endmacro()

# missing: what is not there. found_library: what to link.
function(gt_peer_look)
  set(missing "")
  gt_peer_look_for(header find_path "")
  gt_peer_look_for(library find_library lib)
  gt_peer_look_for(program find_program "")
  set(missing "${missing}" PARENT_SCOPE)
  set(found_library "${found_library}" PARENT_SCOPE)
endfunction()

set(GT_WITHOUT_PEERS "" CACHE STRING "peers to leave out, by their symbols in runtimes.def")

# In peer_header: that a peer is not built.
macro(gt_peer_absent symbol why)
  message(STATUS "Peer ${symbol}: not built: ${why}")
  string(APPEND peer_header
    "#define GT_PEER_HEAD_${symbol} NULL\n#define GT_PEER_WHY_${symbol} \"not built: ${why}\"\n")
endmacro()

set(peer_sources "")
set(peer_libraries "")
set(peer_targets "")
set(peer_header "/* Written by cmake/GauntletPeers.cmake: which peers are built, and why the others are not. */\n#pragma once\n")
gt_read_def(peers ${CMAKE_SOURCE_DIR}/runtimes/runtimes.def GT_PEER)
foreach(symbol IN LISTS peers)
  set(built "&gt_peer_${symbol}.head")
  set(dir ${CMAKE_SOURCE_DIR}/runtimes/peers)
  if(symbol IN_LIST GT_WITHOUT_PEERS)
    gt_peer_absent(${symbol} "GT_WITHOUT_PEERS names it")
    continue()
  endif()
  if(DEFINED GT_PEER_TARGET_${symbol})
    list(APPEND peer_targets ${symbol})
    set(why "${GT_PEER_WHY_${symbol}}")
    if(NOT why)
      set(why "not in this build")
    endif()
    string(APPEND peer_header "#ifdef GT_PEER_HAS_${symbol}\n#define GT_PEER_HEAD_${symbol} ${built}\n"
      "#define GT_PEER_WHY_${symbol} NULL\n#else\n#define GT_PEER_HEAD_${symbol} NULL\n"
      "#define GT_PEER_WHY_${symbol} \"not built: ${why}\"\n#endif\n")
    continue()
  endif()
  if(IS_DIRECTORY ${dir}/${symbol} AND NOT EXISTS ${dir}/${symbol}.c AND NOT EXISTS ${dir}/${symbol}.cc)
    file(GLOB files CONFIGURE_DEPENDS ${dir}/${symbol}/*.c ${dir}/${symbol}/*.cc)
    file(GLOB first ${dir}/${symbol}/${symbol}.c ${dir}/${symbol}/${symbol}.cc)
  else()
    file(GLOB files CONFIGURE_DEPENDS ${dir}/${symbol}.c ${dir}/${symbol}.cc)
    set(first ${files})
  endif()
  if(NOT first)
    message(FATAL_ERROR "runtimes/runtimes.def names the peer ${symbol}, but runtimes/peers/${symbol}.c is not there "
      "(nor .cc, a folder of that name, or a target: see cmake/GauntletPeers.cmake)")
  endif()
  list(GET first 0 first)
  gt_peer_words(${first})
  gt_peer_look()
  if(missing AND package)
    string(REPLACE ";" ", " package "${package}")
    gt_peer_absent(${symbol} "${package} is missing: scripts/setup installs it, then build again")
  elseif(missing)
    list(GET missing 0 what)
    gt_peer_absent(${symbol} "${what} is not found")
  else()
    list(APPEND peer_sources ${files})
    list(APPEND peer_libraries ${found_library})
    string(APPEND peer_header "#define GT_PEER_HEAD_${symbol} ${built}\n#define GT_PEER_WHY_${symbol} NULL\n")
  endif()
endforeach()
set(GT_GENERATED ${CMAKE_BINARY_DIR}/generated)
file(CONFIGURE OUTPUT ${GT_GENERATED}/gt_peers.h CONTENT "${peer_header}" @ONLY)

# gt_link_peers(library kind): those that are targets; the others are among its sources.
function(gt_link_peers library kind)
  foreach(symbol IN LISTS peer_targets)
    set(kinds lean oracle)
    if(DEFINED GT_PEER_KINDS_${symbol})
      set(kinds ${GT_PEER_KINDS_${symbol}})
    endif()
    if(GT_PEER_TARGET_${symbol} AND kind IN_LIST kinds)
      target_compile_definitions(${library} PRIVATE GT_PEER_HAS_${symbol}=1)
      target_link_libraries(${library} PUBLIC ${GT_PEER_TARGET_${symbol}})
    endif()
  endforeach()
endfunction()
