#include "documents/visual.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW = 10, /* pixels to each side for the local mean */
    INK_GRID = 16,
    LIGHT_GRID = 8,
    FIRST_LAG = 2,
    LAGS = 32,
    BINS = 8,
    SHAPES = 4,
    LINE_FEATURES = 10,
};

_Static_assert(1 + INK_GRID * INK_GRID + LIGHT_GRID * LIGHT_GRID + LAGS + LINE_FEATURES + 5 * BINS +
                       (2 + 2 * BINS + SHAPES) ==
                   DOCUMENT_VISUAL_COUNT,
               "the features fill the vector exactly");

/* Ink is what is darker than 85 % of its surroundings: uneven light and grey paper do not count. */
enum { INK_BELOW_PERCENT = 85 };

struct page {
    uint32_t width, height;
    const uint8_t *grey;
    uint8_t *ink;       /* 1 where there is ink */
    uint8_t *mean;      /* of the surroundings */
    uint32_t *sum;      /* integral image, (width + 1) * (height + 1) */
    uint32_t *label;    /* union-find forest over ink pixels */
    uint16_t (*box)[4]; /* by root: left, right, top, bottom; right and bottom lie outside */
    float *rows;        /* ink per row, mean removed */
};

/* Writes features one behind the other, each brought into 0..1. */
struct sink {
    float *at;
};

static void put(struct sink *out, float value) {
    *out->at++ = value >= 0 ? (value <= 1 ? value : 1) : 0;
}

static void put_shares(struct sink *out, const uint32_t *counts, size_t n) {
    uint32_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += counts[i];
    for (size_t i = 0; i < n; i++)
        put(out, total ? (float)counts[i] / (float)total : 0);
}

static void put_mean_and_spread(struct sink *out, float sum, float squares, float n) {
    float mean = n > 0 ? sum / n : 0, variance = n > 0 ? squares / n - mean * mean : 0;
    put(out, mean);
    put(out, variance > 0 ? 3 * sqrtf(variance) : 0);
}

static void integrate(struct page *p) {
    size_t stride = (size_t)p->width + 1;
    memset(p->sum, 0, stride * sizeof *p->sum);
    for (size_t y = 0; y < p->height; y++) {
        const uint32_t *above = p->sum + y * stride;
        uint32_t *sum = p->sum + (y + 1) * stride, row = 0;
        sum[0] = 0;
        for (size_t x = 0; x < p->width; x++) {
            row += p->grey[y * p->width + x];
            sum[x + 1] = above[x + 1] + row;
        }
    }
}

static uint32_t from_side(uint32_t at) {
    return at > WINDOW ? at - WINDOW : 0;
}

static uint32_t to_side(uint32_t at, uint32_t end) {
    return at + WINDOW + 1 < end ? at + WINDOW + 1 : end;
}

static void find_ink(struct page *p) {
    size_t stride = (size_t)p->width + 1;
    integrate(p);
    for (uint32_t y = 0; y < p->height; y++) {
        uint32_t y0 = from_side(y), y1 = to_side(y, p->height);
        const uint32_t *top = p->sum + y0 * stride, *bottom = p->sum + y1 * stride;
        for (uint32_t x = 0; x < p->width; x++) {
            uint32_t x0 = from_side(x), x1 = to_side(x, p->width);
            uint32_t mean = (bottom[x1] - top[x1] - bottom[x0] + top[x0]) / ((y1 - y0) * (x1 - x0));
            size_t i = (size_t)y * p->width + x;
            p->mean[i] = (uint8_t)mean;
            p->ink[i] = p->grey[i] * 100U < mean * INK_BELOW_PERCENT;
        }
    }
}

/* The mean of `map` in each cell of a square grid laid over the page. */
static void put_grid(struct sink *out, const struct page *p, const uint8_t *map, uint32_t cells,
                     float scale) {
    for (uint32_t gy = 0; gy < cells; gy++) {
        uint32_t y0 = p->height * gy / cells, y1 = p->height * (gy + 1) / cells;
        for (uint32_t gx = 0; gx < cells; gx++) {
            uint32_t x0 = p->width * gx / cells, x1 = p->width * (gx + 1) / cells, sum = 0;
            for (uint32_t y = y0; y < y1; y++)
                for (uint32_t x = x0; x < x1; x++)
                    sum += map[(size_t)y * p->width + x];
            uint32_t area = (y1 - y0) * (x1 - x0);
            put(out, area ? (float)sum * scale / (float)area : 0);
        }
    }
}

/* The light that the paper reaches: brightness is told relative to it. */
static float paper_light(const struct page *p) {
    size_t n = (size_t)p->width * p->height, seen = 0;
    uint32_t counts[256] = {0};
    for (size_t i = 0; i < n; i++)
        counts[p->mean[i]]++;
    for (int level = 255; level > 0; level--) {
        seen += counts[level];
        if (seen >= n / 20 + 1)
            return (float)(level + 1);
    }
    return 1;
}

/* Ink per row, mean removed; returns the mean. */
static float project_rows(struct page *p) {
    float mean = 0;
    for (size_t y = 0; y < p->height; y++) {
        uint32_t sum = 0;
        for (size_t x = 0; x < p->width; x++)
            sum += p->ink[y * p->width + x];
        p->rows[y] = (float)sum / (float)p->width;
        mean += p->rows[y];
    }
    mean /= (float)p->height;
    for (size_t y = 0; y < p->height; y++)
        p->rows[y] -= mean;
    return mean;
}

/* Autocorrelation of the rows: the rhythm of the lines. */
static void put_rhythm(struct sink *out, const struct page *p) {
    float variance = 0;
    for (size_t y = 0; y < p->height; y++)
        variance += p->rows[y] * p->rows[y];
    for (size_t lag = FIRST_LAG; lag < FIRST_LAG + LAGS; lag++) {
        float sum = 0;
        for (size_t y = 0; y + lag < p->height; y++)
            sum += p->rows[y] * p->rows[y + lag];
        put(out, variance > 0 ? 0.5F + 0.5F * sum / variance : 0.5F);
    }
}

/* Leftmost and rightmost ink of the rows top..bottom, as shares of the width. */
static void line_extent(const struct page *p, uint32_t top, uint32_t bottom, float *left, float *right) {
    uint32_t first = p->width, last = 0;
    for (uint32_t y = top; y < bottom; y++) {
        const uint8_t *row = p->ink + (size_t)y * p->width;
        for (uint32_t x = 0; x < first; x++)
            if (row[x])
                first = x;
        for (uint32_t x = p->width; x > last; x--)
            if (row[x - 1])
                last = x;
    }
    *left = (float)first / (float)p->width;
    *right = (float)last / (float)p->width;
}

/* Lines of text: how many, how high, how ragged at both ends. */
static void put_lines(struct sink *out, const struct page *p, float mean_ink) {
    float left = 0, left2 = 0, right = 0, right2 = 0, length = 0, length2 = 0, heights = 0, n = 0;
    uint32_t start = 0, blank = 0;
    bool inside = false;
    for (uint32_t y = 0; y <= p->height; y++) {
        bool on = y < p->height && p->rows[y] + mean_ink > 0.01F && p->rows[y] > -0.3F * mean_ink;
        blank += !on;
        if (on && !inside)
            start = y;
        if (!on && inside) {
            float l, r;
            line_extent(p, start, y, &l, &r);
            n++;
            left += l, left2 += l * l;
            right += r, right2 += r * r;
            length += r - l, length2 += (r - l) * (r - l);
            heights += (float)(y - start);
        }
        inside = on;
    }
    put(out, n / 100);
    put_mean_and_spread(out, left, left2, n);
    put_mean_and_spread(out, right, right2, n);
    put_mean_and_spread(out, length, length2, n);
    put(out, n > 0 ? heights / n / 32 : 0);
    put(out, (float)blank / (float)(p->height + 1));
    put(out, mean_ink * 4);
}

/* 1, 2, 3, 4-5, 6-8, 9-16, 17-32, more */
static unsigned run_bin(uint32_t length) {
    if (length <= 3)
        return length - 1;
    return length <= 5 ? 3 : length <= 8 ? 4 : length <= 16 ? 5 : length <= 32 ? 6 : 7;
}

/* Counts the runs of ink and of paper along one row or column; paper that is the whole line says nothing. */
static void count_runs(const uint8_t *ink, uint32_t n, size_t step, uint32_t *black, uint32_t *white) {
    uint32_t length = 1;
    for (uint32_t i = 1; i <= n; i++) {
        uint8_t value = ink[(i - 1) * step];
        if (i < n && ink[i * step] == value) {
            length++;
            continue;
        }
        if (value)
            black[run_bin(length)]++;
        else if (length < n)
            white[run_bin(length)]++;
        length = 1;
    }
}

static void put_runs(struct sink *out, const struct page *p) {
    uint32_t runs[4][BINS] = {{0}};
    for (uint32_t y = 0; y < p->height; y++)
        count_runs(p->ink + (size_t)y * p->width, p->width, 1, runs[0], runs[1]);
    for (uint32_t x = 0; x < p->width; x++)
        count_runs(p->ink + x, p->height, p->width, runs[2], runs[3]);
    for (size_t i = 0; i < 4; i++)
        put_shares(out, runs[i], BINS);
}

/* Grey levels relative to the surroundings: print on paper has two, photographs have many. */
static void put_contrast(struct sink *out, const struct page *p) {
    uint32_t counts[BINS] = {0};
    for (size_t i = 0, n = (size_t)p->width * p->height; i < n; i++) {
        uint32_t level = p->mean[i] ? p->grey[i] * 6U / p->mean[i] : BINS - 1;
        counts[level < BINS ? level : BINS - 1]++;
    }
    put_shares(out, counts, BINS);
}

static uint32_t root_of(uint32_t *label, uint32_t i) {
    while (label[i] != i) {
        label[i] = label[label[i]];
        i = label[i];
    }
    return i;
}

static void join(uint32_t *label, uint32_t a, uint32_t b) {
    a = root_of(label, a);
    b = root_of(label, b);
    if (a < b)
        label[b] = a;
    else
        label[a] = b;
}

/* Joins each ink pixel with its left and its three upper neighbours. */
static void label_components(struct page *p) {
    uint32_t w = p->width, n = w * p->height;
    for (uint32_t i = 0; i < n; i++)
        p->label[i] = i;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t x = i % w;
        if (!p->ink[i])
            continue;
        if (x > 0 && p->ink[i - 1])
            join(p->label, i, i - 1);
        if (i < w)
            continue;
        if (p->ink[i - w])
            join(p->label, i, i - w);
        if (x > 0 && p->ink[i - w - 1])
            join(p->label, i, i - w - 1);
        if (x + 1 < w && p->ink[i - w + 1])
            join(p->label, i, i - w + 1);
    }
}

static void box_components(struct page *p) {
    uint32_t w = p->width, n = w * p->height;
    memset(p->box, 0, n * sizeof *p->box);
    for (uint32_t i = 0; i < n; i++) {
        if (!p->ink[i])
            continue;
        uint16_t x = (uint16_t)(i % w), y = (uint16_t)(i / w), *box = p->box[root_of(p->label, i)];
        if (box[1] == 0) {
            box[0] = x;
            box[2] = y;
        }
        if (x < box[0])
            box[0] = x;
        if (x >= box[1])
            box[1] = (uint16_t)(x + 1);
        box[3] = (uint16_t)(y + 1);
    }
}

/* 1-2, 3, 4-5, 6-8, 9-13, 14-24, 25-60, more: specks, letters, words, drawings */
static unsigned size_bin(uint32_t size) {
    if (size <= 5)
        return size <= 2 ? 0 : size == 3 ? 1 : 2;
    return size <= 8 ? 3 : size <= 13 ? 4 : size <= 24 ? 5 : size <= 60 ? 6 : 7;
}

static void put_components(struct sink *out, struct page *p) {
    uint32_t heights[BINS] = {0}, widths[BINS] = {0}, shapes[SHAPES] = {0}, count = 0;
    uint32_t n = p->width * p->height;
    label_components(p);
    box_components(p);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t w = (uint32_t)(p->box[i][1] - p->box[i][0]), h = (uint32_t)(p->box[i][3] - p->box[i][2]);
        if (w * h < 4)
            continue;
        count++;
        heights[size_bin(h)]++;
        widths[size_bin(w)]++;
        shapes[h > 2 * w ? 0 : 2 * w <= 3 * h ? 1 : w <= 4 * h ? 2 : 3]++;
    }
    put(out, log1pf((float)count) / 9);
    put(out, (float)count * 100 / (float)n);
    put_shares(out, heights, BINS);
    put_shares(out, widths, BINS);
    put_shares(out, shapes, SHAPES);
}

static void put_features(struct page *p, float *out) {
    struct sink sink = {out};
    find_ink(p);
    put(&sink, (float)p->width / (float)(p->width + p->height));
    put_grid(&sink, p, p->ink, INK_GRID, 3);
    put_grid(&sink, p, p->mean, LIGHT_GRID, 1 / paper_light(p));
    float mean_ink = project_rows(p);
    put_rhythm(&sink, p);
    put_lines(&sink, p, mean_ink);
    put_runs(&sink, p);
    put_contrast(&sink, p);
    put_components(&sink, p);
}

bool visual_vector(const struct grey_image *image, float out[DOCUMENT_VISUAL_COUNT]) {
    if (image->width == 0 || image->height == 0 || image->width > VISUAL_LONG_SIDE ||
        image->height > VISUAL_LONG_SIDE)
        return false;
    size_t n = (size_t)image->width * image->height;
    struct page p = {.width = image->width, .height = image->height, .grey = image->pixels};
    p.ink = malloc(n);
    p.mean = malloc(n);
    p.sum = malloc((size_t)(p.width + 1) * (p.height + 1) * sizeof *p.sum);
    p.label = malloc(n * sizeof *p.label);
    p.box = malloc(n * sizeof *p.box);
    p.rows = malloc(p.height * sizeof *p.rows);
    bool room = p.ink && p.mean && p.sum && p.label && p.box && p.rows;
    if (room)
        put_features(&p, out);
    free(p.ink);
    free(p.mean);
    free(p.sum);
    free(p.label);
    free(p.box);
    free(p.rows);
    return room;
}
