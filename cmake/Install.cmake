# What users get: the library with its exported names, the programs, the package files.
get_target_property(fairway_type fairway TYPE)
if(fairway_type STREQUAL "SHARED_LIBRARY")
  target_link_options(fairway PRIVATE LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map LINKER:-Bsymbolic-functions)
  set_target_properties(fairway PROPERTIES LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/exports.map)
endif()

if(NOT FAIRWAY_INSTALL)
  return()
endif()

include(CMakePackageConfigHelpers)

install(TARGETS fairway EXPORT fairway-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS fairwayd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET fairway_inspector)
  install(TARGETS fairway_inspector RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${FAIRWAY_PAGES}/fairway.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${FAIRWAY_PAGES}/fairwayd.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
  install(FILES ${FAIRWAY_PAGES}/fairway.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME fairway)
  install(FILES ${FAIRWAY_PAGES}/_fairway DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
  install(FILES ${FAIRWAY_PAGES}/fairway.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
install(DIRECTORY include/fairway DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT fairway-targets NAMESPACE fairway:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fairway)
configure_package_config_file(cmake/fairway-config.cmake.in ${PROJECT_BINARY_DIR}/fairway-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fairway)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fairway-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/fairway-config.cmake ${PROJECT_BINARY_DIR}/fairway-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fairway)

# Relative to itself: `cmake --install --prefix` may put it anywhere.
file(RELATIVE_PATH fairway_pc_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/fairway.pc.in ${PROJECT_BINARY_DIR}/fairway.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/fairway.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
