#include "reference.h"
#include <math.h>

void reference_conv_transpose2d_run(const reference_conv2d *p, const float *x,
                                    const double *weights, double *y, double *magnitude) {
    const long in = p->c / p->groups, out = p->k / p->groups;
    for (long i = 0; i < p->n * p->oh * p->ow * p->k; i++) y[i] = magnitude[i] = 0;
    for (long n = 0; n < p->n; n++)
        for (long iy = 0; iy < p->h; iy++)
            for (long ix = 0; ix < p->w; ix++)
                for (long c = 0; c < p->c; c++)
                    for (long k = 0; k < out; k++)
                        for (long i = 0; i < p->kh; i++)
                            for (long j = 0; j < p->kw; j++) {
                                long oy = iy * p->sh + i * p->dh - p->top;
                                long ox = ix * p->sw + j * p->dw - p->left;
                                if (oy < 0 || oy >= p->oh || ox < 0 || ox >= p->ow) continue;
                                double v = x[((n * p->h + iy) * p->w + ix) * p->c + c] *
                                           weights[((c * out + k) * p->kh + i) * p->kw + j];
                                long at = ((n * p->oh + oy) * p->ow + ox) * p->k + c / in * out + k;
                                y[at] += v;
                                magnitude[at] += fabs(v);
                            }
}
