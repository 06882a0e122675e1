# What `cmake --install` and `cpack` give: in the component dev the libraries, the headers, find_package(heed) and
# pkg-config's heed.pc; in program the program with its manual and completions.
include(CMakePackageConfigHelpers)
set(documents ${CMAKE_INSTALL_DATADIR}/doc)

install(TARGETS heed EXPORT heed COMPONENT dev)
heed_public_headers(public_headers heed.h autograd/check/gradcheck_catch.h)
list(POP_FRONT public_headers)
install(FILES heed.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
foreach(header ${public_headers})
  cmake_path(GET header PARENT_PATH folder)
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/heed/${folder} COMPONENT dev)
endforeach()

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/heed)
install(EXPORT heed NAMESPACE heed:: FILE heedTargets.cmake DESTINATION ${package_folder} COMPONENT dev)
configure_package_config_file(cmake/heedConfig.cmake.in heedConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(heedConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/heedConfig.cmake ${PROJECT_BINARY_DIR}/heedConfigVersion.cmake
  DESTINATION ${package_folder} COMPONENT dev)

if(BUILD_SHARED_LIBS)
  set(pc_libs "-lheed -lfmt")
  set(pc_requires "")
else()
  set(pc_libs "-lheed_train -lheed_models -lheed_nn -lheed_autograd -lheed_tensor -lfmt -pthread")
  set(pc_requires "libhwy libutf8proc")
  if(HEED_MPI)
    list(JOIN MPI_CXX_LIBRARIES " " mpi)
    string(APPEND pc_libs " ${mpi} ${MPI_CXX_LINK_FLAGS}")
  endif()
endif()
file(RELATIVE_PATH pc_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)  # wherever it is moved to
string(REGEX REPLACE "/$" "" pc_prefix ${pc_prefix})
configure_file(cmake/heed.pc.in heed.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/heed.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
install(FILES LICENSE DESTINATION ${documents}/libheed-dev RENAME copyright COMPONENT dev)

if(HEED_PROGRAM)
  install(TARGETS heed_program COMPONENT program)
  file(READ LICENSE copyright)
  string(APPEND copyright "
book.html has styles and scripts of mkdocs-material, copyright (c) 2016-2025 Martin Donath, under the same licence (MIT), and
icons: Font Awesome Free's by Fonticons, Inc. (CC BY 4.0, https://fontawesome.com/license/free) and Material Design Icons by
Pictogrammers (Apache 2.0, /usr/share/common-licenses/Apache-2.0).
")
  file(WRITE ${PROJECT_BINARY_DIR}/copyright "${copyright}")
  install(FILES ${PROJECT_BINARY_DIR}/copyright DESTINATION ${documents}/heed COMPONENT program)
  install(FILES out/book.html DESTINATION ${documents}/heed COMPONENT program OPTIONAL)  # if scripts/book.sh wrote it
  if(NOT CMAKE_CROSSCOMPILING OR CMAKE_CROSSCOMPILING_EMULATOR)  # the program writes these itself
    set(texts ${PROJECT_BINARY_DIR}/texts)
    file(MAKE_DIRECTORY ${texts})
    find_program(GZIP gzip)
    if(GZIP)
      set(manual heed.1.gz)
      set(packed | ${GZIP} -9n)
    else()
      set(manual heed.1)
      set(packed "")
    endif()
    add_custom_command(TARGET heed_program POST_BUILD
      COMMAND heed_program manual ${packed} > ${texts}/${manual}
      COMMAND heed_program completion bash > ${texts}/heed
      COMMAND heed_program completion zsh > ${texts}/_heed)
    install(FILES ${texts}/${manual} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
    install(FILES ${texts}/heed DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT program)
    install(FILES ${texts}/_heed DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT program)
  endif()
endif()

# cpack: Debian's packages heed and libheed-dev, of static libraries.
if(PROJECT_IS_TOP_LEVEL AND NOT BUILD_SHARED_LIBS)
  set(CPACK_PACKAGE_CONTACT "the heed authors <heed@example.org>")
  file(STRINGS CHANGELOG.md released REGEX "^## .${PROJECT_VERSION}. - ")
  string(REGEX REPLACE ".* - " "" released "${released}")
  execute_process(COMMAND date -u -R -d "${released}" OUTPUT_VARIABLE released OUTPUT_STRIP_TRAILING_WHITESPACE)
  foreach(part program:heed dev:libheed-dev)  # Debian wants a changelog of its own form in each
    string(REGEX MATCH "(.*):(.*)" _ ${part})
    set(changelog ${PROJECT_BINARY_DIR}/changelog/${CMAKE_MATCH_2})
    file(WRITE ${changelog} "heed (${PROJECT_VERSION}) unstable; urgency=medium\n\n  * See CHANGELOG.md in the sources.\n\n"
      " -- ${CPACK_PACKAGE_CONTACT}  ${released}\n")
    execute_process(COMMAND gzip -9nkf ${changelog})
    install(FILES ${changelog}.gz DESTINATION ${documents}/${CMAKE_MATCH_2} RENAME changelog.gz COMPONENT ${CMAKE_MATCH_1} OPTIONAL)
  endforeach()
  set(CPACK_GENERATOR DEB)
  set(CPACK_PACKAGE_VENDOR "the heed authors")
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
  set(CPACK_STRIP_FILES ON)
  set(CPACK_COMPONENTS_ALL program dev)
  set(CPACK_DEB_COMPONENT_INSTALL ON)
  set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
  set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME heed)
  set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
  set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
  set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "trains GPTs and translators on the CPU
Trains small language models and translators on a laptop, writes and translates
with them, and draws what their attention looks at. Model folders are those of
Hugging Face, and GGUF for llama.cpp.")
  set(CPACK_DEBIAN_DEV_PACKAGE_NAME libheed-dev)
  set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
  set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libfmt-dev, libhwy-dev, libutf8proc-dev, pkg-config")
  if(HEED_MPI)
    string(APPEND CPACK_DEBIAN_DEV_PACKAGE_DEPENDS ", mpi-default-dev")
  endif()
  set(CPACK_COMPONENT_DEV_DESCRIPTION "tensors with autograd and attention models in C++
A C++20 library for the CPU: tensors with reverse-mode autograd, modules from
recurrent networks to today's GPT, optimisers and a training loop, gradient
checks. This package has the headers and libraries.")
  include(CPack)
endif()
