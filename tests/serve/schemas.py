"""JSON schemas of the Reconciliation Service API 0.2, written down from the specification.

Source:
    W3C Entity Reconciliation Community Group, Reconciliation Service API v0.2, final report of 10 April 2023: sections
    2 (core concepts), 3 (service definition), 4 (queries), 5 (preview), 6 (suggest), 7 (data extension), and the
    constraints of its appendix "JSON Schemas".
"""

TEXT = {"type": "string", "minLength": 1}
TYPE = {
    "type": "object",
    "properties": {"id": TEXT, "name": TEXT, "broader": {"type": "array"}},
    "required": ["id", "name"],
}
TYPE_OR_ID = {"oneOf": [{"type": "object", "properties": {"id": TEXT, "name": TEXT}, "required": ["id"]}, TEXT]}
WITH_ID = {"type": "string", "pattern": r".*\{\{id\}\}.*"}
SERVICE = {
    "type": "object",
    "properties": {
        "service_url": {"type": "string"},
        "service_path": {"type": "string"},
        "flyout_service_url": {"type": "string"},
        "flyout_service_path": {"type": "string", "pattern": r".*\$\{id\}.*"},
    },
}

MANIFEST = {
    "type": "object",
    "properties": {
        "versions": {"type": "array", "items": {"type": "string"}, "contains": {"const": "0.2"}},
        "name": TEXT,
        "identifierSpace": {"type": "string", "format": "uri"},
        "schemaSpace": {"type": "string", "format": "uri"},
        "documentation": {"type": "string", "format": "uri"},
        "serviceVersion": {"type": "string"},
        "defaultTypes": {"type": "array", "items": TYPE, "uniqueItems": True},
        "view": {"type": "object", "properties": {"url": WITH_ID}, "required": ["url"]},
        "preview": {
            "type": "object",
            "properties": {"url": WITH_ID, "width": {"type": "integer"}, "height": {"type": "integer"}},
            "required": ["url", "width", "height"],
        },
        "suggest": {
            "type": "object",
            "properties": {"entity": SERVICE, "property": SERVICE, "type": SERVICE},
            "additionalProperties": False,
        },
        "extend": {
            "type": "object",
            "properties": {
                "propose_properties": {
                    "type": "object",
                    "properties": {"service_url": {"type": "string"}, "service_path": {"type": "string"}},
                },
                "property_settings": {"type": "array"},
            },
        },
        "batchSize": {"type": "integer", "minimum": 1},
        "authentication": {
            "type": "object",
            "properties": {"type": {"const": "apiKey"}, "name": TEXT, "in": {"enum": ["header", "query"]}},
            "required": ["type", "name", "in"],
        },
    },
    "required": ["versions", "name", "identifierSpace", "schemaSpace"],
}

RESULTS = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "properties": {
            "result": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": TEXT,
                        "name": TEXT,
                        "description": {"type": "string"},
                        "score": {"type": "number"},
                        "match": {"type": "boolean"},
                        "type": {"type": "array", "items": TYPE_OR_ID},
                        "features": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": {"id": TEXT, "value": {"type": ["number", "boolean"]}},
                                "required": ["id", "value"],
                            },
                        },
                    },
                    "required": ["id", "name", "score"],
                },
            }
        },
        "required": ["result"],
    },
}

VALUE = {
    "oneOf": [
        {"type": "string"},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "object", "properties": {"id": TEXT, "name": {"type": "string"}}, "required": ["id"]},
    ]
}
QUERIES = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "properties": {
            "query": {"type": "string"},
            "type": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            "limit": {"type": "number"},
            "properties": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"pid": TEXT, "v": {"oneOf": [VALUE, {"type": "array", "items": VALUE}]}},
                    "required": ["pid", "v"],
                },
            },
            "type_strict": {"enum": ["any", "should", "all"]},
        },
        "additionalProperties": False,
        "anyOf": [{"required": ["query"]}, {"required": ["properties"], "properties": {"properties": {"minItems": 1}}}],
    },
}

SUGGESTIONS = {
    "type": "object",
    "properties": {
        "result": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": TEXT,
                    "name": TEXT,
                    "description": {"type": "string"},
                    "notable": {"type": "array", "items": TYPE_OR_ID},
                },
                "required": ["id", "name"],
            },
        }
    },
    "required": ["result"],
}
FLYOUT = {"type": "object", "properties": {"id": TEXT, "html": {"type": "string"}}, "required": ["id", "html"]}

CELL = {
    "oneOf": [
        {"type": "object", "additionalProperties": False},
        {
            "type": "object",
            "properties": {"id": TEXT, "name": TEXT, "description": {"type": "string"}},
            "required": ["id", "name"],
            "additionalProperties": False,
        },
        *(
            {"type": "object", "properties": {name: kind}, "required": [name], "additionalProperties": False}
            for name, kind in {
                "str": {"type": "string"},
                "float": {"type": "number"},
                "int": {"type": "integer"},
                "date": {"type": "string"},
            }.items()
        ),
    ]
}
EXTENSION = {
    "type": "object",
    "properties": {
        "meta": {
            "type": "array",
            "items": {"type": "object", "properties": {"id": TEXT, "name": TEXT}, "required": ["id", "name"]},
        },
        "rows": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": {"type": "array", "items": CELL},
            },
        },
    },
    "required": ["meta", "rows"],
}
PROPOSAL = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "limit": {"type": "integer"},
        "properties": {
            "type": "array",
            "items": {"type": "object", "properties": {"id": TEXT, "name": TEXT}, "required": ["id", "name"]},
        },
    },
    "required": ["properties", "type"],
}
