/* Where the pool's two programs are: beside each other, and beside penstock unless somebody says
 * otherwise. Owned by the pool; immutable once found. */
#pragma once

#include "documents/documents.h"

struct parser_programs {
    char *parser;  /* path of penstock-parser */
    char *sandbox; /* path of penstock-sandbox */
};

/* On failure, too, parser_programs_free is due. */
bool parser_programs_find(struct parser_programs *programs, const struct parser_pool_options *options,
                          struct error *err) MUST_USE;
void parser_programs_free(struct parser_programs *programs);
