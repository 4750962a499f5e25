#!/usr/bin/env python3
"""Reads every golden value with a stock Avro library and prints it: pip install fastavro, then run this."""
import io
import json
import pathlib

import fastavro

folder = pathlib.Path(__file__).parent.parent
schemas = {}
for path in sorted((folder / "avro").glob("*.avsc")):
    definition = json.loads(path.read_text())
    canonical = fastavro.schema.to_parsing_canonical_form(definition)
    fingerprint = fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
    schemas[bytes.fromhex(fingerprint)] = fastavro.parse_schema(definition, named_schemas={})

for path in sorted((folder / "golden").glob("*.hex")):
    value = bytes.fromhex(path.read_text())
    assert value[:2] == b"\xc3\x01", path
    datum = io.BytesIO(value[10:])
    print(path.stem, fastavro.schemaless_reader(datum, schemas[value[2:10]], return_record_name=True))
    assert not datum.read(), path
