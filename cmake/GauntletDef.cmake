# SPDX-License-Identifier: Apache-2.0
# gt_read_def(OUT def MACRO): the first argument of every `MACRO(name, ...)` line of a .def list.
# The same file is an X-macro list for C. A change of the list re-runs CMake.

function(gt_read_def out def macro)
  set(names "")
  if(EXISTS ${def})
    set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${def})
    file(STRINGS ${def} lines REGEX "^[ \t]*${macro}\\(")
    foreach(line IN LISTS lines)
      if(NOT line MATCHES "^[ \t]*${macro}\\(")
        continue() # the rest of a summary that holds a semicolon
      endif()
      string(REGEX REPLACE "^[ \t]*${macro}\\([ \t]*([A-Za-z0-9_]+).*$" "\\1" name "${line}")
      list(APPEND names ${name})
    endforeach()
  endif()
  set(${out} "${names}" PARENT_SCOPE)
endfunction()

# gt_def_sources(OUT def MACRO folder): for each name, folder/name.c or every .c of folder/name/.
function(gt_def_sources out def macro folder)
  gt_read_def(names ${def} ${macro})
  set(sources "")
  foreach(name IN LISTS names)
    if(IS_DIRECTORY ${folder}/${name})
      file(GLOB files CONFIGURE_DEPENDS ${folder}/${name}/*.c)
    elseif(EXISTS ${folder}/${name}.c)
      set(files ${folder}/${name}.c)
    else()
      cmake_path(RELATIVE_PATH def BASE_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE shown)
      message(FATAL_ERROR "${shown} names ${name}, but neither ${folder}/${name}.c nor a folder of that name is there")
    endif()
    list(APPEND sources ${files})
  endforeach()
  set(${out} "${sources}" PARENT_SCOPE)
endfunction()
