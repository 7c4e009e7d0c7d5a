/* Providers promise to follow a schema only where it keeps to a part of JSON Schema. Any thread. */
#pragma once

#include "base/json.h"
#include "chat/render.h"

/* May it be sent there as one that the answer is held to? When in doubt: no, since a schema that a provider
 * does not take fails the whole request. `schema` is one that guard/schema.h takes. Sources:
 * https://platform.openai.com/docs/guides/structured-outputs#supported-schemas and
 * https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs#json-schema-limitations. */
bool schema_is_sendable(yyjson_val *schema, enum chat_dialect dialect);
