# Debian packages, made by `cpack` in the build folder: libfairway0, libfairway-dev, fairway-tools. What they depend on,
# dpkg-shlibdeps says. They install below /usr, whatever CMAKE_INSTALL_PREFIX is.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME fairway)
set(FAIRWAY_MAINTAINER "The Fairway maintainers <fairway@localhost>" CACHE STRING "Who is named in packages made here")
set(CPACK_PACKAGE_CONTACT ${FAIRWAY_MAINTAINER})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "message channels between processes")
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)

set(CPACK_COMPONENTS_ALL library dev tools)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/lib)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(fairway_version "${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}")
set(fairway_about "Two programs hold the two ends of a channel and talk through shared memory.
Ports can be sent on in messages, and the death of one side is an event at
the other.")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libfairway0)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_RECOMMENDS "fairway-tools (>= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/cmake/packaging/debian/triggers)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "${fairway_about} This is the library.")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libfairway-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libfairway0 (= ${fairway_version}), libboost1.81-dev")
set(CPACK_DEBIAN_DEV_PACKAGE_RECOMMENDS "fairway-tools (>= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_DEV_DESCRIPTION "${fairway_about} These are the headers.")

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME fairway-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION utils)
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "${fairway_about} These are the broker and the inspector.")

# Every Debian package says under which terms it comes, and what has changed.
find_program(FAIRWAY_GZIP gzip)
if(FAIRWAY_GZIP)
  string(TIMESTAMP fairway_date "%a, %d %b %Y %H:%M:%S +0000" UTC)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/packaging/debian/changelog.in ${PROJECT_BINARY_DIR}/debian/changelog @ONLY)
  execute_process(COMMAND ${FAIRWAY_GZIP} -9nf ${PROJECT_BINARY_DIR}/debian/changelog)
  foreach(component IN LISTS CPACK_COMPONENTS_ALL)
    string(TOUPPER ${component} name)
    set(directory share/doc/${CPACK_DEBIAN_${name}_PACKAGE_NAME})
    install(FILES ${PROJECT_BINARY_DIR}/debian/changelog.gz DESTINATION ${directory} RENAME changelog.Debian.gz
            COMPONENT ${component} EXCLUDE_FROM_ALL)
    install(FILES ${CMAKE_CURRENT_LIST_DIR}/packaging/debian/copyright DESTINATION ${directory} COMPONENT ${component} EXCLUDE_FROM_ALL)
  endforeach()
endif()

include(CPack)
