/* The story of one request in lines that a person reads. */
#pragma once

#include "store/store.h"
#include "watch/records.h"

#include <stdio.h>

/* `reviews`: the request's review items as review_of_request writes them. */
void story_print(const struct record *r, const struct store *store, struct str reviews, FILE *out);
/* The lines of one review item, a JSON object as review_get writes it, each behind `indent`. */
struct yyjson_val;
void story_print_review(struct yyjson_val *item, const char *store_inputs, const char *indent, FILE *out);
