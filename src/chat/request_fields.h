/* The documented fields of each API's requests: their types, bounds and which must be there, down to the
 * parts of messages. What is not documented is the upstream's to judge. Any thread. */
#pragma once

#include "chat/request.h"

/* Null counts as absent. Errors name the field by its path ("messages[3].content[0].type"). */
bool chat_fields_check(enum chat_surface surface, yyjson_val *root, struct error *err) MUST_USE;
