/* A row of the history as JSON, for the command line and the API. Any thread. */
#pragma once

#include "base/json.h"
#include "store/history.h"

/* {"number","id","at","class","endpoint","what","who","why","before","after","hash"}; before and after are
 * JSON or null. */
void history_write(const struct change *c, struct json_writer *w);
/* Of a row "serving": {"endpoint","since","why","serving"}. */
void history_write_serving(const struct change *c, struct json_writer *w);
