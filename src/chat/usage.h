/* What a call cost in tokens, in one way of counting whoever counted: `input` is all of the prompt, what came
 * from the provider's cache included (as OpenAI counts; Anthropic's input_tokens leave it out), `output` all
 * that was generated, reasoning included. -1: the provider did not say. Plain values. */
#pragma once

#include <stdint.h>

enum { TOKENS_UNKNOWN = -1 };

struct chat_usage {
    int64_t input;
    int64_t cached_input; /* part of input: read from the provider's cache */
    int64_t cache_write;  /* part of input: written to it (Anthropic) */
    int64_t output;
    int64_t reasoning;        /* part of output */
    int64_t cache_write_hour; /* part of cache_write: kept for an hour, at a higher price */
    int64_t input_audio;      /* part of input, and */
    int64_t output_audio;     /* of output: priced apart */
};

#define CHAT_USAGE_UNKNOWN                                                                                   \
    ((struct chat_usage){TOKENS_UNKNOWN, TOKENS_UNKNOWN, TOKENS_UNKNOWN, TOKENS_UNKNOWN, TOKENS_UNKNOWN,     \
                         TOKENS_UNKNOWN, TOKENS_UNKNOWN, TOKENS_UNKNOWN})

#define CHAT_USAGE_NOTHING ((struct chat_usage){0, 0, 0, 0, 0, 0, 0, 0})

/* The sum of two calls'. What one of them did not say of its input or its output is not known of the sum; a
 * part (cached, reasoning, …) that one does not tell of counts as none there. */
void chat_usage_add(struct chat_usage *sum, const struct chat_usage *u);
