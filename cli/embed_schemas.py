# SPDX-License-Identifier: Apache-2.0
"""Writes schemas.c from the schema files: embed_schemas.py OUTPUT NAME.schema.json ..."""

import os
import sys

names = []
with open(sys.argv[1], "w", encoding="ascii") as out:
    out.write('#include "schemas.h"\n\n')
    for i, path in enumerate(sys.argv[2:]):
        names.append(os.path.basename(path)[: -len(".schema.json")])
        with open(path, "rb") as f:
            data = f.read()
        out.write("static const char json_%d[] = {" % i)
        for k in range(0, len(data), 24):
            out.write("\n    " + "".join("%d," % (b - 256 if b > 127 else b) for b in data[k : k + 24]))
        out.write("0};\n\n")
    out.write("const struct schema schemas[] = {\n")
    for i, name in enumerate(names):
        out.write('    {"%s", json_%d, sizeof json_%d - 1},\n' % (name, i, i))
    out.write("    {0, 0, 0}};\nconst size_t schema_count = %d;\n" % len(names))
