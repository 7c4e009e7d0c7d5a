/* What language models cost: a table read from a JSON file in the shape of the community's price list
 * (model_prices of LiteLLM: an object, model name -> object with input_cost_per_token, output_cost_per_token,
 * cache_read_input_token_cost, … in US dollars). A model without a per-token price is not in the table: its
 * price is unknown, which is not zero. Immutable and reference counted; any thread.
 *
 * A price is kept in 1e-18 dollars (atto-dollars), so that 2.8e-9 dollars per token (2.8 nano-dollars) is
 * exact; one call's sum is made in 128 bits and rounded once, half up, to whole nano-dollars. */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "chat/usage.h"

enum { PRICES_FILE_MAX = 32 << 20, PRICES_MODELS_MAX = 100000, PRICE_TIERS_MAX = 4, PRICE_NAME_MAX = 200 };
#define COST_UNKNOWN  INT64_C(-1)
#define PRICE_UNKNOWN INT64_C(-1)

/* Atto-dollars per token, or PRICE_UNKNOWN. */
struct price_rates {
    int64_t input, output;
    int64_t cache_read, cache_write, cache_write_hour; /* PRICE_UNKNOWN: as `input` */
};

struct price {
    struct price_rates rates;
    int64_t reasoning;                 /* PRICE_UNKNOWN: as output */
    int64_t input_audio, output_audio; /* PRICE_UNKNOWN: a call with audio tokens has no known cost */
    unsigned tier_count;
    struct price_tier {
        int64_t above; /* prompts of more tokens than this pay these rates for all of their tokens */
        struct price_rates rates;
    } tiers[PRICE_TIERS_MAX];   /* ascending; rates complete */
    int64_t window, output_max; /* tokens, as the list says; 0: it does not */
};

struct price_table;

/* NULL and *err: no JSON, no object, too large, a price that is no number or negative or above one dollar
 * per token. `name` stands for the file in messages. */
struct price_table *price_table_parse(struct str json, const char *name, struct error *err) MUST_USE;
struct price_table *price_table_load(const char *path, struct error *err) MUST_USE;
struct price_table *price_table_ref(struct price_table *t);
void price_table_unref(struct price_table *t); /* NULL is fine */

size_t price_table_count(const struct price_table *t);
size_t price_table_skipped(const struct price_table *t); /* rows without a per-token price */

/* NULL: unknown. Looks for the name as given, then without its "provider/" parts ("azure/gpt-4o" finds
 * "gpt-4o"). Nothing else is guessed: ask first for the model that the reply names, then for the one that was
 * called. `t` may be NULL. Good as long as the table. */
const struct price *price_find(const struct price_table *t, struct str model);

/* Nano-dollars, or COST_UNKNOWN: no price (p NULL), input or output not reported, or audio tokens without a
 * price. What is read from or written to a provider's cache and has no price of its own costs what plain
 * input costs. */
int64_t price_cost(const struct price *p, const struct chat_usage *u);
/* The most that a call can cost: nothing from a cache, every token at the dearest rate that applies.
 * For reservations. */
int64_t price_worst(const struct price *p, int64_t prompt_tokens, int64_t output_tokens);
