// The sums that networks spend their time with, four numbers at a time: the class Plain of
// kernels.js says what they compute and what the arguments are. All places are in numbers from
// where the memory begins that kernels.js has asked for. kernels.wasm is made of it so:
//
//   clang --target=wasm32 -O3 -msimd128 -nostdlib -Wl,--no-entry -Wl,-z,stack-size=16384 \
//     -mbulk-memory -Wl,--export=__heap_base -Wl,--strip-all -o kernels.wasm kernels.c

#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name))) void name
#define INLINE static inline __attribute__((always_inline))
#define LANES 8
#define TILE 4
#define ROWS 4
#define MOST_CHANNELS 512

extern float __heap_base[];

typedef struct {
  const float *x, *w, *bias, *add;
  float *y;
  int outs, rows, row, run;
} Sums;

/** Up to eight numbers, with what is to be added to them. */
INLINE void finish(v128_t left, v128_t right, const Sums *s, int at) {
  const float *add = s->add ? s->add + at : 0;
  float *y = s->y + at;
  if (s->outs >= LANES) {
    left = wasm_f32x4_add(left, wasm_v128_load(s->bias));
    right = wasm_f32x4_add(right, wasm_v128_load(s->bias + 4));
    if (add) {
      left = wasm_f32x4_add(left, wasm_v128_load(add));
      right = wasm_f32x4_add(right, wasm_v128_load(add + 4));
    }
    wasm_v128_store(y, left);
    wasm_v128_store(y + 4, right);
    return;
  }
  float all[LANES];
  wasm_v128_store(all, left);
  wasm_v128_store(all + 4, right);
#pragma clang loop vectorize(disable) unroll(disable)
  for (int k = 0; k < s->outs; k++) y[k] = all[k] + s->bias[k] + (add ? add[k] : 0);
}

/** Eight outputs, or fewer, of a few windows: two registers a window, and all of them at hand. */
INLINE void tile(int windows, const int *in, const int *out, const Sums *s) {
  v128_t left[TILE], right[TILE];
  for (int i = 0; i < windows; i++) left[i] = right[i] = wasm_f32x4_splat(0);
  const float *w = s->w;
  for (int r = 0; r < s->rows; r++) {
    const float *x[TILE];
    for (int i = 0; i < windows; i++) x[i] = s->x + in[i] + r * s->row;
    for (int j = 0; j < s->run; j++, w += LANES) {
      const v128_t a = wasm_v128_load(w), b = wasm_v128_load(w + 4);
      for (int i = 0; i < windows; i++) {
        const v128_t v = wasm_v128_load32_splat(x[i] + j);
        left[i] = wasm_f32x4_add(left[i], wasm_f32x4_mul(v, a));
        right[i] = wasm_f32x4_add(right[i], wasm_f32x4_mul(v, b));
      }
    }
  }
  for (int i = 0; i < windows; i++) finish(left[i], right[i], s, out[i]);
}

EXPORT(conv)(int x, int w, int bias, int add, int y, int height, int width, int outs, int yStep,
             int yDown, int step, int down, int rows, int row, int run) {
  float *const heap = __heap_base;
  const int count = height * width, wide = count < TILE ? 1 : TILE;
  for (int first = 0; first < outs; first += LANES, w += LANES * rows * run) {
    const Sums s = {heap + x, heap + w, heap + bias + first, add ? heap + add + first : 0,
                    heap + y + first, outs - first, rows, row, run};
    for (int begin = 0; begin < count; begin += wide) {
      // The last tile computes some windows once more.
      const int from = begin + wide > count ? count - wide : begin;
      int in[TILE], out[TILE];
      for (int i = 0, top = from / width, left = from % width; i < wide; i++) {
        in[i] = top * down + left * step;
        out[i] = top * yDown + left * yStep;
        if (++left == width) left = 0, top++;
      }
      if (wide == TILE) tile(TILE, in, out, &s);
      else tile(1, in, out, &s);
    }
  }
}

/** y = bias + x · w, with w [inputs][outs]; what is read of it is most of the work, and rows of
 * inputs that are zero, half of them behind a ReLU, are not. */
EXPORT(linear)(int x, int w, int bias, int y, int inputs, int outs) {
  float *const heap = __heap_base;
  __builtin_memcpy(heap + y, heap + bias, outs * sizeof(float));
  for (int i = 0; i < inputs;) {
    float by[ROWS] = {0};
    const float *row[ROWS];
    int count = 0;
    for (; i < inputs && count < ROWS; i++) {
      if (heap[x + i] == 0) continue;
      by[count] = heap[x + i];
      row[count++] = heap + w + i * outs;
    }
    if (!count) return;
    for (; count < ROWS; count++) row[count] = row[0]; // times zero
    v128_t all[ROWS];
    for (int r = 0; r < ROWS; r++) all[r] = wasm_f32x4_splat(by[r]);
    float *out = heap + y;
    int k = 0;
    for (; k + 4 <= outs; k += 4) {
      v128_t sum = wasm_v128_load(out + k);
      for (int r = 0; r < ROWS; r++) {
        sum = wasm_f32x4_add(sum, wasm_f32x4_mul(all[r], wasm_v128_load(row[r] + k)));
      }
      wasm_v128_store(out + k, sum);
    }
#pragma clang loop vectorize(disable) unroll(disable)
    for (; k < outs; k++) {
      for (int r = 0; r < ROWS; r++) out[k] += by[r] * row[r][k];
    }
  }
}

/** e to the power of four numbers, to seven digits (the polynomial of Cephes' expf). */
INLINE v128_t exp4(v128_t x) {
#define C(number) wasm_f32x4_splat(number)
#define MUL_ADD(a, b, c) wasm_f32x4_add(wasm_f32x4_mul(a, b), c)
  x = wasm_f32x4_pmin(wasm_f32x4_pmax(C(-87), x), C(87)); // NaN stays
  const v128_t n = wasm_f32x4_nearest(wasm_f32x4_mul(x, C(1.44269504f)));
  x = MUL_ADD(n, C(-0.693359375f), x);
  x = MUL_ADD(n, C(2.12194440e-4f), x);
  v128_t y = C(1.9875691500e-4f);
  y = MUL_ADD(y, x, C(1.3981999507e-3f));
  y = MUL_ADD(y, x, C(8.3334519073e-3f));
  y = MUL_ADD(y, x, C(4.1665795894e-2f));
  y = MUL_ADD(y, x, C(1.6666665459e-1f));
  y = MUL_ADD(y, x, C(5.0000001201e-1f));
  y = wasm_f32x4_add(MUL_ADD(y, wasm_f32x4_mul(x, x), x), C(1));
  const v128_t whole = wasm_i32x4_trunc_sat_f32x4(n);
  return wasm_f32x4_mul(y, wasm_i32x4_shl(wasm_i32x4_add(whole, wasm_i32x4_splat(127)), 23));
}

INLINE v128_t silu(v128_t x) {
  return wasm_f32x4_div(x, wasm_f32x4_add(C(1), exp4(wasm_f32x4_neg(x))));
}

/** The sums of each channel, or of its squared distance from `mean`, over all pixels. */
INLINE void totals(const float *x, int pixels, int channels, const float *mean, float *total) {
  for (int k = 0; k < channels; k += 4) {
    const v128_t middle = mean ? wasm_v128_load(mean + k) : C(0);
    v128_t sum = C(0);
    int i = 0;
    do { // there is a pixel; with a `for` the compiler asks for memset
      v128_t v = wasm_v128_load(x + i * channels + k);
      if (mean) {
        v = wasm_f32x4_sub(v, middle);
        v = wasm_f32x4_mul(v, v);
      }
      sum = wasm_f32x4_add(sum, v);
    } while (++i < pixels);
    wasm_v128_store(total + k, sum);
  }
}

/** Each channel's number becomes the mean of its group's. */
static void share(float *total, int channels, int groups, int pixels) {
  const int size = channels / groups;
  for (int first = 0; first < channels; first += size) {
    float sum = 0;
    for (int k = first; k < first + size; k++) sum += total[k];
    for (int k = first; k < first + size; k++) total[k] = sum / (size * pixels);
  }
}

/** For channels that are multiples of four, and not more than MOST_CHANNELS. */
EXPORT(norm)(int x, int gamma, int beta, int film, int y, int height, int width, int channels,
             int groups, int border) {
  float *const heap = __heap_base;
  float mean[MOST_CHANNELS], scale[MOST_CHANNELS];
  const int pixels = height * width;
  totals(heap + x, pixels, channels, 0, mean);
  share(mean, channels, groups, pixels);
  totals(heap + x, pixels, channels, mean, scale);
  share(scale, channels, groups, pixels);
  for (int k = 0; k < channels; k++) {
    const float more = film ? 1 + heap[film + k] : 1;
    const float by = heap[gamma + k] / __builtin_sqrtf(scale[k] + 1e-5f);
    mean[k] = (heap[beta + k] - mean[k] * by) * more + (film ? heap[film + channels + k] : 0);
    scale[k] = by * more;
  }
  const float *p = heap + x;
  for (int top = 0; top < height; top++) {
    float *q = heap + y + ((top + border) * (width + 2 * border) + border) * channels;
    for (int left = 0; left < width; left++) {
      for (int k = 0; k < channels; k += 4, p += 4, q += 4) {
        const v128_t shift = wasm_v128_load(mean + k);
        wasm_v128_store(q, silu(MUL_ADD(wasm_v128_load(p), wasm_v128_load(scale + k), shift)));
      }
    }
  }
}
