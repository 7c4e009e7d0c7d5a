/* What a prompt template is made of, shared by its reader (prompt_read.c) and its writer (prompt.c).
 * Everything but the defaults lives in the arena. Immutable once read. */
#pragma once

#include "base/arena.h"
#include "chat/prompt.h"

#include <stdatomic.h>

enum { PROMPT_VALUES_MAX = 64, PROMPT_RENDERED_MAX = 4 << 20 };

struct prompt_slot {
    struct prompt_variable shown;
    struct str *values; /* of an enum */
    size_t value_count;
    yyjson_doc *standard; /* the default; NULL: none */
};

enum prompt_piece_kind { PIECE_TEXT, PIECE_VALUE, PIECE_IF, PIECE_ELSE, PIECE_END };

struct prompt_piece {
    struct prompt_piece *next;
    enum prompt_piece_kind kind;
    struct str text;
    const struct prompt_slot *variable; /* of values and conditions */
    const struct prompt_piece *jump;    /* of conditions: behind their part */
};

struct prompt_message {
    struct prompt_message *next;
    const char *role; /* static */
    struct prompt_piece *pieces;
};

struct prompt {
    atomic_int references;
    struct arena *arena;
    const char *name, *description;
    struct prompt_slot variables[PROMPT_VARIABLES_MAX];
    size_t variable_count;
    struct prompt_message *messages;
};

const char *prompt_type_name(enum prompt_type type);
const struct prompt_slot *prompt_slot_named(const struct prompt *p, struct str name);
bool prompt_value_check(const struct prompt_slot *v, yyjson_val *value, struct error *err) MUST_USE;
