// The two forms of Winograd's convolution: their transforms and the packing of their weights.
// Points 0, 1, -1, 2, -2 (and 1/2, -1/2 for 6 x 6 outputs) and infinity.
#include "winograd_forms.h"
#include <string.h>

#define PTN_SOURCE "../convolution/winograd_forms.inc"
#include "../core/foreach_isa.h"

static const double filter_4x4[6][3] = {{0.25, 0, 0},
                                        {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                        {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                        {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                        {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                        {0, 0, 1}};
static const double filter_6x6[8][3] = {{1, 0, 0},
                                        {-2.0 / 9, -2.0 / 9, -2.0 / 9},
                                        {-2.0 / 9, 2.0 / 9, -2.0 / 9},
                                        {1.0 / 90, 1.0 / 45, 2.0 / 45},
                                        {1.0 / 90, -1.0 / 45, 2.0 / 45},
                                        {32.0 / 45, 16.0 / 45, 8.0 / 45},
                                        {32.0 / 45, -16.0 / 45, 8.0 / 45},
                                        {0, 0, 1}};
static const ptn_winograd_form form_4x4 = {4, 6, 36, filter_4x4}, form_6x6 = {6, 8, 64, filter_6x6};

static const ptn_winograd_input_fn input_4x4[PTN_ISA_COUNT] = PTN_TABLE(winograd_input_4x4);
static const ptn_winograd_input_fn input_6x6[PTN_ISA_COUNT] = PTN_TABLE(winograd_input_6x6);
static const ptn_winograd_output_fn output_4x4[PTN_ISA_COUNT] = PTN_TABLE(winograd_output_4x4);
static const ptn_winograd_output_fn output_6x6[PTN_ISA_COUNT] = PTN_TABLE(winograd_output_6x6);

const ptn_winograd_form *ptn_winograd_form_of(ptn_conv2d_algorithm algorithm) {
    if (algorithm == PTN_CONV2D_WINOGRAD_4X4) return &form_4x4;
    return algorithm == PTN_CONV2D_WINOGRAD_6X6 ? &form_6x6 : NULL;
}

ptn_winograd_input_fn ptn_winograd_input_for(const ptn_winograd_form *form, ptn_isa isa) {
    return (form == &form_4x4 ? input_4x4 : input_6x6)[isa];
}

ptn_winograd_output_fn ptn_winograd_output_for(const ptn_winograd_form *form, ptn_isa isa) {
    return (form == &form_4x4 ? output_4x4 : output_6x6)[isa];
}

// u = scale * G g G^T in double precision: transformed weights are rounded once.
static void transform_filter(const ptn_winograd_form *form, const float *g, double scale,
                             double *u) {
    const double (*G)[3] = form->filter;
    const size_t side = form->side;
    double half[PTN_WINOGRAD_MAX_SIDE][3];
    for (size_t i = 0; i < side; i++)
        for (size_t j = 0; j < 3; j++)
            half[i][j] = G[i][0] * g[j] + G[i][1] * g[3 + j] + G[i][2] * g[6 + j];
    for (size_t i = 0; i < side; i++)
        for (size_t j = 0; j < side; j++)
            u[side * i + j] =
                scale * (half[i][0] * G[j][0] + half[i][1] * G[j][1] + half[i][2] * G[j][2]);
}

bool ptn_winograd_floats(const ptn_winograd_form *form, ptn_isa isa, const ptn_conv2d_shape *s,
                         size_t *floats) {
    if (s->k > (size_t)__PTRDIFF_MAX__ / 64) return false;
    return ptn_float_bytes(form->planes, s->c, ptn_panels_for(isa, s->k).padded, 1, floats);
}

void ptn_winograd_pack(const ptn_winograd_form *form, ptn_isa isa, const ptn_conv2d_shape *s,
                       const float *weights, const float *scale, size_t part, float *packed) {
    const ptn_panels p = ptn_panels_for(isa, s->k);
    const size_t first = part * p.width;
    const size_t width = ptn_panel_vectors(&p, s->k, first) * p.vector;
    float *panel = packed + form->planes * s->c * first;
    memset(panel, 0, form->planes * s->c * width * sizeof *panel);
    for (size_t j = 0; j < ptn_min(width, s->k - first); j++)
        for (size_t c = 0; c < s->c; c++) {
            double u[PTN_WINOGRAD_MAX_PLANES];
            const size_t k = first + j;
            transform_filter(form, weights + (k * s->c + c) * 9, scale ? scale[k] : 1, u);
            for (size_t plane = 0; plane < form->planes; plane++)
                panel[(plane * s->c + c) * width + j] = (float)u[plane];
        }
}
