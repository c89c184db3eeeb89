/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/synthetic.h"

#include "unit/trace_gen.h"

static const unsigned headers[] = {122, 123, 125, 126};

static void make(const struct tg_config *c, struct cf_bytes *out)
{
    struct tg_bytes made = tg_all(c, NULL);
    cf_bytes_add(out, made.data, made.n);
    free(made.data);
}

void cf_synthetic_seed(unsigned which, struct cf_bytes *out, char *name, size_t name_size)
{
    const struct tg_config c = {
        .seed = 100 + which,
        .header = headers[which & 3],
        .threads = which >= 16 ? 40
                   : which & 4 ? 9
                               : 3,
        .gs = which >= 16 ? 60
              : which & 4 ? 20
                          : 6,
        .events = which >= 16 ? 600 : 150,
        .generations = 3,
        .skew = which & 2 ? 40 : 0,
        .rich = (which & 8) != 0 || which >= 20,
    };
    snprintf(name, name_size, "synthetic-%u", which);
    make(&c, out);
}

void cf_synthetic(unsigned header, unsigned threads, unsigned events, unsigned generations,
                  struct cf_bytes *out)
{
    const struct tg_config c = {.seed = 1,
                                .header = header,
                                .threads = threads,
                                .gs = threads * 4,
                                .events = events / generations,
                                .generations = generations,
                                .skew = 10,
                                .rich = true};
    make(&c, out);
}
