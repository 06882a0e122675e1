"""Conan 2 recipe: `conan create cmake/packages/conan -s compiler.cppstd=20 --build=missing` builds the tree that it stands in,
and test_package against it."""
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load
from conan.tools.gnu import PkgConfigDeps

ROOT = os.path.join("..", "..", "..")
SOURCES = ["CMakeLists.txt", "LICENSE", "CHANGELOG.md", "heed.h", "cmake/*"] + [
    folder + "/*" for folder in ("tensor", "autograd", "nn", "models", "train")
]


class Heed(ConanFile):
    name = "heed"
    license = "MIT"
    description = "Tensors with reverse-mode autograd, modules and training on the CPU, from RNN to GPT"
    topics = ("deep-learning", "autograd", "transformer")
    package_type = "library"
    settings = "os", "compiler", "build_type", "arch"
    options = {"shared": [True, False]}
    default_options = {"shared": False}

    def set_version(self):
        text = load(self, os.path.join(self.recipe_folder, ROOT, "CMakeLists.txt"))
        self.version = re.search(r"project\(heed VERSION ([\d.]+)", text).group(1)

    def export_sources(self):
        for pattern in SOURCES:
            copy(self, pattern, os.path.join(self.recipe_folder, ROOT), self.export_sources_folder)

    def requirements(self):
        self.requires("fmt/[>=9 <12]", transitive_headers=True)
        self.requires("highway/[>=1.0.3]")
        self.requires("utf8proc/[>=2.8]")
        self.requires("nlohmann_json/[>=3.11]")

    def validate(self):
        check_min_cppstd(self, 20)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        CMakeDeps(self).generate()
        PkgConfigDeps(self).generate()
        tools = CMakeToolchain(self)
        for option in ("HEED_PROGRAM", "HEED_TESTS", "HEED_TUTORIAL"):
            tools.cache_variables[option] = False
        tools.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))

    def package_info(self):
        if self.options.shared:
            self.cpp_info.libs = ["heed"]
        else:
            self.cpp_info.libs = ["heed_" + folder for folder in ("train", "models", "nn", "autograd", "tensor")]
            self.cpp_info.system_libs = ["pthread", "dl"]
        self.cpp_info.set_property("cmake_target_name", "heed::heed")
