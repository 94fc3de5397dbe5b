// Elementary functions on vectors, once per variant: include it at the top of a file that
// foreach_isa.h compiles, at most once per such file.
//
//     vabs(x)      |x|
//     vexp(x)      e^x; 0 below the smallest normal result (x < -87.33654), inf above 88.72284
//     vtanh(x)     odd to the last bit
//     verf(x)      odd to the last bit, never beyond +-1
//     vsigmoid(x)  1 / (1 + e^-x), relatively exact in the left tail down to x = -87.33654
//     vlog(x)      natural logarithm, denormal numbers included; -inf at 0, NaN below
//
// Infinities give the limits, NaN gives NaN, and no intermediate value is denormal for 1e-18 < |x|.
// The polynomials were fitted for this file (weighted minimax by Lawson's iteration). Largest
// errors in units in the last place, over every 61st float of the whole range, against the C
// library in double:
//
//                 fma    scalar
//     vexp        1.0     1.0
//     vtanh       2.5     2.5
//     verf        1.2     1.4
//     vsigmoid    2.3     2.3
//     vlog        0.9     0.9
#define vabs PTN_NAME(ptn_vabs)
#define vexp PTN_NAME(ptn_vexp)
#define vtanh PTN_NAME(ptn_vtanh)
#define verf PTN_NAME(ptn_verf)
#define vsigmoid PTN_NAME(ptn_vsigmoid)
#define vlog PTN_NAME(ptn_vlog)
#define ptn_vsplit PTN_NAME(ptn_vexp_split)
#define ptn_vexp_in_range PTN_NAME(ptn_vexp_in_range_of)
#define ptn_vcopysign PTN_NAME(ptn_vcopysign_of)

PTN_INLINE vf vabs(vf x) { return (vf)((vi)x & 0x7fffffff); }

// |y| with the sign of x.
PTN_INLINE vf ptn_vcopysign(vf y, vf x) {
    return (vf)(((vi)y & 0x7fffffff) | ((vi)x & (int32_t)0x80000000));
}

// e^x = 2^n (1 + p) with |p| < 0.42: returns p, `*exponent` is n shifted to a float's exponent
// bits. Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits, without a conversion
// that would be undefined for NaN. The high part of ln 2 has few bits, so n times it is exact
// with and without a fused multiply-add.
PTN_INLINE vf ptn_vsplit(vf x, vi *exponent) {
    const vf magic = vset(12582912.0f);
    vf t = vfma(x, vset(1.44269504f), magic);
    vf n = t - magic;
    *exponent = (vi)t << 23;
    vf r = vfma(n, vset(-0.693359375f), x);
    r = vfma(n, vset(2.12194440e-4f), r);
    vf q = vset(0.00138145441f);
    q = vfma(q, r, vset(0.00836884417f));
    q = vfma(q, r, vset(0.0416683964f));
    q = vfma(q, r, vset(0.166665196f));
    q = vfma(q, r, vset(0.49999994f));
    return vfma(q * r, r, r);
}

// e^x for -87.3 < x < 88; NaN gives NaN.
PTN_INLINE vf ptn_vexp_in_range(vf x) {
    vi exponent;
    vf p = ptn_vsplit(x, &exponent);
    return (p + 1.0f) * (vf)(exponent + 0x3f800000);
}

PTN_INLINE vf vexp(vf x) {
    const vf low = vset(-87.33654f), high = vset(88.72283f);
    vi exponent;
    vf p = ptn_vsplit(vmin(vmax(x, low), high), &exponent);
    // Adding to the exponent bits reaches 2^128 (1 + p) with p < 0, where a factor would not.
    vf y = (vf)((vi)(p + 1.0f) + exponent);
    y = vselect((vi)(x < low), vset(0.0f), y);
    return vselect((vi)(x <= high), y, x + __builtin_inff());
}

// (e^2|x| - 1) / (e^2|x| + 1), with e^2|x| - 1 formed without cancellation.
PTN_INLINE vf vtanh(vf x) {
    vi exponent;
    vf p = ptn_vsplit(vmin(vset(10.0f), vabs(x)) * 2.0f, &exponent);
    vf scale = (vf)(exponent + 0x3f800000);
    vf e = vfma(scale, p, scale - 1.0f);
    return ptn_vcopysign(e / (e + 2.0f), x);
}

// Near 0 a polynomial in x^2; beyond 0.92 one minus e^-R(|x|), R fitted to -log erfc.
PTN_INLINE vf verf(vf x) {
    vf a = vmin(vset(3.93f), vabs(x)), z = x * x;
    vf near = vset(-0.000599940307f);
    near = vfma(near, z, vset(0.00499482965f));
    near = vfma(near, z, vset(-0.0267677195f));
    near = vfma(near, z, vset(0.112818457f));
    near = vfma(near, z, vset(-0.376124978f));
    near = vfma(near, z, vset(0.128379151f));
    near = vfma(near, x, x);
    vf far = vset(-0.000196512599f);
    far = vfma(far, a, vset(0.00304885232f));
    far = vfma(far, a, vset(-0.0222493447f));
    far = vfma(far, a, vset(0.10397803f));
    far = vfma(far, a, vset(0.637129426f));
    far = vfma(far, a, vset(1.12770689f));
    far = vfma(far, a, vset(0.000188116246f));
    far = 1.0f - ptn_vexp_in_range(-far);
    return vselect((vi)(a < 0.92f), near, ptn_vcopysign(far, x));
}

// e = e^-|x| cannot overflow; the numerator is 1 on the right and e on the left.
PTN_INLINE vf vsigmoid(vf x) {
    const vf low = vset(-87.33654f);
    vf a = -vabs(x);
    vf e = ptn_vexp_in_range(vmax(low, a));
    e = vselect((vi)(a < low), vset(0.0f), e);
    return vselect((vi)(x >= 0.0f), vset(1.0f), e) / (e + 1.0f);
}

// x = 2^n m with m between the roots of 1/2 and 2; log m is f - f^2 / 2 + f^3 Q(f) of f = m - 1.
// The high part of ln 2 has few bits, so n times it is exact.
PTN_INLINE vf vlog(vf x) {
    const vi tiny = (vi)(x < 1.17549435e-38f);
    const vf scaled = vselect(tiny, x * 8388608.0f, x);
    const vi n = ((vi)scaled - 0x3f3504f3) >> 23;
    const vf f = (vf)((vi)scaled - (n << 23)) - 1.0f;
    const vf power = __builtin_convertvector(n - (tiny & 23), vf);
    vf q = vset(0.0674664f);
    q = vfma(q, f, vset(-0.11675652f));
    q = vfma(q, f, vset(0.11888162f));
    q = vfma(q, f, vset(-0.12405589f));
    q = vfma(q, f, vset(0.14219552f));
    q = vfma(q, f, vset(-0.16667996f));
    q = vfma(q, f, vset(0.20002119f));
    q = vfma(q, f, vset(-0.2500001f));
    q = vfma(q, f, vset(0.33333313f));
    const vf square = f * f;
    vf y = vfma(power, vset(-2.12194440e-4f), square * f * q);
    y = vfma(square, vset(-0.5f), y);
    y = vfma(power, vset(0.693359375f), y + f);
    // Infinity and NaN are returned unchanged.
    y = vselect((vi)(x < __builtin_inff()), y, x);
    y = vselect((vi)(x == 0.0f), vset(-__builtin_inff()), y);
    return vselect((vi)(x < 0.0f), vset(__builtin_nanf("")), y);
}
