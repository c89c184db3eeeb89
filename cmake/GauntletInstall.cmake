# SPDX-License-Identifier: Apache-2.0
# `cmake --install build/release --prefix DIR`: the two programs, those of the stress tests, the SDK headers, its pkg-config file, the skeletons,
# the Python package of the verbs on results.

install(DIRECTORY runtimes/include/gauntlet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/gauntlet-sdk
        FILES_MATCHING PATTERN "*.h" PATTERN "*.def")
install(DIRECTORY runtimes/port DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/gauntlet-sdk
        FILES_MATCHING PATTERN "*.h")
install(DIRECTORY runtimes/skeleton DESTINATION ${CMAKE_INSTALL_DATADIR}/gauntlet OPTIONAL)

# lib/pkgconfig, not lib/<triplet>/pkgconfig: prefix is found from the file's own place, two folders up.
configure_file(cmake/gauntlet-sdk.pc.in gauntlet-sdk.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/gauntlet-sdk.pc DESTINATION lib/pkgconfig)

if(TARGET gauntlet)
  install(TARGETS gauntlet gauntlet-oracle RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(stress_programs) # a folder of their own: prove takes a folder
  install(TARGETS ${stress_programs} RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/gauntlet/stress)
endif()

install(DIRECTORY results/gauntlet_results DESTINATION ${CMAKE_INSTALL_DATADIR}/gauntlet
        PATTERN __pycache__ EXCLUDE)
# The page of `gauntlet report`, with uPlot if scripts/setup has fetched it (asked at the time of the install).
install(DIRECTORY results/page DESTINATION ${CMAKE_INSTALL_DATADIR}/gauntlet
        PATTERN node_modules EXCLUDE PATTERN package*.json EXCLUDE)
install(DIRECTORY results/page/node_modules/uplot/dist/ DESTINATION ${CMAKE_INSTALL_DATADIR}/gauntlet/page/uplot OPTIONAL
        FILES_MATCHING PATTERN uPlot.iife.min.js PATTERN uPlot.min.css)
install(FILES results/page/node_modules/uplot/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/gauntlet/page/uplot OPTIONAL)
install(FILES results/schema.json DESTINATION ${CMAKE_INSTALL_DATADIR}/gauntlet OPTIONAL)
