/* Usage and ends of answers as the APIs say them, for the readers of this folder. Any thread. */
#pragma once

#include "chat/answer.h"

/* What is given replaces what was known; what is not is left. Anthropic's three kinds of input become one. */
void chat_usage_read(yyjson_val *usage, enum chat_surface from, struct chat_usage *out);
/* As the API counts it; what is unknown is 0, as all of them say it. */
void chat_usage_write(struct json_writer *w, const struct chat_usage *usage, enum chat_surface to);

enum chat_finish chat_finish_of_openai(struct str reason);
enum chat_finish chat_finish_of_anthropic(struct str reason);
