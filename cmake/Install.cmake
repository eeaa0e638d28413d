include(CMakePackageConfigHelpers)

install(TARGETS fairway EXPORT fairway-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS fairwayd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(FAIRWAY_TOOLS)
  install(TARGETS fairway_inspector RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY include/fairway DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

install(EXPORT fairway-targets NAMESPACE fairway:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fairway)
configure_package_config_file(cmake/fairway-config.cmake.in ${PROJECT_BINARY_DIR}/fairway-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fairway)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fairway-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/fairway-config.cmake ${PROJECT_BINARY_DIR}/fairway-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fairway)

configure_file(cmake/fairway.pc.in ${PROJECT_BINARY_DIR}/fairway.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/fairway.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
