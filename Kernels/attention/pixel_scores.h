// Scores of pixels for the kernels of attention, once per variant: include it in a file that
// foreach_isa.h compiles.
//
//     ptn_pixel_scores(pixels, channels, x, weight, bias, scores)
//         scores[p] = bias + sum over c of weight[c] * x[p, c]
#define ptn_pixel_scores PTN_NAME(ptn_pixel_scores_of)
#define ptn_few_scores PTN_NAME(ptn_few_pixel_scores)

// The scores of 4 pixels or of 1: weights are loaded once for all of them.
PTN_INLINE void ptn_few_scores(const size_t pixels, size_t channels, const float *x,
                               const float *weight, float bias, float *scores) {
    vf sum[4];
    for (size_t p = 0; p < pixels; p++) sum[p] = vset(0);
    size_t c = 0;
    for (; c + PTN_V_LEN <= channels; c += PTN_V_LEN) {
        const vf w = vload(weight + c);
        for (size_t p = 0; p < pixels; p++) sum[p] = vfma(vload(x + p * channels + c), w, sum[p]);
    }
    if (c < channels) {
        const vf w = vload_n(weight + c, channels - c);
        for (size_t p = 0; p < pixels; p++)
            sum[p] = vfma(vload_n(x + p * channels + c, channels - c), w, sum[p]);
    }
    for (size_t p = 0; p < pixels; p++) scores[p] = vsum(sum[p]) + bias;
}

PTN_INLINE void ptn_pixel_scores(size_t pixels, size_t channels, const float *x,
                                 const float *weight, float bias, float *scores) {
    size_t p = 0;
    for (; p + 4 <= pixels; p += 4)
        ptn_few_scores(4, channels, x + p * channels, weight, bias, scores + p);
    for (; p < pixels; p++) ptn_few_scores(1, channels, x + p * channels, weight, bias, scores + p);
}
#undef ptn_few_scores
