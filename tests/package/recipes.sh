#!/usr/bin/env bash
# The recipes of other package managers name this version, files that are there, and are right in their language.
#
#   recipes.sh SOURCE VERSION
set -eu

source=$1
version=$2
packaging=$source/cmake/packaging

python3 - "$packaging" "$version" <<'PYTHON'
import ast, json, sys
packaging, version = sys.argv[1:]
manifest = json.load(open(f"{packaging}/vcpkg/vcpkg.json"))
assert manifest["version"] == version, f"vcpkg.json says {manifest['version']}, the project {version}"
assert manifest["name"] == "fairway"
recipe = ast.parse(open(f"{packaging}/conan/conanfile.py").read())
constants = {target.id: node.value.value for cls in recipe.body if isinstance(cls, ast.ClassDef) for node in cls.body
             if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) for target in node.targets}
assert constants["version"] == version, f"conanfile.py says {constants['version']}, the project {version}"
PYTHON

# Only names are read, as vcpkg itself is not here.
for option in $(grep -oE -- '-D *"?FAIRWAY_[A-Z_]+|"FAIRWAY_[A-Z_]+"' "$packaging/vcpkg/portfile.cmake" "$packaging/conan/conanfile.py" |
    grep -oE 'FAIRWAY_[A-Z_]+' | sort -u); do
    grep -rqE "(option|set|cmake_dependent_option)\($option " "$source/cmake" || { echo "no option $option" >&2; exit 1; }
done
echo "the recipes fit version $version"
