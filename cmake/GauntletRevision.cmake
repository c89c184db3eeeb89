# SPDX-License-Identifier: Apache-2.0
# Run at each build: cmake -DROOT=dir -DOUT=file -P: writes the revision that is being built, when it changed.
# An out-of-tree copy without git says "unknown".

set(commit unknown)
set(dirty "")
find_program(GIT git)
if(GIT AND EXISTS ${ROOT}/.git)
  set(git ${GIT} -c safe.directory=* -C ${ROOT})
  execute_process(COMMAND ${git} rev-parse --short=12 HEAD
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed)
    set(commit unknown)
  endif()
  execute_process(COMMAND ${git} diff HEAD --binary OUTPUT_VARIABLE diff ERROR_QUIET)
  execute_process(COMMAND ${git} ls-files --others --exclude-standard OUTPUT_VARIABLE new ERROR_QUIET)
  if(NOT "${diff}${new}" STREQUAL "")
    string(SHA256 dirty "${diff}${new}")
    string(SUBSTRING ${dirty} 0 16 dirty)
  endif()
endif()
set(text "#define GT_REVISION_COMMIT \"${commit}\"\n#define GT_REVISION_DIRTY \"${dirty}\"\n")
set(old "")
if(EXISTS ${OUT})
  file(READ ${OUT} old)
endif()
if(NOT "${old}" STREQUAL "${text}")
  file(WRITE ${OUT} "${text}")
endif()
