/**
 * The WGSL functions that kernels call by name, each with those that it needs. WGSL lets an implementation assume that
 * NaN and infinity are absent and bounds its own `exp`, `sin`, `pow` only loosely, so what the field means by these
 * functions is spelled out here: NaN is told by its bits, infinities come from variables that no compiler may fold, and
 * the polynomials are those of the Cephes library (S. Moshier), good to about 2 ulp in f32.
 * @module
 */

interface Entry {
  readonly needs: ReadonlyArray<string>
  readonly code: string
}

const entry = (code: string, ...needs: ReadonlyArray<string>): Entry => ({ needs, code })

const TABLE: { readonly [name: string]: Entry } = {
  o_inf_bits: entry(`var<private> o_inf_bits: u32 = 0x7f800000u;`),
  o_nan_bits: entry(`var<private> o_nan_bits: u32 = 0x7fc00000u;`),
  o_inf: entry(`fn o_inf() -> f32 { return bitcast<f32>(o_inf_bits); }`, "o_inf_bits"),
  o_nan: entry(`fn o_nan() -> f32 { return bitcast<f32>(o_nan_bits); }`, "o_nan_bits"),
  o_isnan: entry(`fn o_isnan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`),
  o_isfinite: entry(`fn o_isfinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }`),
  // compilers make 0 of x - x, of x + -x and of x * 0 before they see NaN or infinity: whether the result has a value is
  // read from the bits, which no algebra of numbers touches
  o_sub: entry(
    `fn o_sub(x: f32, y: f32) -> f32 {
  let a = bitcast<u32>(x);
  let b = bitcast<u32>(y);
  let lost = (a & 0x7fffffffu) > 0x7f800000u || (b & 0x7fffffffu) > 0x7f800000u || (a == b && (a & 0x7fffffffu) == 0x7f800000u);
  return select(x - y, o_nan(), lost);
}`,
    "o_nan",
  ),
  o_add: entry(
    `fn o_add(x: f32, y: f32) -> f32 {
  let a = bitcast<u32>(x);
  let b = bitcast<u32>(y);
  let lost = (a & 0x7fffffffu) > 0x7f800000u || (b & 0x7fffffffu) > 0x7f800000u || ((a ^ b) == 0x80000000u && (a & 0x7fffffffu) == 0x7f800000u);
  return select(x + y, o_nan(), lost);
}`,
    "o_nan",
  ),
  o_times_zero: entry(
    `fn o_times_zero(x: f32) -> f32 { return select(0.0, o_nan(), (bitcast<u32>(x) & 0x7fffffffu) >= 0x7f800000u); }`,
    "o_nan",
  ),
  o_div: entry(
    `fn o_div(x: f32, y: f32) -> f32 {
  let a = bitcast<u32>(x) & 0x7fffffffu;
  let b = bitcast<u32>(y) & 0x7fffffffu;
  let lost = a > 0x7f800000u || b > 0x7f800000u || (a == b && (a == 0u || a == 0x7f800000u));
  return select(x / y, o_nan(), lost);
}`,
    "o_nan",
  ),
  o_min: entry(
    `fn o_min(x: f32, y: f32) -> f32 { return select(select(y, x, x < y), x + y, o_isnan(x) || o_isnan(y)); }`,
    "o_isnan",
  ),
  o_max: entry(
    `fn o_max(x: f32, y: f32) -> f32 { return select(select(y, x, x > y), x + y, o_isnan(x) || o_isnan(y)); }`,
    "o_isnan",
  ),
  o_sign: entry(`fn o_sign(x: f32) -> f32 { return select(sign(x), x, o_isnan(x) || x == 0.0); }`, "o_isnan"),
  // 2^n as two factors, so that results below the normal range come out gradually
  o_scale: entry(`fn o_scale(y: f32, n: i32) -> f32 {
  let a = n >> 1u;
  return y * bitcast<f32>(u32(a + 127) << 23u) * bitcast<f32>(u32(n - a + 127) << 23u);
}`),
  o_exp_small: entry(`fn o_exp_small(r: f32) -> f32 {
  var p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return p * r * r + r + 1.0;
}`),
  o_exp: entry(
    `fn o_exp(x: f32) -> f32 {
  let c = clamp(x, -104.0, 89.0);
  let n = round(c * 1.44269504f);
  let r = (c - n * 0.693359375f) + n * 2.12194440e-4f;
  let y = o_scale(o_exp_small(r), i32(n));
  return select(select(y, o_inf(), x > 88.722839f), x, o_isnan(x));
}`,
    "o_exp_small",
    "o_scale",
    "o_inf",
    "o_isnan",
  ),
  // the natural logarithm of the mantissa brought into sqrt(1/2) .. sqrt(2), and the exponent
  o_log_parts: entry(`fn o_log_parts(x: f32) -> vec2f {
  let small = (bitcast<u32>(x) & 0x7f800000u) == 0u;
  let bits = select(bitcast<u32>(x), bitcast<u32>(f32(bitcast<u32>(x) & 0x7fffffu)), small);
  let low = (bits & 0x7fffffu) < 0x3504f3u;
  let m = bitcast<f32>((bits & 0x7fffffu) | select(0x3f000000u, 0x3f800000u, low)) - 1.0;
  let e = i32(bits >> 23u) - select(126, 127, low) - select(0, 149, small);
  var p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  return vec2f(m + (p * m * m * m - 0.5 * m * m), f32(e));
}`),
  o_log: entry(
    `fn o_log(x: f32) -> f32 {
  let p = o_log_parts(x);
  let y = (p.x - 2.12194440e-4f * p.y) + 0.693359375f * p.y;
  let bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) == 0u) { return -o_inf(); }
  if (bits > 0x7f800000u) { return o_nan(); }
  return select(y, x, bits == 0x7f800000u);
}`,
    "o_log_parts",
    "o_inf",
    "o_nan",
  ),
  o_pow: entry(
    `fn o_pow(x: f32, y: f32) -> f32 {
  if (y == 0.0 || x == 1.0) { return 1.0; }
  if (o_isnan(x) || o_isnan(y)) { return o_nan(); }
  let a = abs(x);
  let negative = (bitcast<u32>(x) >> 31u) != 0u;
  let whole = floor(y) == y;
  let odd = whole && abs(y) < 16777216.0 && (i32(clamp(y, -16777216.0, 16777216.0)) & 1) != 0;
  var r = 0.0;
  if (a == 0.0 || !o_isfinite(a)) { r = select(0.0, o_inf(), (a == 0.0) != (y > 0.0)); }
  else if (!o_isfinite(y)) {
    if (a == 1.0) { return 1.0; }
    r = select(0.0, o_inf(), (a > 1.0) == (y > 0.0));
  } else {
    if (negative && !whole) { return o_nan(); }
    let p = o_log_parts(a);
    let l = p.x * 1.44269504f;
    let t = y * (p.y + l);
    if (t > 129.0) { r = o_inf(); }
    else if (t > -152.0) {
      let n = round(t);
      r = o_scale(o_exp_small(((y * p.y - n) + y * l) * 0.693147181f), i32(n));
    }
  }
  return select(r, -r, negative && odd);
}`,
    "o_log_parts",
    "o_exp_small",
    "o_scale",
    "o_isnan",
    "o_isfinite",
    "o_inf",
    "o_nan",
  ),
  o_mulhi: entry(`fn o_mulhi(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu; let ah = a >> 16u; let bl = b & 0xffffu; let bh = b >> 16u;
  let mid = ah * bl + ((al * bl) >> 16u);
  let low = al * bh + (mid & 0xffffu);
  return ah * bh + (mid >> 16u) + (low >> 16u);
}`),
  // x = q * pi/2 + r, |r| <= pi/4: three parts of pi/2 while they are exact, then 64 bits of 2/pi (Payne and Hanek)
  o_quadrant: entry(
    `struct o_Quadrant { q: u32, r: f32 }
fn o_quadrant(x: f32) -> o_Quadrant {
  if (abs(x) < 8192.0) {
    let n = round(x * 0.636619772f);
    return o_Quadrant(u32(i32(n)) & 3u, ((x - n * 1.5703125f) - n * 4.837512969970703125e-4f) - n * 7.549789948768648e-8f);
  }
  var table = array<u32, 7>(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u);
  let bits = bitcast<u32>(x);
  let m = (bits & 0x7fffffu) | 0x800000u;
  let s = min(((bits >> 23u) & 0xffu) - 120u, 159u);
  let i = s >> 5u; let h = s & 31u;
  let w0 = table[i]; let w1 = table[min(i + 1u, 6u)]; let w2 = table[min(i + 2u, 6u)];
  let hi = select((w0 << h) | (w1 >> ((32u - h) & 31u)), w0, h == 0u);
  let lo = select((w1 << h) | (w2 >> ((32u - h) & 31u)), w1, h == 0u);
  let top = m * hi + o_mulhi(m, lo);
  let turn = (top << 2u) | ((m * lo) >> 30u);
  let f = f32(bitcast<i32>(turn)) * 3.65729454e-10f;
  let q = (top >> 30u) + (turn >> 31u);
  let negative = (bits >> 31u) != 0u;
  return o_Quadrant(select(q, 0u - q, negative) & 3u, select(f, -f, negative));
}`,
    "o_mulhi",
  ),
  o_wave: entry(
    `fn o_wave(x: f32, shift: u32) -> f32 {
  if (!o_isfinite(x)) { return o_nan(); }
  let d = o_quadrant(x);
  let q = d.q + shift; let r = d.r; let z = r * r;
  let s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * r + r;
  let c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5 * z + 1.0;
  let y = select(s, c, (q & 1u) != 0u);
  return select(y, -y, (q & 2u) != 0u);
}`,
    "o_quadrant",
    "o_isfinite",
    "o_nan",
  ),
  o_sin: entry(`fn o_sin(x: f32) -> f32 { return select(o_wave(x, 0u), x, x == 0.0); }`, "o_wave"),
  o_cos: entry(`fn o_cos(x: f32) -> f32 { return o_wave(x, 1u); }`, "o_wave"),
  o_tanh: entry(
    `fn o_tanh(x: f32) -> f32 {
  let a = abs(x); let z = x * x;
  if (a < 0.625) {
    return ((((-5.70498872745e-3f * z + 2.06390887954e-2f) * z - 5.37397155531e-2f) * z + 1.33314422036e-1f) * z
      - 3.33332819422e-1f) * z * x + x;
  }
  let y = 1.0 - 2.0 / (o_exp(min(2.0 * a, 80.0)) + 1.0);
  return select(select(y, -y, x < 0.0), x, o_isnan(x));
}`,
    "o_exp",
    "o_isnan",
  ),
  // inside 1 Cephes' erff; outside formula 7.1.26 of Abramowitz and Stegun, 1.5e-7 absolute
  o_erf: entry(
    `fn o_erf(x: f32) -> f32 {
  let a = abs(x); let z = x * x;
  if (a < 1.0) {
    return x * ((((((7.853861353153693e-5f * z - 8.010193625184903e-4f) * z + 5.188327685732524e-3f) * z
      - 2.685381193529856e-2f) * z + 1.128358514861418e-1f) * z - 3.761262582423300e-1f) * z + 1.128379165726710f);
  }
  let c = min(a, 10.0);
  let t = 1.0 / (1.0 + 0.3275911f * c);
  let p = ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t + 0.254829592f) * t;
  let y = 1.0 - p * o_exp(-c * c);
  return select(select(y, -y, x < 0.0), x, o_isnan(x));
}`,
    "o_exp",
    "o_isnan",
  ),
  o_sigmoid: entry(`fn o_sigmoid(x: f32) -> f32 { return 1.0 / (1.0 + o_exp(-x)); }`, "o_exp"),
  // exact: the mantissa of the dividend goes through the difference of exponents eight bits at a time
  o_rem: entry(
    `fn o_rem(x: f32, y: f32) -> f32 {
  if (o_isnan(x) || o_isnan(y) || !o_isfinite(x) || y == 0.0) { return o_nan(); }
  let ax = bitcast<u32>(x) & 0x7fffffffu; let ay = bitcast<u32>(y) & 0x7fffffffu;
  if (ax < ay) { return x; }
  let ex = max(ax >> 23u, 1u); let ey = max(ay >> 23u, 1u);
  var m = select((ax & 0x7fffffu) | 0x800000u, ax, (ax >> 23u) == 0u);
  let d = select((ay & 0x7fffffu) | 0x800000u, ay, (ay >> 23u) == 0u);
  var n = ex - ey;
  m = m % d;
  while (n > 0u) { let k = min(n, 8u); m = (m << k) % d; n = n - k; }
  var r = f32(m) * 0.0;
  if (m != 0u) {
    let up = min(countLeadingZeros(m) - 8u, ey - 1u);
    let v = m << up;
    r = bitcast<f32>(select(v, (v & 0x7fffffu) | ((ey - up) << 23u), v >= 0x800000u));
  }
  return select(r, -r, (bitcast<u32>(x) >> 31u) != 0u);
}`,
    "o_isnan",
    "o_isfinite",
    "o_nan",
  ),
  o_idiv: entry(`fn o_idiv(x: i32, y: i32) -> i32 { return select(x / select(y, 1, y == 0), 0, y == 0); }`),
  o_irem: entry(`fn o_irem(x: i32, y: i32) -> i32 { return select(x % select(y, 1, y == 0), 0, y == 0); }`),
  o_udiv: entry(`fn o_udiv(x: u32, y: u32) -> u32 { return select(x / select(y, 1u, y == 0u), 0u, y == 0u); }`),
  o_urem: entry(`fn o_urem(x: u32, y: u32) -> u32 { return select(x % select(y, 1u, y == 0u), 0u, y == 0u); }`),
  o_ipow: entry(`fn o_ipow(x: i32, y: i32) -> i32 {
  if (y < 0) { return select(select(0, select(1, -1, (y & 1) != 0), x == -1), 1, x == 1); }
  var r = 1; var b = x; var n = y;
  while (n > 0) { if ((n & 1) != 0) { r = r * b; } b = b * b; n = n >> 1u; }
  return r;
}`),
  o_upow: entry(`fn o_upow(x: u32, y: u32) -> u32 {
  var r = 1u; var b = x; var n = y;
  while (n > 0u) { if ((n & 1u) != 0u) { r = r * b; } b = b * b; n = n >> 1u; }
  return r;
}`),
  o_to_i32: entry(
    `fn o_to_i32(x: f32) -> i32 {
  let y = select(i32(clamp(x, -2147483648.0, 2147483520.0)), 2147483647, x >= 2147483648.0);
  return select(y, 0, o_isnan(x));
}`,
    "o_isnan",
  ),
  o_to_u32: entry(
    `fn o_to_u32(x: f32) -> u32 {
  let y = select(u32(clamp(x, 0.0, 4294967040.0)), 4294967295u, x >= 4294967296.0);
  return select(y, 0u, o_isnan(x));
}`,
    "o_isnan",
  ),
  // unsigned integers in the order of the floats: NaN last either way, -0 as 0
  o_order: entry(
    `fn o_order(x: f32, descending: bool) -> u32 {
  if (o_isnan(x)) { return 0xffffffffu; }
  let b = bitcast<u32>(select(x, 0.0, x == 0.0));
  let up = select(b | 0x80000000u, ~b, (b >> 31u) != 0u);
  return select(up, ~up, descending);
}`,
    "o_isnan",
  ),
  o_half: entry(`fn o_half(h: u32) -> f32 {
  let m = h & 0x7fffu;
  let tiny = bitcast<u32>(f32(m) * 5.9604644775390625e-8f);
  let b = select(select((m << 13u) + 0x38000000u, (m << 13u) | 0x7f800000u, m >= 0x7c00u), tiny, m < 0x400u);
  return bitcast<f32>(b | ((h & 0x8000u) << 16u));
}`),
  // to the nearest, ties to even; below the normal range by counting units of 2^-24
  o_half_bits: entry(`fn o_half_bits(x: f32) -> u32 {
  let b = bitcast<u32>(x); let a = b & 0x7fffffffu; let s = (b >> 16u) & 0x8000u;
  if (a > 0x7f800000u) { return s | 0x7e00u; }
  if (a >= 0x477ff000u) { return s | 0x7c00u; }
  if (a < 0x38800000u) { return s | u32(round(bitcast<f32>(a) * 16777216.0)); }
  let c = a - 0x38000000u;
  return s | ((c + 0xfffu + ((c >> 13u) & 1u)) >> 13u);
}`),
  o_brain_bits: entry(`fn o_brain_bits(x: f32) -> u32 {
  let b = bitcast<u32>(x);
  if ((b & 0x7fffffffu) > 0x7f800000u) { return ((b >> 16u) & 0x8000u) | 0x7fc0u; }
  return (b + 0x7fffu + ((b >> 16u) & 1u)) >> 16u;
}`),
}

/** The text of the named functions and of all that they need, each once, needed ones first. */
export const library = (names: Iterable<string>): string => {
  const done = new Set<string>()
  const visit = (name: string): void => {
    const found = TABLE[name]
    if (found === undefined || done.has(name)) return
    for (const n of found.needs) visit(n)
    done.add(name)
  }
  for (const n of [...names].sort()) visit(n)
  return [...done].map((n) => TABLE[n]!.code).join("\n")
}
