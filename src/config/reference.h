/* The reference of all options as Markdown, printed from the table of options; docs/configuration.md is
 * this text. Any thread. */
#pragma once

#include "base/buf.h"

void config_reference(struct buf *out);

/* The example that the reference opens with: valid YAML, without files of its own. */
struct str config_example(void);
