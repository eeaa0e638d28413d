# The layers of src/, one target each; a layer links what stands to its left. tests/layers_test.cmake reads the
# includes and fails when a layer looks to its right.
set(FAIRWAY_LAYERS base value shm wire route sys broker client api)

set(FAIRWAY_LEFT_OF_base)
set(FAIRWAY_LEFT_OF_value base)
set(FAIRWAY_LEFT_OF_shm base value)
set(FAIRWAY_LEFT_OF_wire base value shm)
set(FAIRWAY_LEFT_OF_route base value shm wire)
set(FAIRWAY_LEFT_OF_sys base)
set(FAIRWAY_LEFT_OF_broker base value shm wire route sys)
set(FAIRWAY_LEFT_OF_client base value shm wire route sys)
set(FAIRWAY_LEFT_OF_api base value shm wire route sys broker client)

set(FAIRWAY_SOURCES_base error.cpp log.cpp types.cpp)
set(FAIRWAY_SOURCES_value archive.cpp big_integer.cpp equality.cpp heap.cpp inspect.cpp inspect_leaf.cpp node.cpp slot.cpp table.cpp text.cpp
    value.cpp value_buffers.cpp value_collections.cpp value_objects.cpp value_properties.cpp)
set(FAIRWAY_SOURCES_shm byte_ring.cpp ring_tap.cpp tables.cpp)
set(FAIRWAY_SOURCES_wire buffer_block.cpp codec.cpp value_input.cpp value_reader.cpp value_writer.cpp versions.cpp)
set(FAIRWAY_SOURCES_route registry.cpp registry_links.cpp registry_streams.cpp registry_ports.cpp
    registry_transfer.cpp registry_tokens.cpp registry_collect.cpp registry_ends.cpp registry_rejoin.cpp registry_boxes.cpp
    claims.cpp token_table.cpp)
set(FAIRWAY_SOURCES_sys fd.cpp memory.cpp poller.cpp process.cpp runtime_dir.cpp socket.cpp)
set(FAIRWAY_SOURCES_broker names.cpp server.cpp server_actions.cpp tables.cpp)
set(FAIRWAY_SOURCES_client broker_link.cpp buffer_memory.cpp context.cpp context_broker.cpp context_finding.cpp context_loop.cpp context_waiting.cpp endpoint.cpp
                           endpoint_reading.cpp endpoint_moving.cpp endpoint_life.cpp endpoint_rejoining.cpp
                           context_moving.cpp context_boxes.cpp endpoint_lending.cpp context_rejoining.cpp held_stream.cpp incoming.cpp lease_pool.cpp lease_queue.cpp lending.cpp link.cpp outgoing.cpp)
set(FAIRWAY_SOURCES_api archived_transfer.cpp array_buffer.cpp broker.cpp context.cpp message_event.cpp message_port.cpp
    shared_array_buffer.cpp shared_buffer.cpp transfer.cpp)

# Defines fairway_<layer><suffix> with the definitions given behind the suffix, and sets FAIRWAY_OBJECTS.
function(fairway_layers suffix)
  set(objects)
  foreach(layer IN LISTS FAIRWAY_LAYERS)
    set(target fairway_${layer}${suffix})
    list(TRANSFORM FAIRWAY_SOURCES_${layer} PREPEND ${PROJECT_SOURCE_DIR}/src/${layer}/ OUTPUT_VARIABLE sources)
    add_library(${target} OBJECT ${sources})
    target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_compile_definitions(${target} PUBLIC ${ARGN} PRIVATE FAIRWAY_VERSION="${PROJECT_VERSION}"
                               FAIRWAY_INSTALLED_BROKER="${CMAKE_INSTALL_FULL_BINDIR}/fairwayd")
    target_link_libraries(${target} PRIVATE fairway_options PUBLIC Boost::headers)
    foreach(left IN LISTS FAIRWAY_LEFT_OF_${layer})
      target_link_libraries(${target} PUBLIC fairway_${left}${suffix})
    endforeach()
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    # The library's own calls stay inside it: Install.cmake binds them at link time.
    target_compile_options(${target} PRIVATE -fno-semantic-interposition $<$<CONFIG:RelWithDebInfo>:-O3>)
    if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
      target_compile_options(${target} PRIVATE -mprfchw)  # or what is fetched to be written comes as a copy; older CPUs skip it
    endif()
    if(FAIRWAY_LTO AND suffix STREQUAL "")
      target_compile_options(${target} PRIVATE -flto=auto -ffat-lto-objects)  # fat: tests of the layers link quickly
    endif()
    list(APPEND objects $<TARGET_OBJECTS:${target}>)
  endforeach()
  set(FAIRWAY_OBJECTS ${objects} PARENT_SCOPE)
endfunction()
