/* Names with numbered versions, as models, prompts and datasets have: "documents@3". Same threads as the
 * store that is passed. */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "store/store.h"

enum { REFERENCE_NAME_MAX = 64, REFERENCE_SIZE = REFERENCE_NAME_MAX + 16 };

/* 1 to 64 letters, digits, - _ and . ; `what` ("model") is for the message. */
bool reference_check_name(struct str name, const char *what, struct error *err) MUST_USE;
/* "documents@3", or "documents" (version 0). */
bool reference_parse(struct str reference, const char *what, char name[REFERENCE_NAME_MAX + 1],
                     unsigned *version, struct error *err) MUST_USE;

/* Fills *err (ERR_NOT_FOUND): says the newest version of a name that has some, else the nearest name. `sql`,
 * a constant, gives each name with its newest version. False. */
bool reference_not_found(struct store *s, const char *sql, const char *what, struct str name,
                         unsigned version, struct error *err);

/* The number that *version wants where it is free, else (and for 0) the one behind the newest. `sql`, a
 * constant, gives of the name ?1 the newest version and whether it has the version ?2. */
bool reference_free_version(struct store *s, const char *sql, struct str name, unsigned *version,
                            struct error *err) MUST_USE;
