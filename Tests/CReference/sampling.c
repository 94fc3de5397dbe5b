#include "sampling.h"
#include <math.h>

double reference_bilinear(const float *x, long h, long w, long c, long channel, float py,
                          float px) {
    if (isnan(py) || isnan(px)) return NAN;
    if (py <= -1 || py >= h || px <= -1 || px >= w) return 0;
    const long y0 = (long)floor(py), x0 = (long)floor(px);
    double sum = 0;
    for (long a = 0; a < 2; a++)
        for (long b = 0; b < 2; b++) {
            const long iy = y0 + a, ix = x0 + b;
            if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
            const double wy = a ? (double)py - y0 : 1 - ((double)py - y0);
            const double wx = b ? (double)px - x0 : 1 - ((double)px - x0);
            sum += wy * wx * x[(iy * w + ix) * c + channel];
        }
    return sum;
}

void reference_deform_conv2d(const reference_conv2d *p, long offset_groups, const float *x,
                             const float *offset, const float *mask, const float *weights,
                             double *y, double *magnitude) {
    const long in = p->c / p->groups, out = p->k / p->groups, taps = p->kh * p->kw;
    const long shared = p->c / offset_groups;
    for (long at = 0; at < p->n * p->oh * p->ow * p->k; at++) {
        const long k = at % p->k, pixel = at / p->k;
        const long ox = pixel % p->ow, oy = pixel / p->ow % p->oh, n = pixel / p->ow / p->oh;
        double sum = 0, total = 0;
        for (long t = 0; t < taps; t++)
            for (long i = 0; i < in; i++) {
                const long c = k / out * in + i;
                const long entry = (pixel * offset_groups + c / shared) * taps + t;
                const float py =
                    (float)(oy * p->sh - p->top + t / p->kw * p->dh) + offset[2 * entry];
                const float px =
                    (float)(ox * p->sw - p->left + t % p->kw * p->dw) + offset[2 * entry + 1];
                const float *image = x + n * p->h * p->w * p->c;
                double v = reference_bilinear(image, p->h, p->w, p->c, c, py, px);
                if (mask) v *= mask[entry];
                v *= weights[(k * in + i) * taps + t];
                sum += v;
                total += fabs(v);
            }
        y[at] = sum;
        magnitude[at] = total;
    }
}

void reference_deform_aggregate(const reference_aggregate *p, const float *x, const float *offset,
                                const float *mask, double *y) {
    const long points = p->k * p->k - p->remove_center, width = p->c / p->groups;
    const double half = (double)(p->dilation * (p->k - 1) / 2);
    for (long at = 0; at < p->n * p->oh * p->ow * p->c; at++) {
        const long c = at % p->c, pixel = at / p->c;
        const long ox = pixel % p->ow, oy = pixel / p->ow % p->oh, n = pixel / p->ow / p->oh;
        const float *o = offset + (pixel * p->groups + c / width) * points * 2;
        const float *m = mask + (pixel * p->groups + c / width) * points;
        double sum = 0;
        for (long i = 0; i < p->k; i++)
            for (long j = 0; j < p->k; j++) {
                if (p->remove_center && i == p->k / 2 && j == p->k / 2) continue;
                const double px = (double)(ox * p->stride - p->pad) + half - half * p->scale +
                                  ((double)(i * p->dilation) + o[0]) * p->scale;
                const double py = (double)(oy * p->stride - p->pad) + half - half * p->scale +
                                  ((double)(j * p->dilation) + o[1]) * p->scale;
                sum += *m++ * reference_bilinear(x + n * p->h * p->w * p->c, p->h, p->w, p->c, c,
                                                 (float)py, (float)px);
                o += 2;
            }
        y[at] = sum;
    }
}
