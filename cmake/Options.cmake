option(BUILD_SHARED_LIBS "Build the library shared" ON)
option(FAIRWAY_TESTS "Build the tests, examples and benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(FAIRWAY_TOOLS "Build the inspector (the broker is always built)" ${PROJECT_IS_TOP_LEVEL})
option(FAIRWAY_INSTALL "Install the library and its programs" ${PROJECT_IS_TOP_LEVEL})
option(FAIRWAY_WERROR "Treat warnings as errors" OFF)
option(FAIRWAY_FUZZ "Build the fuzz targets with libFuzzer (Clang)" OFF)
set(FAIRWAY_SANITIZE "" CACHE STRING "Sanitizers for everything that is built here, such as address,undefined")

include(CMakeDependentOption)
# Other compilers' objects cannot be linked both ways; an archive would bind who links it to this very compiler.
cmake_dependent_option(FAIRWAY_LTO "Optimize the shared library across its layers" ON
                       "CMAKE_CXX_COMPILER_ID STREQUAL GNU;BUILD_SHARED_LIBS;NOT FAIRWAY_SANITIZE" OFF)

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

# Programs and libraries lie as they are installed: the library finds the broker in ../bin.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

find_program(FAIRWAY_CCACHE ccache)
if(PROJECT_IS_TOP_LEVEL AND FAIRWAY_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${FAIRWAY_CCACHE})
endif()

# Private to what is built here; never a requirement of who links it.
add_library(fairway_options INTERFACE)
target_compile_options(fairway_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                       $<$<BOOL:${FAIRWAY_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(fairway_options INTERFACE -Wno-restrict)  # GCC bug 105651: "literal" + std::string
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(fairway_options INTERFACE $<$<CONFIG:RelWithDebInfo,Debug>:-gdwarf-4>)  # what valgrind 3.19 can read
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND FAIRWAY_SANITIZE MATCHES "thread")
  target_compile_options(fairway_options INTERFACE -Wno-tsan)  # it does not see fences: a test of threads needs acquire and release
endif()
if(FAIRWAY_SANITIZE)
  target_compile_options(fairway_options INTERFACE -fsanitize=${FAIRWAY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(fairway_options INTERFACE -fsanitize=${FAIRWAY_SANITIZE})
endif()
if(FAIRWAY_SANITIZE MATCHES "undefined")
  target_compile_options(fairway_options INTERFACE -fno-sanitize=vptr)  # it looks at memory through a pipe: tests use up all descriptors
endif()
