/* Where a prediction comes from, as far as the registry knows: version → artefact, dataset → manifest, and
 * the row of it that is the very input, where one is. Nothing is guessed. Same threads as the store that is
 * passed. */
#pragma once

#include "base/hash.h"
#include "base/json.h"
#include "store/store.h"

struct lineage_wish {
    struct str model;           /* as records have it: "documents@3", "main/gpt-4o#support-reply@2" */
    const unsigned char *input; /* SHA-256 of an input, or NULL */
    bool verify;                /* compare the artefact's and the manifest's bytes with their hashes */
};

/* Writes
 * {"model","backend","created","artefact":{"sha256","state"},"dataset":{"reference","manifest","state",
 * "kind","rows","labels","bytes","source","created"}|null,"input":{"path"|"line","label"},"prompt":
 * {"reference","hash"}|null,"tags":{…}}; "input" only where a row is the very one. state: "present" (not
 * verified), "whole", "altered" or "missing". A model that is none of the registry's has only "model" and
 * "prompt". */
bool lineage_write(struct store *s, const struct lineage_wish *wish, struct json_writer *w,
                   struct error *err) MUST_USE;
