"""conan create cmake/packaging/conan: builds the sources that this file lies in."""
import os

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy


class FairwayConan(ConanFile):
    name = "fairway"
    version = "0.1.0"
    description = "The web's Channel Messaging API for native processes on Linux"
    license = "BSL-1.0"
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False], "tools": [True, False]}
    default_options = {"shared": True, "fPIC": True, "tools": False}

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..", "..")
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*", "src/*", "tools/*"):
            copy(self, pattern, root, self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("Fairway is for Linux")
        check_min_cppstd(self, 20)

    def requirements(self):
        self.requires("boost/[>=1.81]", transitive_headers=True)
        if self.options.tools:
            self.requires("cli11/[>=2.3]")
            self.requires("fmt/[>=9]")

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["FAIRWAY_TESTS"] = False
        toolchain.cache_variables["FAIRWAY_TOOLS"] = bool(self.options.tools)
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "fairway")
        self.cpp_info.set_property("cmake_target_name", "fairway::fairway")
        self.cpp_info.set_property("pkg_config_name", "fairway")
        self.cpp_info.libs = ["fairway"]
        self.cpp_info.requires = ["boost::headers"]
        self.cpp_info.system_libs = ["pthread", "dl"]
