#include "reference.h"
#include <math.h>

void reference_conv2d_run(const reference_conv2d *p, const float *x, const double *weights,
                          int per_sample, double *y, double *magnitude) {
    const long in = p->c / p->groups, out = p->k / p->groups;
    for (long n = 0; n < p->n; n++)
        for (long oy = 0; oy < p->oh; oy++)
            for (long ox = 0; ox < p->ow; ox++)
                for (long k = 0; k < p->k; k++) {
                    double sum = 0, total = 0;
                    const double *filter =
                        weights + ((per_sample ? n * p->k : 0) + k) * in * p->kh * p->kw;
                    for (long c = 0; c < in; c++)
                        for (long i = 0; i < p->kh; i++)
                            for (long j = 0; j < p->kw; j++) {
                                long iy = oy * p->sh - p->top + i * p->dh;
                                long ix = ox * p->sw - p->left + j * p->dw;
                                if (iy < 0 || iy >= p->h || ix < 0 || ix >= p->w) continue;
                                double v =
                                    x[((n * p->h + iy) * p->w + ix) * p->c + k / out * in + c] *
                                    filter[(c * p->kh + i) * p->kw + j];
                                sum += v;
                                total += fabs(v);
                            }
                    const long at = ((n * p->oh + oy) * p->ow + ox) * p->k + k;
                    y[at] = sum;
                    magnitude[at] = total;
                }
}
