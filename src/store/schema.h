/* The numbered steps that make the database what this program expects. Private to the store. */
#pragma once

#include "base/error.h"
#include "store/store.h"

/* Brings the database up to this program's step in one transaction, or refuses a newer or foreign one. */
bool schema_apply(struct store *s, struct error *err) MUST_USE;
