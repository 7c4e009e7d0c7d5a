/* What an item is about, as it was sent. Same threads as the store that is passed. */
#pragma once

#include "base/buf.h"
#include "store/store.h"

/* Writes the bytes and their MIME type (at most `size` bytes with its end). ERR_NOT_FOUND: there is no such
 * item, or its input is not kept, or no more. ERR_ARTEFACT: it was altered. */
bool review_input(struct store *s, struct str id, char *type, size_t size, struct buf *out,
                  struct error *err) MUST_USE;
