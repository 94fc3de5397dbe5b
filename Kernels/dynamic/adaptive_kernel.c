// Driver of the pixel-adaptive kernels. A task is a band of output rows: the rows of the guide that
// it reads are copied to planes, one per feature, padded with zeros, with the columns of each
// residue modulo the stride side by side; then the outputs of a row read contiguous floats.
#include "ptn_adaptive_kernel.h"
#include "../convolution/shape.h"
#include "../core/rows.h"

#define PTN_SOURCE "../dynamic/adaptive_kernel.inc"
#include "../core/foreach_isa.h"

typedef void (*adaptive_row_fn)(const ptn_adaptive_function *f, size_t count, size_t channels,
                                const float *taps, size_t plane, const float *centre,
                                size_t centre_plane, float *kernels);
static const adaptive_row_fn adaptive_row[PTN_ISA_COUNT] = PTN_TABLE(adaptive_row);

enum { BAND_ROWS = 8, BAND_FLOATS = 128 << 10, LONGEST_VECTOR = 16 };

typedef struct kernel_job {
    adaptive_row_fn run;
    const ptn_conv2d_shape *shape;
    const ptn_adaptive_function *function;
    const float *guide, *centre;
    float *kernels;
    size_t out_h, out_w, band, bands;
    size_t residues;   // of columns modulo the stride that taps read
    size_t run_floats; // columns of one residue, padded
    size_t row_floats; // of all residues
    size_t rows;       // of the guide that a band reads
    size_t out_floats; // of an output row, padded
    float *scratch;
    size_t thread_floats;
} kernel_job;

// Copies row `iy` of the guide, zeros outside, to row `row` of the planes.
static void copy_row(const kernel_job *j, const float *image, ptrdiff_t iy, size_t row,
                     float *planes) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t plane = j->rows * j->row_floats;
    float *to = planes + row * j->row_floats;
    for (size_t c = 0; c < s->c; c++) memset(to + c * plane, 0, j->row_floats * sizeof *to);
    if (iy < 0 || iy >= (ptrdiff_t)s->h) return;
    const float *from = image + (size_t)iy * s->w * s->c;
    for (size_t x = 0; x < s->w; x++) {
        const size_t at = x + s->pad_left, step = at / s->stride_w;
        if (step >= j->run_floats) break; // beyond the last tap
        if (at % s->stride_w >= j->residues) continue;
        float *place = to + at % s->stride_w * j->run_floats + step;
        for (size_t c = 0; c < s->c; c++) place[c * plane] = from[x * s->c + c];
    }
}

// Copies one output row of the smoothed guide to planes.
static void copy_centre(const kernel_job *j, const float *from, float *planes) {
    const size_t channels = j->shape->c;
    for (size_t x = 0; x < j->out_w; x++)
        for (size_t c = 0; c < channels; c++)
            planes[c * j->out_floats + x] = from[x * channels + c];
}

// The planes at tap (ty, tx) for row `row` of the band.
static const float *tap_at(const kernel_job *j, const float *planes, size_t row, size_t ty,
                           size_t tx) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t x = tx * s->dilation_w;
    return planes + (row * s->stride_h + ty * s->dilation_h) * j->row_floats +
           x % s->stride_w * j->run_floats + x / s->stride_w;
}

static void run_row(const kernel_job *j, const float *planes, const float *smoothed, size_t row,
                    float *values, float *out) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t plane = j->rows * j->row_floats, taps = s->kh * s->kw;
    const float *centre = smoothed ? smoothed : tap_at(j, planes, row, s->kh / 2, s->kw / 2);
    for (size_t t = 0; t < taps; t++)
        j->run(j->function, j->out_w, s->c, tap_at(j, planes, row, t / s->kw, t % s->kw), plane,
               centre, smoothed ? j->out_floats : plane, values + t * j->out_floats);
    for (size_t x = 0; x < j->out_w; x++)
        for (size_t t = 0; t < taps; t++) out[x * taps + t] = values[t * j->out_floats + x];
}

static void run_band(void *context, size_t index, int thread) {
    const kernel_job *j = context;
    const ptn_conv2d_shape *s = j->shape;
    const size_t sample = index / j->bands, taps = s->kh * s->kw;
    const size_t begin = ptn_part_begin(j->out_h, j->bands, index % j->bands);
    const size_t end = ptn_part_begin(j->out_h, j->bands, index % j->bands + 1);
    float *planes = j->scratch + (size_t)thread * j->thread_floats;
    float *values = planes + s->c * j->rows * j->row_floats;
    float *smoothed = j->centre ? values + taps * j->out_floats : NULL;
    const size_t rows = (end - begin - 1) * s->stride_h + (s->kh - 1) * s->dilation_h + 1;
    const float *image = j->guide + sample * s->h * s->w * s->c;
    for (size_t r = 0; r < rows; r++)
        copy_row(j, image, (ptrdiff_t)(begin * s->stride_h + r) - (ptrdiff_t)s->pad_top, r, planes);
    for (size_t oy = begin; oy < end; oy++) {
        const size_t at = (sample * j->out_h + oy) * j->out_w;
        if (smoothed) copy_centre(j, j->centre + at * s->c, smoothed);
        run_row(j, planes, smoothed, oy - begin, values, j->kernels + at * taps);
    }
}

// Sets the size of bands and of a thread's scratch; false on overflow.
static bool cut(kernel_job *j) {
    const ptn_conv2d_shape *s = j->shape;
    const size_t reach = (s->kw - 1) * s->dilation_w, taps = s->kh * s->kw;
    // Loads of whole vectors may read beyond the last output.
    j->run_floats = j->out_w + reach / s->stride_w + 1 + LONGEST_VECTOR;
    j->residues = ptn_min(s->stride_w, reach + 1);
    j->out_floats = ptn_div_up(j->out_w, LONGEST_VECTOR) * LONGEST_VECTOR;
    size_t values, planes = 0;
    if (!ptn_float_bytes(j->run_floats, j->residues, 1, 1, &j->row_floats) ||
        !ptn_float_bytes(taps + s->c, j->out_floats, 1, 1, &values))
        return false;
    for (j->band = ptn_min(BAND_ROWS, j->out_h);; j->band--) {
        j->rows = (j->band - 1) * s->stride_h + (s->kh - 1) * s->dilation_h + 1;
        const bool fits = ptn_float_bytes(s->c, j->rows, j->row_floats, 1, &planes);
        if (fits && planes <= BAND_FLOATS) break;
        if (j->band == 1) {
            if (!fits) return false;
            break;
        }
    }
    j->bands = ptn_div_up(j->out_h, j->band);
    if (!ptn_add(planes, values, &j->thread_floats)) return false;
    j->thread_floats = ptn_div_up(j->thread_floats, 16) * 16;
    return true;
}

ptn_status ptn_adaptive_kernel(const ptn_runtime *runtime, const ptn_conv2d_shape *shape,
                               const ptn_adaptive_function *function, const float *guide,
                               const float *centre, float *kernels) {
    ptn_status status = ptn_runtime_check(runtime);
    if (status != PTN_OK) return status;
    ptn_conv2d_shape s = *shape;
    s.k = s.groups = 1;
    if ((unsigned)function->kind > PTN_ADAPTIVE_INVERSE || !ptn_conv2d_sizes_valid(&s) ||
        s.kh % 2 == 0 || s.kw % 2 == 0)
        return PTN_BAD_ARGUMENT;
    kernel_job j = {.run = adaptive_row[runtime->isa],
                    .shape = &s,
                    .function = function,
                    .guide = guide,
                    .centre = centre,
                    .kernels = kernels};
    status = ptn_conv2d_output_size(&s, &j.out_h, &j.out_w);
    if (status != PTN_OK) return status;
    size_t count, bytes;
    if (!ptn_float_bytes(s.n, j.out_h, j.out_w, 1, &count) ||
        !ptn_float_bytes(count, s.kh, s.kw, 1, &count))
        return PTN_SIZE_OVERFLOW;
    if (count == 0) return PTN_OK;
    if (!cut(&j)) return PTN_SIZE_OVERFLOW;
    // About a nanosecond per vector and feature, and for each factor that is stored.
    const double lanes = (double)ptn_isa_vector_floats(runtime->isa);
    const int threads =
        ptn_threads_worth(runtime->threads, (double)count * (1 + (double)s.c / lanes));
    if (!ptn_float_bytes((size_t)threads, j.thread_floats, 1, 1, &bytes)) return PTN_SIZE_OVERFLOW;
    j.scratch = ptn_scratch_acquire(bytes * sizeof(float));
    if (!j.scratch) return PTN_OUT_OF_MEMORY;
    ptn_parallel(threads, s.n * j.bands, run_band, &j);
    ptn_scratch_release(j.scratch);
    return PTN_OK;
}
