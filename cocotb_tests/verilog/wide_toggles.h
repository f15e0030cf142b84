// Verilator 5.48 counts toggles of signals wider than 64 bits wrongly: for each 32-bit word it goes on to the end of the
// signal, shifting by more than 31, so that bit 32 counts as toggled where bit 0 has. Its generated code calls this.

#ifndef WIDE_TOGGLES_H
#define WIDE_TOGGLES_H

#include "verilated.h"
#include "verilated_cov.h"

// Two counters a bit: of falls, then of rises.
static inline void count_wide_toggles(int width, uint32_t* counts, WDataInP now, WDataInP before) {
    for (int bit = 0; bit < width; ++bit) {
        const int word = bit / VL_EDATASIZE, place = bit % VL_EDATASIZE;
        const unsigned is_one = (now[word] >> place) & 1U, was_one = (before[word] >> place) & 1U;
        counts[2 * bit + is_one] += is_one ^ was_one;
    }
}

#define VL_COV_TOGGLE_CHG_ST_W count_wide_toggles

#endif
