/* The backend `rules`: a Lua file with classify(r) as a model version of its own, with versions, weights
 * and decisions like any other. The artefact is JSON: {"labels": ["a", "b"], "source": "…"}. Takes texts.
 * Any thread: scripts are lent to one caller at a time. */
#pragma once

#include "base/buf.h"
#include "models/backend.h"

bool rules_backend_open(struct backend **out, struct str bytes, struct error *err) MUST_USE;

/* Checks the script and writes the artefact. ERR_DATA names what is wrong. */
bool rules_backend_pack(struct str source, const char *name, const char *const *labels, size_t label_count,
                        struct buf *artefact, struct error *err) MUST_USE;
