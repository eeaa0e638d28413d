# Every public header compiles alone, without a warning.
#
#   cmake -D ROOT=<project> -D COMPILER=<compiler> -P headers_test.cmake
cmake_minimum_required(VERSION 3.25)

file(GLOB headers RELATIVE ${ROOT}/include ${ROOT}/include/fairway/*.hpp)
list(LENGTH headers count)
if(count EQUAL 0)
  message(FATAL_ERROR "no headers in ${ROOT}/include/fairway")
endif()

set(warnings -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
             -Woverloaded-virtual -Wundef -Werror)
get_filename_component(name ${COMPILER} NAME)
set(source ${CMAKE_CURRENT_BINARY_DIR}/header_alone_${name}.cpp)
foreach(header IN LISTS headers)
  file(WRITE ${source} "#include <${header}>\n#include <${header}>\n")
  execute_process(COMMAND ${COMPILER} -std=c++20 -fsyntax-only ${warnings} -I${ROOT}/include ${source}
                  RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(SEND_ERROR "${header} does not compile alone")
  endif()
endforeach()
message(NOTICE "${count} headers compile alone")
