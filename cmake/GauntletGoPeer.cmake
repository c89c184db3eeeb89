# SPDX-License-Identifier: Apache-2.0
# The Go program behind the peer `go`: build/<preset>/peers/go-peer, from the standard library alone, so no network is needed.
# Where there is no Go, or an older one than 1.19, it is not built, and the peer says so.

find_program(GT_GO go)
set(go_version 0)
if(GT_GO)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env GOTOOLCHAIN=local ${GT_GO} version
                  OUTPUT_VARIABLE said OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(said MATCHES "go([0-9]+\\.[0-9]+)")
    set(go_version ${CMAKE_MATCH_1})
  endif()
endif()

if(go_version VERSION_LESS 1.19)
  message(STATUS "Peer go: its program is not built: no Go 1.19 or later on PATH")
  return()
endif()

set(go_folder ${CMAKE_SOURCE_DIR}/runtimes/peers/go)
set(go_program ${CMAKE_BINARY_DIR}/peers/go-peer)
file(GLOB go_sources CONFIGURE_DEPENDS ${go_folder}/*.go)
add_custom_command(
  OUTPUT ${go_program}
  COMMAND ${CMAKE_COMMAND} -E env GOTOOLCHAIN=local GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
          ${GT_GO} build -trimpath -buildvcs=false -o ${go_program} .
  DEPENDS ${go_sources} ${go_folder}/go.mod ${GT_GO}
  WORKING_DIRECTORY ${go_folder}
  VERBATIM
  COMMENT "the Go program of the peer go")
add_custom_target(go_peer ALL DEPENDS ${go_program})
foreach(program gauntlet gauntlet-oracle)
  if(TARGET ${program})
    add_dependencies(${program} go_peer)
  endif()
endforeach()
install(PROGRAMS ${go_program} DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/gauntlet/peers)
