// The vector vocabulary, once per variant. A vector is `vf` (PTN_V_LEN floats) or `vi` (as many
// 32-bit integers); +, -, *, / and comparisons are the compiler's own on vector types, a comparison
// giving -1 or 0 per lane as `vi`.
//
//     vload(p) vstore(p, v)          unaligned
//     vload_n(p, n) vstore_n(p,v,n)  the first n lanes only, 0 <= n <= PTN_V_LEN; other lanes of a
//                                    load are 0; memory outside the n lanes is not touched
//     vset(x)                        x in every lane
//     vfma(a, b, c)                  a * b + c; one rounding except in the scalar variant
//     vmax(a, b) vmin(a, b)          b where either is NaN
//     vround(v)                      nearest integer, ties to even; |v| < 2^22 where scalar
//     vfloor(v)                      greatest whole number <= v; |v| < 2^31
//     vselect(m, a, b)               a where m is -1, b where m is 0
//     vall(m)                        whether every lane of m is -1; lanes are -1 or 0
//     vsum(v)                        sum of the lanes, in a fixed tree order
//     vpick(v, i)                    lane l is v[i[l]]; 0 <= i[l] < PTN_V_LEN
//     vpick2(a, b, i)                lane l is a[i[l]], or b[i[l] - PTN_V_LEN] from PTN_V_LEN on

#define vf PTN_NAME(ptn_vf)
#define vi PTN_NAME(ptn_vi)
#define vload PTN_NAME(ptn_vload)
#define vstore PTN_NAME(ptn_vstore)
#define vload_n PTN_NAME(ptn_vload_n)
#define vstore_n PTN_NAME(ptn_vstore_n)
#define vset PTN_NAME(ptn_vset)
#define vfma PTN_NAME(ptn_vfma)
#define vmax PTN_NAME(ptn_vmax)
#define vmin PTN_NAME(ptn_vmin)
#define vround PTN_NAME(ptn_vround)
#define vfloor PTN_NAME(ptn_vfloor)
#define vselect PTN_NAME(ptn_vselect)
#define vall PTN_NAME(ptn_vall)
#define vsum PTN_NAME(ptn_vsum)
#define vpick PTN_NAME(ptn_vpick)
#define vpick2 PTN_NAME(ptn_vpick2)

typedef float vf __attribute__((vector_size(PTN_V_LEN * 4)));
typedef int32_t vi __attribute__((vector_size(PTN_V_LEN * 4)));

PTN_INLINE vf vload(const float *p) {
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

PTN_INLINE void vstore(float *p, vf v) { memcpy(p, &v, sizeof v); }

PTN_INLINE vf vselect(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }

#if defined(PTN_IS_AVX512)
PTN_INLINE vf vset(float x) { return _mm512_set1_ps(x); }
PTN_INLINE vf vfma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
PTN_INLINE vf vmax(vf a, vf b) { return _mm512_max_ps(a, b); }
PTN_INLINE vf vmin(vf a, vf b) { return _mm512_min_ps(a, b); }
PTN_INLINE vf vround(vf v) { return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT); }
PTN_INLINE vf vfloor(vf v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
PTN_INLINE vf vpick(vf v, vi i) { return _mm512_permutexvar_ps((__m512i)i, v); }
PTN_INLINE vf vpick2(vf a, vf b, vi i) { return _mm512_permutex2var_ps(a, (__m512i)i, b); }
PTN_INLINE vf vload_n(const float *p, size_t n) {
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
PTN_INLINE void vstore_n(float *p, vf v, size_t n) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v);
}
PTN_INLINE bool vall(vi m) { return _mm512_movepi32_mask((__m512i)m) == 0xffff; }
PTN_INLINE float vsum(vf v) {
    float t[16];
    vstore(t, v);
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++) t[i] += t[i + half];
    return t[0];
}
#elif defined(PTN_IS_AVX2)
PTN_INLINE vf vset(float x) { return _mm256_set1_ps(x); }
PTN_INLINE vf vfma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
PTN_INLINE vf vmax(vf a, vf b) { return _mm256_max_ps(a, b); }
PTN_INLINE vf vmin(vf a, vf b) { return _mm256_min_ps(a, b); }
PTN_INLINE vf vround(vf v) { return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT); }
PTN_INLINE vf vfloor(vf v) { return _mm256_floor_ps(v); }
PTN_INLINE vf vpick(vf v, vi i) { return _mm256_permutevar8x32_ps(v, (__m256i)i); }
PTN_INLINE vf vpick2(vf a, vf b, vi i) {
    return _mm256_blendv_ps(vpick(a, i), vpick(b, i), (vf)(i << 28)); // bit 3 chooses
}
PTN_INLINE __m256i PTN_NAME(ptn_first_lanes)(size_t n) {
    static const int32_t lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(lanes + 8 - n));
}
PTN_INLINE vf vload_n(const float *p, size_t n) {
    return _mm256_maskload_ps(p, PTN_NAME(ptn_first_lanes)(n));
}
PTN_INLINE void vstore_n(float *p, vf v, size_t n) {
    _mm256_maskstore_ps(p, PTN_NAME(ptn_first_lanes)(n), v);
}
PTN_INLINE bool vall(vi m) { return _mm256_movemask_ps((vf)m) == 0xff; }
PTN_INLINE float vsum(vf v) {
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}
#else
PTN_INLINE vf vset(float x) { return (vf){x, x, x, x}; }
PTN_INLINE vf vload_n(const float *p, size_t n) {
    vf v = {0, 0, 0, 0};
    for (size_t i = 0; i < n; i++) v[i] = p[i];
    return v;
}
PTN_INLINE void vstore_n(float *p, vf v, size_t n) {
    for (size_t i = 0; i < n; i++) p[i] = v[i];
}
PTN_INLINE bool vall(vi m) { return (m[0] & m[1] & m[2] & m[3]) != 0; }
PTN_INLINE float vsum(vf v) { return (v[0] + v[2]) + (v[1] + v[3]); }
PTN_INLINE vf vmax(vf a, vf b) { return vselect((vi)(a > b), a, b); }
PTN_INLINE vf vmin(vf a, vf b) { return vselect((vi)(a < b), a, b); }
#if defined(PTN_IS_NEON)
PTN_INLINE vf vfma(vf a, vf b, vf c) {
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
PTN_INLINE vf vround(vf v) { return (vf)vrndnq_f32((float32x4_t)v); }
PTN_INLINE vf vfloor(vf v) { return (vf)vrndmq_f32((float32x4_t)v); }
// The four bytes of lane i are 4 i ... 4 i + 3.
PTN_INLINE vf vpick(vf v, vi i) {
    return (vf)vqtbl1q_u8((uint8x16_t)v, (uint8x16_t)(i * 0x04040404 + 0x03020100));
}
PTN_INLINE vf vpick2(vf a, vf b, vi i) {
    const uint8x16x2_t table = {{(uint8x16_t)a, (uint8x16_t)b}};
    return (vf)vqtbl2q_u8(table, (uint8x16_t)(i * 0x04040404 + 0x03020100));
}
#else
PTN_INLINE vf vfma(vf a, vf b, vf c) { return a * b + c; }
PTN_INLINE vf vfloor(vf v) {
    const vf whole = __builtin_convertvector(__builtin_convertvector(v, vi), vf); // towards 0
    return whole - (vf)((vi)(whole > v) & (vi)vset(1));
}
PTN_INLINE vf vpick(vf v, vi i) { return (vf){v[i[0]], v[i[1]], v[i[2]], v[i[3]]}; }
PTN_INLINE vf vpick2(vf a, vf b, vi i) {
    return vselect((vi)(i < 4), vpick(a, i & 3), vpick(b, i & 3));
}
PTN_INLINE vf vround(vf v) {
    // Adding and subtracting 1.5 * 2^23 rounds to an integer, to nearest even in the default mode.
    const vf magic = vset(12582912.0f);
    return (v + magic) - magic;
}
#endif
#endif
