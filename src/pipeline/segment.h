/* For whom a rollout is: some clients, those who send a header, or those whom a rule in Lua takes. Whoever is
 * not in the segment gets what served before. As written: "client=NAME,NAME", "header=NAME:VALUE",
 * "rule=NAME" with the rule's text beside it. */
#pragma once

#include "pipeline/request.h"

enum segment_kind { SEGMENT_ALL, SEGMENT_CLIENTS, SEGMENT_HEADER, SEGMENT_RULE };

/* Views of what was read. */
struct segment {
    enum segment_kind kind;
    struct str clients;       /* NAME,NAME */
    struct str header, value; /* name in lower case */
    struct str rule;          /* what messages call it */
};

#define SEGMENT_FUNCTION "segment"

/* "" is everybody. ERR_USAGE says what is wrong. */
bool segment_parse(struct str text, struct segment *out, struct error *err) MUST_USE;

/* Is this request one of r->endpoint's segment? A rule that fails takes nobody; that is counted, and logged
 * once a minute. On the request's loop. */
bool segment_has(struct request *r);
