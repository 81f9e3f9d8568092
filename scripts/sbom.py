#!/usr/bin/env python3
"""Writes the bill of materials of the program (CycloneDX 1.5), and the licenses of everything linked into it.

    scripts/sbom.py TARGET SBOM LICENSES

Crates come from `cargo tree` for that target, with their checksums from Cargo.lock. The libraries in C come from where
the static build takes them: libbpf and zstd from their crates, libelf, zlib and the C library from the system. The files
depend on nothing else, so that the same source gives the same bytes.
"""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
LICENSE_FILE = re.compile(r"(licen[cs]e|copying|notice|unlicense)", re.IGNORECASE)


def output_of(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def cargo(*arguments):
    return output_of(*os.environ.get("CARGO", "cargo").split(), *arguments)


def linked_crates(target):
    """Returns (name, version) of every crate that is linked, without this one and without procedural macros."""
    tree = cargo("tree", "--locked", "--edges", "normal,no-proc-macro", "--target", target, "--prefix", "none",
                 "--features", "static", "--format", "{p}")
    crates = {tuple(line.split()[:2]) for line in tree.splitlines() if line.strip()}
    return sorted((name, version.removeprefix("v")) for name, version in crates if name != "tcplife")


def system_library(package):
    """Returns the version of a library of the system, by pkg-config."""
    return output_of("pkg-config", "--modversion", package).strip()


def c_libraries(crates):
    """Returns the parts in C as (name, version, license, description)."""
    versions = dict(crates)
    # their crates say in the build metadata which version they contain
    libbpf = versions["libbpf-sys"].partition("+v")[2]
    zstd = versions["zstd-sys"].partition("+zstd.")[2]
    glibc = output_of("getconf", "GNU_LIBC_VERSION").split()[1]
    return [
        ("libbpf", libbpf, "LGPL-2.1-only OR BSD-2-Clause", "in the crate libbpf-sys"),
        ("libelf", system_library("libelf"), "GPL-2.0-or-later OR LGPL-3.0-or-later", "of elfutils"),
        ("zlib", system_library("zlib"), "Zlib", "of the system"),
        ("zstd", zstd, "BSD-3-Clause OR GPL-2.0-only", "in the crate zstd-sys"),
        ("glibc", glibc, "LGPL-2.1-or-later", "of the system"),
    ]


def main(target, sbom_file, licenses_file):
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {(package["name"], package["version"]): package.get("checksum") for package in lock}
    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    packages = {(package["name"], package["version"]): package for package in metadata["packages"]}

    crates = linked_crates(target)
    parts_in_c = c_libraries(crates)
    components = []
    texts = {}
    for crate in crates:
        name, version = crate
        license = (packages[crate]["license"] or "").replace("/", " OR ")
        purl = f"pkg:cargo/{name}@{version}".replace("+", "%2B")
        components.append({
            "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "scope": "required",
            "licenses": [{"expression": license}],
            "hashes": [{"alg": "SHA-256", "content": checksums[crate]}],
        })
        folder = pathlib.Path(packages[crate]["manifest_path"]).parent
        for file in sorted(folder.iterdir()):
            if file.is_file() and LICENSE_FILE.match(file.name):
                text = file.read_text(errors="replace").strip()
                texts.setdefault(text, []).append(f"{name} {version}")
    for name, version, license, where in parts_in_c:
        purl = f"pkg:generic/{name}@{version}"
        components.append({
            "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "scope": "required",
            "description": f"linked statically, {where}", "licenses": [{"expression": license}],
        })

    program = f"pkg:cargo/tcplife@{manifest['version']}"
    digest = hashlib.sha256(json.dumps(components, sort_keys=True).encode()).digest()
    sbom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}",
        "version": 1,
        "metadata": {"component": {
            "type": "application", "bom-ref": program, "name": "tcplife", "version": manifest["version"], "purl": program,
            "licenses": [{"expression": manifest["license"]}],
            "properties": [{"name": "target", "value": target}],
        }},
        "components": components,
        "dependencies": [{"ref": program, "dependsOn": [part["bom-ref"] for part in components]}],
    }
    pathlib.Path(sbom_file).write_text(json.dumps(sbom, indent=1) + "\n")

    lines = ["Licenses of what is linked into tcplife, in its static form.", ""]
    lines += [f"{name} {version}: {license}" for name, version, license, _ in parts_in_c]
    lines += [f"{part['name']} {part['version']}: {part['licenses'][0]['expression']}" for part in components[:len(crates)]]
    for text, names in sorted(texts.items(), key=lambda item: item[1]):
        lines += ["", "=" * 78, ", ".join(names), "=" * 78, "", text]
    pathlib.Path(licenses_file).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
