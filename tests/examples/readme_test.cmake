# The example in README.md is, word for word, a program that is compiled and run.
#
#   cmake -D README=<README.md> -D EXAMPLE=<source file> -P readme_test.cmake
cmake_minimum_required(VERSION 3.25)

file(READ ${README} readme)
file(READ ${EXAMPLE} example)
string(REGEX REPLACE "^///[^\n]*\n" "" example "${example}")
string(FIND "${readme}" "```cpp\n${example}```" found)
if(found EQUAL -1)
  message(FATAL_ERROR "${README} does not show ${EXAMPLE} as it is")
endif()
