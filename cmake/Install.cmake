# What users get: the library with its exported names, the programs, the package files. Three components, each a Debian
# package (Packages.cmake): `library`, `dev`, and `tools`, where manual pages and completions of the programs belong too.
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
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT dev
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(TARGETS fairwayd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
if(TARGET fairway_inspector)
  install(TARGETS fairway_inspector RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
  install(FILES ${FAIRWAY_PAGES}/fairway.1${FAIRWAY_PAGES_SUFFIX} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT tools)
  install(FILES ${FAIRWAY_PAGES}/fairwayd.8${FAIRWAY_PAGES_SUFFIX} DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT tools)
  install(FILES ${FAIRWAY_PAGES}/fairway.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME fairway
          COMPONENT tools)
  install(FILES ${FAIRWAY_PAGES}/_fairway DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT tools)
  install(FILES ${FAIRWAY_PAGES}/fairway.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT tools)
endif()
install(DIRECTORY include/fairway DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT licence)  # Debian's packages say it in their own way

set(FAIRWAY_SYSTEMD_USER_DIR lib/systemd/user CACHE STRING "Where the units for users go; empty: nowhere")
if(FAIRWAY_SYSTEMD_USER_DIR)
  # When it is installed, as the prefix may be another one then.
  install(CODE "set(FAIRWAY_BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
                configure_file(\"${PROJECT_SOURCE_DIR}/cmake/packaging/systemd/fairwayd.service.in\"
                               \"${PROJECT_BINARY_DIR}/fairwayd.service\" @ONLY)" COMPONENT tools)
  install(FILES cmake/packaging/systemd/fairwayd.socket ${PROJECT_BINARY_DIR}/fairwayd.service
          DESTINATION ${FAIRWAY_SYSTEMD_USER_DIR} COMPONENT tools)
endif()

set(fairway_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fairway)
install(EXPORT fairway-targets NAMESPACE fairway:: DESTINATION ${fairway_cmake_dir} COMPONENT dev)
configure_package_config_file(cmake/fairway-config.cmake.in ${PROJECT_BINARY_DIR}/fairway-config.cmake
                              INSTALL_DESTINATION ${fairway_cmake_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fairway-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/fairway-config.cmake ${PROJECT_BINARY_DIR}/fairway-config-version.cmake
        DESTINATION ${fairway_cmake_dir} COMPONENT dev)

# Relative to itself: `cmake --install --prefix` may put it anywhere.
file(RELATIVE_PATH fairway_pc_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/fairway.pc.in ${PROJECT_BINARY_DIR}/fairway.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/fairway.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

if(PROJECT_IS_TOP_LEVEL)
  include(cmake/Packages.cmake)
endif()
