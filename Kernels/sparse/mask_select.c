// Selects pixels by score. The threshold is found digit by digit from histograms of the scores'
// ranks (radix select), without sorting or copying.
#include "ptn_mask_select.h"
#include "../tensor/map.h"
#include "mask_plan.h"
#include <math.h>

// An integer in the order of the scores; NaN is highest, then infinity, ..., -infinity.
static uint32_t rank_of(float score) {
    if (score != score) return UINT32_MAX;
    const float plain = score + 0.0f; // -0 becomes 0
    uint32_t bits;
    memcpy(&bits, &plain, sizeof bits);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

// The rank of the `*wanted`-th highest score, 1 <= *wanted <= pixels; `*wanted` becomes the number
// of selected pixels that have exactly this rank.
static uint32_t threshold_of(const float *scores, size_t pixels, size_t *wanted) {
    uint32_t prefix = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        size_t histogram[256] = {0};
        const uint32_t above = shift == 24 ? 0 : ~(uint32_t)0 << (shift + 8);
        for (size_t p = 0; p < pixels; p++) {
            const uint32_t rank = rank_of(scores[p]);
            if ((rank & above) == prefix) histogram[rank >> shift & 255]++;
        }
        uint32_t digit = 255;
        while (histogram[digit] < *wanted) *wanted -= histogram[digit--];
        prefix |= digit << shift;
    }
    return prefix;
}

typedef struct top_job {
    ptn_mask_plan *plan;
    const float *scores;
    size_t count;
} top_job;

static void select_sample(void *context, size_t sample, int thread) {
    (void)thread;
    const top_job *j = context;
    const ptn_mask_view *v = &j->plan->view;
    const size_t pixels = v->h * v->w;
    const float *scores = j->scores + sample * pixels;
    size_t equal = ptn_min(j->count, pixels);
    if (equal == 0) return;
    const uint32_t threshold = threshold_of(scores, pixels, &equal);
    for (size_t y = 0; y < v->h; y++) {
        uint64_t *bits = j->plan->bits + (sample * v->h + y) * v->words;
        for (size_t x = 0; x < v->w; x++) {
            const uint32_t rank = rank_of(scores[y * v->w + x]);
            const bool ties = rank == threshold && equal > 0;
            equal -= ties;
            bits[x / 64] |= (uint64_t)(rank > threshold || ties) << x % 64;
        }
    }
}

ptn_status ptn_mask_plan_top(const ptn_runtime *runtime, size_t n, size_t h, size_t w,
                             const float *scores, size_t count, ptn_mask_plan **plan) {
    *plan = NULL;
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    ptn_mask_plan *p = ptn_mask_plan_allocate(runtime->isa, n, h, w, &status);
    if (!p) return status;
    memset(p->bits, 0, n * h * p->view.words * sizeof *p->bits);
    top_job j = {p, scores, count};
    // About two nanoseconds per pixel and digit.
    ptn_parallel(ptn_threads_worth(runtime->threads, 10.0 * (double)(n * h * w)), n, select_sample,
                 &j);
    status = ptn_mask_plan_finish(p);
    if (status == PTN_OK)
        *plan = p;
    else
        ptn_mask_plan_destroy(p);
    return status;
}

ptn_status ptn_mask_plan_first_wins(const ptn_runtime *runtime, size_t n, size_t h, size_t w,
                                    const float *pairs, ptn_mask_plan **plan) {
    *plan = NULL;
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    ptn_mask_plan *p = ptn_mask_plan_allocate(runtime->isa, n, h, w, &status);
    if (!p) return status;
    memset(p->bits, 0, n * h * p->view.words * sizeof *p->bits);
    for (size_t row = 0; row < n * h; row++)
        for (size_t x = 0; x < w; x++) {
            const float *pair = pairs + 2 * (row * w + x);
            p->bits[row * p->view.words + x / 64] |= (uint64_t)(pair[0] >= pair[1]) << x % 64;
        }
    status = ptn_mask_plan_finish(p);
    if (status == PTN_OK)
        *plan = p;
    else
        ptn_mask_plan_destroy(p);
    return status;
}

void ptn_mask_plan_centres(const ptn_mask_plan *plan, float *centres) {
    const ptn_mask_view *v = &plan->view;
    const float across = 1 / (float)v->w, down = 1 / (float)v->h;
    for (size_t i = 0; i < v->count; i++) {
        const size_t pixel = (size_t)v->pixels[i];
        const float x = across / 2 + (float)(pixel % v->w) * across;
        const float y = down / 2 + (float)(pixel / v->w) * down;
        centres[2 * i] = 2 * x - 1;
        centres[2 * i + 1] = 2 * y - 1;
    }
}

static float margin(const float *logits, size_t classes) {
    if (classes == 1) return -fabsf(logits[0]);
    float best = -INFINITY, second = -INFINITY;
    for (size_t k = 0; k < classes; k++) {
        const float logit = logits[k];
        if (logit != logit) return logit;
        const float lower = logit > best ? best : logit;
        best = logit > best ? logit : best;
        second = lower > second ? lower : second;
    }
    return second - best;
}

enum { PIXELS_PER_TASK = 1024 };

typedef struct margin_job {
    const float *logits;
    float *margins;
    size_t pixels, classes;
} margin_job;

static void margins(void *context, size_t index, int thread) {
    (void)thread;
    const margin_job *j = context;
    const size_t end = ptn_min((index + 1) * PIXELS_PER_TASK, j->pixels);
    for (size_t p = index * PIXELS_PER_TASK; p < end; p++)
        j->margins[p] = margin(j->logits + p * j->classes, j->classes);
}

ptn_status ptn_uncertainty(const ptn_runtime *runtime, size_t pixels, size_t classes,
                           const float *logits, float *uncertainty) {
    const ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    size_t floats;
    if (!ptn_float_bytes(pixels, classes, 1, 1, &floats)) return PTN_SIZE_OVERFLOW;
    if (classes == 0) return PTN_BAD_ARGUMENT;
    margin_job j = {logits, uncertainty, pixels, classes};
    ptn_parallel(ptn_threads_worth(runtime->threads, 2.0 * (double)floats),
                 ptn_div_up(pixels, PIXELS_PER_TASK), margins, &j);
    return PTN_OK;
}
