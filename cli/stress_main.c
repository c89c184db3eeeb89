/* SPDX-License-Identifier: Apache-2.0 */
/* The program of one stress test, GT_STRESS_SYMBOL. */
#include "stress_verb.h"

extern const struct gt_stress_ops GT_STRESS_SYMBOL;

int main(int argc, char **argv)
{
    return gt_stress_one(&GT_STRESS_SYMBOL, argc - 1, argv + 1);
}
