# How our own targets are compiled. Generated code and system headers are exempt from the warnings.

add_compile_options(-fno-omit-frame-pointer)
if(LOCKSTEP_SANITIZE)
  add_compile_options(-fsanitize=${LOCKSTEP_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LOCKSTEP_SANITIZE})
endif()
if(LOCKSTEP_SANITIZE MATCHES "thread")
  add_compile_definitions(LOCKSTEP_TSAN=1)
  add_compile_options(-Wno-tsan)  # std::atomic_thread_fence in Abseil's headers
endif()

set(LOCKSTEP_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
    -Wcast-qual -Wextra-semi -Wimplicit-fallthrough -Wsuggest-override)
if(LOCKSTEP_WERROR)
  list(APPEND LOCKSTEP_WARNINGS -Werror)
endif()

# lockstep_library(NAME SOURCES … LINKS … [PCH]): one layer. PCH: it sees gRPC and generated code, and shares their
# precompiled header.
function(lockstep_library name)
  cmake_parse_arguments(arg "PCH" "" "SOURCES;LINKS" ${ARGN})
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    target_include_directories(${name} PUBLIC "${PROJECT_SOURCE_DIR}/src")
    target_compile_options(${name} PRIVATE ${LOCKSTEP_WARNINGS})
    target_link_libraries(${name} PUBLIC ${arg_LINKS})
    if(arg_PCH)
      target_precompile_headers(${name} REUSE_FROM lockstep_pch)
    endif()
  else()  # headers alone
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(${name} INTERFACE ${arg_LINKS})
  endif()
endfunction()

# lockstep_program(NAME SOURCES … LINKS … [PCH] [NO_INSTALL])
function(lockstep_program name)
  cmake_parse_arguments(arg "PCH;NO_INSTALL" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/src")
  target_compile_options(${name} PRIVATE ${LOCKSTEP_WARNINGS})
  target_link_libraries(${name} PRIVATE ${arg_LINKS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  if(arg_PCH)
    target_precompile_headers(${name} REUSE_FROM lockstep_pch)
  endif()
  if(NOT arg_NO_INSTALL)
    install(TARGETS ${name} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  endif()
endfunction()

# Which tests a build has. unit: those without the label e2e; threads: of these, the ones of the parts with threads of
# their own, which is what ThreadSanitizer is for; e2e: those that start the programs and look at the time. A test of
# another tier can still be built by its name, but is not part of `all`, and ctest does not know it.
set(LOCKSTEP_TIERS "unit;e2e" CACHE STRING "Which tests to build and register: unit, threads, e2e")
set(LOCKSTEP_THREADED_PARTS rpc store fault message control services order)

function(lockstep_test_in_tier result)  # ARGN: the labels
  get_filename_component(part "${CMAKE_CURRENT_SOURCE_DIR}" NAME)
  set(tiers unit)
  if(part IN_LIST LOCKSTEP_THREADED_PARTS)
    list(APPEND tiers threads)
  endif()
  if("e2e" IN_LIST ARGN)
    set(tiers e2e)
  endif()
  set(${result} FALSE PARENT_SCOPE)
  foreach(tier IN LISTS tiers)
    if(tier IN_LIST LOCKSTEP_TIERS)
      set(${result} TRUE PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

# What every test has: its directory as a label, where the programs and the sources are, and a way to be skipped, which
# is to print "SKIPPED: why".
function(lockstep_test_properties result)  # ARGN: the labels
  get_filename_component(part "${CMAKE_CURRENT_SOURCE_DIR}" NAME)
  set(labels ${part} ${ARGN})
  list(REMOVE_DUPLICATES labels)
  if("full" IN_LIST labels)
    set(timeout 1800)
  elseif("e2e" IN_LIST labels)
    set(timeout 600)
  else()
    set(timeout 300)
  endif()
  set(environment "LOCKSTEP_BIN_DIR=${PROJECT_BINARY_DIR}/bin" "LOCKSTEP_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
  if(LOCKSTEP_SANITIZE MATCHES "thread")
    # Debian's gRPC and Abseil are not instrumented: without this, hundreds of false reports.
    list(APPEND environment
         "TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=1:suppressions=${PROJECT_SOURCE_DIR}/cmake/tsan.supp")
  endif()
  set(${result} "LABELS \"${labels}\" TIMEOUT ${timeout} ENVIRONMENT \"${environment}\" SKIP_REGULAR_EXPRESSION \"SKIPPED:\""
      PARENT_SCOPE)
endfunction()

# lockstep_test(NAME SOURCES … LINKS … [PCH] [LABELS …]): a Catch2 program, one ctest entry a test case.
# Labels with a meaning: e2e (starts the programs; runs in the release build), full (long; only with --full).
function(lockstep_test name)
  cmake_parse_arguments(arg "PCH" "" "SOURCES;LINKS;LABELS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}")
  target_compile_options(${name} PRIVATE ${LOCKSTEP_WARNINGS})
  target_link_libraries(${name} PRIVATE ${arg_LINKS} lockstep_test_main)
  if(arg_PCH)
    target_precompile_headers(${name} REUSE_FROM lockstep_pch)
  endif()
  lockstep_test_in_tier(in_tier ${arg_LABELS})
  if(NOT in_tier)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL TRUE)
    return()
  endif()
  # Catch2 2 passes over a name that it cannot find; Catch2 3 fails by itself, and no longer knows the flag.
  set(no_such_test "")
  if(Catch2_VERSION VERSION_LESS 3)
    set(no_such_test EXTRA_ARGS -w NoTests)
  endif()
  catch_discover_tests(${name} TEST_PREFIX "${name}: " TEST_LIST ${name}_cases ${no_such_test})
  # Properties that are lists do not survive catch_discover_tests: they are set by a file that ctest reads after its own.
  lockstep_test_properties(properties ${arg_LABELS})
  set(properties_file "${CMAKE_CURRENT_BINARY_DIR}/${name}_properties.cmake")
  file(WRITE "${properties_file}"
       "if(${name}_cases)\n  set_tests_properties(\${${name}_cases} PROPERTIES ${properties})\nendif()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${properties_file}")
endfunction()

# lockstep_script_test(NAME COMMAND … [LABELS …]): any other program as one test; status 0 is a pass. It finds the
# programs in $LOCKSTEP_BIN_DIR and the repository in $LOCKSTEP_SOURCE_DIR.
function(lockstep_script_test name)
  cmake_parse_arguments(arg "" "" "COMMAND;LABELS" ${ARGN})
  lockstep_test_in_tier(in_tier ${arg_LABELS})
  if(NOT in_tier)
    return()
  endif()
  add_test(NAME ${name} COMMAND ${arg_COMMAND} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  lockstep_test_properties(properties ${arg_LABELS})
  cmake_language(EVAL CODE "set_tests_properties([==[${name}]==] PROPERTIES ${properties})")
endfunction()
